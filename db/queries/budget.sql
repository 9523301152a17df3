-- Budgets, with what is spent and committed of them now. A budget is seen and changed by who sees, or sets, its tenant's quota.

-- name: budget_list :many
-- in: tenant text?, subtree bool, after text, limit int8
-- out: id text, tenant text, description text, unit text, period text, amount int8, thresholds json, action text, spent_milli int8, committed_milli int8, period_begin timestamptz, period_end timestamptz, told_percent int8?, revision int8, created_at timestamptz, cursor text
-- sort: fields
SELECT b.id, coalesce(nullif(t.path, ''), t.id) AS tenant, b.description, b.unit, b.period, b.amount, to_json(b.thresholds) AS thresholds, b.action,
	gpu_milli_hours_spent(k.keys, p.begin_at) AS spent_milli, gpu_milli_hours_committed(k.keys, p.end_at) AS committed_milli,
	p.begin_at AS period_begin, p.end_at AS period_end, m.percent AS told_percent, b.rev AS revision, b.created_at, b.id AS cursor
FROM budget b JOIN tenant t ON t.key = b.tenant_key CROSS JOIN LATERAL (SELECT tenant_subtree(t.key) AS keys) k
CROSS JOIN LATERAL (
	SELECT date_trunc(b.period, now(), 'UTC') AS begin_at,
		date_trunc(b.period, now() AT TIME ZONE 'UTC') + CASE b.period WHEN 'day' THEN interval '1 day' WHEN 'week' THEN interval '7 days'
			WHEN 'month' THEN interval '1 month' ELSE interval '3 months' END AS end_utc
) q CROSS JOIN LATERAL (SELECT q.begin_at, q.end_utc AT TIME ZONE 'UTC' AS end_at) p
LEFT JOIN budget_mark m ON m.budget_id = b.id AND m.begin_at = p.begin_at
WHERE b.deleted_at IS NULL AND b.id > $3
	AND ($1::text IS NULL OR t.path = $1 OR t.id = $1
		OR ($2 AND starts_with(t.path, (SELECT r.path FROM tenant r WHERE (r.path = $1 OR r.id = $1) AND r.deleted_at IS NULL) || '/')))
ORDER BY b.id
LIMIT $4;

-- name: budget_get :one
-- in: id text
-- out: id text, tenant text, description text, unit text, period text, amount int8, thresholds json, action text, spent_milli int8, committed_milli int8, period_begin timestamptz, period_end timestamptz, told_percent int8?, revision int8, created_at timestamptz
SELECT b.id, coalesce(nullif(t.path, ''), t.id) AS tenant, b.description, b.unit, b.period, b.amount, to_json(b.thresholds) AS thresholds, b.action,
	gpu_milli_hours_spent(k.keys, p.begin_at) AS spent_milli, gpu_milli_hours_committed(k.keys, p.end_at) AS committed_milli,
	p.begin_at AS period_begin, p.end_at AS period_end, m.percent AS told_percent, b.rev AS revision, b.created_at
FROM budget b JOIN tenant t ON t.key = b.tenant_key CROSS JOIN LATERAL (SELECT tenant_subtree(t.key) AS keys) k
CROSS JOIN LATERAL (
	SELECT date_trunc(b.period, now(), 'UTC') AS begin_at,
		date_trunc(b.period, now() AT TIME ZONE 'UTC') + CASE b.period WHEN 'day' THEN interval '1 day' WHEN 'week' THEN interval '7 days'
			WHEN 'month' THEN interval '1 month' ELSE interval '3 months' END AS end_utc
) q CROSS JOIN LATERAL (SELECT q.begin_at, q.end_utc AT TIME ZONE 'UTC' AS end_at) p
LEFT JOIN budget_mark m ON m.budget_id = b.id AND m.begin_at = p.begin_at
WHERE b.id = $1 AND b.deleted_at IS NULL;

