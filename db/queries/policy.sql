-- Policies: revisions, which of them counts at its tenant, and which for a tenant.

-- name: policy_get :one
-- in: id text
-- out: id text, tenant text?, number int8, placement json, sharing json, reason text?, is_applied bool, applied_by text?, applied_at timestamptz?, created_by text, created_at timestamptz, outside int8, revision int8
SELECT p.id, nullif(t.path, '') AS tenant, p.number, p.placement, p.sharing, nullif(p.reason, '') AS reason, coalesce(c.policy_id = p.id, false) AS is_applied,
	CASE WHEN c.policy_id = p.id THEN c.applied_by END AS applied_by, CASE WHEN c.policy_id = p.id THEN c.applied_at END AS applied_at,
	p.created_by, p.created_at, (SELECT count(*) FROM placement_condition o WHERE o.policy_id = p.id) AS outside, coalesce(c.rev, 0) AS revision
FROM policy p JOIN tenant t ON t.key = p.tenant_key LEFT JOIN policy_applied c ON c.tenant_key = p.tenant_key
WHERE p.id = $1 AND t.deleted_at IS NULL;

-- name: policy_list :many
-- in: tenant text?, subtree bool, applied bool, after text, limit int8
-- out: id text, tenant text?, number int8, placement json, sharing json, reason text?, is_applied bool, applied_by text?, applied_at timestamptz?, created_by text, created_at timestamptz, revision int8, cursor text
-- sort: fields
SELECT p.id, nullif(t.path, '') AS tenant, p.number, p.placement, p.sharing, nullif(p.reason, '') AS reason, coalesce(c.policy_id = p.id, false) AS is_applied,
	CASE WHEN c.policy_id = p.id THEN c.applied_by END AS applied_by, CASE WHEN c.policy_id = p.id THEN c.applied_at END AS applied_at,
	p.created_by, p.created_at, coalesce(c.rev, 0) AS revision, p.id AS cursor
FROM policy p JOIN tenant t ON t.key = p.tenant_key LEFT JOIN policy_applied c ON c.tenant_key = p.tenant_key
WHERE t.deleted_at IS NULL AND p.id > $4
	AND ($1::text IS NULL OR (t.depth > 0 AND (t.path = $1 OR t.id = $1))
		OR ($2 AND starts_with(t.path, (SELECT r.path FROM tenant r WHERE (r.path = $1 OR r.id = $1) AND r.deleted_at IS NULL AND r.depth > 0) || '/')))
	AND (NOT $3 OR c.policy_id = p.id)
ORDER BY p.id LIMIT $5;

-- name: policy_create :one
-- in: id text, tenant text?, placement text, sharing text, priority text?, reason text, created_by text
-- out: outcome text, pointer text?, detail text?, key int4?, id text?, tenant text?, number int8?, placement json?, sharing json?, reason text?, is_applied bool, created_by text?, created_at timestamptz?, revision int8
WITH t AS (SELECT key, path FROM tenant WHERE deleted_at IS NULL AND (($2::text IS NULL AND depth = 0) OR (depth > 0 AND (id = $2 OR path = $2))) FOR KEY SHARE),
q AS (SELECT $5::text IS NULL OR EXISTS (SELECT FROM priority WHERE name = $5) AS is_known),
i AS (
	INSERT INTO policy (id, tenant_key, number, placement, sharing, reason, created_by)
	SELECT $1, t.key, (SELECT coalesce(max(p.number), 0) + 1 FROM policy p WHERE p.tenant_key = t.key), $3, $4, $6, $7 FROM t, q WHERE q.is_known
	RETURNING *
)
SELECT CASE WHEN i.id IS NOT NULL THEN 'done' WHEN t.key IS NULL THEN 'refused:unknown_tenant' ELSE 'refused:unknown_priority' END AS outcome,
	CASE WHEN i.id IS NOT NULL THEN NULL WHEN t.key IS NULL THEN '#/tenant' ELSE '#/sharing/priority' END AS pointer,
	CASE WHEN i.id IS NOT NULL THEN NULL WHEN t.key IS NULL THEN 'there is no tenant ' || $2 ELSE 'there is no priority ' || $5 END AS detail,
	t.key, i.id, nullif(t.path, '') AS tenant, i.number, i.placement, i.sharing, nullif(i.reason, '') AS reason, false AS is_applied, i.created_by, i.created_at,
	coalesce((SELECT c.rev FROM policy_applied c WHERE c.tenant_key = t.key), 0) AS revision
FROM (SELECT 1) one LEFT JOIN t ON true LEFT JOIN i ON true;

