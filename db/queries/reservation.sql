-- Reservations, with what became of them. One is seen by who sees the placements of its tenant.

-- name: reservation_list :many
-- in: tenant text?, subtree bool, after text, limit int8
-- out: id text, tenant text, name text?, starts_at timestamptz, ends_at timestamptz, cluster text?, class text?, count int8, per_node int8, memory_mib int8?, compute_milli int8?, uuids json, state text, placed json, blockers json, unused_device_milli int8, unused_memory_mib int8, unused_compute_milli int8, revision int8, created_at timestamptz, cursor text
-- sort: fields
SELECT r.id, coalesce(nullif(t.path, ''), t.id) AS tenant, nullif(r.name, '') AS name, r.starts_at, r.ends_at, coalesce(c.name, r.cluster) AS cluster, r.class, r.count, r.per_node,
	r.memory_mib, r.compute_milli, to_json(r.uuids) AS uuids, coalesce(h.state, 'pending') AS state, coalesce(h.placed, '[]') AS placed, coalesce(h.blockers, '[]') AS blockers,
	coalesce(h.unused_device_milli, 0) AS unused_device_milli, coalesce(h.unused_memory_mib, 0) AS unused_memory_mib, coalesce(h.unused_compute_milli, 0) AS unused_compute_milli,
	r.rev AS revision, r.created_at, r.id AS cursor
FROM reservation r JOIN tenant t ON t.key = r.tenant_key LEFT JOIN reservation_hold h ON h.reservation_id = r.id LEFT JOIN cluster c ON c.key = h.cluster_key
WHERE r.deleted_at IS NULL AND r.id > $3
	AND ($1::text IS NULL OR t.path = $1 OR t.id = $1
		OR ($2 AND starts_with(t.path, (SELECT x.path FROM tenant x WHERE (x.path = $1 OR x.id = $1) AND x.deleted_at IS NULL) || '/')))
ORDER BY r.id
LIMIT $4;

-- name: reservation_get :one
-- in: id text
-- out: id text, tenant text, name text?, starts_at timestamptz, ends_at timestamptz, cluster text?, class text?, count int8, per_node int8, memory_mib int8?, compute_milli int8?, uuids json, state text, placed json, blockers json, unused_device_milli int8, unused_memory_mib int8, unused_compute_milli int8, revision int8, created_at timestamptz
SELECT r.id, coalesce(nullif(t.path, ''), t.id) AS tenant, nullif(r.name, '') AS name, r.starts_at, r.ends_at, coalesce(c.name, r.cluster) AS cluster, r.class, r.count, r.per_node,
	r.memory_mib, r.compute_milli, to_json(r.uuids) AS uuids, coalesce(h.state, 'pending') AS state, coalesce(h.placed, '[]') AS placed, coalesce(h.blockers, '[]') AS blockers,
	coalesce(h.unused_device_milli, 0) AS unused_device_milli, coalesce(h.unused_memory_mib, 0) AS unused_memory_mib, coalesce(h.unused_compute_milli, 0) AS unused_compute_milli,
	r.rev AS revision, r.created_at
FROM reservation r JOIN tenant t ON t.key = r.tenant_key LEFT JOIN reservation_hold h ON h.reservation_id = r.id LEFT JOIN cluster c ON c.key = h.cluster_key
WHERE r.id = $1 AND r.deleted_at IS NULL;

-- Whether it can be held is the placer's to find out. A tenant has at most 64 that are not over.
-- name: reservation_create :one
-- in: id text, tenant text, name text?, starts_at timestamptz?, ends_at timestamptz, cluster text?, class text?, count int8, per_node int8, memory_mib int8?, compute_milli int8?, uuids text[]?, rev_offset int8
-- out: outcome text, pointer text?, detail text?, key int4?, id text?, tenant text?, name text?, starts_at timestamptz?, ends_at timestamptz?, cluster text?, class text?, count int8?, per_node int8?, memory_mib int8?, compute_milli int8?, uuids json?, state text?, placed json?, blockers json?, unused_device_milli int8?, unused_memory_mib int8?, unused_compute_milli int8?, revision int8?, created_at timestamptz?
WITH h AS (SELECT n FROM chain WHERE id = 'g'),
t AS (SELECT key, id, path FROM tenant WHERE (id = $2 OR path = $2) AND deleted_at IS NULL AND depth > 0 FOR NO KEY UPDATE),
w AS (SELECT coalesce($4, now()) AS starts_at),
c AS (SELECT name FROM cluster WHERE (name = $6 OR id = $6) AND deleted_at IS NULL),
k AS (SELECT name FROM device_class WHERE name = $7),
missing AS (SELECT u.uuid FROM unnest($12::text[]) u(uuid) WHERE NOT EXISTS (SELECT FROM device d WHERE d.uuid = u.uuid AND d.health <> 'gone') LIMIT 1),
others AS (SELECT count(*) AS n FROM reservation r JOIN t ON r.tenant_key = t.key WHERE r.deleted_at IS NULL AND r.ends_at > now()),
wrong AS (
	SELECT * FROM (VALUES
		(1, NOT EXISTS (SELECT FROM t), 'unknown_tenant', '#/tenant', 'there is no tenant ' || $2),
		(2, $5 <= now() OR $5 <= (SELECT starts_at FROM w), 'bad_field', '#/ends_at', 'it ends after it begins, and not in the past'),
		(3, $5 > now() + interval '366 days', 'bad_field', '#/ends_at', 'it ends within 366 days from now'),
		(4, $6 IS NOT NULL AND NOT EXISTS (SELECT FROM c), 'unknown_cluster', '#/cluster', 'there is no cluster ' || $6),
		(5, $7 IS NOT NULL AND NOT EXISTS (SELECT FROM k), 'unknown_class', '#/class', 'there is no device class ' || $7),
		(6, EXISTS (SELECT FROM missing), 'bad_field', '#/uuids', 'there is no device ' || (SELECT uuid FROM missing)),
		(7, (SELECT n FROM others) >= 64, 'too_many_items', '#/tenant', 'a tenant has at most 64 reservations that are not over')
	) AS x(no, is_so, code, pointer, detail) WHERE is_so ORDER BY no LIMIT 1
),
i AS (
	INSERT INTO reservation (id, tenant_key, name, starts_at, ends_at, cluster, class, count, per_node, memory_mib, compute_milli, uuids, rev)
	SELECT $1, t.key, coalesce($3, ''), w.starts_at, $5, (SELECT name FROM c), $7, $8, $9, $10, $11, coalesce($12, '{}'), h.n + $13 FROM t, w, h
	WHERE NOT EXISTS (SELECT FROM wrong)
	RETURNING *
)
SELECT CASE WHEN i.id IS NOT NULL THEN 'done' ELSE 'refused:' || wrong.code END AS outcome, wrong.pointer, wrong.detail,
	t.key, i.id, coalesce(nullif(t.path, ''), t.id) AS tenant, nullif(i.name, '') AS name, i.starts_at, i.ends_at, i.cluster, i.class, i.count, i.per_node, i.memory_mib, i.compute_milli,
	to_json(i.uuids) AS uuids, 'pending' AS state, '[]'::json AS placed, '[]'::json AS blockers, 0::int8 AS unused_device_milli, 0::int8 AS unused_memory_mib,
	0::int8 AS unused_compute_milli, i.rev AS revision, i.created_at
