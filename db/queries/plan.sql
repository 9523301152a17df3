-- Plans: what applying a manifest would change, and applying it (server/plan).

-- name: plan_store :one
-- in: id text, tenant_key int4, is_platform bool, is_private bool, grants text, manager text, manifest bytea, is_yaml bool, fingerprint text, result text, summary text,
--     changes text, as_text text, as_markdown text, created_by text, keep_s int8, rev_offset int8
-- out: outcome text, id text?, revision int8?
WITH h AS (SELECT n FROM chain WHERE id = 'g'),
t AS (SELECT key FROM tenant WHERE key = $2 FOR KEY SHARE),
i AS (
	INSERT INTO plan (id, tenant_key, is_platform, is_private, grants, manager, manifest, is_yaml, fingerprint, result, summary, changes, as_text, as_markdown,
		created_by, expires_at, rev)
	SELECT $1, t.key, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, now() + make_interval(secs => $16), h.n + $17 FROM h, t
	ON CONFLICT (id) DO NOTHING RETURNING id, rev
)
SELECT CASE WHEN t.key IS NULL THEN 'refused:unknown_tenant' WHEN i.id IS NULL THEN 'refused:conflict' ELSE 'done' END AS outcome, i.id, i.rev AS revision
FROM (SELECT 1) one LEFT JOIN t ON true LEFT JOIN i ON true;

-- A private plan is its maker's, and the fleet's: reader '' is whoever sees the whole fleet. Who else reads one that tells of bindings
-- must be told of them (tells_bindings); a text cannot hold the member as it is searched for, with its quotes bare.
-- name: plan_get :one
-- in: id text, reader text
-- out: plan_id text, revision int8, etag text, state text, manager text, fingerprint text, result text, created_at timestamptz, expires_at timestamptz,
--     applied_at timestamptz?, created_by text, applied_by text?, applied_revision int8?, summary json, changes json, requests json, tenant_key int4, tells_bindings bool
SELECT id AS plan_id, rev AS revision, '"' || rev || '"' AS etag,
	CASE WHEN applied_at IS NOT NULL THEN 'applied' WHEN expires_at <= now() THEN 'expired' ELSE 'planned' END AS state,
	manager, fingerprint, result, created_at, expires_at, applied_at, created_by, applied_by, applied_rev AS applied_revision, summary, changes, requests,
	tenant_key, position('"kind":"binding"' IN changes) > 0 AS tells_bindings
FROM plan WHERE id = $1 AND (NOT is_private OR $2 IN ('', created_by));

-- For people.
-- name: plan_text :one
-- in: id text, is_markdown bool, reader text
-- out: revision int8, result text, body text, created_by text, tenant_key int4, tells_bindings bool
SELECT rev AS revision, result, CASE WHEN $2 THEN as_markdown ELSE as_text END AS body, created_by, tenant_key,
	position('"kind":"binding"' IN changes) > 0 AS tells_bindings FROM plan
WHERE id = $1 AND (NOT is_private OR $3 IN ('', created_by));

-- name: plan_list :many
-- in: after text, limit int8
-- out: plan_id text, revision int8, state text, manager text, result text, created_at timestamptz, expires_at timestamptz, applied_at timestamptz?,
--     created_by text, applied_by text?, cursor text
-- sort: fields
SELECT id AS plan_id, rev AS revision,
	CASE WHEN applied_at IS NOT NULL THEN 'applied' WHEN expires_at <= now() THEN 'expired' ELSE 'planned' END AS state,
	manager, result, created_at, expires_at, applied_at, created_by, applied_by, id AS cursor
FROM plan WHERE id > $1 AND NOT is_private ORDER BY id LIMIT $2;

-- name: plan_work :one
-- in: id text, reader text
-- out: is_platform bool, grants text, manifest bytea, is_yaml bool, applied_ask text?, created_by text, tenant text, tells_bindings bool
SELECT p.is_platform, p.grants, p.manifest, p.is_yaml, p.applied_ask, p.created_by, t.path AS tenant, position('"kind":"binding"' IN p.changes) > 0 AS tells_bindings
FROM plan p JOIN tenant t ON t.key = p.tenant_key WHERE p.id = $1 AND (NOT p.is_private OR $2 IN ('', p.created_by));

