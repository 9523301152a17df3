-- The yardstick's tables, in the server's own database: rows like the inbox's, and quota rows with grants.
CREATE SCHEMA yardstick;
CREATE TABLE yardstick.inbox (LIKE public.inbox INCLUDING ALL);
CREATE TABLE yardstick.quota (
	id   int4 CONSTRAINT quota_pk PRIMARY KEY,
	used int8 NOT NULL DEFAULT 0,
	most int8 NOT NULL DEFAULT 1000000000000
) WITH (fillfactor = 20);
INSERT INTO yardstick.quota (id) SELECT generate_series(1, 1000);
CREATE TABLE yardstick.granted (
	id       int8 GENERATED ALWAYS AS IDENTITY CONSTRAINT granted_pk PRIMARY KEY,
	quota_id int4 NOT NULL,
	body     text NOT NULL,
	at       timestamptz NOT NULL DEFAULT now()
);
ANALYZE yardstick.quota;
