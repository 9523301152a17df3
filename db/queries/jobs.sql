-- What the worker keeps in order, and the second opinion on the books.

-- Old rows go by slices, so that no statement runs long or holds much: whoever asks goes on while something was deleted.
-- name: op_key_purge :one
-- in: older_than_s int8, limit int8
-- out: deleted int8
WITH d AS (
	DELETE FROM op_key WHERE at < now() - make_interval(secs => $1)
		AND ctid = ANY (ARRAY(SELECT ctid FROM op_key WHERE at < now() - make_interval(secs => $1) LIMIT $2))
	RETURNING 1
)
SELECT count(*) AS deleted FROM d;

-- name: usage_purge :one
-- in: older_than_s int8, limit int8
-- out: deleted int8
WITH d AS (
	DELETE FROM usage_window WHERE at < now() - make_interval(secs => $1)
		AND ctid = ANY (ARRAY(SELECT ctid FROM usage_window WHERE at < now() - make_interval(secs => $1) LIMIT $2))
	RETURNING 1
)
SELECT count(*) AS deleted FROM d;

-- First the floor rises to the newest checkpoint that is old enough; what lies below goes by slices from the next time on.
-- name: audit_prune :one
-- in: keep_s int8, limit int8
-- out: deleted int8, floor int8
WITH f AS (
	UPDATE audit_floor SET n = due.n, at = now()
	FROM (SELECT max(size) AS n FROM audit_checkpoint WHERE chain = 'g' AND at < now() - make_interval(secs => $1)) due
	WHERE chain = 'g' AND due.n > audit_floor.n RETURNING audit_floor.n
),
d AS (
	DELETE FROM audit WHERE n = ANY (ARRAY(SELECT n FROM audit WHERE n <= (SELECT n FROM audit_floor WHERE chain = 'g') ORDER BY n LIMIT $2)) RETURNING 1
)
SELECT (SELECT count(*) FROM d) + (SELECT count(*) FROM f) AS deleted, coalesce((SELECT n FROM f), (SELECT n FROM audit_floor WHERE chain = 'g')) AS floor;

-- The books: rows in which a stored total differs from a recomputation. All zero: they balance. Three statements, each true at one
-- moment; with many placements each takes seconds.

-- name: books_tenants :one
-- out: tenant_use_wrong int8
WITH RECURSIVE charge AS (
	SELECT p.tenant_key, x.model, sum(x.d)::int8 AS d, sum(x.m)::int8 AS m, sum(x.c)::int8 AS c
	FROM placement p CROSS JOIN LATERAL unnest(p.charge_models, p.charge_device_milli, p.charge_memory_mib, p.charge_compute_milli) AS x(model, d, m, c)
	WHERE p.ended_at IS NULL GROUP BY p.tenant_key, x.model
	UNION ALL
	SELECT tenant_key, model, headroom_device_milli, headroom_memory_mib, headroom_compute_milli FROM lease
	WHERE greatest(headroom_device_milli, headroom_memory_mib, headroom_compute_milli) > 0
	UNION ALL
	SELECT p.tenant_key, x.mode, sum(x.device_milli)::int8, sum(x.memory_mib)::int8, sum(x.compute_milli)::int8
	FROM placement p CROSS JOIN LATERAL json_to_recordset(p.charge_modes::json) AS x(mode text, device_milli int8, memory_mib int8, compute_milli int8)
	WHERE p.ended_at IS NULL AND p.charge_modes <> '' GROUP BY p.tenant_key, x.mode
),
-- The tree as the totals know it: a tenant that has just moved counts where it was.
stood AS (SELECT t.key, coalesce(m.from_key, t.parent_key) AS parent_key FROM tenant t LEFT JOIN tenant_move m ON m.tenant_key = t.key),
up AS (
	SELECT key, key AS ancestor, parent_key FROM stood
	UNION ALL
	SELECT up.key, t.key, t.parent_key FROM up JOIN stood t ON t.key = up.parent_key
),
tree AS (
	SELECT up.ancestor AS tenant_key, c.model, sum(c.d)::int8 AS d, sum(c.m)::int8 AS m, sum(c.c)::int8 AS c
	FROM charge c JOIN up ON up.key = c.tenant_key GROUP BY up.ancestor, c.model
)
SELECT count(*) AS tenant_use_wrong FROM tenant_use u FULL JOIN tree t USING (tenant_key, model)
WHERE (coalesce(u.device_milli, 0), coalesce(u.memory_mib, 0), coalesce(u.compute_milli, 0)) <> (coalesce(t.d, 0), coalesce(t.m, 0), coalesce(t.c, 0));