-- The budgets of the topmost tenant one holds are set from above, as its quota is. At most 16 stand on one tenant: each is looked at with each decision below it.
-- name: budget_create :one
-- in: id text, tenant text, description text, unit text, period text, amount int8, thresholds int8[], action text, rev_offset int8
-- out: outcome text, pointer text?, detail text?, key int4?, id text?, tenant text?, description text?, unit text?, period text?, amount int8?, thresholds json?, action text?, revision int8?, created_at timestamptz?
WITH h AS (SELECT n FROM chain WHERE id = 'g'),
t AS (SELECT key, id, path, parent_key, depth FROM tenant WHERE (id = $2 OR path = $2) AND deleted_at IS NULL FOR NO KEY UPDATE),
up AS (SELECT t.key FROM t LEFT JOIN tenant p ON p.key = t.parent_key WHERE t.depth = 0 OR p.key IS NOT NULL),
others AS (SELECT count(*) AS n FROM budget b JOIN t ON b.tenant_key = t.key WHERE b.deleted_at IS NULL),
i AS (
	INSERT INTO budget (id, tenant_key, description, unit, period, amount, thresholds, action, rev)
	SELECT $1, t.key, $3, $4, $5, $6, ARRAY(SELECT DISTINCT x FROM unnest($7::int8[]) x ORDER BY x), $8, h.n + $9 FROM t, up, h, others
	WHERE others.n < 16 AND $4 = 'gpu_hours'
	RETURNING *
)
SELECT
	CASE WHEN i.id IS NOT NULL THEN 'done' WHEN t.key IS NULL THEN 'refused:unknown_tenant' WHEN $4 <> 'gpu_hours' THEN 'refused:no_price_book'
		WHEN up.key IS NULL THEN 'refused:permission_denied' ELSE 'refused:too_many_items' END AS outcome,
	CASE WHEN i.id IS NOT NULL THEN NULL WHEN t.key IS NOT NULL AND $4 <> 'gpu_hours' THEN '#/unit' ELSE '#/tenant' END AS pointer,
	CASE WHEN i.id IS NOT NULL THEN NULL WHEN t.key IS NULL THEN 'there is no tenant ' || $2
		WHEN $4 <> 'gpu_hours' THEN 'money counts by a price book, and there is none: count gpu_hours'
		WHEN up.key IS NULL THEN 'the budgets of the topmost tenant one holds are set from above' ELSE 'a tenant has at most 16 budgets' END AS detail,
	t.key, i.id, coalesce(nullif(t.path, ''), t.id) AS tenant, i.description, i.unit, i.period, i.amount, to_json(i.thresholds) AS thresholds, i.action, i.rev AS revision, i.created_at
FROM (SELECT 1) one LEFT JOIN t ON true LEFT JOIN up ON true LEFT JOIN i ON true;

-- name: budget_patch :one
-- in: id text, description text?, amount int8?, thresholds int8[]?, action text?, if_rev int8, rev_offset int8
-- out: outcome text, pointer text?, detail text?, key int4?, id text?, tenant text?, description text?, unit text?, period text?, amount int8?, thresholds json?, action text?, revision int8?, created_at timestamptz?
WITH h AS (SELECT n FROM chain WHERE id = 'g'),
b AS (SELECT id, rev, tenant_key FROM budget WHERE id = $1 AND deleted_at IS NULL FOR NO KEY UPDATE),
up AS (SELECT b.id FROM b JOIN tenant t ON t.key = b.tenant_key LEFT JOIN tenant p ON p.key = t.parent_key WHERE t.depth = 0 OR p.key IS NOT NULL),
u AS (
	UPDATE budget SET description = coalesce($2, description), amount = coalesce($3, amount), action = coalesce($5, action),
		thresholds = CASE WHEN $4::int8[] IS NOT NULL THEN ARRAY(SELECT DISTINCT x FROM unnest($4::int8[]) x ORDER BY x) ELSE thresholds END, rev = (SELECT n FROM h) + $7
	WHERE id = (SELECT id FROM up) AND ($6 < 0 OR rev = $6)
	RETURNING *
)
SELECT
	CASE WHEN u.id IS NOT NULL THEN 'done' WHEN b.id IS NULL THEN 'refused:not_found' WHEN up.id IS NULL THEN 'refused:permission_denied' ELSE 'refused:etag_mismatch' END AS outcome,
	CASE WHEN u.id IS NULL AND up.id IS NOT NULL THEN 'If-Match' END AS pointer,
	CASE WHEN b.id IS NOT NULL AND up.id IS NULL THEN 'the budgets of the topmost tenant one holds are set from above'
		WHEN u.id IS NULL AND b.id IS NOT NULL THEN 'the budget is at revision ' || b.rev END AS detail,
	b.tenant_key AS key, u.id, (SELECT coalesce(nullif(path, ''), id) FROM tenant WHERE key = b.tenant_key) AS tenant, u.description, u.unit, u.period, u.amount,
	to_json(u.thresholds) AS thresholds, u.action, u.rev AS revision, u.created_at
