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
SELECT t.id, t.name, t.path, nullif(p.path, '') AS parent, t.depth::int8 AS depth, t.description, t.labels, t.rev AS revision, t.created_at, t.path AS cursor
FROM tenant t LEFT JOIN tenant p ON p.key = t.parent_key
WHERE t.deleted_at IS NULL AND t.depth > 0 AND t.path > $3
	AND ($1::text IS NULL OR t.path = $1 OR t.id = $1
		OR ($2 AND starts_with(t.path, (SELECT r.path FROM tenant r WHERE (r.path = $1 OR r.id = $1) AND r.deleted_at IS NULL) || '/')))
ORDER BY t.path
LIMIT $4;

-- name: tenant_keys_under :many
-- in: key int4
-- out: key int4
WITH RECURSIVE below AS (
	SELECT key FROM tenant WHERE key = $1 AND deleted_at IS NULL
	UNION ALL
	SELECT t.key FROM tenant t JOIN below b ON t.parent_key = b.key WHERE t.deleted_at IS NULL
)
SELECT key FROM below;

-- The same for several nodes at once: a tenant comes once for each of them it lies below.
-- name: tenant_keys_below :many
-- in: tops int4[]
-- out: key int4, top int4
WITH RECURSIVE below AS (
	SELECT key, key AS top FROM tenant WHERE key = ANY($1) AND deleted_at IS NULL
	UNION ALL
	SELECT t.key, b.top FROM tenant t JOIN below b ON t.parent_key = b.key WHERE t.deleted_at IS NULL
)
SELECT key, top FROM below;

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

-- name: tenant_patch :one
-- in: tenant text, description text?, labels text?, if_rev int8, rev_offset int8
-- out: outcome text, pointer text?, detail text?, key int4?, id text?, name text?, path text?, parent text?, depth int8?, description text?, labels json?, revision int8?, created_at timestamptz?
WITH h AS (SELECT n FROM chain WHERE id = 'g'),
t AS (SELECT key, rev, parent_key FROM tenant WHERE (id = $1 OR path = $1) AND deleted_at IS NULL AND depth > 0 FOR NO KEY UPDATE),
u AS (
	UPDATE tenant SET description = coalesce($2, description), labels = coalesce($3, labels), rev = (SELECT n FROM h) + $5
	WHERE key = (SELECT key FROM t) AND ($4 < 0 OR rev = $4)
	RETURNING *
)
SELECT
	CASE WHEN u.key IS NOT NULL THEN 'done' WHEN t.key IS NULL THEN 'refused:not_found' ELSE 'refused:etag_mismatch' END AS outcome,
	CASE WHEN u.key IS NULL AND t.key IS NOT NULL THEN 'If-Match' END AS pointer,
	CASE WHEN u.key IS NULL AND t.key IS NOT NULL THEN 'the tenant is at revision ' || t.rev END AS detail,
	u.key, u.id, u.name, u.path, (SELECT nullif(path, '') FROM tenant WHERE key = t.parent_key) AS parent, u.depth::int8 AS depth, u.description, u.labels,
	u.rev AS revision, u.created_at
FROM (SELECT 1) one LEFT JOIN t ON true LEFT JOIN u ON true;

-- name: tenant_delete :one
-- in: tenant text, if_rev int8, rev_offset int8
-- out: outcome text, pointer text?, detail text?, key int4?, id text?, path text?
WITH h AS (SELECT n FROM chain WHERE id = 'g'),
t AS (SELECT key, rev FROM tenant WHERE (id = $1 OR path = $1) AND deleted_at IS NULL AND depth > 0 AND path <> 'system' FOR NO KEY UPDATE),
kids AS (SELECT count(*) AS n FROM tenant c JOIN t ON c.parent_key = t.key WHERE c.deleted_at IS NULL),
live AS (
	SELECT (SELECT count(*) FROM placement p JOIN t ON p.tenant_key = t.key WHERE p.ended_at IS NULL)
		+ (SELECT count(*) FROM inbox i JOIN t ON i.tenant_key = t.key WHERE i.kind = 'place') AS n
),
u AS (
	UPDATE tenant SET deleted_at = now(), rev = (SELECT n FROM h) + $3
	WHERE key = (SELECT key FROM t) AND ($2 < 0 OR rev = $2) AND (SELECT n FROM kids) = 0 AND (SELECT n FROM live) = 0
	RETURNING key, id, path
),
q AS (DELETE FROM quota WHERE tenant_key = (SELECT key FROM u))
SELECT
	CASE WHEN u.key IS NOT NULL THEN 'done' WHEN t.key IS NULL THEN 'refused:not_found'
		WHEN $2 >= 0 AND t.rev <> $2 THEN 'refused:etag_mismatch' ELSE 'refused:state_transition' END AS outcome,
	CASE WHEN u.key IS NULL AND $2 >= 0 AND t.rev <> $2 THEN 'If-Match' END AS pointer,
	CASE WHEN u.key IS NULL AND t.key IS NOT NULL THEN CASE WHEN $2 >= 0 AND t.rev <> $2 THEN 'the tenant is at revision ' || t.rev
		ELSE 'it has ' || kids.n || ' tenants below it and ' || live.n || ' live placements' END END AS detail,
	u.key, u.id, u.path
FROM kids, live LEFT JOIN t ON true LEFT JOIN u ON true;
