-- The two chains as they grow: what edges follow to wake waiting requests, held syncs and watch streams.

-- name: feed_decisions :many
-- in: after int8, limit int8
-- out: n int8, tenant_key int4, placement_id text, cluster_key int4?, cluster_rev int8?, action text, body json
SELECT n, tenant_key, placement_id, cluster_key, cluster_rev, action, body FROM decision WHERE n > $1 ORDER BY n LIMIT $2;

-- name: feed_audit :many
-- in: after int8, limit int8
-- out: n int8, tenant_key int4, action text, object_kind text, object_id text, outcome text, body json
SELECT n, tenant_key, action, object_kind, object_id, outcome, body FROM audit WHERE n > $1 ORDER BY n LIMIT $2;

-- name: feed_heads :one
-- out: g int8, p int8, term int8, beat_age_ms int8, incarnation int8
SELECT c.n AS g, l.n AS p, l.term, (extract(epoch FROM clock_timestamp() - l.beat) * 1000)::int8 AS beat_age_ms, coalesce((SELECT number FROM incarnation), 0) AS incarnation
FROM chain c, leader l WHERE c.id = 'g' AND l.name = 'placer';

-- Of a chain, where the records of a window begin and end: the numbers to look between, with some room, since the times of records
-- that were written at once may cross. Without a window: all that there is.
-- name: audit_span :one
-- in: chain text, from timestamptz?, until timestamptz?
-- out: after int8, upto int8
SELECT CASE WHEN $2::timestamptz IS NULL THEN 0 ELSE chain_before($1, $2 - interval '10 s') END AS after,
	CASE WHEN $3::timestamptz IS NULL THEN CASE WHEN $1 = 'g' THEN (SELECT n FROM chain WHERE id = 'g') ELSE (SELECT n FROM leader WHERE name = 'placer') END
		ELSE chain_before($1, $3 + interval '10 s') END AS upto;

-- The searchable columns stand beside the record for whoever shows it and for whoever compares them with it. Of a few tenants the records
-- are looked for tenant by tenant, never among those of all others; of many, as they stand in the chain. (Keys and numbers are compared in
-- pairs so that nothing but the index of both serves.)
-- name: audit_list :many
-- in: tenant text?, subtree bool, actor text?, action text?, object text?, outcome text?, from timestamptz?, until timestamptz?, floor int8, upto int8, after int8, limit int8
-- out: n int8, at timestamptz, actor text, action text, object_kind text, object_id text, tenant text?, request_id text, outcome text, record json, hash text, cursor text,
--     tenant_key int4
WITH tree AS (
	SELECT t.key FROM tenant t WHERE ($1::text IS NULL AND current_setting('app.scope', true) <> '') OR t.path = $1 OR t.id = $1
		OR ($2 AND starts_with(t.path, (SELECT r.path FROM tenant r WHERE (r.path = $1 OR r.id = $1) AND r.deleted_at IS NULL) || '/'))
),
asked AS (SELECT $1::text IS NULL AND coalesce(current_setting('app.scope', true), '') = '' AS is_whole, (SELECT count(*) FROM tree) <= 16 AS is_few, ARRAY(SELECT key FROM tree) AS keys),
page AS (
	(SELECT a.n FROM audit a
		WHERE (SELECT is_whole OR NOT is_few FROM asked) AND a.n > greatest($9, $11) AND a.n <= $10
			AND ((SELECT is_whole FROM asked) OR a.tenant_key = ANY ((SELECT keys FROM asked)::int4[])) AND ($3::text IS NULL OR a.actor = $3) AND ($4::text IS NULL OR a.action = $4)
			AND ($5::text IS NULL OR $5 IN (a.object_id, a.object_kind)) AND audit_ended(a.outcome, $6)
			AND ($7::timestamptz IS NULL OR a.at >= $7) AND ($8::timestamptz IS NULL OR a.at < $8)
		ORDER BY a.n LIMIT $12)
	UNION ALL
	(SELECT x.n FROM tree CROSS JOIN LATERAL (SELECT a.n FROM audit a
		WHERE (SELECT is_few AND NOT is_whole FROM asked) AND (a.tenant_key, a.n) > (tree.key, greatest($9, $11)) AND (a.tenant_key, a.n) <= (tree.key, $10)
			AND ($3::text IS NULL OR a.actor = $3) AND ($4::text IS NULL OR a.action = $4)
			AND ($5::text IS NULL OR $5 IN (a.object_id, a.object_kind)) AND audit_ended(a.outcome, $6)
			AND ($7::timestamptz IS NULL OR a.at >= $7) AND ($8::timestamptz IS NULL OR a.at < $8)
		ORDER BY a.tenant_key, a.n LIMIT $12) x)
	ORDER BY n LIMIT $12
)
SELECT a.n, a.at, a.actor, a.action, a.object_kind, a.object_id, t.path AS tenant, a.request_id, a.outcome, a.body AS record, encode(a.hash, 'hex') AS hash, lpad(a.n::text, 19, '0') AS cursor,
	a.tenant_key
