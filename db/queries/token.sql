-- Bearer tokens.

-- name: token_find :one
-- in: id text
-- out: id text, name text, hash bytea, role text, tenant_key int4, tenant text, tenant_depth int8, expires_at timestamptz, is_revoked bool
SELECT k.id, k.name, k.hash, k.role, k.tenant_key, t.path AS tenant, t.depth::int8 AS tenant_depth, k.expires_at, k.revoked_at IS NOT NULL OR t.deleted_at IS NOT NULL AS is_revoked
FROM token k JOIN tenant t ON t.key = k.tenant_key
WHERE k.id = $1;

-- name: token_list :many
-- in: after text, limit int8
-- out: id text, name text, role text, tenant text?, created_by text, created_at timestamptz, expires_at timestamptz, last_used_at timestamptz?, revoked_at timestamptz?, cursor text
SELECT k.id, k.name, k.role, nullif(t.path, '') AS tenant, k.created_by, k.created_at, k.expires_at, k.last_used_at, k.revoked_at, k.id AS cursor
FROM token k LEFT JOIN tenant t ON t.key = k.tenant_key
WHERE k.id > $1 ORDER BY k.id LIMIT $2;

-- name: token_create :one
-- in: id text, name text, hash bytea, role text, tenant text?, ttl_s int8, created_by text, rev_offset int8
-- out: outcome text, pointer text?, detail text?, key int4?, id text?, name text?, role text?, tenant text?, created_by text?, created_at timestamptz?, expires_at timestamptz?
WITH h AS (SELECT n FROM chain WHERE id = 'g'),
t AS (SELECT key, path FROM tenant WHERE deleted_at IS NULL AND (($5::text IS NULL AND depth = 0) OR id = $5 OR (path = $5 AND depth > 0)) FOR KEY SHARE),
i AS (
	INSERT INTO token (id, name, hash, role, tenant_key, created_by, expires_at, rev)
	SELECT $1, $2, $3, $4, t.key, $7, now() + make_interval(secs => $6), h.n + $8 FROM t, h
	RETURNING *
)
SELECT CASE WHEN i.id IS NOT NULL THEN 'done' ELSE 'refused:unknown_tenant' END AS outcome,
	CASE WHEN i.id IS NULL THEN '#/tenant' END AS pointer, CASE WHEN i.id IS NULL THEN 'there is no tenant ' || $5 END AS detail,
	t.key, i.id, i.name, i.role, nullif(t.path, '') AS tenant, i.created_by, i.created_at, i.expires_at
FROM (SELECT 1) one LEFT JOIN t ON true LEFT JOIN i ON true;

-- name: token_revoke :one
-- in: id text, rev_offset int8
-- out: outcome text, key int4?, id text?, tenant text?
WITH h AS (SELECT n FROM chain WHERE id = 'g'),
u AS (UPDATE token SET revoked_at = coalesce(revoked_at, now()), rev = (SELECT n FROM h) + $2 WHERE id = $1 RETURNING id, tenant_key)
SELECT CASE WHEN u.id IS NOT NULL THEN 'done' ELSE 'refused:not_found' END AS outcome, u.tenant_key AS key, u.id,
	(SELECT nullif(path, '') FROM tenant WHERE key = u.tenant_key) AS tenant
FROM (SELECT 1) one LEFT JOIN u ON true;

-- name: token_touch :exec
-- in: id text
UPDATE token SET last_used_at = now() WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < now() - interval '5 minutes');

-- name: token_count :one
-- out: n int8
SELECT count(*) AS n FROM token;
