-- GPU time from the billed segments, cut at UTC midnights. A segment that still runs counts up to now.

-- Whole days of what the worker has rolled up, the pieces of those days that the window cuts, and the segments that it has not.
-- name: usage_list :many
-- in: from timestamptz, until timestamptz, tenant text?, subtree bool, after text, limit int8
-- out: tenant text, class text, day text, gpu_seconds int8, gpu_milli_seconds int8, memory_mib_seconds int8, segments int8, cursor text
-- sort: fields
WITH asked AS (
	SELECT ($1 AT TIME ZONE 'UTC')::date AS first, ($2 AT TIME ZONE 'UTC')::date AS last, (($1 - interval '1 microsecond') AT TIME ZONE 'UTC')::date + 1 AS whole_from
),
tree AS MATERIALIZED (
	SELECT t.key, t.path FROM tenant t WHERE $3::text IS NULL OR t.path = $3 OR t.id = $3
		OR ($4 AND starts_with(t.path, (SELECT r.path FROM tenant r WHERE (r.path = $3 OR r.id = $3) AND r.deleted_at IS NULL) || '/'))
),
kept AS MATERIALIZED (SELECT * FROM usage_left l WHERE $3::text IS NULL OR l.tenant_key = ANY (ARRAY(SELECT key FROM tree))),
fresh AS MATERIALIZED (
	SELECT s.tenant_key, s.class, s.device_milli, s.memory_mib, s.started_at, s.ended_at FROM segment s WHERE s.opened_at >= (SELECT at FROM usage_rolled)
	UNION ALL
	SELECT s.tenant_key, s.class, s.device_milli, s.memory_mib, s.started_at, s.ended_at FROM kept l JOIN segment s USING (placement_id, fence_no, class)
),
part AS (
	SELECT u.tenant_key, u.class, u.day, u.milli_us, u.mib_us, u.segments FROM usage_day u, asked a
	WHERE u.day >= a.whole_from AND u.day < a.last AND u.tenant_key IN (SELECT key FROM tree)
	UNION ALL
	SELECT p.tenant_key, p.class, p.day, p.device_milli * x.us, p.memory_mib * x.us, 1
	FROM asked a JOIN usage_piece p ON p.day IN (a.first, a.last) AND (p.day < a.whole_from OR p.day >= a.last)
	CROSS JOIN LATERAL (SELECT extract(epoch FROM least(p.until_at, $2) - greatest(p.from_at, $1)) * 1000000 AS us) x
	WHERE x.us > 0 AND p.tenant_key IN (SELECT key FROM tree)
	UNION ALL
	SELECT s.tenant_key, s.class, d.day, s.device_milli * x.us, s.memory_mib * x.us, 1
	FROM fresh s CROSS JOIN LATERAL usage_days(greatest(s.started_at, $1), least(coalesce(s.ended_at, now()), $2)) d
	CROSS JOIN LATERAL (SELECT extract(epoch FROM d.ends - d.begins) * 1000000 AS us) x
	WHERE s.started_at < $2 AND coalesce(s.ended_at, now()) > $1 AND s.tenant_key IN (SELECT key FROM tree)
),
line AS (
	SELECT t.path AS tenant, p.class, to_char(p.day, 'YYYY-MM-DD') AS day, floor(sum(p.milli_us) / 1000000000)::int8 AS gpu_seconds,
		floor(sum(p.milli_us) / 1000000)::int8 AS gpu_milli_seconds, floor(sum(p.mib_us) / 1000000)::int8 AS memory_mib_seconds, sum(p.segments)::int8 AS segments
	FROM part p JOIN tree t ON t.key = p.tenant_key GROUP BY t.path, p.class, p.day
)
SELECT tenant, class, day, gpu_seconds, gpu_milli_seconds, memory_mib_seconds, segments, tenant || ' ' || day || ' ' || class AS cursor
FROM line WHERE tenant || ' ' || day || ' ' || class > $5
ORDER BY tenant || ' ' || day || ' ' || class
LIMIT $6;

-- Takes over what has ended of the segments of the next so many seconds, and of those that had not before. The last lag_s seconds are
-- left alone: a transaction that began in them may still be on its way. has_more: there is more to take over at once. Whoever waited for
-- another to do it sees what was before that, and does nothing.
-- name: usage_roll :one
-- in: step_s int8, lag_s int8
-- out: rolled int8, has_more bool
WITH head AS (SELECT h.at, h.turn FROM usage_rolled h FOR UPDATE),
free AS (SELECT h.turn = (SELECT turn FROM usage_rolled) AS is_free FROM head h),
goal AS (SELECT h.at AS low, greatest(h.at, least(h.at + make_interval(secs => $1), now() - make_interval(secs => $2))) AS high FROM head h, free f WHERE f.is_free),
seen AS MATERIALIZED (
	SELECT s.*, false AS was_left FROM segment s, goal g WHERE s.opened_at >= g.low AND s.opened_at < g.high
	UNION ALL
	SELECT s.*, true FROM usage_left l JOIN segment s USING (placement_id, fence_no, class) WHERE EXISTS (SELECT FROM goal)
),
cut AS MATERIALIZED (
	SELECT s.tenant_key, d.day, s.class, s.device_milli, s.memory_mib, d.begins, d.ends, extract(epoch FROM d.ends - d.begins) * 1000000 AS us
	FROM seen s CROSS JOIN LATERAL usage_days(s.started_at, s.ended_at) d WHERE s.ended_at IS NOT NULL
),
pieces AS (INSERT INTO usage_piece (tenant_key, day, class, device_milli, memory_mib, from_at, until_at) SELECT tenant_key, day, class, device_milli, memory_mib, begins, ends FROM cut),
days AS (
	INSERT INTO usage_day AS u (tenant_key, day, class, milli_us, mib_us, segments)
	SELECT tenant_key, day, class, sum(device_milli * us), sum(memory_mib * us), count(*) FROM cut GROUP BY tenant_key, day, class
	ON CONFLICT (tenant_key, day, class) DO UPDATE SET milli_us = u.milli_us + excluded.milli_us, mib_us = u.mib_us + excluded.mib_us, segments = u.segments + excluded.segments
),
kept AS (INSERT INTO usage_left (placement_id, fence_no, class, tenant_key) SELECT placement_id, fence_no, class, tenant_key FROM seen WHERE ended_at IS NULL AND NOT was_left),
gone AS (
	DELETE FROM usage_left l USING seen s WHERE s.was_left AND s.ended_at IS NOT NULL AND l.placement_id = s.placement_id AND l.fence_no = s.fence_no AND l.class = s.class
),
moved AS (UPDATE usage_rolled r SET at = g.high, turn = r.turn + 1, segments = r.segments + (SELECT count(*) FROM seen WHERE ended_at IS NOT NULL) FROM goal g)
SELECT (SELECT count(*) FROM seen WHERE ended_at IS NOT NULL) AS rolled, coalesce((SELECT high < now() - make_interval(secs => $2) FROM goal), false) AS has_more;

-- So that the newest segments are found without a look at all. ranges: of blocks that were new.
-- name: usage_summarize :one
-- out: ranges int8
SELECT usage_summarize() AS ranges;

-- Each segment that was opened before then is taken over or left, once: else what is told of the past is wrong.
-- name: books_usage :one
-- out: usage_rolled_wrong int8
SELECT abs((SELECT count(*) FROM segment WHERE opened_at < r.at) - r.segments - (SELECT count(*) FROM usage_left)) AS usage_rolled_wrong FROM usage_rolled r;
