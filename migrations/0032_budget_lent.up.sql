-- What was lent to clusters ahead, and is used by nobody yet, is committed for as long as they go on by themselves.
CREATE OR REPLACE FUNCTION gpu_milli_hours_committed(keys int4[], until timestamptz) RETURNS int8 LANGUAGE sql STABLE AS $$
	SELECT coalesce(floor(sum(u.device_milli * greatest(u.seconds, 0)) / 3600), 0)::int8 FROM (
		SELECT c.device_milli, extract(epoch FROM least(coalesce(p.running_at, now()) + make_interval(secs => nullif(r.s, 0)), until) - now()) AS seconds
		FROM placement p CROSS JOIN LATERAL (SELECT sum(x)::int8 AS device_milli FROM unnest(p.charge_device_milli) x) c
		CROSS JOIN LATERAL (SELECT (p.request::json->>'max_runtime_s')::int8 AS s) r
		WHERE p.tenant_key = ANY (keys) AND p.ended_at IS NULL AND c.device_milli > 0
		UNION ALL
		SELECT l.headroom_device_milli, least(l.offline_s, extract(epoch FROM until - now()))
		FROM lease l WHERE l.tenant_key = ANY (keys) AND l.headroom_device_milli > 0
	) u
$$;