FROM (SELECT 1) one LEFT JOIN b ON true LEFT JOIN up ON true LEFT JOIN u ON true;

-- name: budget_delete :one
-- in: id text, if_rev int8, rev_offset int8
-- out: outcome text, pointer text?, detail text?, key int4?, id text?, tenant text?
WITH h AS (SELECT n FROM chain WHERE id = 'g'),
b AS (SELECT id, rev, tenant_key FROM budget WHERE id = $1 AND deleted_at IS NULL FOR NO KEY UPDATE),
up AS (SELECT b.id FROM b JOIN tenant t ON t.key = b.tenant_key LEFT JOIN tenant p ON p.key = t.parent_key WHERE t.depth = 0 OR p.key IS NOT NULL),
u AS (UPDATE budget SET deleted_at = now(), rev = (SELECT n FROM h) + $3 WHERE id = (SELECT id FROM up) AND ($2 < 0 OR rev = $2) RETURNING id)
SELECT
	CASE WHEN u.id IS NOT NULL THEN 'done' WHEN b.id IS NULL THEN 'refused:not_found' WHEN up.id IS NULL THEN 'refused:permission_denied' ELSE 'refused:etag_mismatch' END AS outcome,
	CASE WHEN u.id IS NULL AND up.id IS NOT NULL THEN 'If-Match' END AS pointer,
	CASE WHEN b.id IS NOT NULL AND up.id IS NULL THEN 'the budgets of the topmost tenant one holds are set from above'
		WHEN u.id IS NULL AND b.id IS NOT NULL THEN 'the budget is at revision ' || b.rev END AS detail,
	b.tenant_key AS key, u.id, (SELECT path FROM tenant WHERE key = b.tenant_key) AS tenant
FROM (SELECT 1) one LEFT JOIN b ON true LEFT JOIN up ON true LEFT JOIN u ON true;

-- The placer's: every budget, with what work that has ended took of the present period, in device_milli x microseconds. The sum may
-- pass 64 bits: it comes as high x 10^9 + low.
-- name: load_budgets :many
-- out: id text, tenant_key int4, period text, begin_at timestamptz, amount int8, thresholds text, action text, ended_high int8, ended_low int8, told_percent int8
SELECT b.id, b.tenant_key, b.period, p.begin_at, b.amount, array_to_string(b.thresholds, ',') AS thresholds, b.action, div(e.sum, 1000000000)::int8 AS ended_high, mod(e.sum, 1000000000)::int8 AS ended_low,
	coalesce(m.percent, 0) AS told_percent
FROM budget b CROSS JOIN LATERAL (SELECT date_trunc(b.period, now(), 'UTC') AS begin_at) p
LEFT JOIN budget_mark m ON m.budget_id = b.id AND m.begin_at = p.begin_at
CROSS JOIN LATERAL (
	SELECT coalesce(sum(s.device_milli * round(extract(epoch FROM s.ended_at - greatest(s.started_at, p.begin_at)) * 1000000)), 0) AS sum
	FROM segment s WHERE s.tenant_key = ANY (tenant_subtree(b.tenant_key)) AND s.ended_at > p.begin_at
) e
WHERE b.deleted_at IS NULL ORDER BY b.id;

-- name: budget_mark_put :exec
-- in: ids text[], tenant_keys int4[], begin_ats timestamptz[], percents int8[], at timestamptz
INSERT INTO budget_mark (budget_id, tenant_key, begin_at, percent, at)
SELECT unnest($1::text[]), unnest($2::int4[]), unnest($3::timestamptz[]), unnest($4::int8[]), $5
ON CONFLICT (budget_id) DO UPDATE SET begin_at = excluded.begin_at, percent = excluded.percent, at = excluded.at;