-- Tenants and all that is or was below them.
-- name: plan_scope :many
-- in: keys int4[]
-- out: key int4
WITH RECURSIVE below AS (
	SELECT key FROM tenant WHERE key = ANY ($1::int4[])
	UNION
	SELECT t.key FROM tenant t JOIN below b ON t.parent_key = b.key
)
SELECT key FROM below;

-- The trees of the topmost tenants named, or of all, and those that hold something of this manager.
-- name: plan_tenants :many
-- in: tops text[], is_all bool, manager text
-- out: key int4, id text, quota_id text, parent_key int4, path text, description text, labels json, weight int8, credits_limit int8?,
--     reclaim_after_s int8?, reclaim_grace_s int8?, rev int8, quota_rev int8, created_at timestamptz
SELECT t.key, t.id, t.quota_id, coalesce(t.parent_key, 0) AS parent_key, t.path, t.description, t.labels, t.weight, t.credits_limit, t.reclaim_after_s, t.reclaim_grace_s, t.rev, t.quota_rev, t.created_at
FROM tenant t
WHERE t.deleted_at IS NULL AND t.depth > 0 AND ($2 OR split_part(t.path, '/', 1) = ANY ($1::text[])
	OR split_part(t.path, '/', 1) IN (SELECT split_part(o.path, '/', 1) FROM managed m JOIN tenant o ON o.key = m.tenant_key WHERE m.manager = $3))
ORDER BY t.path COLLATE "C";

-- name: plan_quotas :many
-- in: keys int4[]
-- out: tenant_key int4, model text, guaranteed_device_milli int8?, guaranteed_memory_mib int8?, guaranteed_compute_milli int8?,
--     limit_device_milli int8?, limit_memory_mib int8?, limit_compute_milli int8?, lend_limit_device_milli int8?, lend_limit_memory_mib int8?,
--     lend_limit_compute_milli int8?, borrow_limit_device_milli int8?, borrow_limit_memory_mib int8?, borrow_limit_compute_milli int8?,
--     class_limit_device_milli int8?, class_limit_memory_mib int8?, class_limit_compute_milli int8?
SELECT tenant_key, model, guaranteed_device_milli, guaranteed_memory_mib, guaranteed_compute_milli, limit_device_milli, limit_memory_mib,
	limit_compute_milli, lend_limit_device_milli, lend_limit_memory_mib, lend_limit_compute_milli, borrow_limit_device_milli,
	borrow_limit_memory_mib, borrow_limit_compute_milli, class_limit_device_milli, class_limit_memory_mib, class_limit_compute_milli
FROM quota WHERE tenant_key = ANY ($1::int4[]) ORDER BY tenant_key, model COLLATE "C";

-- Who keeps what of these tenants, and what else this manager keeps, also of tenants that are gone.
-- name: plan_managed :many
-- in: keys int4[], manager text
-- out: kind text, object_id text, tenant_key int4, path text, is_gone bool, manager text, is_made bool, last_applied json, adopted json, rev int8
SELECT m.kind, m.object_id, m.tenant_key, t.path, t.deleted_at IS NOT NULL AS is_gone, m.manager, m.is_made, m.last_applied, m.adopted, m.rev
FROM managed m JOIN tenant t ON t.key = m.tenant_key
WHERE m.tenant_key = ANY ($1::int4[]) OR m.manager = $2
ORDER BY t.path COLLATE "C", m.kind, m.object_id;

-- name: plan_bindings :many
-- in: keys int4[]
-- out: tenant_key int4, id text, subject text, role text, expires_at timestamptz?, rev int8
SELECT tenant_key, id, subject, role, expires_at, rev FROM binding WHERE tenant_key = ANY ($1::int4[]) AND coalesce(expires_at > now(), true)
ORDER BY tenant_key, subject COLLATE "C", role COLLATE "C";

