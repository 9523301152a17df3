-- What the placer has found out about one that waits: its place, the quota of each level, and which changes would let it through, each
-- found by trying (engine/advice.h). Gone with the wait.
CREATE TABLE advice (
	placement_id text        NOT NULL CONSTRAINT advice_pk PRIMARY KEY,
	tenant_key   int4        NOT NULL,
	at           timestamptz NOT NULL,
	position     int8,
	ahead_own    text        NOT NULL,
	ahead_others int8,
	quota        text        NOT NULL,
	changes      text        NOT NULL
);
ALTER TABLE advice ENABLE ROW LEVEL SECURITY;
ALTER TABLE advice FORCE ROW LEVEL SECURITY;
CREATE POLICY whole ON advice TO reeve_platform, reeve_placer, reeve_jobs USING (true) WITH CHECK (true);
CREATE POLICY scope ON advice TO reeve_edge USING (tenant_key = ANY((SELECT NULLIF(current_setting('app.scope', true), '')::int4[])::int4[]))
	WITH CHECK (tenant_key = ANY((SELECT NULLIF(current_setting('app.scope', true), '')::int4[])::int4[]));
GRANT SELECT ON advice TO reeve_edge, reeve_platform, reeve_placer, reeve_jobs;
GRANT INSERT, UPDATE, DELETE ON advice TO reeve_placer;
