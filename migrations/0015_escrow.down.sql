CREATE OR REPLACE FUNCTION quota_escrow_json(keys int4[]) RETURNS json LANGUAGE sql STABLE AS $$
	WITH held AS (
		SELECT x.model, k.name, sum(x.d)::int8 AS d, sum(x.m)::int8 AS m, sum(x.c)::int8 AS c
		FROM placement p JOIN cluster k ON k.key = p.cluster_key
		CROSS JOIN LATERAL unnest(p.charge_models, p.charge_device_milli, p.charge_memory_mib, p.charge_compute_milli) AS x(model, d, m, c)
		WHERE p.tenant_key = ANY (keys) AND p.ended_at IS NULL GROUP BY x.model, k.name
	),
	of_model AS (
		SELECT model, json_object_agg(name, json_build_object('earmarked', axes_json(d, m, c), 'headroom', axes_json(0, 0, 0)) ORDER BY name) AS said
		FROM held GROUP BY model
	)
	SELECT coalesce(json_object_agg(model, said), '{}') FROM of_model
$$;
DROP TABLE escrow;
