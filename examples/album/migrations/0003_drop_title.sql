-- Contract: no release that knows "title" will be needed again. The function stays for the way back.
DROP TRIGGER photos_keep_both ON photos;
ALTER TABLE photos ALTER COLUMN caption SET NOT NULL;
ALTER TABLE photos DROP COLUMN title;
