ALTER TABLE cluster DROP COLUMN config_rev;
DROP TABLE cluster_namespace;