-- Where a tenant has several of one period, the oldest is the one that a manifest means.
-- name: plan_budgets :many
-- in: keys int4[]
-- out: tenant_key int4, id text, period text, description text, amount int8, thresholds text, action text, rev int8
SELECT DISTINCT ON (tenant_key, period) tenant_key, id, period, description, amount, '[' || array_to_string(thresholds, ',') || ']' AS thresholds, action, rev
FROM budget WHERE tenant_key = ANY ($1::int4[]) AND deleted_at IS NULL AND unit = 'gpu_hours' ORDER BY tenant_key, period, id;

-- name: plan_uses :many
-- in: keys int4[]
-- out: tenant_key int4, model text, device_milli int8, memory_mib int8, compute_milli int8
SELECT tenant_key, model, device_milli, memory_mib, compute_milli FROM tenant_use WHERE tenant_key = ANY ($1::int4[]) ORDER BY tenant_key, model COLLATE "C";

-- Limits that are raised beside the quota for good, and those that are asked for.
-- name: plan_raises :many
-- in: keys int4[]
-- out: tenant_key int4, model text, limit_device_milli int8, limit_memory_mib int8, limit_compute_milli int8
SELECT tenant_key, model, sum(limit_device_milli)::int8 AS limit_device_milli, sum(limit_memory_mib)::int8 AS limit_memory_mib,
	sum(limit_compute_milli)::int8 AS limit_compute_milli
FROM quota_raise WHERE tenant_key = ANY ($1::int4[]) AND state IN ('pending', 'approved', 'applied') AND ends_at IS NULL
GROUP BY tenant_key, model ORDER BY tenant_key, model COLLATE "C";

-- name: plan_models :many
-- out: model text
SELECT name AS model FROM device_class ORDER BY name;

-- What was done to these objects since, oldest first.
-- name: plan_history :many
-- in: ids text[], tenant_keys int4[], since int8[]
-- out: object_id text, n int8, at timestamptz, actor text, name text?, request_id text, object json?
SELECT a.object_id, a.n, a.at, a.actor, k.name, a.request_id, (a.body::json->'change'->'object')::text AS object
FROM unnest($1::text[], $2::int4[], $3::int8[]) AS q(id, tenant_key, since)
JOIN audit a ON a.tenant_key = q.tenant_key AND a.n > q.since AND a.object_id = q.id AND a.outcome = 'done'
LEFT JOIN token k ON k.id = a.actor
ORDER BY a.n;

-- name: plan_live :many
-- in: keys int4[], limit int8
-- out: tenant_key int4, id text, models text
SELECT tenant_key, id, array_to_string(charge_models, ',') AS models FROM placement WHERE tenant_key = ANY ($1::int4[]) AND ended_at IS NULL
UNION ALL
SELECT tenant_key, object_id, '' FROM inbox WHERE tenant_key = ANY ($1::int4[]) AND kind = 'place'
ORDER BY id LIMIT $2;

-- name: plan_keys :many
-- in: n int8
-- out: key int8
SELECT nextval('tenant_key_seq') AS key FROM generate_series(1, $1);

-- Applying. The verdict looks at everything the plan was made from, under the head of the chain; the statements behind it do their part
-- only when the plan was applied by the record that comes next.

