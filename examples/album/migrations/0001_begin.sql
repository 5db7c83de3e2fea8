CREATE TABLE sessions (
  id text PRIMARY KEY,
  name text NOT NULL,
  editor boolean NOT NULL,
  seen_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE photos (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  author text NOT NULL,
  title text NOT NULL,
  file text NOT NULL,
  at timestamptz NOT NULL DEFAULT now()
);
