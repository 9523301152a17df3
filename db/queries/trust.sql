-- Pipelines that are trusted, and the tokens they are given.

-- name: trust_get :one
-- in: id text
-- out: id text, name text, issuer text, audience text, match json, grants json, ttl_s int8, reason text?, tenant text?, created_by text, created_at timestamptz, last_used_at timestamptz?, revision int8
SELECT k.id, k.name, k.issuer, k.audience, k.match,
	(SELECT json_agg(json_strip_nulls(json_build_object('role', k.roles[i], 'tenant', nullif(g.path, ''))) ORDER BY i)
		FROM generate_subscripts(k.grant_keys, 1) i JOIN tenant g ON g.key = k.grant_keys[i]) AS grants,
	k.ttl_s::int8 AS ttl_s, nullif(k.reason, '') AS reason, nullif(t.path, '') AS tenant, k.created_by, k.created_at, k.last_used_at, k.rev AS revision
FROM trust k JOIN tenant t ON t.key = k.tenant_key
WHERE k.id = $1 AND k.deleted_at IS NULL;

-- name: trust_list :many
-- in: after text, limit int8
-- out: id text, name text, issuer text, audience text, match json, grants json, ttl_s int8, reason text?, tenant text?, created_by text, created_at timestamptz, last_used_at timestamptz?, revision int8, cursor text
-- sort: fields
SELECT k.id, k.name, k.issuer, k.audience, k.match,
	(SELECT json_agg(json_strip_nulls(json_build_object('role', k.roles[i], 'tenant', nullif(g.path, ''))) ORDER BY i)
		FROM generate_subscripts(k.grant_keys, 1) i JOIN tenant g ON g.key = k.grant_keys[i]) AS grants,
	k.ttl_s::int8 AS ttl_s, nullif(k.reason, '') AS reason, nullif(t.path, '') AS tenant, k.created_by, k.created_at, k.last_used_at, k.rev AS revision,
	k.id AS cursor
FROM trust k JOIN tenant t ON t.key = k.tenant_key
WHERE k.deleted_at IS NULL AND k.id > $1
ORDER BY k.id LIMIT $2;

-- home is the path of the lowest tenant above all grants.
-- name: trust_create :one
-- in: id text, name text, issuer text, audience text, match json, roles text[], grant_keys int4[], ttl_s int8, reason text, home text, maker_token text?, maker_subjects text[]?, created_by text, rev_offset int8
-- out: outcome text, pointer text?, detail text?, key int4?, id text?, name text?, issuer text?, audience text?, match json?, grants json?, ttl_s int8, reason text?, tenant text?, created_by text?, created_at timestamptz?, revision int8?
WITH h AS (SELECT n FROM chain WHERE id = 'g'),
t AS (SELECT key, path FROM tenant WHERE deleted_at IS NULL AND path = $10 FOR KEY SHARE),
twin AS (SELECT k.id FROM trust k JOIN t ON t.key = k.tenant_key WHERE k.name = $2 AND k.deleted_at IS NULL),
i AS (
	INSERT INTO trust (id, name, issuer, audience, match, roles, grant_keys, ttl_s, reason, tenant_key, maker_token, maker_subjects, created_by, rev)
	SELECT $1, $2, $3, $4, $5, $6, $7, $8::int4, $9, t.key, $11, $12, $13, h.n + $14 FROM t, h WHERE NOT EXISTS (SELECT FROM twin)
	RETURNING *
)
SELECT CASE WHEN i.id IS NOT NULL THEN 'done' WHEN t.key IS NULL THEN 'refused:escalation_denied' ELSE 'refused:conflict' END AS outcome,
	CASE WHEN i.id IS NOT NULL THEN NULL WHEN t.key IS NULL THEN '#/grants' ELSE '#/name' END AS pointer,
	CASE WHEN i.id IS NOT NULL THEN NULL WHEN t.key IS NULL THEN 'the caller holds no tenant above all of the grants: make a trust for each'
		ELSE 'there is a trust called ' || $2 || ': ' || (SELECT twin.id FROM twin) END AS detail,
	t.key, i.id, i.name, i.issuer, i.audience, i.match,
	(SELECT json_agg(json_strip_nulls(json_build_object('role', i.roles[n], 'tenant', nullif(g.path, ''))) ORDER BY n)
		FROM generate_subscripts(i.grant_keys, 1) n JOIN tenant g ON g.key = i.grant_keys[n]) AS grants,
	$8 AS ttl_s, nullif(i.reason, '') AS reason, nullif(t.path, '') AS tenant, i.created_by, i.created_at, i.rev AS revision
