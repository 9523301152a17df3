ALTER FUNCTION axes_json(int8, int8, int8) IMMUTABLE;

CREATE OR REPLACE FUNCTION quota_loans_json(keys int4[]) RETURNS json LANGUAGE plpgsql STABLE AS $$
BEGIN
	RETURN (
		WITH edge AS (
			SELECT l.*, true AS is_in FROM quota_loan l WHERE l.tenant_key = ANY (keys) AND l.lender_key NOT IN (SELECT unnest(keys))
			UNION ALL
			SELECT l.*, false FROM quota_loan l WHERE l.lender_key = ANY (keys) AND l.tenant_key NOT IN (SELECT unnest(keys))
		),
		crossing AS (
			SELECT l.model, l.is_in, l.device_milli AS d, l.memory_mib AS m, l.compute_milli AS c, l.since,
				CASE WHEN l.is_in THEN loan_party(e.path, b.path, l.via_depth) ELSE loan_party(b.path, e.path, l.via_depth) END AS party
			FROM edge l LEFT JOIN tenant b ON b.key = l.tenant_key LEFT JOIN tenant e ON e.key = l.lender_key
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
	);
END
$$;

CREATE OR REPLACE FUNCTION quota_classes_json(of_tenant int4) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
	RETURN (
		SELECT coalesce(json_object_agg(coalesce(q.model, u.model), json_strip_nulls(json_build_object(
			'limit', nullif(axes_json(q.class_limit_device_milli, q.class_limit_memory_mib, q.class_limit_compute_milli)::text, '{}')::json,
			'used', axes_json(coalesce(u.device_milli, 0), coalesce(u.memory_mib, 0), coalesce(u.compute_milli, 0)))) ORDER BY coalesce(q.model, u.model)), '{}')::text
		FROM (SELECT * FROM quota WHERE tenant_key = of_tenant) q
		FULL JOIN (SELECT * FROM tenant_use WHERE tenant_key = of_tenant) u ON u.model = q.model
		WHERE num_nonnulls(q.class_limit_device_milli, q.class_limit_memory_mib, q.class_limit_compute_milli) > 0
			OR NOT EXISTS (SELECT FROM device_class c WHERE c.name = coalesce(q.model, u.model))
	);
END
$$;

CREATE OR REPLACE FUNCTION quota_raises_json(of_tenant int4) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
	RETURN (
		SELECT coalesce(json_agg(json_strip_nulls(json_build_object('id', r.id, 'model', r.model,
			'guaranteed', axes_json(nullif(r.guaranteed_device_milli, 0), nullif(r.guaranteed_memory_mib, 0), nullif(r.guaranteed_compute_milli, 0)),
			'limit', axes_json(nullif(r.limit_device_milli, 0), nullif(r.limit_memory_mib, 0), nullif(r.limit_compute_milli, 0)),
			'until', time_json(r.ends_at))) ORDER BY r.id), '[]')::text
		FROM quota_raise r WHERE r.tenant_key = of_tenant AND r.state = 'applied'
	);
END
$$;

CREATE OR REPLACE FUNCTION quota_conditions_json(of_tenant int4) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
	RETURN (
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
	);
END
$$;

CREATE OR REPLACE FUNCTION quota_escrow_json(keys int4[]) RETURNS json LANGUAGE plpgsql STABLE AS $$
BEGIN
	RETURN (
		WITH held AS (
			SELECT x.model, k.name, sum(x.d)::int8 AS d, sum(x.m)::int8 AS m, sum(x.c)::int8 AS c, sum(x.hd)::int8 AS hd, sum(x.hm)::int8 AS hm, sum(x.hc)::int8 AS hc
			FROM (
				SELECT e.model, e.cluster_key, e.device_milli AS d, e.memory_mib AS m, e.compute_milli AS c, 0 AS hd, 0 AS hm, 0 AS hc
				FROM escrow e WHERE e.tenant_key = ANY (keys)
				UNION ALL
				SELECT l.model, l.cluster_key, 0, 0, 0, l.headroom_device_milli, l.headroom_memory_mib, l.headroom_compute_milli
				FROM lease l WHERE l.tenant_key = ANY (keys)
			) x JOIN cluster k ON k.key = x.cluster_key
			GROUP BY x.model, k.name HAVING greatest(sum(x.d), sum(x.m), sum(x.c), sum(x.hd), sum(x.hm), sum(x.hc)) > 0
		),
		of_model AS (
			SELECT model, json_object_agg(name, json_build_object('earmarked', axes_json(d, m, c), 'headroom', axes_json(hd, hm, hc)) ORDER BY name) AS said
			FROM held GROUP BY model
		)
		SELECT coalesce(json_object_agg(model, said), '{}') FROM of_model
	);
END
$$;
