CREATE OR REPLACE FUNCTION quota_escrow_json(keys int4[]) RETURNS json LANGUAGE plpgsql STABLE AS $$
BEGIN
	RETURN (
		WITH held AS (
			SELECT e.model, k.name, sum(e.device_milli)::int8 AS d, sum(e.memory_mib)::int8 AS m, sum(e.compute_milli)::int8 AS c
			FROM escrow e JOIN cluster k ON k.key = e.cluster_key
			WHERE e.tenant_key = ANY (keys) AND greatest(e.device_milli, e.memory_mib, e.compute_milli) > 0 GROUP BY e.model, k.name
		),
		of_model AS (
			SELECT model, json_object_agg(name, json_build_object('earmarked', axes_json(d, m, c), 'headroom', axes_json(0, 0, 0)) ORDER BY name) AS said
			FROM held GROUP BY model
		)
		SELECT coalesce(json_object_agg(model, said), '{}') FROM of_model
	);
END
$$;

DROP TABLE pod_placement, lease;