FROM audit a LEFT JOIN tenant t ON t.key = a.tenant_key
WHERE a.n = ANY (ARRAY(SELECT n FROM page))
ORDER BY a.n
LIMIT $12;

-- The same of the placements' chain, of which budgets and reservations tell too. Its actor stands in the record alone: near the beginning, in a form of its own.
-- Of one tenant or of few it looks into the blocks that hold some of theirs, of trees into those of their tops and of what was moved
-- within, and one by one at what is not noted yet.
-- name: decision_list :many
-- in: tenant text?, subtree bool, actor text?, action text?, object text?, outcome text?, from timestamptz?, until timestamptz?, floor int8, upto int8, after int8, limit int8
-- out: n int8, at timestamptz, actor text?, action text, object_kind text, object_id text, tenant text?, request_id text, outcome text, record json, hash text, cursor text,
--     tenant_key int4, term int8, placement_id text, cluster_key int4?, cluster_rev int8?
WITH tree AS MATERIALIZED (
	SELECT t.key, t.parent_key, t.was_moved FROM tenant t WHERE ($1::text IS NULL AND current_setting('app.scope', true) <> '') OR t.path = $1 OR t.id = $1
		OR ($2 AND starts_with(t.path, (SELECT r.path FROM tenant r WHERE (r.path = $1 OR r.id = $1) AND r.deleted_at IS NULL) || '/'))
),
asked AS (
	SELECT $1::text IS NULL AND coalesce(current_setting('app.scope', true), '') = '' AS is_whole, (SELECT count(*) FROM tree) > 16 AS is_below, ARRAY(SELECT key FROM tree) AS keys,
		ARRAY(SELECT x.key FROM tree x LEFT JOIN tree y ON y.key = x.parent_key WHERE y.key IS NULL OR x.was_moved) AS spots
),
page AS (
	(SELECT d.n FROM decision d
		WHERE (SELECT is_whole FROM asked) AND d.n > greatest($9, $11) AND d.n <= $10 AND decision_is(d.action, d.placement_id, d.at, d.body, $3, $4, $5, $6, $7, $8)
		ORDER BY d.n LIMIT $12)
	UNION ALL
	SELECT x.n FROM asked CROSS JOIN LATERAL decision_numbers(asked.keys, asked.spots, asked.is_below, greatest($9, $11), $10, $12, $3, $4, $5, $6, $7, $8) AS x(n)
	WHERE NOT asked.is_whole
	ORDER BY n LIMIT $12
)
SELECT d.n, d.at, substring(left(d.body, 1000) FROM '"actor":"([^"]*)"') AS actor, d.action, decision_kind(d.action) AS object_kind, d.placement_id AS object_id, t.path AS tenant,
	'' AS request_id, 'done' AS outcome, d.body AS record, encode(d.hash, 'hex') AS hash, lpad(d.n::text, 19, '0') AS cursor,
	d.tenant_key, d.term, d.placement_id, d.cluster_key, d.cluster_rev
FROM decision d LEFT JOIN tenant t ON t.key = d.tenant_key
WHERE d.n = ANY (ARRAY(SELECT n FROM page))
ORDER BY d.n
LIMIT $12;

-- One record, where the caller's scope shows it.
-- name: audit_record :one
-- in: n int8
-- out: record json
SELECT body AS record FROM audit WHERE n = $1;

-- name: decision_record :one
-- in: n int8
-- out: record json
SELECT body AS record FROM decision WHERE n = $1;

-- name: audit_range :many
-- in: after int8, limit int8
-- out: n int8, at timestamptz, actor text, action text, object_kind text, object_id text, tenant_key int4, request_id text, outcome text, body json, hash bytea
SELECT n, at, actor, action, object_kind, object_id, tenant_key, request_id, outcome, body, hash FROM audit WHERE n > $1 ORDER BY n LIMIT $2;

-- name: decision_range :many
-- in: after int8, limit int8
-- out: n int8, term int8, at timestamptz, tenant_key int4, placement_id text, cluster_key int4?, cluster_rev int8?, action text, body json, hash bytea
SELECT n, term, at, tenant_key, placement_id, cluster_key, cluster_rev, action, body, hash FROM decision WHERE n > $1 ORDER BY n LIMIT $2;