FROM (SELECT 1) one LEFT JOIN t ON true LEFT JOIN i ON true;

-- name: trust_delete :one
-- in: id text, if_rev int8, rev_offset int8
-- out: outcome text, pointer text?, detail text?, key int4?, id text?, name text?, tenant text?
WITH h AS (SELECT n FROM chain WHERE id = 'g'),
k AS (SELECT id, rev, tenant_key FROM trust WHERE id = $1 AND deleted_at IS NULL),
u AS (
	UPDATE trust SET deleted_at = now(), rev = (SELECT n FROM h) + $3
	WHERE id = (SELECT id FROM k) AND deleted_at IS NULL AND ($2 < 0 OR rev = $2)
	RETURNING id, name
)
SELECT CASE WHEN u.id IS NOT NULL THEN 'done' WHEN k.id IS NULL THEN 'refused:not_found' ELSE 'refused:etag_mismatch' END AS outcome,
	CASE WHEN u.id IS NULL AND k.id IS NOT NULL THEN 'If-Match' END AS pointer,
	CASE WHEN u.id IS NULL AND k.id IS NOT NULL THEN 'the trust is at revision ' || k.rev END AS detail,
	k.tenant_key AS key, u.id, u.name, (SELECT nullif(path, '') FROM tenant WHERE key = k.tenant_key) AS tenant
FROM (SELECT 1) one LEFT JOIN k ON true LEFT JOIN u ON true;

-- Those that may take a token of the issuer with these ids (trust_anchors). One row without any when there are none; is_known: others of
-- the issuer are there.
-- name: trust_of_issuer :many
-- in: issuer text, anchors text[]
-- out: is_known bool, id text?, name text?, audience text?, match json?, tenant_key int4?, tenant text?
SELECT one.is_known, c.id, c.name, c.audience, c.match, c.tenant_key, c.tenant
FROM (SELECT EXISTS (SELECT FROM trust k JOIN tenant t ON t.key = k.tenant_key WHERE k.issuer = $1 AND k.deleted_at IS NULL AND t.deleted_at IS NULL) AS is_known) one
LEFT JOIN LATERAL (
	SELECT k.id, k.name, k.audience, k.match, k.tenant_key, t.path AS tenant
	FROM trust k JOIN tenant t ON t.key = k.tenant_key
	WHERE k.issuer = $1 AND k.anchors && $2 AND k.deleted_at IS NULL AND t.deleted_at IS NULL
	ORDER BY k.id LIMIT 1000
) c ON true;

-- name: identity_was_used :one
-- in: issuer text, jti text
-- out: expires_at timestamptz
SELECT expires_at FROM identity_used WHERE issuer = $1 AND jti = $2;

