-- Contract: no release that knows "name" will be needed again.
ALTER TABLE choices DROP COLUMN name;