-- name: plan_apply :one
-- in: id text, ask text, actor text, if_rev int8, fingerprint text, keys int4[], revs int8[], quota_revs int8[], new_paths text[], requests text, rev_offset int8
-- out: outcome text, pointer text?, detail text?, id text?
WITH h AS (SELECT n FROM chain WHERE id = 'g'),
p AS (SELECT id, rev, applied_at, applied_by, expires_at, fingerprint FROM plan WHERE id = $1 FOR NO KEY UPDATE),
moved AS (
	SELECT count(*) AS n
	FROM unnest($6::int4[], $7::int8[], $8::int8[]) AS q(key, rev, quota_rev)
	LEFT JOIN tenant t ON t.key = q.key AND t.rev = q.rev AND t.quota_rev = q.quota_rev AND t.deleted_at IS NULL
	WHERE t.key IS NULL
),
taken AS (SELECT count(*) AS n FROM tenant WHERE path = ANY ($9::text[]) AND deleted_at IS NULL),
verdict AS (
	SELECT CASE WHEN p.id IS NULL THEN 'refused:not_found'
		WHEN $4 >= 0 AND p.rev <> $4 THEN 'refused:etag_mismatch'
		WHEN p.applied_at IS NOT NULL THEN 'refused:state_transition'
		WHEN p.expires_at <= now() THEN 'refused:plan_expired'
		WHEN p.fingerprint <> $5 OR moved.n + taken.n > 0 THEN 'refused:plan_stale'
		ELSE 'done' END AS outcome,
		CASE WHEN $4 >= 0 AND p.rev <> $4 THEN 'If-Match' END AS pointer,
		CASE WHEN $4 >= 0 AND p.rev <> $4 THEN 'the plan is at revision ' || p.rev
		WHEN p.applied_at IS NOT NULL THEN 'it was applied by ' || p.applied_by
		WHEN p.expires_at <= now() THEN 'a plan can be applied for an hour; make another'
		WHEN p.fingerprint <> $5 OR moved.n + taken.n > 0 THEN 'what it was made from has changed since; make another' END AS detail
	FROM moved, taken LEFT JOIN p ON true
),
u AS (
	UPDATE plan SET applied_ask = $2, applied_by = $3, applied_at = now(), applied_rev = (SELECT n FROM h) + $11, requests = $10
	WHERE id = $1 AND (SELECT outcome FROM verdict) = 'done' RETURNING id
)
SELECT v.outcome, v.pointer, v.detail, u.id FROM verdict v LEFT JOIN u ON true;

-- name: plan_tenant_remove :exec
-- in: plan text, keys int4[], offs int8[]
UPDATE tenant t SET deleted_at = now(), rev = c.n + q.off
FROM unnest($2::int4[], $3::int8[]) AS q(key, off), chain c
WHERE t.key = q.key AND c.id = 'g' AND CASE WHEN EXISTS (SELECT FROM plan p WHERE p.id = $1 AND p.applied_rev = c.n + 1)
	-- Asked of q: of all tenants it would be where the join comes last.
	THEN hold(NOT EXISTS (SELECT FROM placement x WHERE x.tenant_key = q.key AND x.ended_at IS NULL)
		AND NOT EXISTS (SELECT FROM inbox i WHERE i.tenant_key = q.key AND i.kind = 'place')
		AND NOT EXISTS (SELECT FROM reservation r WHERE r.tenant_key = q.key AND r.deleted_at IS NULL AND r.ends_at > now()), 'plan_tenant_in_use')
		-- What hangs below goes with it, or is not there.
		AND hold(tenant_kids(q.key) = (SELECT count(*) FROM tenant c WHERE c.parent_key = q.key AND c.deleted_at IS NULL AND c.key = ANY ($2::int4[])), 'plan_scope_moved')
	ELSE false END;

-- name: plan_tenant_add :exec
-- in: plan text, keys int4[], ids text[], quota_ids text[], parent_keys int4[], names text[], paths text[], descriptions text[], labels text[], offs int8[]
INSERT INTO tenant (key, id, quota_id, parent_key, name, path, depth, description, labels, rev) OVERRIDING SYSTEM VALUE
SELECT q.key, q.id, q.quota_id, q.parent_key, q.name, q.path, cardinality(string_to_array(q.path, '/')), q.description, q.labels, c.n + q.off
FROM unnest($2::int4[], $3::text[], $4::text[], $5::int4[], $6::text[], $7::text[], $8::text[], $9::text[], $10::int8[])
	AS q(key, id, quota_id, parent_key, name, path, description, labels, off), chain c
WHERE c.id = 'g' AND EXISTS (SELECT FROM plan p WHERE p.id = $1 AND p.applied_rev = c.n + 1);