-- A number is used up only by a token that is given.
-- name: ci_token_create :one
-- in: id text, hash bytea, trust_id text, issuer text, jti text, jti_until timestamptz, summary text, role text?, scope text?, rev_offset int8
-- out: outcome text, pointer text?, detail text?, key int4?, id text?, tenant text?, scope text?, ttl_s int8
WITH k AS (
	SELECT k.*, t.path FROM trust k JOIN tenant t ON t.key = k.tenant_key WHERE k.id = $3 AND k.deleted_at IS NULL AND t.deleted_at IS NULL AND $10 > 0
),
s AS (SELECT key, path FROM tenant WHERE deleted_at IS NULL AND depth > 0 AND (path = $9 OR id = $9)),
g AS (
	SELECT k.roles[i] AS role, CASE WHEN s.key IS NULL OR starts_with(x.path, s.path || '/') THEN x.path ELSE s.path END AS path
	FROM k CROSS JOIN generate_subscripts(k.grant_keys, 1) i JOIN tenant x ON x.key = k.grant_keys[i] AND x.deleted_at IS NULL LEFT JOIN s ON true
	WHERE ($8::text IS NULL OR k.roles[i] = $8)
		AND ($9::text IS NULL OR (s.key IS NOT NULL AND (x.path = '' OR x.path = s.path OR starts_with(s.path, x.path || '/') OR starts_with(x.path, s.path || '/'))))
),
j AS (
	INSERT INTO identity_used (issuer, jti, expires_at) SELECT $4, $5, $6 FROM k WHERE EXISTS (SELECT FROM g)
	ON CONFLICT DO NOTHING RETURNING 1
),
i AS (
	INSERT INTO ci_token (id, hash, trust_id, tenant_key, summary, role, scope_key, expires_at)
	SELECT $1, $2, $3, k.tenant_key, $7, $8, (SELECT key FROM s), now() + make_interval(secs => k.ttl_s) FROM k WHERE EXISTS (SELECT FROM j)
	RETURNING id
),
u AS (
	UPDATE trust SET last_used_at = now()
	WHERE id = $3 AND EXISTS (SELECT FROM i) AND (last_used_at IS NULL OR last_used_at < now() - interval '5 minutes')
)
SELECT CASE WHEN i.id IS NOT NULL THEN 'done' WHEN k.id IS NOT NULL AND NOT EXISTS (SELECT FROM g) THEN 'refused:bad_parameter'
		ELSE 'refused:identity_refused' END AS outcome,
	CASE WHEN i.id IS NOT NULL THEN NULL WHEN k.id IS NULL THEN 'iss' WHEN NOT EXISTS (SELECT FROM g) THEN 'scope' ELSE 'jti' END AS pointer,
	CASE WHEN i.id IS NOT NULL THEN NULL WHEN k.id IS NULL THEN 'iss is not trusted any more' WHEN NOT EXISTS (SELECT FROM g) THEN 'the trust grants nothing of that scope'
		ELSE 'jti was used before: a token is exchanged once' END AS detail,
	k.tenant_key AS key, i.id, nullif(k.path, '') AS tenant,
	(SELECT string_agg(DISTINCT CASE WHEN path = '' THEN '' ELSE 'tenant:' || path || ' ' END || 'role:' || role, ' ') FROM g) AS scope, coalesce(k.ttl_s, 0)::int8 AS ttl_s
FROM (SELECT 1) one LEFT JOIN k ON true LEFT JOIN i ON true;

-- What an exchanged token may do now: one row for each grant that is left of its trust's.
-- name: ci_token_grants :many
-- in: id text
-- out: id text, hash bytea, trust_id text, name text, expires_at timestamptz, is_ended bool, tenant_key int4, tenant text, role text, grant_key int4, grant_path text, maker_token text?, maker_subjects text?
SELECT c.id, c.hash, c.trust_id, k.name, c.expires_at, k.deleted_at IS NOT NULL OR t.deleted_at IS NOT NULL AS is_ended, c.tenant_key, t.path AS tenant,
	k.roles[i] AS role, CASE WHEN s.key IS NULL OR starts_with(x.path, s.path || '/') THEN x.key ELSE s.key END AS grant_key,
	CASE WHEN s.key IS NULL OR starts_with(x.path, s.path || '/') THEN x.path ELSE s.path END AS grant_path,
	k.maker_token, array_to_string(groups_now(k.maker_subjects[1], k.maker_subjects), E'\n') AS maker_subjects
FROM ci_token c JOIN trust k ON k.id = c.trust_id JOIN tenant t ON t.key = c.tenant_key
	CROSS JOIN generate_subscripts(k.grant_keys, 1) i JOIN tenant x ON x.key = k.grant_keys[i] AND x.deleted_at IS NULL
	LEFT JOIN tenant s ON s.key = c.scope_key AND s.deleted_at IS NULL
WHERE c.id = $1 AND (c.role IS NULL OR k.roles[i] = c.role)
	AND (c.scope_key IS NULL OR (s.key IS NOT NULL AND (x.path = '' OR x.path = s.path OR starts_with(s.path, x.path || '/') OR starts_with(x.path, s.path || '/'))));

-- name: identity_purge :one
-- in: limit int8
-- out: deleted int8
WITH c AS (DELETE FROM ci_token WHERE id IN (SELECT id FROM ci_token WHERE expires_at < now() - interval '1 day' LIMIT $1) RETURNING 1),
j AS (DELETE FROM identity_used WHERE (issuer, jti) IN (SELECT issuer, jti FROM identity_used WHERE expires_at < now() LIMIT $1) RETURNING 1),
s AS (DELETE FROM session WHERE id IN (SELECT id FROM session WHERE expires_at < now() - interval '1 day' LIMIT $1) RETURNING 1)
SELECT (SELECT count(*) FROM c) + (SELECT count(*) FROM j) + (SELECT count(*) FROM s) AS deleted;
