-- Quota of one tenant, whole. A merge patch is read, merged and put with the revision it was read at.

-- The fleet's own is read and put under its id.
-- name: quota_get :one
-- in: tenant text
-- out: key int4, id text, tenant text, revision int8, models json, classes json, weight int8, credits_limit int8?, credits_used int8, reclaim json?, raises json, conditions json
SELECT t.key, t.quota_id AS id, t.path AS tenant, t.quota_rev AS revision, m.models, quota_classes_json(t.key) AS classes, t.weight, t.credits_limit,
	credits_used(t.key) AS credits_used,
	CASE WHEN t.reclaim_after_s IS NOT NULL THEN json_build_object('after_s', t.reclaim_after_s, 'grace_s', t.reclaim_grace_s) END AS reclaim,
	quota_raises_json(t.key) AS raises, quota_conditions_json(t.key) AS conditions
FROM tenant t CROSS JOIN LATERAL (SELECT tenant_subtree(t.key) AS keys) s CROSS JOIN LATERAL (SELECT quota_loans_json(s.keys) AS loans, quota_escrow_json(s.keys) AS escrow) x
CROSS JOIN LATERAL (
	SELECT coalesce(json_object_agg(coalesce(q.model, u.model), json_strip_nulls(json_build_object(
		'guaranteed', nullif(axes_json(q.guaranteed_device_milli, q.guaranteed_memory_mib, q.guaranteed_compute_milli)::text, '{}')::json,
		'limit', nullif(axes_json(q.limit_device_milli, q.limit_memory_mib, q.limit_compute_milli)::text, '{}')::json,
		'lend_limit', nullif(axes_json(q.lend_limit_device_milli, q.lend_limit_memory_mib, q.lend_limit_compute_milli)::text, '{}')::json,
		'borrow_limit', nullif(axes_json(q.borrow_limit_device_milli, q.borrow_limit_memory_mib, q.borrow_limit_compute_milli)::text, '{}')::json,
		'used', axes_json(coalesce(u.device_milli, 0), coalesce(u.memory_mib, 0), coalesce(u.compute_milli, 0)),
		'capacity', CASE WHEN t.depth = 0 THEN (SELECT axes_json(k.device_milli, k.memory_mib, k.compute_milli) FROM model_capacity k WHERE k.model = coalesce(q.model, u.model)) END,
		'borrowed', x.loans->coalesce(q.model, u.model)->'borrowed', 'lent', x.loans->coalesce(q.model, u.model)->'lent',
		'escrow', x.escrow->coalesce(q.model, u.model))) ORDER BY coalesce(q.model, u.model)), '{}')::text AS models
	FROM (
		SELECT * FROM quota WHERE tenant_key = t.key AND num_nonnulls(guaranteed_device_milli, guaranteed_memory_mib, guaranteed_compute_milli,
			limit_device_milli, limit_memory_mib, limit_compute_milli, lend_limit_device_milli, lend_limit_memory_mib, lend_limit_compute_milli,
			borrow_limit_device_milli, borrow_limit_memory_mib, borrow_limit_compute_milli) > 0
	) q FULL JOIN (SELECT * FROM tenant_use v WHERE tenant_key = t.key AND EXISTS (SELECT FROM device_class c WHERE c.name = v.model)) u ON u.model = q.model
) m
WHERE (t.id = $1 OR t.path = $1) AND t.deleted_at IS NULL AND (t.depth > 0 OR t.id = $1);

-- Quotas by tenant, for the snapshot of a watch.
-- name: quota_list :many
-- in: tenant text?, subtree bool, after text, limit int8
-- out: key int4, id text, tenant text, revision int8, models json, classes json, weight int8, credits_limit int8?, credits_used int8, reclaim json?, raises json, conditions json, cursor text
SELECT t.key, t.quota_id AS id, t.path AS tenant, t.quota_rev AS revision, quota_models_json(t.key) AS models, quota_classes_json(t.key) AS classes, t.weight,
	t.credits_limit, credits_used(t.key) AS credits_used,
	CASE WHEN t.reclaim_after_s IS NOT NULL THEN json_build_object('after_s', t.reclaim_after_s, 'grace_s', t.reclaim_grace_s) END AS reclaim,
	quota_raises_json(t.key) AS raises, quota_conditions_json(t.key) AS conditions, t.path AS cursor
