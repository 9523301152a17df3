-- Billed use by day, so that a page of it does not add up all segments each time. The worker takes over what has ended, behind the placer,
-- and each segment once: those that were opened before usage_rolled.at have ended and stand in usage_day, or stand in usage_left; all
-- others are looked at as they are. So the sum is that of all segments at every moment, however far the worker is.
ALTER TABLE segment ADD COLUMN opened_at timestamptz;
UPDATE segment SET opened_at = started_at;
ALTER TABLE segment ALTER COLUMN opened_at SET DEFAULT now(), ALTER COLUMN opened_at SET NOT NULL;
-- They are written in this order, so a range of blocks has a range of times, and a new row costs next to nothing.
CREATE INDEX segment_by_opening ON segment USING brin (opened_at) WITH (pages_per_range = 16);

CREATE TABLE usage_rolled (
	at       timestamptz NOT NULL,
	segments int8        NOT NULL DEFAULT 0, -- in usage_day
	turn     int8        NOT NULL DEFAULT 0
);
INSERT INTO usage_rolled (at) SELECT coalesce(min(opened_at), now()) FROM segment;
-- Of a tenant, class and UTC day, in thousandths of devices and in MiB, times microseconds.
CREATE TABLE usage_day (
	tenant_key int4    NOT NULL,
	day        date    NOT NULL,
	class      text    NOT NULL,
	milli_us   numeric NOT NULL,
	mib_us     numeric NOT NULL,
	segments   int8    NOT NULL,
	CONSTRAINT usage_day_pk PRIMARY KEY (tenant_key, day, class)
);
-- What a day is made of, for windows that begin or end within it.
CREATE TABLE usage_piece (
	tenant_key   int4        NOT NULL,
	day          date        NOT NULL,
	class        text        NOT NULL,
	device_milli int8        NOT NULL,
	memory_mib   int8        NOT NULL,
	from_at      timestamptz NOT NULL,
	until_at     timestamptz NOT NULL
);
CREATE INDEX usage_piece_by_day ON usage_piece (day, tenant_key);
-- Opened before that moment and not ended when the worker came by.
CREATE TABLE usage_left (
	placement_id text NOT NULL,
	fence_no     int8 NOT NULL,
	class        text NOT NULL,
	tenant_key   int4 NOT NULL,
	CONSTRAINT usage_left_pk PRIMARY KEY (placement_id, fence_no, class)
);
CREATE INDEX usage_left_by_tenant ON usage_left (tenant_key);

-- A segment's part of each UTC day that it touches.
CREATE FUNCTION usage_days(from_at timestamptz, until_at timestamptz) RETURNS TABLE (day date, begins timestamptz, ends timestamptz) LANGUAGE sql STABLE AS $$
	SELECT (d AT TIME ZONE 'UTC')::date, greatest(d, $1), least(d + interval '1 day', $2)
	FROM generate_series(date_trunc('day', $1, 'UTC'), $2, interval '1 day') d WHERE greatest(d, $1) < least(d + interval '1 day', $2)
$$;

DO $$
DECLARE
	table_name text;
BEGIN
	FOREACH table_name IN ARRAY ARRAY['usage_day', 'usage_piece', 'usage_left'] LOOP
		EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', table_name);
		EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', table_name);
		EXECUTE format('CREATE POLICY whole ON %I TO reeve_platform, reeve_placer, reeve_jobs USING (true) WITH CHECK (true)', table_name);
		EXECUTE format('CREATE POLICY scope ON %I TO reeve_edge USING (tenant_key = ANY((SELECT NULLIF(current_setting(''app.scope'', true), '''')::int4[])::int4[]))', table_name);
	END LOOP;
END
$$;
GRANT SELECT ON usage_rolled, usage_day, usage_piece, usage_left TO reeve_edge, reeve_platform, reeve_placer, reeve_jobs;
GRANT UPDATE ON usage_rolled TO reeve_jobs;
GRANT INSERT, UPDATE ON usage_day TO reeve_jobs;
GRANT INSERT ON usage_piece TO reeve_jobs;
GRANT INSERT, DELETE ON usage_left TO reeve_jobs;
