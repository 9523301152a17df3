-- Placements as clients see them, and the door to the placer. Before its first decision a placement stands in the inbox.

-- Many requests' placements at once, without keys, in their order; harmless to repeat (server/edge/intake.h): a row that was decided on
-- before is passed over by the placer (inbox_next).
-- name: inbox_store :exec
-- in: ids text[], tenant_keys int4[], bodies text[], actors text[], request_ids text[]
INSERT INTO inbox (kind, object_id, tenant_key, actor, request_id, body)
SELECT 'place', unnest($1::text[]), unnest($2::int4[]), unnest($4::text[]), unnest($5::text[]), unnest($3::text[])
ON CONFLICT (object_id) WHERE kind = 'place' DO NOTHING;

-- One request's placements and its key.
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
-- in: id text, actor text, request_id text, reason text, key text?, fingerprint bytea, status int8
-- out: outcome text, fingerprint bytea?
WITH seen AS (SELECT fingerprint FROM op_key WHERE actor = $2 AND key = $5),
p AS (
	SELECT tenant_key, ended_at IS NOT NULL AS is_over FROM placement WHERE id = $1
	UNION ALL
	SELECT tenant_key, false FROM inbox WHERE kind = 'place' AND object_id = $1
	LIMIT 1
),
k AS (
	INSERT INTO op_key (actor, key, fingerprint, status, answer)
	SELECT $2, $5, $6, $7, $1 FROM p WHERE $5::text IS NOT NULL AND NOT EXISTS (SELECT FROM seen)
	ON CONFLICT (actor, key) DO NOTHING RETURNING 1
),
i AS (
	INSERT INTO inbox (kind, object_id, tenant_key, actor, request_id, body)
	SELECT 'release', $1, p.tenant_key, $2, $3, $4 FROM p WHERE NOT p.is_over AND ($5::text IS NULL OR EXISTS (SELECT FROM k))
)
SELECT CASE WHEN EXISTS (SELECT FROM seen) THEN 'replay' WHEN p.tenant_key IS NULL THEN 'refused:not_found'
		WHEN $5::text IS NULL OR EXISTS (SELECT FROM k) THEN 'done' ELSE 'again' END AS outcome,
	(SELECT fingerprint FROM seen) AS fingerprint
FROM (SELECT 1) one LEFT JOIN p ON true;

-- The position is what the placer wrote down last, so that it means the same to whoever reads it: a count under somebody's scope
-- would be of what that one sees.
-- name: placement_get :one
-- in: id text
-- out: id text, tenant text, name text?, origin text, state text, fence text?, cluster text?, revision text?, placed json, blockers json, position int8?, reason text?, conditions json?, request json, created_at timestamptz, granted_at timestamptz?, running_at timestamptz?, ended_at timestamptz?
SELECT p.id, t.path AS tenant, nullif(p.name, '') AS name, p.origin, p.state, p.fence_incarnation || '.' || p.fence_no AS fence, c.name AS cluster, 'p' || p.rev AS revision,
	p.placed, p.blockers,
	CASE WHEN p.state = 'pending' THEN (SELECT (d.body::json->'placement'->>'position')::int8 FROM decision d WHERE d.n = p.rev) END AS position,
	nullif(p.reason, '') AS reason,
	-- Of an attempt before this one it says nothing.
	(SELECT json_agg(json_build_object('type', o.type, 'policy', o.policy_id, 'fields', o.fields::json, 'since', time_json(o.since)))::text
		FROM placement_condition o WHERE o.placement_id = p.id AND p.ended_at IS NULL AND o.since > p.granted_at) AS conditions,
	p.request, p.created_at, p.granted_at, p.running_at, p.ended_at
FROM placement p JOIN tenant t ON t.key = p.tenant_key LEFT JOIN cluster c ON c.key = p.cluster_key
WHERE p.id = $1
UNION ALL
SELECT i.object_id, t.path, NULL, 'api', 'pending', NULL, NULL, NULL, '[]', '[]', NULL, NULL, NULL, i.body, i.at, NULL, NULL, NULL
FROM inbox i JOIN tenant t ON t.key = i.tenant_key
WHERE i.kind = 'place' AND i.object_id = $1 AND NOT EXISTS (SELECT FROM placement p WHERE p.id = $1)
LIMIT 1;