FROM (SELECT 1) one LEFT JOIN t ON true LEFT JOIN wrong ON true LEFT JOIN i ON true;

-- name: reservation_delete :one
-- in: id text, if_rev int8, rev_offset int8
-- out: outcome text, pointer text?, detail text?, key int4?, id text?, tenant text?
WITH h AS (SELECT n FROM chain WHERE id = 'g'),
r AS (SELECT id, rev, tenant_key FROM reservation WHERE id = $1 AND deleted_at IS NULL FOR NO KEY UPDATE),
u AS (UPDATE reservation SET deleted_at = now(), rev = (SELECT n FROM h) + $3 WHERE id = (SELECT id FROM r) AND ($2 < 0 OR rev = $2) RETURNING id)
SELECT CASE WHEN u.id IS NOT NULL THEN 'done' WHEN r.id IS NULL THEN 'refused:not_found' ELSE 'refused:etag_mismatch' END AS outcome,
	CASE WHEN u.id IS NULL AND r.id IS NOT NULL THEN 'If-Match' END AS pointer,
	CASE WHEN u.id IS NULL AND r.id IS NOT NULL THEN 'the reservation is at revision ' || r.rev END AS detail,
	r.tenant_key AS key, u.id, (SELECT path FROM tenant WHERE key = r.tenant_key) AS tenant
FROM (SELECT 1) one LEFT JOIN r ON true LEFT JOIN u ON true;

-- The placer's: those that are not over, the oldest first, with what it held for them before.
-- name: load_reservations :many
-- out: id text, tenant_key int4, starts_at timestamptz, ends_at timestamptz, cluster text?, class text?, count int8, per_node int8, memory_mib int8?, compute_milli int8?, uuids json, state text?, cluster_key int4?, placed text?
SELECT r.id, r.tenant_key, r.starts_at, r.ends_at, r.cluster, r.class, r.count, r.per_node, r.memory_mib, r.compute_milli, to_json(r.uuids) AS uuids, h.state, h.cluster_key, h.placed
FROM reservation r LEFT JOIN reservation_hold h ON h.reservation_id = r.id
WHERE r.deleted_at IS NULL AND (h.state IS NULL OR h.state <> 'ended') ORDER BY r.created_at, r.id;

-- name: reservation_hold_put :exec
-- in: ids text[], tenant_keys int4[], states text[], cluster_keys int4[], placed text[], blockers text[], unused_device_milli int8[], unused_memory_mib int8[], unused_compute_milli int8[], at timestamptz
INSERT INTO reservation_hold (reservation_id, tenant_key, state, cluster_key, placed, blockers, unused_device_milli, unused_memory_mib, unused_compute_milli, at)
SELECT unnest($1::text[]), unnest($2::int4[]), unnest($3::text[]), unnest($4::int4[]), unnest($5::text[]), unnest($6::text[]), unnest($7::int8[]), unnest($8::int8[]), unnest($9::int8[]), $10
ON CONFLICT (reservation_id) DO UPDATE SET state = excluded.state, cluster_key = excluded.cluster_key, placed = excluded.placed, blockers = excluded.blockers,
	unused_device_milli = excluded.unused_device_milli, unused_memory_mib = excluded.unused_memory_mib, unused_compute_milli = excluded.unused_compute_milli, at = excluded.at;

-- name: reservation_hold_drop :exec
-- in: ids text[]
DELETE FROM reservation_hold WHERE reservation_id = ANY ($1::text[]);
