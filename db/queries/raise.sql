-- Raises: more quota for a while (engine/raise.h has the states and who may do what).

-- name: raise_get :one
-- in: id text
-- out: id text, tenant text, model text, guaranteed json, limit json, state text, reason text, reference text?, from timestamptz?, until timestamptz?, requested_by text, approved_by json, is_automatic bool, ended_by text?, ended_reason text?, blocked text?, created_at timestamptz, applied_at timestamptz?, ended_at timestamptz?, revision int8
SELECT x.* FROM quota_raise r CROSS JOIN LATERAL raise_told(r) x WHERE r.id = $1;

-- name: raise_list :many
-- in: tenant text?, subtree bool, state text[]?, after text, limit int8
-- out: id text, tenant text, model text, guaranteed json, limit json, state text, reason text, reference text?, from timestamptz?, until timestamptz?, requested_by text, approved_by json, is_automatic bool, ended_by text?, ended_reason text?, blocked text?, created_at timestamptz, applied_at timestamptz?, ended_at timestamptz?, revision int8, cursor text
-- sort: fields
SELECT x.*, r.id AS cursor
FROM quota_raise r JOIN tenant t ON t.key = r.tenant_key CROSS JOIN LATERAL raise_told(r) x
WHERE r.id > $4 AND ($3::text[] IS NULL OR r.state = ANY ($3))
	AND ($1::text IS NULL OR t.path = $1 OR t.id = $1
		OR ($2 AND starts_with(t.path, (SELECT o.path FROM tenant o WHERE (o.path = $1 OR o.id = $1) AND o.deleted_at IS NULL) || '/')))
ORDER BY r.id LIMIT $5;

-- Each open request is looked at again and again, so a tenant has 100 at most. A limit that nobody set cannot be raised. Who asks without end asks for a limit: what is promised goes back to the siblings.
-- name: raise_create :one
-- in: id text, tenant text, model text, guaranteed_device_milli int8, guaranteed_memory_mib int8, guaranteed_compute_milli int8, limit_device_milli int8,
--     limit_memory_mib int8, limit_compute_milli int8, reason text, reference text, from timestamptz?, until timestamptz?, requester text, credential text,
--     marks text[], rev_offset int8
-- out: outcome text, pointer text?, detail text?, key int4?, id text?, tenant text?, model text?, guaranteed json?, limit json?, state text?, reason text?, reference text?, from timestamptz?, until timestamptz?, requested_by text?, approved_by json?, is_automatic bool?, ended_by text?, ended_reason text?, blocked text?, created_at timestamptz?, applied_at timestamptz?, ended_at timestamptz?, revision int8?
WITH h AS (SELECT n FROM chain WHERE id = 'g'),
t AS (SELECT key, path FROM tenant WHERE deleted_at IS NULL AND depth > 0 AND (id = $2 OR path = $2) FOR KEY SHARE),
open_limit AS (
	SELECT x.axis FROM t LEFT JOIN quota q ON q.tenant_key = t.key AND q.model = $3
	CROSS JOIN LATERAL (VALUES ('device_milli', $7, q.limit_device_milli), ('memory_mib', $8, q.limit_memory_mib), ('compute_milli', $9, q.limit_compute_milli)) AS x(axis, more, stands)
	WHERE x.more > 0 AND x.stands IS NULL ORDER BY x.axis LIMIT 1
),
open AS (SELECT count(*) AS n FROM quota_raise r JOIN t ON t.key = r.tenant_key WHERE r.state IN ('pending', 'approved')),
verdict AS (
	SELECT CASE WHEN t.key IS NULL THEN 'refused:unknown_tenant'
		WHEN open.n >= 100 THEN 'refused:too_many_items'
		WHEN NOT EXISTS (SELECT FROM device_class c WHERE c.name = $3) THEN 'refused:unknown_class'
		WHEN open_limit.axis IS NOT NULL OR $13 <= now() OR $13 > now() + interval '366 days' OR $13 <= $12 THEN 'refused:bad_field'
		ELSE 'done' END AS outcome,
		CASE WHEN t.key IS NULL OR open.n >= 100 THEN '#/tenant'
		WHEN NOT EXISTS (SELECT FROM device_class c WHERE c.name = $3) THEN '#/model'
		WHEN open_limit.axis IS NOT NULL THEN '#/limit/' || open_limit.axis
		ELSE '#/until' END AS pointer,
		CASE WHEN t.key IS NULL THEN 'there is no tenant ' || $2
		WHEN open.n >= 100 THEN 'a tenant has at most 100 requests that wait for a decision or for their time'
		WHEN NOT EXISTS (SELECT FROM device_class c WHERE c.name = $3) THEN 'there is no device class ' || $3
		WHEN open_limit.axis IS NOT NULL THEN t.path || ' has no limit there that could be raised'
		ELSE 'must lie in the future, behind from, and at most 366 days ahead' END AS detail
	FROM open LEFT JOIN t ON true LEFT JOIN open_limit ON true
),
i AS (
	INSERT INTO quota_raise (id, tenant_key, model, guaranteed_device_milli, guaranteed_memory_mib, guaranteed_compute_milli, limit_device_milli,
		limit_memory_mib, limit_compute_milli, reason, reference, begins_at, ends_at, requester, requester_credential, requester_marks, rev)
	SELECT $1, t.key, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, h.n + $17 FROM t, h WHERE (SELECT outcome FROM verdict) = 'done'
	RETURNING quota_raise AS r
)
SELECT v.outcome, CASE WHEN v.outcome <> 'done' THEN v.pointer END AS pointer, CASE WHEN v.outcome <> 'done' THEN v.detail END AS detail,
	(i.r).tenant_key AS key, x.*
