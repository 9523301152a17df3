ALTER TABLE cluster DROP COLUMN drain_grace_s, DROP COLUMN requeues;
