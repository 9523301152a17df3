-- Bindings: a role of a subject at a node of the tenant tree and below it.

-- Those that stand behind a caller now.
-- name: bindings_of :many
-- in: subjects text[]
-- out: id text, subject text, role text, tenant_key int4, tenant text, expires_at timestamptz?
SELECT b.id, b.subject, b.role, b.tenant_key, t.path AS tenant, b.expires_at
FROM binding b JOIN tenant t ON t.key = b.tenant_key
WHERE b.subject = ANY($1) AND t.deleted_at IS NULL AND coalesce(b.expires_at > now(), true)
ORDER BY t.depth, t.path, b.id
LIMIT 1001;

-- name: binding_get :one
-- in: id text
-- out: id text, subject text, role text, tenant text?, expires_at timestamptz?, managed_by text?, reason text?, created_by text, created_at timestamptz, revision int8
SELECT b.id, b.subject, b.role, nullif(t.path, '') AS tenant, b.expires_at, nullif(b.managed_by, '') AS managed_by, nullif(b.reason, '') AS reason,
	b.created_by, b.created_at, b.rev AS revision
FROM binding b JOIN tenant t ON t.key = b.tenant_key
WHERE b.id = $1 AND t.deleted_at IS NULL;

-- name: binding_list :many
-- in: tenant text?, subtree bool, subject text?, role text?, managed_by text?, after text, limit int8
-- out: id text, subject text, role text, tenant text?, expires_at timestamptz?, managed_by text?, reason text?, created_by text, created_at timestamptz, revision int8, cursor text
-- sort: fields
SELECT b.id, b.subject, b.role, nullif(t.path, '') AS tenant, b.expires_at, nullif(b.managed_by, '') AS managed_by, nullif(b.reason, '') AS reason,
	b.created_by, b.created_at, b.rev AS revision, b.id AS cursor
FROM binding b JOIN tenant t ON t.key = b.tenant_key
WHERE t.deleted_at IS NULL AND b.id > $6
	AND ($1::text IS NULL OR (t.depth > 0 AND (t.path = $1 OR t.id = $1))
		OR ($2 AND starts_with(t.path, (SELECT r.path FROM tenant r WHERE (r.path = $1 OR r.id = $1) AND r.deleted_at IS NULL AND r.depth > 0) || '/')))
	AND ($3::text IS NULL OR b.subject = $3) AND ($4::text IS NULL OR b.role = $4) AND ($5::text IS NULL OR b.managed_by = $5)
ORDER BY b.id LIMIT $7;

-- One that has ended makes room for a new one.
-- name: binding_create :one
-- in: id text, subject text, role text, tenant text?, expires_at timestamptz?, managed_by text, reason text, created_by text, rev_offset int8
-- out: outcome text, pointer text?, detail text?, key int4?, id text?, subject text?, role text?, tenant text?, expires_at timestamptz?, managed_by text?, reason text?, created_by text?, created_at timestamptz?, revision int8?
WITH h AS (SELECT n FROM chain WHERE id = 'g'),
t AS (SELECT key, path FROM tenant WHERE deleted_at IS NULL AND (($4::text IS NULL AND depth = 0) OR (depth > 0 AND (id = $4 OR path = $4))) FOR KEY SHARE),
i AS (
	INSERT INTO binding (id, subject, role, tenant_key, expires_at, managed_by, reason, created_by, rev)
	SELECT $1, $2, $3, t.key, $5, $6, $7, $8, h.n + $9 FROM t, h
	ON CONFLICT (subject, role, tenant_key) DO UPDATE SET id = excluded.id, expires_at = excluded.expires_at, managed_by = excluded.managed_by,
		reason = excluded.reason, created_by = excluded.created_by, created_at = now(), rev = excluded.rev
	WHERE binding.expires_at <= now()
	RETURNING *
)
SELECT CASE WHEN i.id IS NOT NULL THEN 'done' WHEN t.key IS NULL THEN 'refused:unknown_tenant' ELSE 'refused:conflict' END AS outcome,
	CASE WHEN i.id IS NULL AND t.key IS NULL THEN '#/tenant' END AS pointer,
	CASE WHEN i.id IS NOT NULL THEN NULL WHEN t.key IS NULL THEN 'there is no tenant ' || $4
		ELSE 'this subject has this role there already: ' || (SELECT b.id FROM binding b WHERE b.subject = $2 AND b.role = $3 AND b.tenant_key = t.key) END AS detail,
	t.key, i.id, i.subject, i.role, nullif(t.path, '') AS tenant, i.expires_at, nullif(i.managed_by, '') AS managed_by, nullif(i.reason, '') AS reason,
	i.created_by, i.created_at, i.rev AS revision
FROM (SELECT 1) one LEFT JOIN t ON true LEFT JOIN i ON true;

-- name: binding_delete :one
-- in: id text, if_rev int8
-- out: outcome text, pointer text?, detail text?, key int4?, id text?, subject text?, role text?, tenant text?
WITH b AS (SELECT id, rev, tenant_key FROM binding WHERE id = $1 FOR UPDATE),
d AS (DELETE FROM binding WHERE id = (SELECT id FROM b) AND ($2 < 0 OR rev = $2) RETURNING *)
SELECT CASE WHEN d.id IS NOT NULL THEN 'done' WHEN b.id IS NULL THEN 'refused:not_found' ELSE 'refused:etag_mismatch' END AS outcome,
	CASE WHEN d.id IS NULL AND b.id IS NOT NULL THEN 'If-Match' END AS pointer,
	CASE WHEN d.id IS NULL AND b.id IS NOT NULL THEN 'the binding is at revision ' || b.rev END AS detail,
	b.tenant_key AS key, d.id, d.subject, d.role, (SELECT nullif(path, '') FROM tenant WHERE key = b.tenant_key) AS tenant
FROM (SELECT 1) one LEFT JOIN b ON true LEFT JOIN d ON true;
