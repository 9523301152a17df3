-- Measured use is counted once, however often an agent tells it: a window is known by its placement, the part of the placement
-- that it is of, and its time. What overlaps a window that is stored counts only for the time that is not told yet.

ALTER TABLE usage_window ADD COLUMN source int8 NOT NULL DEFAULT 0;
CREATE INDEX usage_window_by_source ON usage_window (placement_id, source, at);

-- Adds the windows of a cluster's report and returns how many were new. It must see what a report of the same cluster stored that
-- was committed while this one waited for the row of its session: that is why it is volatile, and called for that row.
CREATE FUNCTION usage_add(of_cluster int4, ends timestamptz[], ids text[], sources int8[], lengths int8[], memory_avgs int8[], memory_maxs int8[], compute_avgs int8[])
RETURNS int8 LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	-- Ends are told in milliseconds: two windows that touch may seem to overlap by so much.
	slack constant interval := interval '1 millisecond';
	added int8;
BEGIN
	IF cardinality(ends) = 0 THEN
		RETURN 0;
	END IF;
	WITH told AS (
		SELECT x.at, x.at - make_interval(secs => x.length / 1000.0) AS since, p.tenant_key, x.id, x.source, x.length, x.memory_avg, x.memory_max, x.compute_avg
		FROM unnest(ends, ids, sources, lengths, memory_avgs, memory_maxs, compute_avgs) AS x(at, id, source, length, memory_avg, memory_max, compute_avg)
			JOIN placement p ON p.id = x.id AND p.cluster_key = of_cluster
	),
	line AS (
		SELECT t.*, max(t.at) OVER (PARTITION BY t.id, t.source ORDER BY t.since, t.at DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS told_until,
			(SELECT max(u.at) FROM usage_window u WHERE u.placement_id = t.id AND u.source = t.source AND u.at > t.since + slack
				AND u.at - make_interval(secs => u.window_ms / 1000.0) < t.at - slack) AS stored_until
		FROM told t
	),
	fresh AS (
		SELECT l.*, CASE WHEN greatest(l.told_until, l.stored_until) > l.since + slack
			THEN floor(extract(epoch FROM l.at - greatest(l.told_until, l.stored_until)) * 1000)::int8 ELSE l.length END AS left_ms
		FROM line l
	),
	put AS (
		INSERT INTO usage_window (at, cluster_key, tenant_key, placement_id, source, window_ms, memory_mib_avg, memory_mib_max, compute_milli_avg)
		SELECT f.at, of_cluster, f.tenant_key, f.id, f.source, f.left_ms, f.memory_avg, f.memory_max, f.compute_avg FROM fresh f WHERE f.left_ms > 0
		RETURNING 1
	)
	SELECT count(*) INTO added FROM put;
	RETURN added;
END
$$;
