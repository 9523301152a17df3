DROP FUNCTION credits_used, quota_classes_json, quota_escrow_json, quota_loans_json, loan_party, tenant_subtree;
-- As they were in 0001.
CREATE OR REPLACE FUNCTION quota_models_json(of_tenant int4) RETURNS text LANGUAGE sql STABLE AS $$
	SELECT coalesce(json_object_agg(coalesce(q.model, u.model), json_strip_nulls(json_build_object(
		'guaranteed', nullif(axes_json(q.guaranteed_device_milli, q.guaranteed_memory_mib, q.guaranteed_compute_milli)::text, '{}')::json,
		'limit', nullif(axes_json(q.limit_device_milli, q.limit_memory_mib, q.limit_compute_milli)::text, '{}')::json,
		'lend_limit', nullif(axes_json(q.lend_limit_device_milli, q.lend_limit_memory_mib, q.lend_limit_compute_milli)::text, '{}')::json,
		'borrow_limit', nullif(axes_json(q.borrow_limit_device_milli, q.borrow_limit_memory_mib, q.borrow_limit_compute_milli)::text, '{}')::json,
		'used', axes_json(coalesce(u.device_milli, 0), coalesce(u.memory_mib, 0), coalesce(u.compute_milli, 0)))) ORDER BY coalesce(q.model, u.model)), '{}')::text
	FROM (SELECT * FROM quota WHERE tenant_key = of_tenant) q
	FULL JOIN (SELECT * FROM tenant_use WHERE tenant_key = of_tenant) u ON u.model = q.model
$$;
CREATE OR REPLACE FUNCTION quota_conditions_json(of_tenant int4) RETURNS text LANGUAGE sql STABLE AS $$
	SELECT coalesce(json_agg(json_build_object('type', c.type, 'model', c.model) ORDER BY c.type, c.model), '[]')::text
	FROM (
		SELECT 'over_limit' AS type, q.model
		FROM quota q JOIN tenant_use u USING (tenant_key, model)
		WHERE q.tenant_key = of_tenant AND (u.device_milli > q.limit_device_milli OR u.memory_mib > q.limit_memory_mib OR u.compute_milli > q.limit_compute_milli)
		UNION ALL
		SELECT 'over_guaranteed', q.model
		FROM quota q JOIN tenant_use u USING (tenant_key, model)
		WHERE q.tenant_key = of_tenant AND (u.device_milli > q.guaranteed_device_milli OR u.memory_mib > q.guaranteed_memory_mib
			OR u.compute_milli > q.guaranteed_compute_milli)
	) c
$$;
DROP FUNCTION time_json;
DROP TABLE model_capacity, quota_loan, quota_condition, tenant_move;
ALTER TABLE tenant DROP COLUMN reclaim_after_s, DROP COLUMN reclaim_grace_s;
ALTER TABLE quota DROP COLUMN class_limit_device_milli, DROP COLUMN class_limit_memory_mib, DROP COLUMN class_limit_compute_milli;
