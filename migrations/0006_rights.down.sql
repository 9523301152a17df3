-- What a token may do no longer depends on its maker, nor from where it is used.
DROP TABLE binding;
DROP INDEX token_by_maker, token_by_subject;
ALTER TABLE token DROP COLUMN subject, DROP COLUMN groups, DROP COLUMN cidrs, DROP COLUMN maker_token, DROP COLUMN maker_subjects,
	DROP COLUMN made_stay, DROP COLUMN generation;