-- With everything below it; what it uses counts at its new parent from the placer's next batch on (tenant_move). Of several that stand
-- one below another each goes its own way.
-- name: plan_tenant_move :one
-- in: plan text, keys int4[], parent_keys int4[], old_paths text[], new_paths text[], offs int8[]
-- out: holds bool
WITH q AS (
	SELECT x.*, c.n + x.off AS new_rev FROM unnest($2::int4[], $3::int4[], $4::text[], $5::text[], $6::int8[]) AS x(key, parent_key, old_path, new_path, off), chain c
	WHERE c.id = 'g' AND EXISTS (SELECT FROM plan p WHERE p.id = $1 AND p.applied_rev = c.n + 1)
),
below AS (
	SELECT DISTINCT ON (t.key) t.key, q.key AS top, q.parent_key, t.parent_key AS old_parent_key, q.new_path || substr(t.path, length(q.old_path) + 1) AS path, q.new_rev
	FROM q JOIN tenant t ON t.deleted_at IS NULL AND (t.key = q.key OR starts_with(t.path, q.old_path || '/'))
	ORDER BY t.key, length(q.old_path) DESC
),
-- Somebody may have made one meanwhile that this plan does not see.
seen AS (
	SELECT bool_and((SELECT count(*) FROM tenant t WHERE t.deleted_at IS NULL AND starts_with(t.path, q.old_path || '/') AND is_in_scope(t.key)) = tenants_below(q.old_path)
		AND sees_kids(q.parent_key)) AS all_of_it
	FROM q
),
u AS (
	UPDATE tenant t SET parent_key = CASE WHEN t.key = b.top THEN b.parent_key ELSE t.parent_key END, path = b.path, depth = cardinality(string_to_array(b.path, '/')), rev = b.new_rev
	FROM below b WHERE t.key = b.key
),
mv AS (
	INSERT INTO tenant_move (tenant_key, from_key) SELECT key, old_parent_key FROM below WHERE key = top AND old_parent_key <> parent_key ON CONFLICT DO NOTHING
)
SELECT hold(coalesce(all_of_it, true), 'plan_scope_moved') AS holds FROM seen;

-- name: plan_tenant_set :exec
-- in: plan text, keys int4[], descriptions text[], labels text[], offs int8[]
UPDATE tenant t SET description = q.description, labels = q.labels, rev = c.n + q.off
FROM unnest($2::int4[], $3::text[], $4::text[], $5::int8[]) AS q(key, description, labels, off), chain c
WHERE t.key = q.key AND c.id = 'g' AND EXISTS (SELECT FROM plan p WHERE p.id = $1 AND p.applied_rev = c.n + 1);

-- name: plan_quota_clear :exec
-- in: plan text, keys int4[]
DELETE FROM quota WHERE tenant_key = ANY ($2::int4[])
	AND EXISTS (SELECT FROM plan p, chain c WHERE p.id = $1 AND c.id = 'g' AND p.applied_rev = c.n + 1);

-- An amount below zero stands for "not named".
-- name: plan_quota_add :exec
-- in: plan text, tenant_keys int4[], models text[], guaranteed_device_milli int8[], guaranteed_memory_mib int8[], guaranteed_compute_milli int8[],
--     limit_device_milli int8[], limit_memory_mib int8[], limit_compute_milli int8[], lend_limit_device_milli int8[],
--     lend_limit_memory_mib int8[], lend_limit_compute_milli int8[], borrow_limit_device_milli int8[], borrow_limit_memory_mib int8[],
--     borrow_limit_compute_milli int8[], class_limit_device_milli int8[], class_limit_memory_mib int8[], class_limit_compute_milli int8[]
INSERT INTO quota (tenant_key, model, guaranteed_device_milli, guaranteed_memory_mib, guaranteed_compute_milli, limit_device_milli, limit_memory_mib,
	limit_compute_milli, lend_limit_device_milli, lend_limit_memory_mib, lend_limit_compute_milli, borrow_limit_device_milli,
	borrow_limit_memory_mib, borrow_limit_compute_milli, class_limit_device_milli, class_limit_memory_mib, class_limit_compute_milli)