-- The same with all that stands in its way. Levels of quota, the place in the queue and the changes are the placer's words (advice).
-- name: placement_explain :one
-- in: id text
-- out: id text, tenant text, state text, reason text?, blockers json, position int8?, ahead_own json, ahead_others int8?, quota json, budgets json, capacity json, room json, changes json, as_of timestamptz?
WITH RECURSIVE p AS (
	SELECT p.id, p.tenant_key, p.state, nullif(p.reason, '') AS reason, p.blockers, p.request FROM placement p WHERE p.id = $1
	UNION ALL
	SELECT i.object_id, i.tenant_key, 'pending', NULL, '[]', i.body FROM inbox i
	WHERE i.kind = 'place' AND i.object_id = $1 AND NOT EXISTS (SELECT FROM placement p WHERE p.id = $1)
	LIMIT 1
),
up AS (
	SELECT t.key, t.parent_key, t.path, t.depth FROM p JOIN tenant t ON t.key = p.tenant_key WHERE p.state = 'pending'
	UNION ALL
	SELECT t.key, t.parent_key, t.path, t.depth FROM up JOIN tenant t ON t.key = up.parent_key
),
spending AS (
	SELECT u.path, u.depth, b.period, b.amount, gpu_milli_hours_spent(k.keys, x.begin_at) AS spent, gpu_milli_hours_committed(k.keys, x.end_at) AS committed, x.end_at
	FROM up u JOIN budget b ON b.tenant_key = u.key CROSS JOIN LATERAL (SELECT tenant_subtree(u.key) AS keys) k
	CROSS JOIN LATERAL (
		SELECT date_trunc(b.period, now(), 'UTC') AS begin_at,
			(date_trunc(b.period, now() AT TIME ZONE 'UTC') + CASE b.period WHEN 'day' THEN interval '1 day' WHEN 'week' THEN interval '7 days'
				WHEN 'month' THEN interval '1 month' ELSE interval '3 months' END) AT TIME ZONE 'UTC' AS end_at
	) x
	WHERE b.deleted_at IS NULL AND b.action = 'block_new' AND b.unit = 'gpu_hours'
),
classes AS (
	SELECT DISTINCT c.name FROM p,
		json_array_elements(coalesce(p.request::json->'groups', json_build_array(json_build_object('devices', coalesce(p.request::json->'devices', '[]'))))) g,
		json_array_elements(coalesce(g->'devices', '[]')) d, json_array_elements_text(coalesce(d->'classes', '[]')) c(name)
),
nodes AS (
	SELECT c.name AS cluster, d.class, n.health, count(*) AS devices, count(*) FILTER (WHERE d.used_slots = 0) AS idle,
		max(greatest(d.memory_mib - d.used_memory_mib, 0)) AS most
	FROM device d JOIN cluster c ON c.key = d.cluster_key JOIN node n ON n.key = d.node_key
	WHERE (SELECT p.state FROM p) = 'pending' AND d.class IN (SELECT name FROM classes) AND d.health = 'ok' AND c.deleted_at IS NULL
	GROUP BY c.name, d.class, d.node_key, n.health
),
alike AS (
	SELECT cluster, class, health, devices, idle, count(*) AS nodes, max(most) AS most,
		row_number() OVER (PARTITION BY cluster, class ORDER BY health, idle DESC, devices DESC) AS nth
	FROM nodes GROUP BY cluster, class, health, devices, idle
)
SELECT p.id, t.path AS tenant, p.state, p.reason, p.blockers, a.position, coalesce(a.ahead_own, '[]') AS ahead_own, a.ahead_others,
	coalesce(a.quota, '[]') AS quota,
	(SELECT coalesce(json_agg(json_build_object('tenant', s.path, 'period', s.period, 'amount', s.amount, 'left_milli', greatest(s.amount * 1000 - s.spent - s.committed, 0),
			'period_end', to_char(s.end_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')) ORDER BY s.depth DESC, s.end_at), '[]')::text
		FROM spending s) AS budgets,
	(SELECT coalesce(json_agg(json_build_object('cluster', x.cluster, 'class', x.class, 'nodes', x.nodes, 'devices', x.devices, 'idle_devices', x.idle,
			'free_memory_mib_most', x.most, 'alike', x.alike) ORDER BY x.cluster, x.class), '[]')::text
		FROM (
			SELECT cluster, class, sum(nodes)::int8 AS nodes, sum(nodes * devices)::int8 AS devices, sum(nodes * idle)::int8 AS idle, max(most) AS most,
				json_agg(json_build_object('nodes', nodes, 'health', health, 'devices', devices, 'idle_devices', idle, 'free_memory_mib_most', most)
					ORDER BY nth) FILTER (WHERE nth <= 16) AS alike
			FROM alike GROUP BY cluster, class
		) x) AS capacity,
	(SELECT coalesce(json_agg(json_build_object('kind', h.kind, 'cluster', c.name, 'from', to_char(h.from_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
			'until', to_char(h.until_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
			'leaving', (SELECT count(*) FROM eviction e WHERE e.by_placement_id = p.id))), '[]')::text
		FROM queue_hold h JOIN cluster c ON c.key = h.cluster_key WHERE h.placement_id = p.id AND p.state = 'pending') AS room,
	coalesce(a.changes, '[]') AS changes, a.at AS as_of
FROM p JOIN tenant t ON t.key = p.tenant_key LEFT JOIN advice a ON a.placement_id = p.id AND p.state = 'pending';

-- A page costs what it shows, however many placements there are: each branch walks an index in the order of the page and stops, and
-- of the branches the parameters pick one. Whole is the platform that names no tenant; a tenant's reader goes by tenant, for the rows
-- of others are the many. Only a rare state of many placements is searched for.
-- name: placement_list :many
-- in: tenant text?, subtree bool, state text[]?, cluster text?, after text, limit int8
-- out: id text, tenant text, name text?, origin text, state text, fence text?, cluster text?, revision text?, placed json, blockers json, reason text?, created_at timestamptz, granted_at timestamptz?, running_at timestamptz?, ended_at timestamptz?, cursor text
-- sort: back
WITH tree AS (
	SELECT t.key FROM tenant t
	WHERE ($1::text IS NULL AND current_setting('app.scope', true) <> '') OR t.path = $1 OR t.id = $1
		OR ($2 AND starts_with(t.path, (SELECT r.path FROM tenant r WHERE (r.path = $1 OR r.id = $1) AND r.deleted_at IS NULL) || '/'))
),
asked AS (
	SELECT $1::text IS NULL AND coalesce(current_setting('app.scope', true), '') = '' AS is_whole,
		coalesce(NOT $3 && '{done,failed,revoked,rejected}', false) AS is_live, coalesce($3 <@ '{pending}', false) AS is_waiting,
		ARRAY(SELECT key FROM cluster WHERE name = $4 OR id = $4) AS sites
),
page AS (
	(SELECT p.id FROM placement p
		WHERE (SELECT is_waiting FROM asked) AND p.cluster_key IS NULL AND p.ended_at IS NULL AND p.id > $5 AND $4::text IS NULL
			AND ((SELECT is_whole FROM asked) OR p.tenant_key IN (SELECT key FROM tree))
		ORDER BY p.cluster_key, p.id LIMIT $6)
	UNION ALL
	(SELECT p.id FROM placement p
		WHERE (SELECT is_whole AND is_live AND NOT is_waiting AND $4::text IS NULL FROM asked) AND p.ended_at IS NULL AND p.id > $5 AND p.state = ANY ($3)
		ORDER BY p.id LIMIT $6)
	UNION ALL
	(SELECT p.id FROM unnest((SELECT sites FROM asked)) AS s(key) CROSS JOIN LATERAL (SELECT o.id FROM placement o
		WHERE (SELECT is_whole AND is_live AND NOT is_waiting FROM asked) AND o.cluster_key = s.key AND o.ended_at IS NULL AND o.id > $5 AND o.state = ANY ($3)
		ORDER BY o.cluster_key, o.id LIMIT $6) p)
	UNION ALL
	(SELECT p.id FROM placement p
		WHERE (SELECT is_whole AND NOT is_live FROM asked) AND p.id > $5 AND ($3::text[] IS NULL OR p.state = ANY ($3))
			AND ($4::text IS NULL OR p.cluster_key = ANY ((SELECT sites FROM asked)::int4[]))
		ORDER BY p.id LIMIT $6)
	UNION ALL
	(SELECT p.id FROM tree CROSS JOIN LATERAL (SELECT o.id FROM placement o
		WHERE (SELECT NOT is_whole AND is_live AND NOT is_waiting FROM asked) AND o.tenant_key = tree.key AND o.ended_at IS NULL AND o.id > $5 AND o.state = ANY ($3)
			AND ($4::text IS NULL OR o.cluster_key = ANY ((SELECT sites FROM asked)::int4[]))
		ORDER BY o.tenant_key, o.id LIMIT $6) p)
	UNION ALL
	(SELECT p.id FROM tree CROSS JOIN LATERAL (SELECT o.id FROM placement o
		WHERE (SELECT NOT is_whole AND NOT is_live FROM asked) AND o.tenant_key = tree.key AND o.id > $5 AND ($3::text[] IS NULL OR o.state = ANY ($3))
			AND ($4::text IS NULL OR o.cluster_key = ANY ((SELECT sites FROM asked)::int4[]))
		ORDER BY o.tenant_key, o.id LIMIT $6) p)
	ORDER BY id LIMIT $6
)
SELECT * FROM (
	SELECT p.id, t.path AS tenant, nullif(p.name, '') AS name, p.origin, p.state, p.fence_incarnation || '.' || p.fence_no AS fence, c.name AS cluster,
		'p' || p.rev AS revision, p.placed, p.blockers, nullif(p.reason, '') AS reason, p.created_at, p.granted_at, p.running_at, p.ended_at, p.id AS cursor
	FROM placement p JOIN tenant t ON t.key = p.tenant_key LEFT JOIN cluster c ON c.key = p.cluster_key
	WHERE p.id = ANY (ARRAY(SELECT id FROM page))
	UNION ALL
	(SELECT i.object_id, t.path, NULL, 'api', 'pending', NULL, NULL, NULL, '[]', '[]', NULL, i.at, NULL, NULL, NULL, i.object_id
	FROM inbox i JOIN tenant t ON t.key = i.tenant_key
	WHERE i.kind = 'place' AND i.object_id > $5 AND ($3::text[] IS NULL OR 'pending' = ANY ($3)) AND $4::text IS NULL
		AND ((SELECT is_whole FROM asked) OR i.tenant_key IN (SELECT key FROM tree))
		AND NOT EXISTS (SELECT FROM placement p WHERE p.id = i.object_id)
	ORDER BY i.object_id LIMIT $6)
) x
ORDER BY x.id
LIMIT $6;

-- One look each by id and by path, and only by those: joined in any freer form, a plan made for a small tree walks all of it for each name.
-- name: tenant_keys_of :many
-- in: refs text[]
-- out: ref text, key int4?, path text?
SELECT r.ref, t.key, t.path
FROM unnest($1::text[]) AS r(ref) LEFT JOIN LATERAL (
	SELECT i.key, i.path, i.depth, i.deleted_at FROM tenant i WHERE i.id = r.ref
	UNION ALL
	SELECT p.key, p.path, p.depth, p.deleted_at FROM tenant p WHERE p.path = r.ref AND p.deleted_at IS NULL
	LIMIT 1
) t ON t.deleted_at IS NULL AND t.depth > 0;

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
