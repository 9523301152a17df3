CREATE OR REPLACE FUNCTION tenant_subtree(of_tenant int4) RETURNS int4[] LANGUAGE sql STABLE AS $$
	WITH RECURSIVE below AS (
		SELECT of_tenant AS key
		UNION ALL
		SELECT t.key FROM tenant t JOIN below b ON t.parent_key = b.key WHERE t.deleted_at IS NULL
	)
	SELECT array_agg(key) FROM below
$$;

CREATE OR REPLACE FUNCTION quota_loans_json(keys int4[]) RETURNS json LANGUAGE sql STABLE AS $$
	WITH crossing AS (
		SELECT l.model, l.tenant_key = ANY (keys) AS is_in, l.device_milli AS d, l.memory_mib AS m, l.compute_milli AS c, l.since,
			CASE WHEN l.tenant_key = ANY (keys) THEN loan_party(e.path, b.path, l.via_depth) ELSE loan_party(b.path, e.path, l.via_depth) END AS party
		FROM quota_loan l LEFT JOIN tenant b ON b.key = l.tenant_key LEFT JOIN tenant e ON e.key = l.lender_key
		WHERE (l.tenant_key = ANY (keys)) <> (l.lender_key = ANY (keys))
	),
	party AS (
		SELECT model, is_in, party, sum(d)::int8 AS d, sum(m)::int8 AS m, sum(c)::int8 AS c, min(since) AS since,
			row_number() OVER (PARTITION BY model, is_in ORDER BY sum(d) DESC, party) AS n
		FROM crossing GROUP BY model, is_in, party
	),
	side AS (
		SELECT model, is_in, sum(d)::int8 AS d, sum(m)::int8 AS m, sum(c)::int8 AS c,
			json_agg(json_build_object('tenant', party, 'device_milli', d, 'memory_mib', m, 'compute_milli', c, 'since', time_json(since)) ORDER BY n)
				FILTER (WHERE n <= 100) AS parties
		FROM party GROUP BY model, is_in
	),
	told AS (
		SELECT model, CASE WHEN is_in THEN 'borrowed' ELSE 'lent' END AS word,
			CASE WHEN is_in THEN json_build_object('device_milli', d, 'memory_mib', m, 'compute_milli', c, 'from', parties)
			ELSE json_build_object('device_milli', d, 'memory_mib', m, 'compute_milli', c, 'to', parties) END AS said
		FROM side
	),
	of_model AS (SELECT model, json_object_agg(word, said ORDER BY word) AS said FROM told GROUP BY model)
	SELECT coalesce(json_object_agg(model, said), '{}') FROM of_model
$$;

CREATE OR REPLACE FUNCTION quota_classes_json(of_tenant int4) RETURNS text LANGUAGE sql STABLE AS $$
	SELECT coalesce(json_object_agg(coalesce(q.model, u.model), json_strip_nulls(json_build_object(
		'limit', nullif(axes_json(q.class_limit_device_milli, q.class_limit_memory_mib, q.class_limit_compute_milli)::text, '{}')::json,
		'used', axes_json(coalesce(u.device_milli, 0), coalesce(u.memory_mib, 0), coalesce(u.compute_milli, 0)))) ORDER BY coalesce(q.model, u.model)), '{}')::text
	FROM (SELECT * FROM quota WHERE tenant_key = of_tenant) q
	FULL JOIN (SELECT * FROM tenant_use WHERE tenant_key = of_tenant) u ON u.model = q.model
	WHERE num_nonnulls(q.class_limit_device_milli, q.class_limit_memory_mib, q.class_limit_compute_milli) > 0
		OR NOT EXISTS (SELECT FROM device_class c WHERE c.name = coalesce(q.model, u.model))
$$;