FROM verdict v LEFT JOIN i ON true LEFT JOIN LATERAL (SELECT y.* FROM raise_told(i.r) y WHERE (i.r).id IS NOT NULL) x ON true;

-- What a decision about one needs. Marks are joined by line ends. One that nobody decided for 30 days is over.
-- name: raise_read :one
-- in: id text
-- out: id text, tenant text, tenant_key int4, parent_key int4, state text, requester text, credential text, requester_marks text, approvers text, approver_marks text, needed int8, has_begun bool, is_over bool, revision int8
SELECT r.id, t.path AS tenant, r.tenant_key, coalesce(t.parent_key, 1) AS parent_key, r.state, r.requester, r.requester_credential AS credential,
	array_to_string(r.requester_marks, E'\n') AS requester_marks, array_to_string(r.approvers, E'\n') AS approvers,
	array_to_string(r.approver_marks, E'\n') AS approver_marks,
	CASE WHEN greatest(r.guaranteed_device_milli, r.limit_device_milli) > p.second_device_milli
		OR greatest(r.guaranteed_memory_mib, r.limit_memory_mib) > p.second_memory_mib
		OR greatest(r.guaranteed_compute_milli, r.limit_compute_milli) > p.second_compute_milli THEN 2 ELSE 1 END::int8 AS needed,
	coalesce(r.begins_at <= now(), true) AS has_begun,
	coalesce(r.ends_at <= now(), false) OR t.deleted_at IS NOT NULL OR (r.state = 'pending' AND r.created_at < now() - interval '30 days') AS is_over,
	r.rev AS revision
FROM quota_raise r JOIN tenant t ON t.key = r.tenant_key LEFT JOIN raise_policy p ON p.tenant_key = t.parent_key
WHERE r.id = $1;

