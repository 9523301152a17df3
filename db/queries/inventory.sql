-- Nodes, devices and the classes that name them.

-- Class, model and free memory are asked of one device of the node.
-- name: node_list :many
-- in: cluster text?, node text?, class text?, model text?, health text?, free_memory_mib_gte int8?, after text, limit int8
-- out: id text, cluster text, name text, health text, is_cordoned bool, cpu_milli int8, memory_mib int8, pods int8, used_cpu_milli int8, used_memory_mib int8, used_pods int8, devices int8, labels json, taints json, links json, seen_at timestamptz, cursor text
-- sort: fields
SELECT n.id, c.name AS cluster, n.name, n.health, EXISTS (SELECT FROM cordon k WHERE k.cluster_key = n.cluster_key AND k.kind = 'node' AND k.name = n.name) AS is_cordoned,
	n.cpu_milli, n.memory_mib, n.pods, n.used_cpu_milli, n.used_memory_mib, n.used_pods, (SELECT count(*) FROM device d WHERE d.node_key = n.key) AS devices,
	n.labels, n.taints, n.links, n.seen_at, n.id AS cursor
FROM node n JOIN cluster c ON c.key = n.cluster_key
WHERE ($1::text IS NULL OR c.name = $1 OR c.id = $1) AND ($2::text IS NULL OR n.name = $2 OR n.id = $2) AND ($5::text IS NULL OR n.health = $5)
	AND (($3::text IS NULL AND $4::text IS NULL AND $6::int8 IS NULL) OR EXISTS (SELECT FROM device d LEFT JOIN device_class k ON k.name = d.class
		WHERE d.node_key = n.key AND ($3::text IS NULL OR d.class = $3) AND ($4::text IS NULL OR k.model = $4)
			AND ($6::int8 IS NULL OR d.memory_mib - d.used_memory_mib >= $6)))
	AND n.id > $7
ORDER BY n.id
LIMIT $8;

-- name: node_get :one
-- in: id text
-- out: id text, cluster text, name text, health text, is_cordoned bool, cpu_milli int8, memory_mib int8, pods int8, used_cpu_milli int8, used_memory_mib int8, used_pods int8, devices int8, labels json, taints json, links json, seen_at timestamptz
SELECT n.id, c.name AS cluster, n.name, n.health, EXISTS (SELECT FROM cordon k WHERE k.cluster_key = n.cluster_key AND k.kind = 'node' AND k.name = n.name) AS is_cordoned,
	n.cpu_milli, n.memory_mib, n.pods, n.used_cpu_milli, n.used_memory_mib, n.used_pods, (SELECT count(*) FROM device d WHERE d.node_key = n.key) AS devices,
	n.labels, n.taints, n.links, n.seen_at
FROM node n JOIN cluster c ON c.key = n.cluster_key
WHERE n.id = $1;

-- name: device_list :many
-- in: cluster text?, node text?, class text?, model text?, health text?, free_memory_mib_gte int8?, after text, limit int8
-- out: id text, cluster text, node text, uuid text, index int8, class text, product text, health text, is_cordoned bool, memory_mib int8, compute_milli int8, slots int8, used_memory_mib int8, used_compute_milli int8, used_slots int8, numa int8?, share_mode text, geometry text?, conditions json, seen_at timestamptz, cursor text
-- sort: fields
SELECT d.id, c.name AS cluster, n.name AS node, d.uuid, d.index_no::int8 AS index, d.class, d.product, d.health,
	EXISTS (SELECT FROM cordon k WHERE k.cluster_key = d.cluster_key AND k.kind = 'device' AND k.name = d.uuid) AS is_cordoned,
	d.memory_mib, d.compute_milli, d.slots, d.used_memory_mib, d.used_compute_milli, d.used_slots,
	nullif(d.numa, -1)::int8 AS numa, CASE WHEN d.cut <> '' OR d.share_mode = 'instances' THEN 'instances' ELSE 'shares' END AS share_mode, nullif(d.cut, '') AS geometry,
	array_to_json(array_remove(ARRAY[CASE WHEN d.used_memory_mib > d.memory_mib OR d.used_compute_milli > d.compute_milli OR d.used_slots > d.slots THEN 'device_over' END,
		CASE WHEN d.share_mode = 'instances' AND (d.cut = '' OR d.geometry <> d.cut) THEN 'geometry_differs' END], NULL))::text AS conditions,
	d.seen_at, d.id AS cursor
