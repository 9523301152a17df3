-- GPU time from the billed segments, cut at UTC midnights. A segment that still runs counts up to now.

-- name: usage_list :many
-- in: from timestamptz, until timestamptz, tenant text?, subtree bool, after text, limit int8
-- out: tenant text, class text, day text, gpu_seconds int8, gpu_milli_seconds int8, memory_mib_seconds int8, segments int8, cursor text
-- sort: fields
WITH part AS (
	SELECT t.path AS tenant, s.class, d.day, s.device_milli, s.memory_mib,
		extract(epoch FROM least(coalesce(s.ended_at, now()), d.day + interval '1 day', $2) - greatest(s.started_at, d.day, $1)) AS seconds
	FROM segment s JOIN tenant t ON t.key = s.tenant_key
	CROSS JOIN LATERAL generate_series(date_trunc('day', greatest(s.started_at, $1), 'UTC'), least(coalesce(s.ended_at, now()), $2), interval '1 day') AS d(day)
	WHERE s.started_at < $2 AND coalesce(s.ended_at, now()) > $1
		AND ($3::text IS NULL OR t.path = $3 OR t.id = $3 OR ($4 AND starts_with(t.path, (SELECT r.path FROM tenant r WHERE (r.path = $3 OR r.id = $3) AND r.deleted_at IS NULL) || '/')))
),
line AS (
	SELECT tenant, class, to_char(day AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS day, floor(sum(device_milli * seconds) / 1000)::int8 AS gpu_seconds,
		floor(sum(device_milli * seconds))::int8 AS gpu_milli_seconds, floor(sum(memory_mib * seconds))::int8 AS memory_mib_seconds, count(*) AS segments
	FROM part WHERE seconds > 0 GROUP BY tenant, class, part.day
)
SELECT tenant, class, day, gpu_seconds, gpu_milli_seconds, memory_mib_seconds, segments, tenant || ' ' || day || ' ' || class AS cursor
FROM line WHERE tenant || ' ' || day || ' ' || class > $5
ORDER BY tenant || ' ' || day || ' ' || class
LIMIT $6;
