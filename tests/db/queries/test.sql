-- Statements of the tests alone, over the tables of work.c.

-- name: item_put :one
-- in: id text, tenant_key int4, n int8
-- out: n int8
INSERT INTO item (id, tenant_key, n) VALUES ($1, $2, $3) ON CONFLICT (id) DO UPDATE SET n = item.n RETURNING n;

-- name: item_list :many
-- out: id text, tenant_key int4
SELECT id, tenant_key FROM item ORDER BY id;

-- A count that rises once per op, however often the statement runs.
-- name: effect_add :one
-- in: op text, tenant_key int4, id text
-- out: n int8
WITH e AS (INSERT INTO effect (op, tenant_key) VALUES ($1, $2) ON CONFLICT (op) DO NOTHING RETURNING 1)
UPDATE item SET n = n + (SELECT count(*) FROM e) WHERE id = $3 RETURNING n;

-- The same without a key, for the ledger, whose own guards are to be seen at work. A count past 1,000,000 breaks a constraint.
-- name: gov_add :one
-- in: id text, add int8, rev int8?, rev_offset int8
-- out: outcome text, n int8?, rev int8?
WITH u AS (UPDATE item SET n = n + $2, rev = (SELECT n FROM chain WHERE id = 'g') + $4
	WHERE id = $1 AND ($3 IS NULL OR rev = $3) RETURNING n, rev)
SELECT CASE WHEN EXISTS (SELECT FROM u) THEN 'done' WHEN NOT EXISTS (SELECT FROM item WHERE id = $1) THEN 'refused:not_found'
		ELSE 'refused:etag_mismatch' END AS outcome,
	(SELECT n FROM u) AS n, (SELECT rev FROM u) AS rev;

-- name: item_n :one
-- in: id text
-- out: n int8
SELECT n FROM item WHERE id = $1;

-- name: divide :one
-- in: a int8, b int8
-- out: n int8
SELECT $1 / $2 AS n;

-- name: nap :one
-- in: ms int8
-- out: done bool
SELECT pg_sleep($1 / 1000.0) IS NOT NULL AS done;

-- name: session :one
-- out: timezone text, isolation text
SELECT current_setting('timezone') AS timezone, current_setting('transaction_isolation') AS isolation;

-- name: too_many :one
-- out: n int4
SELECT generate_series(1, 2) AS n;

-- name: expect :one
-- in: ok bool, why text
-- out: fine bool
SELECT must($1, $2) AS fine;

-- name: echo :one
-- in: a text?, j json?, b bytea?, i8 int8?, i4 int4?, yes bool?, at timestamptz?, texts text[]?, jsons json[], byteas bytea[],
--     i8s int8[], i4s int4[], bools bool[], ats timestamptz[]
-- out: a text?, j json?, jb json?, b bytea?, i8 int8?, i4 int4?, yes bool?, at timestamptz?, texts text?, jsons text, byteas text,
--      i8s text, i4s text, bools text, ats text
SELECT $1 AS a, $2 AS j, $2::jsonb AS jb, $3 AS b, $4 AS i8, $5 AS i4, $6 AS yes, $7 AS at, $8::text AS texts, $9::text AS jsons,
	$10::text AS byteas, $11::text AS i8s, $12::text AS i4s, $13::text AS bools,
	array_to_string($14, ',') AS ats;

