-- Expand: "name" is to be called "label". Nobody writes choices, so a copy is enough.
ALTER TABLE choices ADD COLUMN label TEXT;
UPDATE choices SET label = name;