FROM device d JOIN cluster c ON c.key = d.cluster_key JOIN node n ON n.key = d.node_key LEFT JOIN device_class k ON k.name = d.class
WHERE ($1::text IS NULL OR c.name = $1 OR c.id = $1) AND ($2::text IS NULL OR n.name = $2 OR n.id = $2) AND ($3::text IS NULL OR d.class = $3)
	AND ($4::text IS NULL OR k.model = $4) AND ($5::text IS NULL OR d.health = $5) AND ($6::int8 IS NULL OR d.memory_mib - d.used_memory_mib >= $6) AND d.id > $7
ORDER BY d.id
LIMIT $8;

-- name: device_get :one
-- in: id text
-- out: id text, cluster text, node text, uuid text, index int8, class text, product text, health text, is_cordoned bool, memory_mib int8, compute_milli int8, slots int8, used_memory_mib int8, used_compute_milli int8, used_slots int8, numa int8?, share_mode text, geometry text?, conditions json, seen_at timestamptz
SELECT d.id, c.name AS cluster, n.name AS node, d.uuid, d.index_no::int8 AS index, d.class, d.product, d.health,
	EXISTS (SELECT FROM cordon k WHERE k.cluster_key = d.cluster_key AND k.kind = 'device' AND k.name = d.uuid) AS is_cordoned,
	d.memory_mib, d.compute_milli, d.slots, d.used_memory_mib, d.used_compute_milli, d.used_slots,
	nullif(d.numa, -1)::int8 AS numa, CASE WHEN d.cut <> '' OR d.share_mode = 'instances' THEN 'instances' ELSE 'shares' END AS share_mode, nullif(d.cut, '') AS geometry,
	array_to_json(array_remove(ARRAY[CASE WHEN d.used_memory_mib > d.memory_mib OR d.used_compute_milli > d.compute_milli OR d.used_slots > d.slots THEN 'device_over' END,
		CASE WHEN d.share_mode = 'instances' AND (d.cut = '' OR d.geometry <> d.cut) THEN 'geometry_differs' END], NULL))::text AS conditions,
	d.seen_at
FROM device d JOIN cluster c ON c.key = d.cluster_key JOIN node n ON n.key = d.node_key
WHERE d.id = $1;

-- name: class_list :many
-- in: after text, limit int8
-- out: name text, model text, vendor text, patterns json, memory_mib int8, slots int8, compute_overcommit_ppm int8, overcommit_priority_max int8, default_compute_milli int8, credit_rate_milli int8, share_modes json, revision int8, cursor text
-- sort: fields
SELECT name, model, vendor, patterns, memory_mib, slots, compute_overcommit_ppm, overcommit_priority_max, default_compute_milli, credit_rate_milli, share_modes, rev AS revision, name AS cursor
FROM device_class WHERE name > $1 ORDER BY name LIMIT $2;

-- name: class_get :one
-- in: class text
-- out: name text, model text, vendor text, patterns json, memory_mib int8, slots int8, compute_overcommit_ppm int8, overcommit_priority_max int8, default_compute_milli int8, credit_rate_milli int8, share_modes json, revision int8
SELECT name, model, vendor, patterns, memory_mib, slots, compute_overcommit_ppm, overcommit_priority_max, default_compute_milli, credit_rate_milli, share_modes, rev AS revision
FROM device_class WHERE name = $1;

