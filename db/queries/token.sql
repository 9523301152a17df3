-- Bearer tokens.

-- A token and, behind it, the one it was made with, and so on to the first: what it may do, all of them must allow. Lists are
-- joined by line ends. The person stands first among the subjects of a maker; of the groups those count that they are still in.
-- name: token_chain :many
-- in: id text, place int4
-- out: place int4, id text, name text, hash bytea, role text, tenant_key int4, tenant text, subject text?, groups text, cidrs text, maker_subjects text?, expires_at timestamptz, last_used_at timestamptz?, is_revoked bool, is_void bool
WITH RECURSIVE up AS (
	SELECT k.*, $2 AS place FROM token k WHERE k.id = $1
	UNION ALL
	SELECT m.*, up.place + 1 FROM up JOIN token m ON m.id = up.maker_token WHERE up.place < $2 + 64
)
SELECT up.place, up.id, up.name, up.hash, up.role, up.tenant_key, t.path AS tenant, up.subject, array_to_string(groups_now(up.subject, up.groups), E'\n') AS groups,
	array_to_string(up.cidrs, E'\n') AS cidrs, array_to_string(groups_now(up.maker_subjects[1], up.maker_subjects), E'\n') AS maker_subjects, up.expires_at, up.last_used_at,
	up.revoked_at IS NOT NULL AND (up.place = 0 OR NOT up.made_stay) AS is_revoked, t.deleted_at IS NOT NULL AS is_void
FROM up JOIN tenant t ON t.key = up.tenant_key
ORDER BY up.place;

-- name: token_get :one
-- in: id text
-- out: id text, name text, subject text?, role text, tenant text?, cidrs json, created_by text, created_at timestamptz, expires_at timestamptz, last_used_at timestamptz?, revoked_at timestamptz?
SELECT k.id, k.name, k.subject, k.role, nullif(t.path, '') AS tenant, to_json(k.cidrs) AS cidrs, k.created_by, k.created_at, k.expires_at, k.last_used_at, k.revoked_at
FROM token k LEFT JOIN tenant t ON t.key = k.tenant_key
WHERE k.id = $1;

-- unused_for_s asks for tokens that still count and were not used for so long.
-- name: token_list :many
-- in: tenant text?, subtree bool, subject text?, unused_for_s int8?, after text, limit int8
-- out: id text, name text, subject text?, role text, tenant text?, cidrs json, created_by text, created_at timestamptz, expires_at timestamptz, last_used_at timestamptz?, revoked_at timestamptz?, cursor text
-- sort: fields
SELECT k.id, k.name, k.subject, k.role, nullif(t.path, '') AS tenant, to_json(k.cidrs) AS cidrs, k.created_by, k.created_at, k.expires_at, k.last_used_at, k.revoked_at, k.id AS cursor
FROM token k LEFT JOIN tenant t ON t.key = k.tenant_key
WHERE k.id > $5
	AND ($1::text IS NULL OR (t.depth > 0 AND (t.path = $1 OR t.id = $1))
		OR ($2 AND starts_with(t.path, (SELECT r.path FROM tenant r WHERE (r.path = $1 OR r.id = $1) AND r.deleted_at IS NULL AND r.depth > 0) || '/')))
	AND ($3::text IS NULL OR k.subject = $3)
	AND ($4::int8 IS NULL OR (k.revoked_at IS NULL AND k.expires_at > now()
		AND coalesce(k.last_used_at, k.created_at) < now() - make_interval(secs => $4)))
ORDER BY k.id LIMIT $6;

-- One's own: of a subject those that stand for it; of a credential without one itself and those made with it.
-- name: own_token_get :one
-- in: id text, subject text?, credential text
-- out: id text, name text, subject text?, role text, tenant text?, cidrs json, created_by text, created_at timestamptz, expires_at timestamptz, last_used_at timestamptz?, revoked_at timestamptz?
SELECT k.id, k.name, k.subject, k.role, nullif(t.path, '') AS tenant, to_json(k.cidrs) AS cidrs, k.created_by, k.created_at, k.expires_at, k.last_used_at, k.revoked_at
FROM token k LEFT JOIN tenant t ON t.key = k.tenant_key
WHERE k.id = $1 AND (k.subject = $2 OR ($2::text IS NULL AND $3 IN (k.maker_token, k.id)));

