-- Expand: "title" is to be called "caption". Until the last release that writes "title" is gone, each write to one of them reaches the other.
ALTER TABLE photos ADD COLUMN caption text;
CREATE FUNCTION photos_keep_both() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    NEW.caption := coalesce(NEW.caption, NEW.title);
    NEW.title := coalesce(NEW.title, NEW.caption);
  ELSIF NEW.caption IS DISTINCT FROM OLD.caption THEN
    NEW.title := NEW.caption;
  ELSIF NEW.title IS DISTINCT FROM OLD.title THEN
    NEW.caption := NEW.title;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER photos_keep_both BEFORE INSERT OR UPDATE ON photos FOR EACH ROW EXECUTE FUNCTION photos_keep_both();
UPDATE photos SET caption = title WHERE caption IS NULL;
