-- For a later release that shows when people voted. Code that does not know the column is not hurt by it.
ALTER TABLE votes ADD COLUMN voted_at TEXT;