-- One step of one raise. A verdict other than '' was reached before and is told here, behind the look for the key. What is applied
-- must fit its parent at every moment until it ends; what is taken back before its time must leave the children what they were
-- promised; what ends in time does so without question. A step to its own state leaves a note.
-- name: raise_move :one
-- in: id text, at_rev int8, verdict text, pointer text, detail text, to_state text, approver text?, approver_marks text[], is_automatic bool, ended_by text,
--     ended_reason text, blocked text, rev_offset int8
-- out: outcome text, pointer text?, detail text?, key int4?, id text?, tenant text?, model text?, guaranteed json?, limit json?, state text?, reason text?, reference text?, from timestamptz?, until timestamptz?, requested_by text?, approved_by json?, is_automatic bool?, ended_by text?, ended_reason text?, blocked text?, created_at timestamptz?, applied_at timestamptz?, ended_at timestamptz?, revision int8?
WITH h AS (SELECT n FROM chain WHERE id = 'g'),
r AS (SELECT * FROM quota_raise WHERE id = $1 FOR UPDATE),
t AS (SELECT t.key, t.parent_key, t.path, t.deleted_at, (SELECT p.path FROM tenant p WHERE p.key = t.parent_key) AS above FROM tenant t JOIN r ON r.tenant_key = t.key),
gap AS (
	SELECT promise_gap_said(t.above, g.have, g.need, g.at) AS said, g.axis
	FROM r CROSS JOIN t CROSS JOIN LATERAL promise_gap(t.parent_key, r.model, t.key, NULL,
		ARRAY[r.guaranteed_device_milli, r.guaranteed_memory_mib, r.guaranteed_compute_milli], r.ends_at, NULL) g
	WHERE $3 = '' AND $6 = 'applied' AND greatest(r.guaranteed_device_milli, r.guaranteed_memory_mib, r.guaranteed_compute_milli) > 0
	UNION ALL
	SELECT promise_gap_said(t.path, g.have, g.need, g.at), g.axis
	FROM r CROSS JOIN t CROSS JOIN LATERAL promise_gap(t.key, r.model, t.key, NULL, NULL, NULL, r.id) g
	WHERE $3 = '' AND r.state = 'applied' AND $6 = 'reverted' AND coalesce(r.ends_at > now(), true) AND t.deleted_at IS NULL
),
verdict AS (
	SELECT CASE WHEN r.id IS NULL THEN 'refused:not_found'
		WHEN r.rev <> $2 THEN 'refused:etag_mismatch'
		WHEN $3 <> '' THEN 'refused:' || $3
		WHEN $6 IN ('approved', 'applied') AND (r.ends_at <= now() OR t.deleted_at IS NOT NULL) THEN 'refused:state_transition'
		WHEN $6 = 'applied' AND r.begins_at > now() THEN 'refused:state_transition'
		WHEN ($6 = 'applied' AND t.above IS NOT NULL AND NOT sees_kids(t.parent_key)) OR ($6 = 'reverted' AND NOT sees_kids(t.key)) THEN 'refused:scope_moved'
		WHEN gap.axis IS NOT NULL THEN 'refused:quota_exceeds_parent'
		ELSE 'done' END AS outcome,
		CASE WHEN r.rev <> $2 THEN 'If-Match' WHEN $3 <> '' THEN nullif($4, '') WHEN gap.axis IS NOT NULL THEN '#/guaranteed/' || gap.axis END AS pointer,
		CASE WHEN r.rev <> $2 THEN 'it is at revision ' || r.rev WHEN $3 <> '' THEN $5
			WHEN r.ends_at <= now() THEN 'its time is over' WHEN $6 = 'applied' AND r.begins_at > now() THEN 'its time has not come' ELSE gap.said END AS detail
	FROM (SELECT 1) one LEFT JOIN r ON true LEFT JOIN t ON true LEFT JOIN gap ON true
),
u AS (
	UPDATE quota_raise q SET state = $6, approvers = CASE WHEN $7::text IS NULL THEN q.approvers ELSE q.approvers || $7 END,
		approver_marks = q.approver_marks || $8, is_automatic = q.is_automatic OR $9, ended_by = $10, ended_reason = $11, blocked = $12,
		applied_at = CASE WHEN $6 = 'applied' THEN coalesce(q.applied_at, now()) ELSE q.applied_at END,
		ended_at = CASE WHEN $6 IN ('reverted', 'denied', 'cancelled', 'expired') THEN now() END, rev = (SELECT n FROM h) + $13
	WHERE q.id = (SELECT id FROM r) AND (SELECT outcome FROM verdict) = 'done'
	RETURNING q AS r, q.tenant_key
),
-- The quota shows it, or does not any more.
k AS (
	UPDATE tenant SET quota_rev = (SELECT n FROM h) + $13
	WHERE key = (SELECT tenant_key FROM u) AND ($6 = 'applied' OR (SELECT state FROM r) = 'applied')
)
SELECT v.outcome, v.pointer, v.detail, u.tenant_key AS key, x.*
FROM verdict v LEFT JOIN u ON true LEFT JOIN LATERAL (SELECT y.* FROM raise_told(u.r) y WHERE u.tenant_key IS NOT NULL) x ON true;

-- What is over, the lowest tenants first: none of these steps stands in another's way, so they are taken together.
-- name: raise_over :many
-- in: limit int8
-- out: id text, event text, state text, tenant text, tenant_key int4, has_begun bool, is_over bool, blocked text, revision int8
SELECT r.id, CASE WHEN r.state = 'applied' THEN 'revert' ELSE 'expire' END AS event, r.state, t.path AS tenant, r.tenant_key, coalesce(r.begins_at <= now(), true) AS has_begun,
	true AS is_over, '' AS blocked, r.rev AS revision
