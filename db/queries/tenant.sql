-- Tenants. A tenant is named by its id or its path; governance statements run in the ledger (db/ledger.h) and answer one row
-- with an outcome. What they change or hang something on they lock where they look it up: under a scope
-- that takes a row one may change, and one that may merely be seen is not found.

-- name: tenant_get :one
-- in: tenant text
-- out: key int4, id text, name text, path text, parent text?, depth int8, description text, labels json, revision int8, created_at timestamptz
SELECT t.key, t.id, t.name, t.path, nullif(p.path, '') AS parent, t.depth::int8 AS depth, t.description, t.labels, t.rev AS revision, t.created_at
FROM tenant t LEFT JOIN tenant p ON p.key = t.parent_key
WHERE (t.id = $1 OR t.path = $1) AND t.deleted_at IS NULL AND t.depth > 0;

-- What may be known of the parents of what one sees.
-- name: tenant_names :many
-- in: paths text[]
-- out: id text, name text, path text
SELECT id, name, path FROM tenant WHERE path = ANY($1) AND deleted_at IS NULL AND depth > 0 ORDER BY path;

-- name: tenant_list :many
-- in: under text?, subtree bool, after text, limit int8
-- out: id text, name text, path text, parent text?, depth int8, description text, labels json, revision int8, created_at timestamptz, cursor text
-- sort: fields
SELECT t.id, t.name, t.path, nullif(p.path, '') AS parent, t.depth::int8 AS depth, t.description, t.labels, t.rev AS revision, t.created_at, t.path AS cursor
FROM tenant t LEFT JOIN tenant p ON p.key = t.parent_key
WHERE t.deleted_at IS NULL AND t.depth > 0 AND t.path > $3
	AND ($1::text IS NULL OR t.path = $1 OR t.id = $1
		OR ($2 AND starts_with(t.path, (SELECT r.path FROM tenant r WHERE (r.path = $1 OR r.id = $1) AND r.deleted_at IS NULL) || '/')))
ORDER BY t.path
LIMIT $4;

-- What is or was below a tenant.
-- name: tenant_keys_under :many
-- in: key int4
-- out: key int4
WITH RECURSIVE below AS (
	SELECT key FROM tenant WHERE key = $1 AND deleted_at IS NULL
	UNION ALL
	SELECT t.key FROM tenant t JOIN below b ON t.parent_key = b.key
)
SELECT key FROM below;

-- What is below several nodes at once: a tenant comes once for each of them it lies below. With what was there, for who reads the past.
-- name: tenant_keys_below :many
-- in: tops int4[], with_gone bool
-- out: key int4, top int4, is_gone bool
WITH RECURSIVE below AS (
	SELECT key, key AS top, false AS is_gone FROM tenant WHERE key = ANY($1) AND deleted_at IS NULL
	UNION ALL
	SELECT t.key, b.top, t.deleted_at IS NOT NULL FROM tenant t JOIN below b ON t.parent_key = b.key WHERE $2 OR t.deleted_at IS NULL
)
SELECT key, top, is_gone FROM below;