FROM tenant t
WHERE t.deleted_at IS NULL AND t.depth > 0 AND t.path > $3
	AND ($1::text IS NULL OR t.path = $1 OR t.id = $1 OR ($2 AND starts_with(t.path, (SELECT r.path FROM tenant r WHERE (r.path = $1 OR r.id = $1) AND r.deleted_at IS NULL) || '/')))
ORDER BY t.path
LIMIT $4;

-- An amount below zero stands for "not named". A tenant's guarantee must cover its children's and fit its parent's. What the fleet has
-- falls and rises by itself: it refuses no promise, the condition guarantee_infeasible tells of it. Where a person pinned the fleet's
-- guarantee, it is kept like any other's.
-- name: quota_put :one
-- in: tenant text, models text[], guaranteed_device_milli int8[], guaranteed_memory_mib int8[], guaranteed_compute_milli int8[],
--     limit_device_milli int8[], limit_memory_mib int8[], limit_compute_milli int8[], lend_limit_device_milli int8[],
--     lend_limit_memory_mib int8[], lend_limit_compute_milli int8[], borrow_limit_device_milli int8[], borrow_limit_memory_mib int8[],
--     borrow_limit_compute_milli int8[], class_limit_device_milli int8[], class_limit_memory_mib int8[], class_limit_compute_milli int8[],
--     weight int8, credits_limit int8?, reclaim_after_s int8?, reclaim_grace_s int8?, if_rev int8, rev_offset int8
-- out: outcome text, pointer text?, detail text?, key int4?, id text?, tenant text?, revision int8?, weight int8?, credits_limit int8?
WITH h AS (SELECT n FROM chain WHERE id = 'g'),
t AS (SELECT key, parent_key, quota_rev, depth FROM tenant WHERE (id = $1 OR path = $1) AND deleted_at IS NULL AND (depth > 0 OR id = $1) FOR NO KEY UPDATE),
up AS (SELECT p.key, p.depth, p.path FROM tenant p JOIN t ON p.key = t.parent_key),
m AS (
	SELECT model, nullif(gd, -1) AS gd, nullif(gm, -1) AS gm, nullif(gc, -1) AS gc, nullif(ld, -1) AS ld, nullif(lm, -1) AS lm, nullif(lc, -1) AS lc,
		nullif(ed, -1) AS ed, nullif(em, -1) AS em, nullif(ec, -1) AS ec, nullif(bd, -1) AS bd, nullif(bm, -1) AS bm, nullif(bc, -1) AS bc,
		nullif(kd, -1) AS kd, nullif(km, -1) AS km, nullif(kc, -1) AS kc
	FROM unnest($2::text[], $3::int8[], $4::int8[], $5::int8[], $6::int8[], $7::int8[], $8::int8[], $9::int8[], $10::int8[], $11::int8[],
		$12::int8[], $13::int8[], $14::int8[], $15::int8[], $16::int8[], $17::int8[]) AS x(model, gd, gm, gc, ld, lm, lc, ed, em, ec, bd, bm, bc, kd, km, kc)
),
-- A class limit may be of a share mode, which is called as its class and then the mode.
stranger AS (
	SELECT m.model, CASE WHEN n.terms > 0 THEN '#/models/' ELSE '#/classes/' END || replace(replace(m.model, '~', '~0'), '/', '~1') AS pointer
	FROM m CROSS JOIN LATERAL (SELECT num_nonnulls(gd, gm, gc, ld, lm, lc, ed, em, ec, bd, bm, bc) AS terms) n
	WHERE NOT EXISTS (SELECT FROM device_class c WHERE c.name = m.model OR (n.terms = 0 AND starts_with(m.model, c.name || '.')))
	ORDER BY m.model LIMIT 1
),
fleet AS (SELECT m.model FROM m, t WHERE t.depth = 0 AND num_nonnulls(ed, em, ec, bd, bm, bc) > 0 ORDER BY m.model LIMIT 1),
-- What is promised by a raise stands beside what is set here, and is not changed by it.
kids AS (
	SELECT q.model, sum(q.device_milli)::int8 AS d, sum(q.memory_mib)::int8 AS m, sum(q.compute_milli)::int8 AS c
	FROM quota_promise q JOIN tenant k ON k.key = q.tenant_key JOIN t ON k.parent_key = t.key
	WHERE k.deleted_at IS NULL GROUP BY q.model
),
raised AS (
	SELECT r.model, sum(r.guaranteed_device_milli)::int8 AS d, sum(r.guaranteed_memory_mib)::int8 AS m, sum(r.guaranteed_compute_milli)::int8 AS c
	FROM quota_raise r JOIN t ON t.key = r.tenant_key WHERE r.state = 'applied' GROUP BY r.model
),
below AS (
	SELECT k.model, a.axis, a.need, a.have
	FROM kids k CROSS JOIN t LEFT JOIN m ON m.model = k.model LEFT JOIN raised r ON r.model = k.model
	CROSS JOIN LATERAL (VALUES ('device_milli', k.d, coalesce(m.gd + coalesce(r.d, 0), nullif(r.d, 0))), ('memory_mib', k.m, coalesce(m.gm + coalesce(r.m, 0), nullif(r.m, 0))),
		('compute_milli', k.c, coalesce(m.gc + coalesce(r.c, 0), nullif(r.c, 0)))) AS a(axis, need, have)
	WHERE a.need > coalesce(a.have, 0) AND (t.depth > 0 OR a.have IS NOT NULL)
	ORDER BY k.model, a.axis LIMIT 1
),
beside AS (
	SELECT q.model, sum(q.device_milli)::int8 AS d, sum(q.memory_mib)::int8 AS m, sum(q.compute_milli)::int8 AS c
	FROM quota_promise q JOIN tenant k ON k.key = q.tenant_key JOIN t ON k.parent_key = t.parent_key AND k.key <> t.key
	WHERE k.deleted_at IS NULL GROUP BY q.model
),
parent AS (
	SELECT q.model, sum(q.device_milli)::int8 AS d, sum(q.memory_mib)::int8 AS m, sum(q.compute_milli)::int8 AS c
	FROM quota_promise q JOIN up ON up.key = q.tenant_key GROUP BY q.model
),
above AS (
	SELECT m.model, a.axis, a.have, a.need
	FROM m CROSS JOIN up LEFT JOIN parent q ON q.model = m.model LEFT JOIN beside s ON s.model = m.model LEFT JOIN raised r ON r.model = m.model
	CROSS JOIN LATERAL (VALUES
		('device_milli', q.d, coalesce(s.d, 0) + coalesce(r.d, 0) + m.gd),
		('memory_mib', q.m, coalesce(s.m, 0) + coalesce(r.m, 0) + m.gm),
		('compute_milli', q.c, coalesce(s.c, 0) + coalesce(r.c, 0) + m.gc)) AS a(axis, have, need)
	WHERE (up.depth > 0 OR a.have IS NOT NULL) AND a.need > coalesce(a.have, 0)
	ORDER BY m.model, a.axis LIMIT 1
),
-- What holds now must hold when a raise of the parent's, or of its own, ends.
later AS (
	SELECT p.model, g.axis, promise_gap_said(o.path, g.have, g.need, g.at) AS said
	FROM (SELECT key, (SELECT path FROM tenant WHERE key = t.key) AS path FROM t UNION ALL SELECT key, path FROM up) o
	JOIN (SELECT DISTINCT tenant_key, model FROM quota_raise WHERE state = 'applied' AND ends_at IS NOT NULL) p ON p.tenant_key = o.key
	CROSS JOIN t LEFT JOIN m ON m.model = p.model
	CROSS JOIN LATERAL promise_gap(o.key, p.model, t.key, ARRAY[m.gd, m.gm, m.gc], NULL, NULL, NULL) g
	ORDER BY p.model, g.axis LIMIT 1
),
verdict AS (
	SELECT CASE WHEN t.key IS NULL THEN 'refused:not_found'
		WHEN $22 >= 0 AND t.quota_rev <> $22 THEN 'refused:etag_mismatch'
		WHEN NOT sees_kids(t.key) OR NOT sees_kids(up.key) THEN 'refused:scope_moved'
		WHEN stranger.model IS NOT NULL THEN 'refused:unknown_class'
		WHEN fleet.model IS NOT NULL THEN 'refused:bad_field'
		WHEN up.key IS NULL AND t.depth > 0 THEN 'refused:permission_denied'
		WHEN below.model IS NOT NULL THEN 'refused:quota_exceeds_parent'
		WHEN above.model IS NOT NULL THEN 'refused:quota_exceeds_parent'
		WHEN later.model IS NOT NULL THEN 'refused:quota_exceeds_parent'
		ELSE 'done' END AS outcome,
		CASE WHEN t.key IS NULL THEN NULL
		WHEN $22 >= 0 AND t.quota_rev <> $22 THEN 'If-Match'
		WHEN NOT sees_kids(t.key) OR NOT sees_kids(up.key) THEN NULL
		WHEN stranger.model IS NOT NULL THEN stranger.pointer
		WHEN fleet.model IS NOT NULL THEN '#/models/' || fleet.model
		WHEN up.key IS NULL AND t.depth > 0 THEN NULL
		WHEN below.model IS NOT NULL THEN '#/models/' || below.model || '/guaranteed/' || below.axis
		WHEN above.model IS NOT NULL THEN '#/models/' || above.model || '/guaranteed/' || above.axis
		WHEN later.model IS NOT NULL THEN '#/models/' || later.model || '/guaranteed/' || later.axis END AS pointer,
		CASE WHEN t.key IS NULL THEN NULL
		WHEN $22 >= 0 AND t.quota_rev <> $22 THEN 'the quota is at revision ' || t.quota_rev
		WHEN NOT sees_kids(t.key) OR NOT sees_kids(up.key) THEN 'a tenant was made below or beside it at this moment'
		WHEN stranger.model IS NOT NULL THEN 'there is no device class ' || stranger.model
		WHEN fleet.model IS NOT NULL THEN 'the fleet lends to nobody and borrows from nobody'
		WHEN up.key IS NULL AND t.depth > 0 THEN 'the quota of the topmost tenant one holds is set from above'
		WHEN below.model IS NOT NULL THEN 'its children are promised ' || below.need || ', this would be ' || coalesce(below.have, 0) || ': raise it by '
			|| below.need - coalesce(below.have, 0) || ' or lower theirs first'
		WHEN above.model IS NOT NULL THEN CASE WHEN up.depth = 0 THEN 'the fleet' ELSE up.path END || ' is promised ' || coalesce(above.have, 0) || ', its children would hold '
			|| above.need || ': lower this by ' || above.need - coalesce(above.have, 0) || ' or raise the parent first'
		WHEN later.model IS NOT NULL THEN later.said END AS detail
	FROM (SELECT 1) one LEFT JOIN t ON true LEFT JOIN up ON true LEFT JOIN stranger ON true LEFT JOIN fleet ON true LEFT JOIN below ON true LEFT JOIN above ON true LEFT JOIN later ON true
),
d AS (
	DELETE FROM quota WHERE tenant_key = (SELECT key FROM t) AND (SELECT outcome FROM verdict) = 'done' AND model <> ALL ($2::text[])
),
i AS (
	INSERT INTO quota
	SELECT t.key, m.model, m.gd, m.gm, m.gc, m.ld, m.lm, m.lc, m.ed, m.em, m.ec, m.bd, m.bm, m.bc, m.kd, m.km, m.kc
	FROM m, t WHERE (SELECT outcome FROM verdict) = 'done'
	ON CONFLICT (tenant_key, model) DO UPDATE SET
		guaranteed_device_milli = excluded.guaranteed_device_milli, guaranteed_memory_mib = excluded.guaranteed_memory_mib,
		guaranteed_compute_milli = excluded.guaranteed_compute_milli, limit_device_milli = excluded.limit_device_milli,
		limit_memory_mib = excluded.limit_memory_mib, limit_compute_milli = excluded.limit_compute_milli,
		lend_limit_device_milli = excluded.lend_limit_device_milli, lend_limit_memory_mib = excluded.lend_limit_memory_mib,
		lend_limit_compute_milli = excluded.lend_limit_compute_milli, borrow_limit_device_milli = excluded.borrow_limit_device_milli,
		borrow_limit_memory_mib = excluded.borrow_limit_memory_mib, borrow_limit_compute_milli = excluded.borrow_limit_compute_milli,
		class_limit_device_milli = excluded.class_limit_device_milli, class_limit_memory_mib = excluded.class_limit_memory_mib,
		class_limit_compute_milli = excluded.class_limit_compute_milli
),
u AS (
	UPDATE tenant SET weight = $18, credits_limit = $19, reclaim_after_s = $20, reclaim_grace_s = $21, quota_rev = (SELECT n FROM h) + $23
	WHERE key = (SELECT key FROM t) AND (SELECT outcome FROM verdict) = 'done'
	RETURNING key, quota_id, path, quota_rev, weight, credits_limit
)
SELECT v.outcome, v.pointer, v.detail, u.key, u.quota_id AS id, u.path AS tenant, u.quota_rev AS revision, u.weight, u.credits_limit
FROM verdict v LEFT JOIN u ON true;

