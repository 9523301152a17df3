-- Placements as clients see them, and the door to the placer. Before its first decision a placement stands in the inbox.

-- name: inbox_place :one
-- in: ids text[], tenant_keys int4[], bodies text[], actor text, request_id text, key text?, fingerprint bytea, status int8, answer text
-- out: outcome text, fingerprint bytea?, status int8?, answer text?
WITH seen AS (SELECT fingerprint, status, answer FROM op_key WHERE actor = $4 AND key = $6),
k AS (
	INSERT INTO op_key (actor, key, fingerprint, status, answer)
	SELECT $4, $6, $7, $8, $9 WHERE $6::text IS NOT NULL AND NOT EXISTS (SELECT FROM seen)
	ON CONFLICT (actor, key) DO NOTHING RETURNING 1
),
i AS (
	INSERT INTO inbox (kind, object_id, tenant_key, actor, request_id, body)
	SELECT 'place', x.id, x.tenant_key, $4, $5, x.body
	FROM unnest($1::text[], $2::int4[], $3::text[]) WITH ORDINALITY AS x(id, tenant_key, body, n)
	WHERE ($6::text IS NULL OR EXISTS (SELECT FROM k)) AND NOT EXISTS (SELECT FROM placement p WHERE p.id = x.id)
	ORDER BY x.n
	ON CONFLICT (object_id) WHERE kind = 'place' DO NOTHING
)
SELECT CASE WHEN $6::text IS NULL OR EXISTS (SELECT FROM k) THEN 'done' WHEN EXISTS (SELECT FROM seen) THEN 'replay' ELSE 'again' END AS outcome,
	s.fingerprint, s.status::int8 AS status, s.answer
FROM (SELECT 1) one LEFT JOIN seen s ON true;

-- Released by whoever sees it: the row is looked up under the caller's scope.
-- name: inbox_release :one
-- in: id text, actor text, request_id text, reason text
-- out: outcome text
WITH p AS (
	SELECT tenant_key, ended_at IS NOT NULL AS is_over FROM placement WHERE id = $1
	UNION ALL
	SELECT tenant_key, false FROM inbox WHERE kind = 'place' AND object_id = $1
	LIMIT 1
),
i AS (
	INSERT INTO inbox (kind, object_id, tenant_key, actor, request_id, body)
	SELECT 'release', $1, p.tenant_key, $2, $3, $4 FROM p WHERE NOT p.is_over
)
SELECT CASE WHEN p.tenant_key IS NULL THEN 'refused:not_found' ELSE 'done' END AS outcome
FROM (SELECT 1) one LEFT JOIN p ON true;

-- name: placement_get :one
-- in: id text
-- out: id text, tenant text, name text?, origin text, state text, fence text?, cluster text?, revision text?, placed json, blockers json, position int8?, reason text?, request json, created_at timestamptz, granted_at timestamptz?, running_at timestamptz?, ended_at timestamptz?
SELECT p.id, t.path AS tenant, nullif(p.name, '') AS name, p.origin, p.state, p.fence_incarnation || '.' || p.fence_no AS fence, c.name AS cluster, 'p' || p.rev AS revision,
	p.placed, p.blockers,
	CASE WHEN p.state = 'pending' THEN (SELECT count(*) + 1 FROM placement o WHERE o.ended_at IS NULL AND o.state = 'pending' AND o.seq < p.seq) END AS position,
	nullif(p.reason, '') AS reason, p.request, p.created_at, p.granted_at, p.running_at, p.ended_at
FROM placement p JOIN tenant t ON t.key = p.tenant_key LEFT JOIN cluster c ON c.key = p.cluster_key
WHERE p.id = $1
UNION ALL
SELECT i.object_id, t.path, NULL, 'api', 'pending', NULL, NULL, NULL, '[]', '[]', NULL, NULL, i.body, i.at, NULL, NULL, NULL
FROM inbox i JOIN tenant t ON t.key = i.tenant_key
WHERE i.kind = 'place' AND i.object_id = $1 AND NOT EXISTS (SELECT FROM placement p WHERE p.id = $1)
LIMIT 1;