-- name: tenant_create :one
-- in: id text, quota_id text, parent text?, name text, description text, labels text, rev_offset int8
-- out: outcome text, pointer text?, detail text?, key int4?, id text?, name text?, path text?, parent text?, depth int8?, description text?, labels json?, revision int8?, created_at timestamptz?
WITH h AS (SELECT n FROM chain WHERE id = 'g'),
p AS (
	SELECT key, path, depth FROM tenant
	WHERE deleted_at IS NULL AND (($3::text IS NULL AND depth = 0) OR id = $3 OR (path = $3 AND depth > 0))
	FOR KEY SHARE
),
twin AS (SELECT 1 FROM tenant t JOIN p ON t.parent_key = p.key WHERE t.name = $4 AND t.deleted_at IS NULL),
i AS (
	INSERT INTO tenant (id, quota_id, parent_key, name, path, depth, description, labels, rev)
	SELECT $1, $2, p.key, $4, CASE WHEN p.depth = 0 THEN $4 ELSE p.path || '/' || $4 END, p.depth + 1, $5, $6, h.n + $7
	FROM p, h WHERE p.depth < 8 AND NOT EXISTS (SELECT FROM twin)
	RETURNING *
)
SELECT
	CASE WHEN i.key IS NOT NULL THEN 'done'
		WHEN p.key IS NULL THEN 'refused:unknown_tenant'
		WHEN p.depth >= 8 THEN 'refused:tree_too_deep'
		ELSE 'refused:conflict' END AS outcome,
	CASE WHEN i.key IS NOT NULL THEN NULL WHEN p.key IS NULL OR p.depth >= 8 THEN '#/parent' ELSE '#/name' END AS pointer,
	CASE WHEN i.key IS NOT NULL THEN NULL
		WHEN p.key IS NULL THEN 'there is no tenant ' || $3
		WHEN p.depth >= 8 THEN 'tenants nest at most 8 deep'
		ELSE 'its parent has a tenant called ' || $4 END AS detail,
	i.key, i.id, i.name, i.path, nullif(p.path, '') AS parent, i.depth::int8 AS depth, i.description, i.labels, i.rev AS revision, i.created_at
FROM (SELECT 1) one LEFT JOIN p ON true LEFT JOIN i ON true;

