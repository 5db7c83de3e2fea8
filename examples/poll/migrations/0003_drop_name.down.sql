ALTER TABLE choices ADD COLUMN name TEXT;
UPDATE choices SET name = label;
