-- Priority classes, the room that is held for what waits, and what was told to make room. Priorities are the platform's and seen by
-- all; the other two are the placer's, and a tenant sees its own.
CREATE TABLE priority (
	name            text    NOT NULL CONSTRAINT priority_pk PRIMARY KEY,
	value           int4    NOT NULL CONSTRAINT priority_value_range CHECK (value BETWEEN -1000000 AND 1000000),
	preemptible     boolean NOT NULL,
	may_preempt     boolean NOT NULL,
	reserve_after_s int8    NOT NULL CONSTRAINT priority_reserve_after_range CHECK (reserve_after_s BETWEEN 0 AND 31622400),
	min_runtime_s   int8    NOT NULL CONSTRAINT priority_min_runtime_range CHECK (min_runtime_s BETWEEN 0 AND 31622400),
	grace_s         int8    NOT NULL CONSTRAINT priority_grace_range CHECK (grace_s BETWEEN 0 AND 86400),
	rev             int8    NOT NULL DEFAULT 0
);
INSERT INTO priority (name, value, preemptible, may_preempt, reserve_after_s, min_runtime_s, grace_s) VALUES
	('low',    -1000, true, false, 600, 120, 30),
	('normal',     0, true, true,  600, 120, 30),
	('high',    1000, true, true,  600, 120, 30);

-- Room that is kept for a waiting placement: what its victims leave (from now on), or what will be free (from a time on, until
-- when shorter work may use it). `placed` names it as the placement's own `placed` does.
CREATE TABLE queue_hold (
	placement_id text        NOT NULL CONSTRAINT queue_hold_pk PRIMARY KEY,
	tenant_key   int4        NOT NULL,
	cluster_key  int4        NOT NULL,
	kind         text        NOT NULL CONSTRAINT queue_hold_kind_known CHECK (kind IN ('reclaim', 'reserve')),
	placed       text        NOT NULL,
	from_at      timestamptz NOT NULL,
	until_at     timestamptz NOT NULL
);

-- Attempts of placements that were told to make room and are not gone yet. When one is, it waits again.
CREATE TABLE eviction (
	placement_id    text        NOT NULL CONSTRAINT eviction_pk PRIMARY KEY,
	tenant_key      int4        NOT NULL,
	by_placement_id text        NOT NULL,
	at              timestamptz NOT NULL
);

DO $$
DECLARE
	table_name text;
	scope text := '%I = ANY((SELECT NULLIF(current_setting(''app.scope'', true), '''')::int4[])::int4[])';
BEGIN
	FOREACH table_name IN ARRAY ARRAY['queue_hold', 'eviction'] LOOP
		EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', table_name);
		EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', table_name);
		EXECUTE format('CREATE POLICY whole ON %I TO reeve_platform, reeve_placer, reeve_jobs USING (true) WITH CHECK (true)', table_name);
		EXECUTE format('CREATE POLICY scope ON %I TO reeve_edge USING (' || scope || ') WITH CHECK (' || scope || ')', table_name, 'tenant_key', 'tenant_key');
	END LOOP;
END
$$;
GRANT SELECT ON priority, queue_hold, eviction TO reeve_edge, reeve_platform, reeve_placer, reeve_jobs;
GRANT INSERT, UPDATE ON priority TO reeve_platform;
GRANT INSERT, UPDATE, DELETE ON queue_hold, eviction TO reeve_placer;