-- name: own_token_list :many
-- in: subject text?, credential text, unused_for_s int8?, after text, limit int8
-- out: id text, name text, subject text?, role text, tenant text?, cidrs json, created_by text, created_at timestamptz, expires_at timestamptz, last_used_at timestamptz?, revoked_at timestamptz?, cursor text
SELECT k.id, k.name, k.subject, k.role, nullif(t.path, '') AS tenant, to_json(k.cidrs) AS cidrs, k.created_by, k.created_at, k.expires_at, k.last_used_at, k.revoked_at, k.id AS cursor
FROM (SELECT * FROM token WHERE subject = $1 UNION ALL SELECT * FROM token WHERE $1::text IS NULL AND (maker_token = $2 OR id = $2)) k LEFT JOIN tenant t ON t.key = k.tenant_key
WHERE k.id > $4 AND ($3::int8 IS NULL OR (k.revoked_at IS NULL AND k.expires_at > now() AND coalesce(k.last_used_at, k.created_at) < now() - make_interval(secs => $3)))
ORDER BY k.id LIMIT $5;

-- name: token_create :one
-- in: id text, name text, hash bytea, role text, tenant text?, subject text?, groups text[], cidrs text[], maker_token text?, maker_subjects text[]?, generation int8, ttl_s int8, created_by text, rev_offset int8
-- out: outcome text, pointer text?, detail text?, key int4?, id text?, name text?, subject text?, role text?, tenant text?, cidrs json?, created_by text?, created_at timestamptz?, expires_at timestamptz?
WITH h AS (SELECT n FROM chain WHERE id = 'g'),
t AS (SELECT key, path FROM tenant WHERE deleted_at IS NULL AND (($5::text IS NULL AND depth = 0) OR (depth > 0 AND (id = $5 OR path = $5))) FOR KEY SHARE),
i AS (
	INSERT INTO token (id, name, hash, role, tenant_key, subject, groups, cidrs, maker_token, maker_subjects, generation, created_by, expires_at, rev)
	SELECT $1, $2, $3, $4, t.key, $6, $7, $8, $9, $10, $11::int4, $13, now() + make_interval(secs => $12), h.n + $14 FROM t, h
	RETURNING *
)
SELECT CASE WHEN i.id IS NOT NULL THEN 'done' ELSE 'refused:unknown_tenant' END AS outcome,
	CASE WHEN i.id IS NULL THEN '#/tenant' END AS pointer, CASE WHEN i.id IS NULL THEN 'there is no tenant ' || $5 END AS detail,
	t.key, i.id, i.name, i.subject, i.role, nullif(t.path, '') AS tenant, to_json(i.cidrs) AS cidrs, i.created_by, i.created_at, i.expires_at
FROM (SELECT 1) one LEFT JOIN t ON true LEFT JOIN i ON true;

-- name: token_revoke :one
-- in: id text, keep_made bool, rev_offset int8
-- out: outcome text, key int4?, id text?, tenant text?
WITH h AS (SELECT n FROM chain WHERE id = 'g'),
u AS (UPDATE token SET revoked_at = coalesce(revoked_at, now()), made_stay = $2 AND (revoked_at IS NULL OR made_stay), rev = (SELECT n FROM h) + $3 WHERE id = $1 RETURNING id, tenant_key)
SELECT CASE WHEN u.id IS NOT NULL THEN 'done' ELSE 'refused:not_found' END AS outcome, u.tenant_key AS key, u.id,
	(SELECT nullif(path, '') FROM tenant WHERE key = u.tenant_key) AS tenant
FROM (SELECT 1) one LEFT JOIN u ON true;

-- name: token_touch :exec
-- in: id text
UPDATE token SET last_used_at = now() WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < now() - interval '5 minutes');

-- name: token_count :one
-- out: n int8
SELECT count(*) AS n FROM token;