-- Who borrows from whom, one row per pair and model, with a sentence that says it. A side that the reader does not see is told as the
-- lowest tenant above both; '' is the fleet.
-- name: loan_list :many
-- in: tenant text?, subtree bool, model text?, after text, limit int8
-- out: borrower text, lender text, model text, device_milli int8, memory_mib int8, compute_milli int8, since timestamptz, sentence text, cursor text
-- sort: fields
WITH loan AS (
	SELECT b.path AS borrower_path, e.path AS lender_path, loan_party(b.path, e.path, l.via_depth) AS borrower, loan_party(e.path, b.path, l.via_depth) AS lender,
		l.model, l.device_milli, l.memory_mib, l.compute_milli, l.since,
		l.model || ' ' || lpad(l.tenant_key::text, 10, '0') || ' ' || lpad(l.lender_key::text, 10, '0') AS cursor
	FROM quota_loan l LEFT JOIN tenant b ON b.key = l.tenant_key LEFT JOIN tenant e ON e.key = l.lender_key
	WHERE $3::text IS NULL OR l.model = $3
),
at AS (SELECT path FROM tenant WHERE (path = $1 OR id = $1) AND deleted_at IS NULL)
SELECT borrower, lender, model, device_milli, memory_mib, compute_milli, since,
	CASE borrower WHEN '' THEN 'The fleet' ELSE borrower END || ' borrows ' || device_milli || ' device_milli, ' || memory_mib || ' memory_mib and ' || compute_milli
		|| ' compute_milli of ' || model || ' from ' || CASE lender WHEN '' THEN 'the fleet' ELSE lender END || ' since ' || time_json(since) || '.' AS sentence, cursor
FROM loan
WHERE cursor > $4 AND ($1::text IS NULL OR EXISTS (
	SELECT FROM at WHERE loan.borrower_path = at.path OR loan.lender_path = at.path
		OR ($2 AND (starts_with(loan.borrower_path, at.path || '/') OR starts_with(loan.lender_path, at.path || '/')))))
ORDER BY cursor
LIMIT $5;