FROM quota_raise r JOIN tenant t ON t.key = r.tenant_key
WHERE r.state IN ('pending', 'approved', 'applied') AND (r.ends_at <= now() OR t.deleted_at IS NOT NULL OR (r.state = 'pending' AND r.created_at < now() - interval '30 days'))
ORDER BY (r.state = 'applied') DESC, t.depth DESC, r.id LIMIT $1;

-- The next steps that the clock or a policy takes, of one kind, while nothing is over: first what has come to its time, the highest
-- tenants first. What takes room of its parent leaves less to the next, so there is one of those for a parent and model. What waits for
-- room is told once, and again when it waits for other room.
-- name: raise_due :many
-- in: limit int8
-- out: id text, event text, state text, tenant text, tenant_key int4, has_begun bool, is_over bool, blocked text, revision int8
WITH open AS (
	SELECT r.*, t.path, t.depth, t.parent_key, t.deleted_at IS NOT NULL AS is_gone, coalesce(r.begins_at <= now(), true) AS has_begun,
		coalesce(r.ends_at <= now(), false) OR t.deleted_at IS NOT NULL OR (r.state = 'pending' AND r.created_at < now() - interval '30 days') AS is_over
	FROM quota_raise r JOIN tenant t ON t.key = r.tenant_key WHERE r.state IN ('pending', 'approved', 'applied')
),
-- The parent lets it pass: inside what it set for one child and model, and inside what it has promised to nobody.
passing AS (
	SELECT o.id FROM open o JOIN raise_policy p ON p.tenant_key = o.parent_key
	CROSS JOIN LATERAL (
		SELECT coalesce(sum(a.guaranteed_device_milli), 0) AS gd, coalesce(sum(a.guaranteed_memory_mib), 0) AS gm, coalesce(sum(a.guaranteed_compute_milli), 0) AS gc,
			coalesce(sum(a.limit_device_milli), 0) AS ld, coalesce(sum(a.limit_memory_mib), 0) AS lm, coalesce(sum(a.limit_compute_milli), 0) AS lc
		FROM quota_raise a WHERE a.tenant_key = o.tenant_key AND a.model = o.model AND a.is_automatic AND a.state IN ('approved', 'applied')
	) s
	WHERE o.state = 'pending' AND NOT o.is_over AND o.approvers = '{}' AND o.ends_at IS NOT NULL
		AND coalesce(o.ends_at <= greatest(o.begins_at, now()) + make_interval(secs => p.auto_for_s), true)
		AND greatest(s.gd + o.guaranteed_device_milli, s.ld + o.limit_device_milli) <= greatest(coalesce(p.auto_device_milli, 0), CASE WHEN greatest(o.guaranteed_device_milli, o.limit_device_milli) = 0 THEN s.gd + s.ld END)
		AND greatest(s.gm + o.guaranteed_memory_mib, s.lm + o.limit_memory_mib) <= greatest(coalesce(p.auto_memory_mib, 0), CASE WHEN greatest(o.guaranteed_memory_mib, o.limit_memory_mib) = 0 THEN s.gm + s.lm END)
		AND greatest(s.gc + o.guaranteed_compute_milli, s.lc + o.limit_compute_milli) <= greatest(coalesce(p.auto_compute_milli, 0), CASE WHEN greatest(o.guaranteed_compute_milli, o.limit_compute_milli) = 0 THEN s.gc + s.lc END)
		AND NOT EXISTS (SELECT FROM promise_gap(o.parent_key, o.model, o.tenant_key, NULL, ARRAY[greatest(o.guaranteed_device_milli, o.limit_device_milli),
			greatest(o.guaranteed_memory_mib, o.limit_memory_mib), greatest(o.guaranteed_compute_milli, o.limit_compute_milli)], o.ends_at, NULL))
),
fit AS (
	SELECT o.id, coalesce((SELECT promise_gap_said((SELECT path FROM tenant WHERE key = o.parent_key), g.have, g.need, g.at)
		FROM promise_gap(o.parent_key, o.model, o.tenant_key, NULL, ARRAY[o.guaranteed_device_milli, o.guaranteed_memory_mib, o.guaranteed_compute_milli], o.ends_at, NULL) g
		WHERE greatest(o.guaranteed_device_milli, o.guaranteed_memory_mib, o.guaranteed_compute_milli) > 0), '') AS said
	FROM open o WHERE o.state = 'approved' AND o.has_begun AND NOT o.is_over
),
due AS (
	SELECT o.*, CASE WHEN fit.said = '' THEN 'apply' WHEN fit.said <> o.blocked THEN 'wait' WHEN passing.id IS NOT NULL THEN 'grant' END AS event, coalesce(fit.said, '') AS said
	FROM open o LEFT JOIN passing ON passing.id = o.id LEFT JOIN fit ON fit.id = o.id
	WHERE NOT o.is_over
),
ranked AS (
	SELECT d.*, dense_rank() OVER (ORDER BY array_position('{apply,grant,wait}', d.event)) AS kind,
		row_number() OVER (PARTITION BY d.event, d.parent_key, d.model ORDER BY d.id) AS place
	FROM due d WHERE d.event IS NOT NULL
)
SELECT id, event, state, path AS tenant, tenant_key, has_begun, is_over, said AS blocked, rev AS revision
FROM ranked WHERE kind = 1 AND (place = 1 OR event = 'wait' OR (event = 'apply' AND greatest(guaranteed_device_milli, guaranteed_memory_mib, guaranteed_compute_milli) = 0))
ORDER BY depth, id LIMIT $1;

