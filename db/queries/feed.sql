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

-- name: audit_list :many
-- in: tenant text?, subtree bool, after int8, limit int8
-- out: n int8, at timestamptz, actor text, action text, object_kind text, object_id text, tenant text?, request_id text, outcome text, record json, hash text, cursor text
SELECT a.n, a.at, a.actor, a.action, a.object_kind, a.object_id, t.path AS tenant, a.request_id, a.outcome, a.body AS record, encode(a.hash, 'hex') AS hash, lpad(a.n::text, 19, '0') AS cursor
FROM audit a LEFT JOIN tenant t ON t.key = a.tenant_key
WHERE a.n > $3 AND ($1::text IS NULL OR t.path = $1 OR t.id = $1 OR ($2 AND starts_with(t.path, (SELECT r.path FROM tenant r WHERE (r.path = $1 OR r.id = $1) AND r.deleted_at IS NULL) || '/')))
ORDER BY a.n
LIMIT $4;

-- name: audit_range :many
-- in: after int8, limit int8
-- out: n int8, body json, hash bytea
SELECT n, body, hash FROM audit WHERE n > $1 ORDER BY n LIMIT $2;

-- name: decision_range :many
-- in: after int8, limit int8
-- out: n int8, body json, hash bytea
SELECT n, body, hash FROM decision WHERE n > $1 ORDER BY n LIMIT $2;