-- name: books_inventory :one
-- out: device_use_wrong int8, node_use_wrong int8, device_over int8
WITH slice AS (
	SELECT x.key, sum(x.m)::int8 AS m, sum(x.c)::int8 AS c, count(*) AS n
	FROM placement p CROSS JOIN LATERAL unnest(p.device_keys, p.device_memory_mib, p.device_compute_milli) AS x(key, m, c)
	WHERE p.ended_at IS NULL GROUP BY x.key
),
pod AS (
	SELECT x.key, count(*) AS n FROM placement p CROSS JOIN LATERAL unnest(p.node_keys) AS x(key) WHERE p.ended_at IS NULL GROUP BY x.key
)
SELECT
	(SELECT count(*) FROM device d FULL JOIN slice s USING (key)
		WHERE (coalesce(d.used_memory_mib, 0), coalesce(d.used_compute_milli, 0), coalesce(d.used_slots, 0)) <> (coalesce(s.m, 0), coalesce(s.c, 0), coalesce(s.n, 0))) AS device_use_wrong,
	(SELECT count(*) FROM node n FULL JOIN pod p USING (key) WHERE coalesce(n.used_pods, 0) <> coalesce(p.n, 0)) AS node_use_wrong,
	(SELECT count(*) FROM device d WHERE d.used_memory_mib > d.memory_mib OR d.used_compute_milli > d.compute_milli OR d.used_slots > d.slots) AS device_over;

-- Streams that do not hold what their head says. Revisions of a stream differ (they are a key), so it has no gap when as many are
-- there as the highest of them says: counted through the key's index, nothing is sorted.
-- name: books_streams :one
-- out: stream_gaps int8
SELECT count(*) AS stream_gaps
FROM (SELECT cluster_key, count(*) AS n, max(cluster_rev) AS high FROM decision WHERE cluster_key IS NOT NULL GROUP BY cluster_key) d
	FULL JOIN cluster_stream s USING (cluster_key)
WHERE coalesce(s.rev, 0) <> coalesce(d.high, 0) OR coalesce(d.n, 0) <> coalesce(d.high, 0);

-- Which tenants the next decisions are of, and below which; rows: how many were noted. All up to where the placer is are there: it commits them in order.
-- name: decision_note :one
-- in: limit int8
-- out: rows int8
WITH RECURSIVE head AS (SELECT n FROM decision_noted FOR UPDATE),
r AS MATERIALIZED (
	SELECT d.n, d.tenant_key FROM decision d WHERE d.n > (SELECT n FROM head) AND d.n <= (SELECT n FROM leader WHERE name = 'placer') ORDER BY d.n LIMIT $1
),
up AS (
	SELECT tenant_key AS key, n >> 8 AS block FROM r
	UNION
	SELECT t.parent_key, u.block FROM up u JOIN tenant t ON t.key = u.key WHERE t.depth > 1
),
below AS (INSERT INTO decision_below (tenant_key, block) SELECT key, block FROM up ON CONFLICT DO NOTHING),
noted AS (INSERT INTO decision_block (tenant_key, block) SELECT DISTINCT tenant_key, n >> 8 FROM r ON CONFLICT DO NOTHING),
moved AS (UPDATE decision_noted SET n = (SELECT max(n) FROM r) WHERE EXISTS (SELECT FROM r))
SELECT count(*) AS rows FROM r;
