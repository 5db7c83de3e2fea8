CREATE TABLE choices (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE votes (voter TEXT PRIMARY KEY, choice INTEGER NOT NULL REFERENCES choices (id));
INSERT INTO choices (name) VALUES ('Tea'), ('Coffee'), ('Water');