SELECT q.key, q.model, nullif(gd, -1), nullif(gm, -1), nullif(gc, -1), nullif(ld, -1), nullif(lm, -1), nullif(lc, -1), nullif(ed, -1), nullif(em, -1),
	nullif(ec, -1), nullif(bd, -1), nullif(bm, -1), nullif(bc, -1),
	nullif(kd, -1), nullif(km, -1), nullif(kc, -1)
FROM unnest($2::int4[], $3::text[], $4::int8[], $5::int8[], $6::int8[], $7::int8[], $8::int8[], $9::int8[], $10::int8[], $11::int8[], $12::int8[],
	$13::int8[], $14::int8[], $15::int8[], $16::int8[], $17::int8[], $18::int8[]) AS q(key, model, gd, gm, gc, ld, lm, lc, ed, em, ec, bd, bm, bc, kd, km, kc)
WHERE EXISTS (SELECT FROM plan p, chain c WHERE p.id = $1 AND c.id = 'g' AND p.applied_rev = c.n + 1);

-- name: plan_quota_mark :exec
-- in: plan text, keys int4[], weights int8[], credits_limits int8[], reclaims_after_s int8[], reclaims_grace_s int8[], offs int8[]
UPDATE tenant t SET weight = q.weight, credits_limit = nullif(q.credits_limit, -1), reclaim_after_s = nullif(q.after_s, -1),
	reclaim_grace_s = nullif(q.grace_s, -1), quota_rev = c.n + q.off
FROM unnest($2::int4[], $3::int8[], $4::int8[], $5::int8[], $6::int8[], $7::int8[]) AS q(key, weight, credits_limit, after_s, grace_s, off), chain c
WHERE t.key = q.key AND c.id = 'g' AND EXISTS (SELECT FROM plan p WHERE p.id = $1 AND p.applied_rev = c.n + 1);

-- The law of the tree once more, of the parents whose children changed: the diff has looked at it before.
-- name: plan_quota_check :one
-- in: plan text, parents int4[]
-- out: holds bool
SELECT CASE WHEN EXISTS (SELECT FROM plan p, chain c WHERE p.id = $1 AND c.id = 'g' AND p.applied_rev = c.n + 1)
	THEN hold(NOT EXISTS (
		SELECT FROM tenant up
		JOIN tenant kid ON kid.parent_key = up.key AND kid.deleted_at IS NULL
		JOIN quota k ON k.tenant_key = kid.key
		LEFT JOIN quota q ON q.tenant_key = up.key AND q.model = k.model
		WHERE up.key = ANY ($2::int4[]) AND up.deleted_at IS NULL
		GROUP BY up.key, up.depth, k.model
		-- The fleet promises what is pinned, and no more than it has where nothing is.
		HAVING sum(k.guaranteed_device_milli) > coalesce(max(q.guaranteed_device_milli), CASE WHEN up.depth > 0 THEN 0 END)
			OR sum(k.guaranteed_memory_mib) > coalesce(max(q.guaranteed_memory_mib), CASE WHEN up.depth > 0 THEN 0 END)
			OR sum(k.guaranteed_compute_milli) > coalesce(max(q.guaranteed_compute_milli), CASE WHEN up.depth > 0 THEN 0 END))
		-- With what is raised there, now and when a raise ends.
		AND NOT EXISTS (
			SELECT FROM tenant up
			CROSS JOIN LATERAL (SELECT DISTINCT r.model FROM quota_raise r JOIN tenant k ON k.key = r.tenant_key
				WHERE r.state = 'applied' AND (k.key = up.key OR k.parent_key = up.key)) m
			CROSS JOIN LATERAL promise_gap(up.key, m.model, up.key, NULL, NULL, NULL, NULL)
			WHERE up.key = ANY ($2::int4[]) AND up.deleted_at IS NULL), 'plan_quota_over')
		AND hold(NOT EXISTS (SELECT FROM tenant up WHERE up.key = ANY ($2::int4[]) AND up.deleted_at IS NULL AND NOT sees_kids(up.key)), 'plan_scope_moved')
	ELSE true END AS holds;