CREATE OR REPLACE FUNCTION quota_models_json(of_tenant int4) RETURNS text LANGUAGE sql STABLE AS $$
	SELECT coalesce(json_object_agg(coalesce(q.model, u.model), json_strip_nulls(json_build_object(
		'guaranteed', nullif(axes_json(q.guaranteed_device_milli, q.guaranteed_memory_mib, q.guaranteed_compute_milli)::text, '{}')::json,
		'limit', nullif(axes_json(q.limit_device_milli, q.limit_memory_mib, q.limit_compute_milli)::text, '{}')::json,
		'lend_limit', nullif(axes_json(q.lend_limit_device_milli, q.lend_limit_memory_mib, q.lend_limit_compute_milli)::text, '{}')::json,
		'borrow_limit', nullif(axes_json(q.borrow_limit_device_milli, q.borrow_limit_memory_mib, q.borrow_limit_compute_milli)::text, '{}')::json,
		'used', axes_json(coalesce(u.device_milli, 0), coalesce(u.memory_mib, 0), coalesce(u.compute_milli, 0)))) ORDER BY coalesce(q.model, u.model)), '{}')::text
	FROM (
		SELECT * FROM quota WHERE tenant_key = of_tenant AND num_nonnulls(guaranteed_device_milli, guaranteed_memory_mib, guaranteed_compute_milli,
			limit_device_milli, limit_memory_mib, limit_compute_milli, lend_limit_device_milli, lend_limit_memory_mib, lend_limit_compute_milli,
			borrow_limit_device_milli, borrow_limit_memory_mib, borrow_limit_compute_milli) > 0
	) q
	FULL JOIN (SELECT * FROM tenant_use u WHERE tenant_key = of_tenant AND EXISTS (SELECT FROM device_class c WHERE c.name = u.model)) u ON u.model = q.model
$$;

CREATE OR REPLACE FUNCTION credits_used(of_tenant int4) RETURNS int8 LANGUAGE sql STABLE AS $$
	SELECT least(coalesce(sum(u.device_milli::numeric * c.credit_rate_milli), 0), 9007199254740991)::int8
	FROM tenant_use u JOIN device_class c ON c.name = u.model WHERE u.tenant_key = of_tenant
$$;

CREATE OR REPLACE FUNCTION quota_raises_json(of_tenant int4) RETURNS text LANGUAGE sql STABLE AS $$
	SELECT coalesce(json_agg(json_strip_nulls(json_build_object('id', r.id, 'model', r.model,
		'guaranteed', axes_json(nullif(r.guaranteed_device_milli, 0), nullif(r.guaranteed_memory_mib, 0), nullif(r.guaranteed_compute_milli, 0)),
		'limit', axes_json(nullif(r.limit_device_milli, 0), nullif(r.limit_memory_mib, 0), nullif(r.limit_compute_milli, 0)),
		'until', time_json(r.ends_at))) ORDER BY r.id), '[]')::text
	FROM quota_raise r WHERE r.tenant_key = of_tenant AND r.state = 'applied'
$$;

CREATE OR REPLACE FUNCTION quota_conditions_json(of_tenant int4) RETURNS text LANGUAGE sql STABLE AS $$
	WITH held AS (
		SELECT x.type, u.model
		FROM tenant_use u LEFT JOIN quota q USING (tenant_key, model)
		LEFT JOIN (SELECT * FROM quota_raised WHERE tenant_key = of_tenant) r USING (tenant_key, model) CROSS JOIN LATERAL (VALUES
			('over_limit', u.device_milli > q.limit_device_milli + coalesce(r.limit_device_milli, 0)
				OR u.memory_mib > q.limit_memory_mib + coalesce(r.limit_memory_mib, 0) OR u.compute_milli > q.limit_compute_milli + coalesce(r.limit_compute_milli, 0)
				OR u.device_milli > q.class_limit_device_milli OR u.memory_mib > q.class_limit_memory_mib OR u.compute_milli > q.class_limit_compute_milli),
			('over_guaranteed', u.device_milli > coalesce(q.guaranteed_device_milli + coalesce(r.guaranteed_device_milli, 0), nullif(r.guaranteed_device_milli, 0))
				OR u.memory_mib > coalesce(q.guaranteed_memory_mib + coalesce(r.guaranteed_memory_mib, 0), nullif(r.guaranteed_memory_mib, 0))
				OR u.compute_milli > coalesce(q.guaranteed_compute_milli + coalesce(r.guaranteed_compute_milli, 0), nullif(r.guaranteed_compute_milli, 0)))) AS x(type, holds)
		WHERE u.tenant_key = of_tenant AND x.holds
		UNION ALL
		SELECT 'over_credits_limit', '' FROM tenant t WHERE t.key = of_tenant AND t.credits_limit IS NOT NULL AND credits_used(t.key) > t.credits_limit
		UNION ALL
		SELECT c.type, c.model FROM quota_condition c WHERE c.tenant_key = of_tenant AND c.type IN ('guarantee_infeasible', 'borrowing')
	)
	SELECT coalesce(json_agg(json_strip_nulls(json_build_object('type', h.type, 'model', nullif(h.model, ''),
		'since', time_json(coalesce(c.since, now())))) ORDER BY h.type, h.model), '[]')::text
	FROM held h LEFT JOIN quota_condition c ON c.tenant_key = of_tenant AND c.type = h.type AND c.model = h.model
$$;
