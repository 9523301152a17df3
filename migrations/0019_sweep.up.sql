-- What runs and would be placed otherwise now: after another policy was applied nothing is moved or ended for it, it is shown.

-- Which policy counted at a tenant when. Governance closes a row and opens the next with each apply.
CREATE TABLE policy_past (
	tenant_key int4        NOT NULL CONSTRAINT policy_past_tenant_exists REFERENCES tenant (key),
	policy_id  text        NOT NULL CONSTRAINT policy_past_policy_exists REFERENCES policy (id),
	from_at    timestamptz NOT NULL,
	until_at   timestamptz,
	CONSTRAINT policy_past_pk PRIMARY KEY (tenant_key, from_at)
);
INSERT INTO policy_past (tenant_key, policy_id, from_at) SELECT tenant_key, policy_id, '-infinity' FROM policy_applied;

-- Found by the worker's sweep.
CREATE TABLE placement_condition (
	placement_id text        NOT NULL,
	tenant_key   int4        NOT NULL,
	type         text        NOT NULL CONSTRAINT placement_condition_type_known CHECK (type = 'outside_policy'),
	policy_id    text        NOT NULL,
	fields       text        NOT NULL, -- {"node_policy": {"placed_by": "spread", "policy": "binpack"}}
	since        timestamptz NOT NULL,
	CONSTRAINT placement_condition_pk PRIMARY KEY (placement_id, type)
);
CREATE INDEX placement_condition_by_policy ON placement_condition (policy_id);

-- The policy that counted for a tenant at a moment: its own, or the nearest above it.
CREATE FUNCTION policy_at(of_tenant int4, moment timestamptz) RETURNS TABLE (policy_id text, from_at timestamptz) LANGUAGE sql STABLE AS $$
	WITH RECURSIVE up AS (
		SELECT key, parent_key, depth FROM tenant WHERE key = of_tenant
		UNION ALL
		SELECT t.key, t.parent_key, t.depth FROM tenant t JOIN up ON t.key = up.parent_key
	)
	SELECT h.policy_id, h.from_at FROM up JOIN policy_past h ON h.tenant_key = up.key AND h.from_at <= moment AND coalesce(h.until_at > moment, true)
	ORDER BY up.depth DESC LIMIT 1
$$;

-- What a request left open, the policy of its time filled, and the one of now would fill otherwise; no row where nothing is.
CREATE FUNCTION policy_outside(of_tenant int4, placed_at timestamptz, request text)
RETURNS TABLE (policy_id text, since timestamptz, fields text) LANGUAGE sql STABLE AS $$
	SELECT now.policy_id, now.from_at, json_object_agg(f.name, json_build_object('placed_by', f.was, 'policy', f.is) ORDER BY f.name)::text
	FROM policy_at(of_tenant, placed_at) was CROSS JOIN policy_at(of_tenant, clock_timestamp()) now
	JOIN policy w ON w.id = was.policy_id JOIN policy n ON n.id = now.policy_id
	CROSS JOIN LATERAL (
		SELECT x.name, coalesce(w.placement::json->>x.name, 'fragmentation') AS was, coalesce(n.placement::json->>x.name, 'fragmentation') AS is
		FROM unnest(ARRAY['node_policy', 'device_policy']) AS x(name) WHERE request::json->>x.name IS NULL
	) f
	WHERE now.from_at > placed_at AND f.was <> f.is
	GROUP BY now.policy_id, now.from_at
$$;

DO $$
DECLARE
	table_name text;
	scope text := 'tenant_key = ANY((SELECT NULLIF(current_setting(''app.scope'', true), '''')::int4[])::int4[])';
BEGIN
	FOREACH table_name IN ARRAY ARRAY['policy_past', 'placement_condition'] LOOP
		EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', table_name);
		EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', table_name);
		EXECUTE format('CREATE POLICY whole ON %I TO reeve_platform, reeve_placer, reeve_jobs USING (true) WITH CHECK (true)', table_name);
		EXECUTE format('CREATE POLICY scope ON %I TO reeve_edge USING (' || scope || ') WITH CHECK (' || scope || ')', table_name);
		EXECUTE format('GRANT SELECT ON %I TO reeve_edge, reeve_platform, reeve_placer, reeve_jobs', table_name);
	END LOOP;
END
$$;
GRANT INSERT, UPDATE ON policy_past TO reeve_edge, reeve_platform;
GRANT INSERT, UPDATE, DELETE ON placement_condition TO reeve_jobs;
