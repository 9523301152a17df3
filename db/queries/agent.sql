-- What agents send and receive.

-- Stored once: only the next number of the session, or the first of a newer session, gets in; and with it, once, what was used.
-- name: inbox_report :one
-- in: cluster_key int4, session text, seq int8, version text, body text, request_id text, use_at timestamptz[], use_placement text[],
--     use_source int8[], use_window_ms int8[], use_memory_mib_avg int8[], use_memory_mib_max int8[], use_compute_milli_avg int8[]
-- out: acked_seq int8, is_stored bool, windows int8
WITH old AS (SELECT session, acked_seq FROM agent_session WHERE cluster_key = $1),
s AS (
	INSERT INTO agent_session AS s (cluster_key, session, acked_seq, version)
	SELECT $1, $2, $3, $4 WHERE $3 = 1 OR EXISTS (SELECT FROM old)
	ON CONFLICT (cluster_key) DO UPDATE SET session = excluded.session, acked_seq = excluded.acked_seq, version = excluded.version, seen_at = now()
		WHERE (s.session = excluded.session AND s.acked_seq = excluded.acked_seq - 1) OR (s.session < excluded.session AND excluded.acked_seq = 1)
	RETURNING s.acked_seq
),
i AS (
	INSERT INTO inbox (kind, object_id, tenant_key, cluster_key, actor, request_id, body)
	SELECT 'report', $2 || ':' || $3, 1, $1, 'agent', $6, $5 FROM s
)
SELECT coalesce((SELECT acked_seq FROM s), (SELECT acked_seq FROM old WHERE session = $2), 0) AS acked_seq, EXISTS (SELECT FROM s) AS is_stored,
	coalesce((SELECT usage_add($1, $7, $8, $9, $10, $11, $12, $13) FROM s), 0) AS windows;

-- An agent knows more changes than there are: an older database answers it. The placer hears of it once.
-- name: inbox_ahead :one
-- in: cluster_key int4, request_id text
-- out: is_stored bool
WITH i AS (
	INSERT INTO inbox (kind, object_id, tenant_key, cluster_key, actor, request_id, body)
	SELECT 'report', 'ahead', 1, $1, 'agent', $2, ''
	WHERE NOT EXISTS (SELECT FROM cluster_learning WHERE cluster_key = $1) AND NOT EXISTS (SELECT FROM inbox WHERE cluster_key = $1 AND object_id = 'ahead')
	RETURNING 1
)
SELECT EXISTS (SELECT FROM i) AS is_stored;

-- name: stream_next :many
-- in: cluster_key int4, after int8, limit int8
-- out: rev int8, action text, body json
SELECT cluster_rev AS rev, action, body FROM decision WHERE cluster_key = $1 AND cluster_rev > $2 ORDER BY cluster_rev LIMIT $3;

-- The offers of a cluster's leases since then.
-- name: lease_offers :many
-- in: cluster_key int4, after int8
-- out: tenant_key int4, tenant text, model text, mode text, offline_s int8, seq int8, moved int8, device_milli int8, memory_mib int8, compute_milli int8
SELECT l.tenant_key, t.path AS tenant, l.model, l.mode, l.offline_s, l.seq, l.moved, l.granted_device_milli AS device_milli, l.granted_memory_mib AS memory_mib,
	l.granted_compute_milli AS compute_milli
FROM lease l JOIN tenant t ON t.key = l.tenant_key WHERE l.cluster_key = $1 AND l.moved > $2 ORDER BY l.moved;

-- What an agent must know of its cluster: the class of each product there is, whose the pods of its namespaces are, and whose those
-- are that nobody else claims.
-- name: agent_config :many
-- in: cluster_key int4
-- out: product text?, class text?, default_tenant text?, namespace text?, tenant text?
SELECT NULL::text AS product, NULL::text AS class, t.path AS default_tenant, NULL::text AS namespace, NULL::text AS tenant
FROM cluster c JOIN tenant t ON t.key = c.default_tenant_key WHERE c.key = $1 AND t.deleted_at IS NULL
UNION ALL
(SELECT d.product, min(d.class), NULL, NULL, NULL FROM device d WHERE d.cluster_key = $1 AND d.class <> 'unclassified' GROUP BY d.product LIMIT 1000)
UNION ALL
SELECT NULL, NULL, NULL, n.name, t.path FROM cluster_namespace n JOIN tenant t ON t.key = n.tenant_key WHERE n.cluster_key = $1 AND t.deleted_at IS NULL;

-- Which parts of what runs there a cluster is to tell whole.
-- name: drift_of :many
-- in: cluster_key int4
-- out: n int8, bucket int8
SELECT d.n, b.bucket FROM cluster_drift d CROSS JOIN LATERAL unnest(d.buckets) AS b(bucket) WHERE d.cluster_key = $1 ORDER BY b.bucket;

-- name: lease_moves :many
-- in: after int8
-- out: cluster_key int4, moved int8
SELECT cluster_key, moved FROM lease WHERE moved > $1 ORDER BY moved LIMIT 1000;

-- name: stream_head :one
-- in: cluster_key int4
-- out: term int8, incarnation int8, rev int8, lease_rev int8, drift_n int8, config_rev int8
SELECT l.term, i.number AS incarnation, coalesce((SELECT rev FROM cluster_stream WHERE cluster_key = $1), 0) AS rev,
	coalesce((SELECT max(moved) FROM lease WHERE cluster_key = $1), 0) AS lease_rev,
	coalesce((SELECT n FROM cluster_drift WHERE cluster_key = $1), 0) AS drift_n, coalesce((SELECT config_rev FROM cluster WHERE key = $1), 0) AS config_rev
FROM leader l, incarnation i WHERE l.name = 'placer';

-- name: stream_heads :many
-- out: cluster_key int4, rev int8
SELECT cluster_key, rev FROM cluster_stream;
