-- As it was in 0007.
CREATE OR REPLACE FUNCTION quota_conditions_json(of_tenant int4) RETURNS text LANGUAGE sql STABLE AS $$
	WITH held AS (
		SELECT x.type, q.model
		FROM quota q JOIN tenant_use u USING (tenant_key, model) CROSS JOIN LATERAL (VALUES
			('over_limit', u.device_milli > q.limit_device_milli OR u.memory_mib > q.limit_memory_mib OR u.compute_milli > q.limit_compute_milli
				OR u.device_milli > q.class_limit_device_milli OR u.memory_mib > q.class_limit_memory_mib OR u.compute_milli > q.class_limit_compute_milli),
			('over_guaranteed', u.device_milli > q.guaranteed_device_milli OR u.memory_mib > q.guaranteed_memory_mib
				OR u.compute_milli > q.guaranteed_compute_milli)) AS x(type, holds)
		WHERE q.tenant_key = of_tenant AND x.holds
		UNION ALL
		SELECT 'over_credits_limit', '' FROM tenant t WHERE t.key = of_tenant AND t.credits_limit IS NOT NULL AND credits_used(t.key) > t.credits_limit
		UNION ALL
		SELECT c.type, c.model FROM quota_condition c WHERE c.tenant_key = of_tenant AND c.type IN ('guarantee_infeasible', 'borrowing')
	)
	SELECT coalesce(json_agg(json_strip_nulls(json_build_object('type', h.type, 'model', nullif(h.model, ''),
		'since', time_json(coalesce(c.since, now())))) ORDER BY h.type, h.model), '[]')::text
	FROM held h LEFT JOIN quota_condition c ON c.tenant_key = of_tenant AND c.type = h.type AND c.model = h.model
$$;
DROP FUNCTION quota_raises_json, raise_told, promise_gap_said, promise_gap;
DROP VIEW quota_promise, quota_raised;
DROP TABLE raise_policy, quota_raise;
