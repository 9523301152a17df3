-- Policies: what the requests of a tenant get where they leave it open. Revisions are only ever added; which one counts at a tenant is
-- a row of its own, and below a tenant without one the nearest above counts. The fleet always has one.
CREATE TABLE policy (
	id         text        NOT NULL CONSTRAINT policy_pk PRIMARY KEY,
	tenant_key int4        NOT NULL CONSTRAINT policy_tenant_exists REFERENCES tenant (key),
	number     int8        NOT NULL,
	placement  text        NOT NULL,
	sharing    text        NOT NULL,
	reason     text        NOT NULL DEFAULT '',
	created_by text        NOT NULL,
	created_at timestamptz NOT NULL DEFAULT now(),
	CONSTRAINT policy_number_unique UNIQUE (tenant_key, number)
);
CREATE TABLE policy_applied (
	tenant_key int4        NOT NULL CONSTRAINT policy_applied_pk PRIMARY KEY CONSTRAINT policy_applied_tenant_exists REFERENCES tenant (key),
	policy_id  text        NOT NULL CONSTRAINT policy_applied_policy_exists REFERENCES policy (id),
	applied_by text        NOT NULL,
	applied_at timestamptz NOT NULL DEFAULT now(),
	rev        int8        NOT NULL
);
INSERT INTO policy (id, tenant_key, number, placement, sharing, reason, created_by)
VALUES ('pol_00000000000000000000000001', 1, 1, '{}', '{}', 'what counts before anybody said anything', 'system');
INSERT INTO policy_applied (tenant_key, policy_id, applied_by, rev) VALUES (1, 'pol_00000000000000000000000001', 'system', 0);

DO $$
DECLARE
	table_name text;
	scope text := 'tenant_key = ANY((SELECT NULLIF(current_setting(''app.scope'', true), '''')::int4[])::int4[])';
BEGIN
	FOREACH table_name IN ARRAY ARRAY['policy', 'policy_applied'] LOOP
		EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', table_name);
		EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', table_name);
		EXECUTE format('CREATE POLICY whole ON %I TO reeve_platform, reeve_placer, reeve_jobs USING (true) WITH CHECK (true)', table_name);
		EXECUTE format('CREATE POLICY scope ON %I TO reeve_edge USING (' || scope || ') WITH CHECK (' || scope || ')', table_name);
		EXECUTE format('GRANT SELECT ON %I TO reeve_edge, reeve_platform, reeve_placer, reeve_jobs', table_name);
	END LOOP;
END
$$;
GRANT INSERT ON policy TO reeve_edge, reeve_platform;
GRANT INSERT, UPDATE ON policy_applied TO reeve_edge, reeve_platform;