-- name: placement_list :many
-- in: tenant text?, subtree bool, state text[]?, cluster text?, after text, limit int8
-- out: id text, tenant text, name text?, origin text, state text, fence text?, cluster text?, revision text?, placed json, blockers json, reason text?, created_at timestamptz, granted_at timestamptz?, running_at timestamptz?, ended_at timestamptz?, cursor text
WITH tree AS (
	SELECT t.key FROM tenant t
	WHERE t.path = $1 OR t.id = $1 OR ($2 AND starts_with(t.path, (SELECT r.path FROM tenant r WHERE (r.path = $1 OR r.id = $1) AND r.deleted_at IS NULL) || '/'))
),
site AS (SELECT key FROM cluster WHERE name = $4 OR id = $4)
SELECT * FROM (
	SELECT p.id, t.path AS tenant, nullif(p.name, '') AS name, p.origin, p.state, p.fence_incarnation || '.' || p.fence_no AS fence, c.name AS cluster,
		'p' || p.rev AS revision, p.placed, p.blockers, nullif(p.reason, '') AS reason, p.created_at, p.granted_at, p.running_at, p.ended_at, p.id AS cursor
	FROM (
		(SELECT q.* FROM placement q
			WHERE $1::text IS NULL AND q.id > $5 AND ($3::text[] IS NULL OR q.state = ANY ($3)) AND ($4::text IS NULL OR q.cluster_key = (SELECT key FROM site))
			ORDER BY q.id LIMIT $6)
		UNION ALL
		SELECT q.* FROM tree CROSS JOIN LATERAL (SELECT o.* FROM placement o
			WHERE $1::text IS NOT NULL AND o.tenant_key = tree.key AND o.id > $5 AND ($3::text[] IS NULL OR o.state = ANY ($3)) AND ($4::text IS NULL OR o.cluster_key = (SELECT key FROM site))
			ORDER BY o.tenant_key, o.id LIMIT $6) q
	) p JOIN tenant t ON t.key = p.tenant_key LEFT JOIN cluster c ON c.key = p.cluster_key
	UNION ALL
	(SELECT i.object_id, t.path, NULL, 'api', 'pending', NULL, NULL, NULL, '[]', '[]', NULL, i.at, NULL, NULL, NULL, i.object_id
	FROM inbox i JOIN tenant t ON t.key = i.tenant_key
	WHERE i.kind = 'place' AND i.object_id > $5 AND ($3::text[] IS NULL OR 'pending' = ANY ($3)) AND $4::text IS NULL
		AND ($1::text IS NULL OR i.tenant_key IN (SELECT key FROM tree))
		AND NOT EXISTS (SELECT FROM placement p WHERE p.id = i.object_id)
	ORDER BY i.object_id LIMIT $6)
) x
ORDER BY x.id
LIMIT $6;

-- name: tenant_keys_of :many
-- in: refs text[]
-- out: ref text, key int4?, path text?
SELECT r.ref, t.key, t.path
FROM unnest($1::text[]) AS r(ref) LEFT JOIN tenant t ON (t.id = r.ref OR t.path = r.ref) AND t.deleted_at IS NULL AND t.depth > 0;

-- The same for those of a batch, in any order.
-- name: placements_of :many
-- in: ids text[]
-- out: id text, tenant text, name text?, origin text, state text, fence text?, cluster text?, revision text?, placed json, blockers json, reason text?, request json, created_at timestamptz, granted_at timestamptz?, running_at timestamptz?, ended_at timestamptz?
SELECT p.id, t.path AS tenant, nullif(p.name, '') AS name, p.origin, p.state, p.fence_incarnation || '.' || p.fence_no AS fence, c.name AS cluster, 'p' || p.rev AS revision,
	p.placed, p.blockers, nullif(p.reason, '') AS reason, p.request, p.created_at, p.granted_at, p.running_at, p.ended_at
FROM placement p JOIN tenant t ON t.key = p.tenant_key LEFT JOIN cluster c ON c.key = p.cluster_key
WHERE p.id = ANY ($1)
UNION ALL
SELECT i.object_id, t.path, NULL, 'api', 'pending', NULL, NULL, NULL, '[]', '[]', NULL, i.body, i.at, NULL, NULL, NULL
FROM inbox i JOIN tenant t ON t.key = i.tenant_key
WHERE i.kind = 'place' AND i.object_id = ANY ($1) AND NOT EXISTS (SELECT FROM placement p WHERE p.id = i.object_id);