-- name: raise_policy_get :one
-- in: tenant text
-- out: key int4, tenant text, auto_device_milli int8?, auto_memory_mib int8?, auto_compute_milli int8?, auto_for_s int8?, second_device_milli int8?, second_memory_mib int8?, second_compute_milli int8?, revision int8
SELECT t.key, t.path AS tenant, p.auto_device_milli, p.auto_memory_mib, p.auto_compute_milli, p.auto_for_s, p.second_device_milli, p.second_memory_mib,
	p.second_compute_milli, coalesce(p.rev, 0) AS revision
FROM tenant t LEFT JOIN raise_policy p ON p.tenant_key = t.key
WHERE (t.id = $1 OR t.path = $1) AND t.deleted_at IS NULL AND (t.depth > 0 OR t.id = $1);

-- name: raise_policy_put :one
-- in: tenant text, auto_device_milli int8?, auto_memory_mib int8?, auto_compute_milli int8?, auto_for_s int8?, second_device_milli int8?, second_memory_mib int8?, second_compute_milli int8?, if_rev int8, rev_offset int8
-- out: outcome text, pointer text?, detail text?, key int4?, tenant text?, auto_device_milli int8?, auto_memory_mib int8?, auto_compute_milli int8?, auto_for_s int8?, second_device_milli int8?, second_memory_mib int8?, second_compute_milli int8?, revision int8?
WITH h AS (SELECT n FROM chain WHERE id = 'g'),
t AS (SELECT key, path FROM tenant WHERE (id = $1 OR path = $1) AND deleted_at IS NULL AND (depth > 0 OR id = $1) FOR KEY SHARE),
o AS (SELECT coalesce((SELECT rev FROM raise_policy WHERE tenant_key = (SELECT key FROM t)), 0) AS rev),
i AS (
	INSERT INTO raise_policy SELECT t.key, $2, $3, $4, $5, $6, $7, $8, h.n + $10 FROM t, h, o WHERE $9 < 0 OR o.rev = $9
	ON CONFLICT (tenant_key) DO UPDATE SET auto_device_milli = excluded.auto_device_milli, auto_memory_mib = excluded.auto_memory_mib,
		auto_compute_milli = excluded.auto_compute_milli, auto_for_s = excluded.auto_for_s, second_device_milli = excluded.second_device_milli,
		second_memory_mib = excluded.second_memory_mib, second_compute_milli = excluded.second_compute_milli, rev = excluded.rev
	RETURNING *
)
SELECT CASE WHEN i.tenant_key IS NOT NULL THEN 'done' WHEN t.key IS NULL THEN 'refused:not_found' ELSE 'refused:etag_mismatch' END AS outcome,
	CASE WHEN i.tenant_key IS NULL AND t.key IS NOT NULL THEN 'If-Match' END AS pointer,
	CASE WHEN i.tenant_key IS NULL AND t.key IS NOT NULL THEN 'the policy is at revision ' || o.rev END AS detail,
	t.key, t.path AS tenant, i.auto_device_milli, i.auto_memory_mib, i.auto_compute_milli, i.auto_for_s, i.second_device_milli, i.second_memory_mib,
	i.second_compute_milli, i.rev AS revision
FROM o LEFT JOIN t ON true LEFT JOIN i ON true;
