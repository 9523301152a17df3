-- A policy may name several policies for nodes together: what was placed by others stands outside it too.
CREATE OR REPLACE FUNCTION policy_outside(of_tenant int4, placed_at timestamptz, request text)
RETURNS TABLE (policy_id text, since timestamptz, fields text) LANGUAGE sql STABLE AS $$
	SELECT now.policy_id, now.from_at, json_object_agg(f.name, json_build_object('placed_by', f.was, 'policy', f.is) ORDER BY f.name)::text
	FROM policy_at(of_tenant, placed_at) was CROSS JOIN policy_at(of_tenant, clock_timestamp()) now
	JOIN policy w ON w.id = was.policy_id JOIN policy n ON n.id = now.policy_id
	CROSS JOIN LATERAL (
		SELECT x.name, coalesce(w.placement::json->>x.name, w.placement::json->>x.or_name, 'fragmentation') AS was,
			coalesce(n.placement::json->>x.name, n.placement::json->>x.or_name, 'fragmentation') AS is
		FROM (VALUES ('node_policy', 'node_weights'), ('device_policy', '')) AS x(name, or_name)
		WHERE request::json->>x.name IS NULL AND request::json->>x.or_name IS NULL
	) f
	WHERE now.from_at > placed_at AND f.was <> f.is
	GROUP BY now.policy_id, now.from_at
$$;