-- parent: '' is the fleet, NULL leaves it where it is. What hangs below goes with it. Its guarantee must fit its new parent's beside those
-- of its new siblings; what it uses counts there from the placer's next batch on (tenant_move).
-- name: tenant_patch :one
-- in: tenant text, description text?, labels text?, parent text?, if_rev int8, rev_offset int8
-- out: outcome text, pointer text?, detail text?, key int4?, id text?, name text?, path text?, parent text?, depth int8?, description text?, labels json?, revision int8?, created_at timestamptz?
WITH h AS (SELECT n FROM chain WHERE id = 'g'),
t AS (SELECT key, rev, parent_key, name, path, depth FROM tenant WHERE (id = $1 OR path = $1) AND deleted_at IS NULL AND depth > 0 FOR NO KEY UPDATE),
old AS (SELECT p.key FROM tenant p JOIN t ON p.key = t.parent_key),
np AS (
	SELECT key, path, depth FROM tenant
	WHERE $4::text IS NOT NULL AND deleted_at IS NULL AND (($4 = '' AND depth = 0) OR id = $4 OR (path = $4 AND depth > 0)) FOR KEY SHARE
),
low AS (SELECT max(c.depth) - max(t.depth) AS levels, count(*) FILTER (WHERE is_in_scope(c.key)) - 1 AS n FROM tenant c, t WHERE c.deleted_at IS NULL AND (c.key = t.key OR starts_with(c.path, t.path || '/'))),
beside AS (
	SELECT q.model, sum(q.device_milli)::int8 AS d, sum(q.memory_mib)::int8 AS m, sum(q.compute_milli)::int8 AS c
	FROM quota_promise q JOIN tenant k ON k.key = q.tenant_key JOIN np ON k.parent_key = np.key CROSS JOIN t WHERE k.deleted_at IS NULL AND k.key <> t.key GROUP BY q.model
),
-- With what is raised; of the new parent only what stands for good counts.
own AS (
	SELECT q.model, sum(q.device_milli)::int8 AS d, sum(q.memory_mib)::int8 AS m, sum(q.compute_milli)::int8 AS c
	FROM quota_promise q JOIN t ON t.key = q.tenant_key GROUP BY q.model
),
above AS (
	SELECT q.model, a.axis, a.have, a.need
	FROM own q CROSS JOIN t CROSS JOIN np LEFT JOIN quota p ON p.tenant_key = np.key AND p.model = q.model LEFT JOIN beside s ON s.model = q.model
	CROSS JOIN LATERAL (VALUES
		('device_milli', p.guaranteed_device_milli, coalesce(s.d, 0) + q.d),
		('memory_mib', p.guaranteed_memory_mib, coalesce(s.m, 0) + q.m),
		('compute_milli', p.guaranteed_compute_milli, coalesce(s.c, 0) + q.c)) AS a(axis, have, need)
	WHERE (np.depth > 0 OR a.have IS NOT NULL) AND a.need > coalesce(a.have, 0) AND np.key <> t.parent_key
	ORDER BY q.model, a.axis LIMIT 1
),
verdict AS (
	SELECT CASE WHEN t.key IS NULL THEN 'refused:not_found'
		WHEN $5 >= 0 AND t.rev <> $5 THEN 'refused:etag_mismatch'
		WHEN $4 IS NULL OR np.key = t.parent_key THEN 'done'
		WHEN np.key IS NULL THEN 'refused:unknown_tenant'
		WHEN old.key IS NULL OR t.path = 'system' THEN 'refused:permission_denied'
		WHEN np.key = t.key OR starts_with(np.path, t.path || '/') THEN 'refused:conflict'
		WHEN low.n <> tenants_below(t.path) OR NOT sees_kids(np.key) THEN 'refused:scope_moved'
		WHEN np.depth + 1 + low.levels > 8 THEN 'refused:tree_too_deep'
		WHEN EXISTS (SELECT FROM tenant k WHERE k.parent_key = np.key AND k.name = t.name AND k.deleted_at IS NULL) THEN 'refused:conflict'
		WHEN above.model IS NOT NULL THEN 'refused:quota_exceeds_parent'
		ELSE 'moved' END AS outcome,
		CASE WHEN t.key IS NOT NULL AND np.key IS NULL THEN 'there is no tenant ' || $4
		WHEN old.key IS NULL OR t.path = 'system' THEN 'this tenant is moved from above'
		WHEN np.key = t.key OR starts_with(np.path, t.path || '/') THEN 'the tenant would hang below itself'
		WHEN low.n <> tenants_below(t.path) OR NOT sees_kids(np.key) THEN 'a tenant was made below it or its new parent at this moment'
		WHEN np.depth + 1 + low.levels > 8 THEN 'tenants nest at most 8 deep, this would be ' || np.depth + 1 + low.levels
		WHEN above.model IS NULL THEN 'its new parent has a tenant called ' || t.name
		ELSE CASE WHEN np.depth = 0 THEN 'the fleet' ELSE np.path END || ' is promised ' || coalesce(above.have, 0) || ' ' || above.axis || ' of ' || above.model
			|| ', its children would hold ' || above.need || ': lower this by ' || above.need - coalesce(above.have, 0) || ' or raise the parent first' END AS why
	FROM low LEFT JOIN t ON true LEFT JOIN old ON true LEFT JOIN np ON true LEFT JOIN above ON true
),
u AS (
	UPDATE tenant c SET description = CASE WHEN c.key = t.key THEN coalesce($2, c.description) ELSE c.description END,
		labels = CASE WHEN c.key = t.key THEN coalesce($3, c.labels) ELSE c.labels END,
		parent_key = CASE WHEN c.key = t.key AND v.outcome = 'moved' THEN np.key ELSE c.parent_key END,
		depth = CASE WHEN v.outcome = 'moved' THEN c.depth - t.depth + np.depth + 1 ELSE c.depth END,
		path = CASE WHEN v.outcome = 'moved' THEN CASE WHEN np.depth = 0 THEN '' ELSE np.path || '/' END || t.name || substr(c.path, length(t.path) + 1) ELSE c.path END,
		rev = (SELECT n FROM h) + $6
	FROM verdict v CROSS JOIN t LEFT JOIN np ON true
	WHERE v.outcome IN ('done', 'moved') AND (c.key = t.key OR (v.outcome = 'moved' AND c.deleted_at IS NULL AND starts_with(c.path, t.path || '/')))
	RETURNING c.*
),
mv AS (
	INSERT INTO tenant_move (tenant_key, from_key) SELECT t.key, t.parent_key FROM t, verdict WHERE outcome = 'moved' ON CONFLICT DO NOTHING
)
SELECT CASE WHEN v.outcome = 'moved' THEN 'done' ELSE v.outcome END AS outcome,
	CASE v.outcome WHEN 'refused:etag_mismatch' THEN 'If-Match' WHEN 'refused:not_found' THEN NULL WHEN 'done' THEN NULL WHEN 'moved' THEN NULL ELSE '#/parent' END AS pointer,
	CASE v.outcome WHEN 'refused:etag_mismatch' THEN 'the tenant is at revision ' || t.rev WHEN 'refused:not_found' THEN NULL WHEN 'done' THEN NULL WHEN 'moved' THEN NULL
		ELSE v.why END AS detail,
	u.key, u.id, u.name, u.path, nullif(CASE WHEN v.outcome = 'moved' THEN np.path ELSE (SELECT p.path FROM tenant p WHERE p.key = t.parent_key) END, '') AS parent,
	u.depth::int8 AS depth, u.description, u.labels, u.rev AS revision, u.created_at
