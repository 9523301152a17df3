-- Priority classes: the tiers of the queue. They are made and changed, never taken away: a request that names one stays good.

-- name: priority_list :many
-- in: after text, limit int8
-- out: name text, value int8, preemptible bool, may_preempt bool, reserve_after_s int8, min_runtime_s int8, grace_s int8, revision int8, cursor text
-- sort: fields
SELECT name, value::int8 AS value, preemptible, may_preempt, reserve_after_s, min_runtime_s, grace_s, rev AS revision, name AS cursor
FROM priority WHERE name > $1 ORDER BY name LIMIT $2;

-- name: priority_get :one
-- in: priority text
-- out: name text, value int8, preemptible bool, may_preempt bool, reserve_after_s int8, min_runtime_s int8, grace_s int8, revision int8
SELECT name, value::int8 AS value, preemptible, may_preempt, reserve_after_s, min_runtime_s, grace_s, rev AS revision FROM priority WHERE name = $1;

-- name: priority_put :one
-- in: name text, value int4, preemptible bool, may_preempt bool, reserve_after_s int8, min_runtime_s int8, grace_s int8, if_rev int8, must_be_new bool, rev_offset int8
-- out: outcome text, pointer text?, detail text?, was_new bool, name text?, value int8?, preemptible bool?, may_preempt bool?, reserve_after_s int8?, min_runtime_s int8?, grace_s int8?, revision int8?
WITH h AS (SELECT n FROM chain WHERE id = 'g'),
old AS (SELECT rev FROM priority WHERE name = $1),
i AS (
	INSERT INTO priority (name, value, preemptible, may_preempt, reserve_after_s, min_runtime_s, grace_s, rev)
	SELECT $1, $2, $3, $4, $5, $6, $7, h.n + $10
	FROM h WHERE ($8 < 0 OR (SELECT rev FROM old) = $8) AND NOT ($9 AND EXISTS (SELECT FROM old))
	ON CONFLICT (name) DO UPDATE SET value = excluded.value, preemptible = excluded.preemptible, may_preempt = excluded.may_preempt,
		reserve_after_s = excluded.reserve_after_s, min_runtime_s = excluded.min_runtime_s, grace_s = excluded.grace_s, rev = excluded.rev
	RETURNING *
)
SELECT
	CASE WHEN i.name IS NOT NULL THEN 'done' ELSE 'refused:etag_mismatch' END AS outcome,
	CASE WHEN i.name IS NULL THEN 'If-Match' END AS pointer,
	CASE WHEN i.name IS NULL THEN 'the priority is at revision ' || coalesce(old.rev::text, 'none') END AS detail,
	old.rev IS NULL AS was_new,
	i.name, i.value::int8 AS value, i.preemptible, i.may_preempt, i.reserve_after_s, i.min_runtime_s, i.grace_s, i.rev AS revision
FROM (SELECT 1) one LEFT JOIN old ON true LEFT JOIN i ON true;

-- name: priority_names :many
-- out: name text
SELECT name FROM priority ORDER BY name;

-- name: load_priorities :many
-- out: name text, value int4, preemptible bool, may_preempt bool, reserve_after_s int8, min_runtime_s int8, grace_s int8
SELECT name, value, preemptible, may_preempt, reserve_after_s, min_runtime_s, grace_s FROM priority ORDER BY value, name;
