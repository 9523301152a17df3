-- What the worker follows the placer by (server/worker/follower.h).

-- name: follow_heads :one
-- out: governance int8, decisions int8, nodes int8, devices int8, seen_at int8, at timestamptz
SELECT (SELECT n FROM chain WHERE id = 'g') AS governance, (SELECT n FROM leader WHERE name = 'placer') AS decisions, n.n AS nodes, d.n AS devices,
	(extract(epoch FROM greatest(n.at, d.at, 'epoch')) * 1000000)::int8 AS seen_at, now() AS at
FROM (SELECT count(*) AS n, max(seen_at) AS at FROM node) n, (SELECT count(*) AS n, max(seen_at) AS at FROM device) d;

-- The placements that the next decisions name.
-- name: follow_changed :many
-- in: after int8, limit int8
-- out: n int8, placement_id text
SELECT max(n) AS n, placement_id FROM (SELECT n, placement_id FROM decision WHERE n > $1 ORDER BY n LIMIT $2) d GROUP BY placement_id ORDER BY 1;

-- As load_placements gives them.
-- name: follow_placements :many
-- in: ids text[]
-- out: id text, tenant_key int4, cluster_key int4?, name text, origin text, state text, fence_incarnation int8, fence_no int8, request json, placed json, blockers json, charges json, charge_modes text, reason text, created_by text, created_at timestamptz, granted_at timestamptz?, running_at timestamptz?, seq int8
SELECT id, tenant_key, cluster_key, name, origin, state, fence_incarnation, fence_no, request, placed, blockers,
	json_build_object('models', charge_models, 'device_milli', charge_device_milli, 'memory_mib', charge_memory_mib, 'compute_milli', charge_compute_milli)::text AS charges,
	charge_modes, reason, created_by, created_at, granted_at, running_at, seq
FROM placement WHERE ended_at IS NULL AND id = ANY ($1) ORDER BY id;