FROM verdict v LEFT JOIN t ON true LEFT JOIN np ON true LEFT JOIN u ON u.key = t.key;

-- name: tenant_delete :one
-- in: tenant text, if_rev int8, rev_offset int8
-- out: outcome text, pointer text?, detail text?, key int4?, id text?, path text?
WITH h AS (SELECT n FROM chain WHERE id = 'g'),
t AS (SELECT key, rev FROM tenant WHERE (id = $1 OR path = $1) AND deleted_at IS NULL AND depth > 0 AND path <> 'system' FOR NO KEY UPDATE),
-- Also those that the caller does not see yet.
kids AS (SELECT coalesce((SELECT tenant_kids(t.key) FROM t), 0) AS n),
live AS (
	SELECT (SELECT count(*) FROM placement p JOIN t ON p.tenant_key = t.key WHERE p.ended_at IS NULL)
		+ (SELECT count(*) FROM inbox i JOIN t ON i.tenant_key = t.key WHERE i.kind = 'place') AS n
),
-- What they hold they would hold for nobody until they are over.
held AS (SELECT count(*) AS n FROM reservation r JOIN t ON r.tenant_key = t.key WHERE r.deleted_at IS NULL AND r.ends_at > now()),
u AS (
	UPDATE tenant SET deleted_at = now(), rev = (SELECT n FROM h) + $3
	WHERE key = (SELECT key FROM t) AND ($2 < 0 OR rev = $2) AND (SELECT n FROM kids) = 0 AND (SELECT n FROM live) = 0 AND (SELECT n FROM held) = 0
	RETURNING key, id, path
),
q AS (DELETE FROM quota WHERE tenant_key = (SELECT key FROM u))
SELECT
	CASE WHEN u.key IS NOT NULL THEN 'done' WHEN t.key IS NULL THEN 'refused:not_found'
		WHEN $2 >= 0 AND t.rev <> $2 THEN 'refused:etag_mismatch' ELSE 'refused:state_transition' END AS outcome,
	CASE WHEN u.key IS NULL AND $2 >= 0 AND t.rev <> $2 THEN 'If-Match' END AS pointer,
	CASE WHEN u.key IS NULL AND t.key IS NOT NULL THEN CASE WHEN $2 >= 0 AND t.rev <> $2 THEN 'the tenant is at revision ' || t.rev
		ELSE 'it has ' || kids.n || ' tenants below it, ' || live.n || ' live placements and ' || held.n || ' reservations' END END AS detail,
	u.key, u.id, u.path
FROM kids, live, held LEFT JOIN t ON true LEFT JOIN u ON true;