-- name: class_put :one
-- in: name text, model text?, vendor text, patterns text, memory_mib int8, slots int8, compute_overcommit_ppm int8, default_compute_milli int8, credit_rate_milli int8, share_modes text, if_rev int8, must_be_new bool, rev_offset int8, overcommit_priority_max int8
-- out: outcome text, pointer text?, detail text?, was_new bool, name text?, model text?, vendor text?, patterns json?, memory_mib int8?, slots int8?, compute_overcommit_ppm int8?, overcommit_priority_max int8?, default_compute_milli int8?, credit_rate_milli int8?, share_modes json?, revision int8?
WITH h AS (SELECT n FROM chain WHERE id = 'g'),
old AS (SELECT rev FROM device_class WHERE name = $1),
stranger AS (SELECT 1 WHERE $2::text IS NOT NULL AND $2 <> $1 AND NOT EXISTS (SELECT FROM device_class WHERE name = $2)),
-- What stands on a device as an instance is told by the rules that it was cut by: they stay as long as it does.
held AS (SELECT 1 WHERE EXISTS (SELECT FROM device_class c WHERE c.name = $1 AND c.share_modes::jsonb <> $10::jsonb)
	AND EXISTS (SELECT FROM device d WHERE d.class = $1 AND d.cut <> '' AND d.used_slots > 0)),
i AS (
	INSERT INTO device_class (name, model, vendor, patterns, memory_mib, slots, compute_overcommit_ppm, default_compute_milli, credit_rate_milli, share_modes, rev, overcommit_priority_max)
	SELECT $1, coalesce($2, $1), $3, $4, $5, $6, $7, $8, $9, $10, h.n + $13, $14
	FROM h WHERE ($11 < 0 OR (SELECT rev FROM old) = $11) AND NOT ($12 AND EXISTS (SELECT FROM old)) AND NOT EXISTS (SELECT FROM stranger) AND NOT EXISTS (SELECT FROM held)
	ON CONFLICT (name) DO UPDATE SET model = excluded.model, vendor = excluded.vendor, patterns = excluded.patterns, memory_mib = excluded.memory_mib,
		slots = excluded.slots, compute_overcommit_ppm = excluded.compute_overcommit_ppm, default_compute_milli = excluded.default_compute_milli,
		credit_rate_milli = excluded.credit_rate_milli, share_modes = excluded.share_modes, rev = excluded.rev,
		overcommit_priority_max = excluded.overcommit_priority_max
	RETURNING *
)
SELECT
	CASE WHEN i.name IS NOT NULL THEN 'done' WHEN EXISTS (SELECT FROM stranger) THEN 'refused:unknown_class'
		WHEN ($11 < 0 OR old.rev = $11) AND NOT ($12 AND old.rev IS NOT NULL) AND EXISTS (SELECT FROM held) THEN 'refused:conflict' ELSE 'refused:etag_mismatch' END AS outcome,
	CASE WHEN i.name IS NOT NULL THEN NULL WHEN EXISTS (SELECT FROM stranger) THEN '#/model'
		WHEN ($11 < 0 OR old.rev = $11) AND NOT ($12 AND old.rev IS NOT NULL) AND EXISTS (SELECT FROM held) THEN '#/share_modes' ELSE 'If-Match' END AS pointer,
	CASE WHEN i.name IS NOT NULL THEN NULL WHEN EXISTS (SELECT FROM stranger) THEN 'there is no device class ' || $2
		WHEN ($11 < 0 OR old.rev = $11) AND NOT ($12 AND old.rev IS NOT NULL) AND EXISTS (SELECT FROM held) THEN 'devices of the class hold instances'
		ELSE 'the class is at revision ' || coalesce(old.rev::text, 'none') END AS detail,
	old.rev IS NULL AS was_new,
	i.name, i.model, i.vendor, i.patterns, i.memory_mib, i.slots, i.compute_overcommit_ppm, i.overcommit_priority_max, i.default_compute_milli, i.credit_rate_milli, i.share_modes, i.rev AS revision
FROM (SELECT 1) one LEFT JOIN old ON true LEFT JOIN i ON true;