-- As many as a tenant may ask for otherwise.
-- name: plan_request_add :exec
-- in: plan text, ids text[], tenant_keys int4[], models text[], limit_device_milli int8[], limit_memory_mib int8[], limit_compute_milli int8[], reason text,
--     requester text, credential text, marks text[], offs int8[]
INSERT INTO quota_raise (id, tenant_key, model, limit_device_milli, limit_memory_mib, limit_compute_milli, reason, requester, requester_credential, requester_marks, rev)
SELECT q.id, q.tenant_key, q.model, q.d, q.m, q.c, $8, $9, $10, $11, c.n + q.off
FROM unnest($2::text[], $3::int4[], $4::text[], $5::int8[], $6::int8[], $7::int8[], $12::int8[]) AS q(id, tenant_key, model, d, m, c, off), chain c
WHERE c.id = 'g' AND CASE WHEN EXISTS (SELECT FROM plan p WHERE p.id = $1 AND p.applied_rev = c.n + 1)
	THEN hold((SELECT count(*) FROM quota_raise r WHERE r.tenant_key = q.tenant_key AND r.state IN ('pending', 'approved')) < 100, 'plan_item_moved')
	ELSE false END;

-- Made, or bound for good where it had an end. Somebody else made or took it away meanwhile: then all of it is undone.
-- name: plan_binding_put :one
-- in: plan text, ids text[], subjects text[], roles text[], tenant_keys int4[], manager text, actor text, offs int8[]
-- out: holds bool
WITH q AS (
	SELECT x.* FROM unnest($2::text[], $3::text[], $4::text[], $5::int4[], $8::int8[]) AS x(id, subject, role, tenant_key, off)
	WHERE EXISTS (SELECT FROM plan p, chain c WHERE p.id = $1 AND c.id = 'g' AND p.applied_rev = c.n + 1)
),
i AS (
	INSERT INTO binding (id, subject, role, tenant_key, managed_by, created_by, rev)
	SELECT q.id, q.subject, q.role, q.tenant_key, $6, $7, c.n + q.off FROM q, chain c WHERE c.id = 'g'
	ON CONFLICT (subject, role, tenant_key) DO UPDATE SET id = excluded.id, expires_at = NULL, managed_by = excluded.managed_by, created_by = excluded.created_by,
		rev = excluded.rev
	WHERE binding.id = excluded.id OR binding.expires_at <= now()
	RETURNING 1
)
SELECT hold((SELECT count(*) FROM q) = (SELECT count(*) FROM i), 'plan_item_moved') AS holds;

-- name: plan_binding_drop :one
-- in: plan text, ids text[], revs int8[]
-- out: holds bool
WITH q AS (
	SELECT x.* FROM unnest($2::text[], $3::int8[]) AS x(id, rev)
	WHERE EXISTS (SELECT FROM plan p, chain c WHERE p.id = $1 AND c.id = 'g' AND p.applied_rev = c.n + 1)
),
d AS (DELETE FROM binding b USING q WHERE b.id = q.id AND b.rev = q.rev RETURNING 1)
SELECT hold((SELECT count(*) FROM q) = (SELECT count(*) FROM d), 'plan_item_moved') AS holds;

