CREATE OR REPLACE FUNCTION gpu_milli_hours_committed(keys int4[], until timestamptz) RETURNS int8 LANGUAGE sql STABLE AS $$
	SELECT coalesce(floor(sum(c.device_milli * greatest(extract(epoch FROM least(coalesce(p.running_at, now()) + make_interval(secs => nullif(r.s, 0)), until) - now()), 0)) / 3600), 0)::int8
	FROM placement p CROSS JOIN LATERAL (SELECT sum(x)::int8 AS device_milli FROM unnest(p.charge_device_milli) x) c
	CROSS JOIN LATERAL (SELECT (p.request::json->>'max_runtime_s')::int8 AS s) r
	WHERE p.tenant_key = ANY (keys) AND p.ended_at IS NULL AND c.device_milli > 0
$$;