-- name: policy_apply :one
-- in: id text, applied_by text, if_rev int8, rev_offset int8
-- out: outcome text, pointer text?, detail text?, key int4?, id text?, tenant text?, number int8?, placement json?, sharing json?, reason text?, is_applied bool, applied_by text?, applied_at timestamptz?, created_by text?, created_at timestamptz?, revision int8?
WITH h AS (SELECT n FROM chain WHERE id = 'g'),
p AS (SELECT p.*, t.path FROM policy p JOIN tenant t ON t.key = p.tenant_key WHERE p.id = $1 AND t.deleted_at IS NULL),
o AS (SELECT coalesce((SELECT c.rev FROM policy_applied c JOIN p ON p.tenant_key = c.tenant_key), 0) AS rev),
i AS (
	INSERT INTO policy_applied AS c (tenant_key, policy_id, applied_by, rev) SELECT p.tenant_key, p.id, $2, h.n + $4 FROM p, h, o WHERE $3 < 0 OR o.rev = $3
	ON CONFLICT (tenant_key) DO UPDATE SET policy_id = excluded.policy_id, applied_by = excluded.applied_by, applied_at = excluded.applied_at, rev = excluded.rev
	RETURNING *
),
-- When it began to count, and the one before it ended.
past AS (UPDATE policy_past SET until_at = clock_timestamp() WHERE tenant_key = (SELECT tenant_key FROM i) AND until_at IS NULL),
next AS (INSERT INTO policy_past (tenant_key, policy_id, from_at) SELECT tenant_key, policy_id, clock_timestamp() FROM i)
SELECT CASE WHEN i.policy_id IS NOT NULL THEN 'done' WHEN p.id IS NULL THEN 'refused:not_found' ELSE 'refused:etag_mismatch' END AS outcome,
	CASE WHEN i.policy_id IS NULL AND p.id IS NOT NULL THEN 'If-Match' END AS pointer,
	CASE WHEN i.policy_id IS NULL AND p.id IS NOT NULL THEN 'what is applied at the tenant is at revision ' || o.rev END AS detail,
	p.tenant_key AS key, p.id, nullif(p.path, '') AS tenant, p.number, p.placement, p.sharing, nullif(p.reason, '') AS reason, i.policy_id IS NOT NULL AS is_applied,
	i.applied_by, i.applied_at, p.created_by, p.created_at, i.rev AS revision
FROM o LEFT JOIN p ON true LEFT JOIN i ON true;

-- Its own, or the nearest above it.
-- name: policy_effective :one
-- in: id text
-- out: id text, tenant text?, number int8, placement json, sharing json, reason text?, is_applied bool, applied_by text, applied_at timestamptz, created_by text, created_at timestamptz, revision int8
WITH RECURSIVE up AS (
	SELECT key, parent_key, depth, path FROM tenant WHERE id = $1 AND deleted_at IS NULL
	UNION ALL
	SELECT t.key, t.parent_key, t.depth, t.path FROM tenant t JOIN up ON t.key = up.parent_key
)
SELECT p.id, nullif(up.path, '') AS tenant, p.number, p.placement, p.sharing, nullif(p.reason, '') AS reason, true AS is_applied, c.applied_by, c.applied_at,
	p.created_by, p.created_at, c.rev AS revision
FROM up JOIN policy_applied c ON c.tenant_key = up.key JOIN policy p ON p.id = c.policy_id
ORDER BY up.depth DESC LIMIT 1;

-- Those that count, for the placer.
-- name: load_policies :many
-- out: tenant_key int4, placement text, sharing text
SELECT c.tenant_key, p.placement, p.sharing FROM policy_applied c JOIN policy p ON p.id = c.policy_id ORDER BY c.tenant_key;

-- What a revision says, for who works out what it would do.
-- name: policy_terms :one
-- in: id text
-- out: id text, tenant_key int4, tenant text, placement text, sharing text
SELECT p.id, p.tenant_key, t.path AS tenant, p.placement, p.sharing FROM policy p JOIN tenant t ON t.key = p.tenant_key WHERE p.id = $1 AND t.deleted_at IS NULL;

-- The newest apply: when it moves, what runs is swept.
-- name: policy_head :one
-- out: rev int8
SELECT coalesce(max(rev), 0) AS rev FROM policy_applied;

-- A page of all that is placed, in the order of ids: what stands outside its policy is noted, what does not any more is not. Notes of
-- what ended go with the page they stand on.
-- name: policy_sweep :one
-- in: after text, limit int8
-- out: last text, seen int8, found int8
WITH page AS (
	SELECT id, tenant_key, granted_at, request FROM placement WHERE ended_at IS NULL AND granted_at IS NOT NULL AND id > $1 ORDER BY id LIMIT $2
),
outside AS MATERIALIZED (
	SELECT page.id, page.tenant_key, o.policy_id, o.fields, o.since FROM page CROSS JOIN LATERAL policy_outside(page.tenant_key, page.granted_at, page.request) o
),
noted AS (
	INSERT INTO placement_condition (placement_id, tenant_key, type, policy_id, fields, since)
	SELECT id, tenant_key, 'outside_policy', policy_id, fields, since FROM outside
	ON CONFLICT (placement_id, type) DO UPDATE SET tenant_key = excluded.tenant_key, policy_id = excluded.policy_id, fields = excluded.fields, since = excluded.since
),
size AS (SELECT count(*) AS n, coalesce(max(id), $1) AS last FROM page),
gone AS (
	DELETE FROM placement_condition c
	WHERE c.placement_id > $1 AND (c.placement_id <= (SELECT last FROM size) OR (SELECT n FROM size) < $2)
		AND NOT EXISTS (SELECT FROM outside o WHERE o.id = c.placement_id)
)
SELECT last, n AS seen, (SELECT count(*) FROM outside) AS found FROM size;
