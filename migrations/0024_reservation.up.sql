-- Reservations: devices that a tenant was promised for a time.

CREATE TABLE reservation (
	id            text        NOT NULL CONSTRAINT reservation_pk PRIMARY KEY,
	tenant_key    int4        NOT NULL CONSTRAINT reservation_tenant_exists REFERENCES tenant (key),
	name          text        NOT NULL DEFAULT '',
	starts_at     timestamptz NOT NULL,
	ends_at       timestamptz NOT NULL,
	cluster       text,
	class         text,
	count         int8        NOT NULL CONSTRAINT reservation_count_range CHECK (count BETWEEN 1 AND 1024),
	per_node      int8        NOT NULL CONSTRAINT reservation_per_node_range CHECK (per_node BETWEEN 1 AND 64),
	memory_mib    int8                 CONSTRAINT reservation_memory_range CHECK (memory_mib > 0),
	compute_milli int8                 CONSTRAINT reservation_compute_range CHECK (compute_milli BETWEEN 0 AND 1000),
	uuids         text[]      NOT NULL,
	rev           int8        NOT NULL DEFAULT 0,
	created_at    timestamptz NOT NULL DEFAULT now(),
	deleted_at    timestamptz,
	CONSTRAINT reservation_window CHECK (starts_at < ends_at)
);
CREATE INDEX reservation_by_tenant ON reservation (tenant_key, id) WHERE deleted_at IS NULL;

-- What became of it: the placer's. A row without placed holds nothing.
CREATE TABLE reservation_hold (
	reservation_id       text NOT NULL CONSTRAINT reservation_hold_pk PRIMARY KEY,
	tenant_key           int4 NOT NULL,
	state                text NOT NULL CONSTRAINT reservation_hold_state_known CHECK (state IN ('pending', 'held', 'active', 'ended')),
	cluster_key          int4,
	placed               text NOT NULL,
	blockers             text NOT NULL,
	unused_device_milli  int8 NOT NULL,
	unused_memory_mib    int8 NOT NULL,
	unused_compute_milli int8 NOT NULL,
	at                   timestamptz NOT NULL
);

DO $$
DECLARE
	table_name text;
	scope text := '%I = ANY((SELECT NULLIF(current_setting(''app.scope'', true), '''')::int4[])::int4[])';
BEGIN
	FOREACH table_name IN ARRAY ARRAY['reservation', 'reservation_hold'] LOOP
		EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', table_name);
		EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', table_name);
		EXECUTE format('CREATE POLICY whole ON %I TO reeve_platform, reeve_placer, reeve_jobs USING (true) WITH CHECK (true)', table_name);
		EXECUTE format('CREATE POLICY scope ON %I TO reeve_edge USING (' || scope || ') WITH CHECK (' || scope || ')', table_name, 'tenant_key', 'tenant_key');
	END LOOP;
END
$$;
GRANT SELECT ON reservation, reservation_hold TO reeve_edge, reeve_platform, reeve_placer, reeve_jobs;
GRANT INSERT, UPDATE ON reservation TO reeve_edge, reeve_platform;
GRANT INSERT, UPDATE, DELETE ON reservation_hold TO reeve_placer;