-- A budget below revision 0 is new. At most 16 stand on one tenant.
-- name: plan_budget_put :one
-- in: plan text, ids text[], tenant_keys int4[], periods text[], descriptions text[], amounts int8[], thresholds text[], actions text[], revs int8[], offs int8[]
-- out: holds bool
WITH q AS (
	SELECT x.*, c.n + x.off AS new_rev, ARRAY(SELECT DISTINCT v::int8 FROM unnest(string_to_array(x.list, ',')) v ORDER BY 1) AS thresholds
	FROM unnest($2::text[], $3::int4[], $4::text[], $5::text[], $6::int8[], $7::text[], $8::text[], $9::int8[], $10::int8[])
		AS x(id, tenant_key, period, description, amount, list, action, rev, off), chain c
	WHERE c.id = 'g' AND EXISTS (SELECT FROM plan p WHERE p.id = $1 AND p.applied_rev = c.n + 1)
),
i AS (
	INSERT INTO budget (id, tenant_key, description, unit, period, amount, thresholds, action, rev)
	SELECT q.id, q.tenant_key, q.description, 'gpu_hours', q.period, q.amount, q.thresholds, q.action, q.new_rev FROM q
	WHERE q.rev < 0 AND (SELECT count(*) FROM budget b WHERE b.tenant_key = q.tenant_key AND b.deleted_at IS NULL) < 16
	RETURNING 1
),
u AS (
	UPDATE budget b SET description = q.description, amount = q.amount, thresholds = q.thresholds, action = q.action, rev = q.new_rev
	FROM q WHERE b.id = q.id AND b.rev = q.rev AND b.deleted_at IS NULL RETURNING 1
)
SELECT hold((SELECT count(*) FROM q) = (SELECT count(*) FROM i) + (SELECT count(*) FROM u), 'plan_item_moved') AS holds;

-- name: plan_budget_drop :one
-- in: plan text, ids text[], revs int8[], offs int8[]
-- out: holds bool
WITH q AS (
	SELECT x.*, c.n + x.off AS new_rev FROM unnest($2::text[], $3::int8[], $4::int8[]) AS x(id, rev, off), chain c
	WHERE c.id = 'g' AND EXISTS (SELECT FROM plan p WHERE p.id = $1 AND p.applied_rev = c.n + 1)
),
u AS (UPDATE budget b SET deleted_at = now(), rev = q.new_rev FROM q WHERE b.id = q.id AND b.rev = q.rev AND b.deleted_at IS NULL RETURNING 1)
SELECT hold((SELECT count(*) FROM q) = (SELECT count(*) FROM u), 'plan_item_moved') AS holds;

-- name: plan_manage :exec
-- in: plan text, manager text, kinds text[], object_ids text[], tenant_keys int4[], mades bool[], last_applied text[], adopted text[], revs int8[], offs int8[]
INSERT INTO managed (kind, object_id, tenant_key, manager, is_made, last_applied, adopted, rev)
SELECT q.kind, q.object_id, q.tenant_key, $2, q.is_made, q.last_applied, q.adopted, CASE WHEN q.off > 0 THEN c.n + q.off ELSE q.rev END
FROM unnest($3::text[], $4::text[], $5::int4[], $6::bool[], $7::text[], $8::text[], $9::int8[], $10::int8[])
	AS q(kind, object_id, tenant_key, is_made, last_applied, adopted, rev, off), chain c
WHERE c.id = 'g' AND EXISTS (SELECT FROM plan p WHERE p.id = $1 AND p.applied_rev = c.n + 1)
ON CONFLICT (kind, object_id) DO UPDATE SET manager = excluded.manager, last_applied = excluded.last_applied, adopted = excluded.adopted, rev = excluded.rev,
	is_made = excluded.is_made OR (managed.is_made AND managed.manager = excluded.manager);

-- name: plan_unmanage :exec
-- in: plan text, manager text, object_ids text[]
DELETE FROM managed WHERE object_id = ANY ($3::text[]) AND manager = $2
	AND EXISTS (SELECT FROM plan p, chain c WHERE p.id = $1 AND c.id = 'g' AND p.applied_rev = c.n + 1);

-- name: plan_purge :one
-- in: older_than_s int8, limit int8
-- out: deleted int8
WITH d AS (
	DELETE FROM plan WHERE id IN (SELECT id FROM plan WHERE created_at < now() - make_interval(secs => $1) LIMIT $2) RETURNING 1
)
SELECT count(*) AS deleted FROM d;
