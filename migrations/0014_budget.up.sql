-- Budgets: what may be spent below a tenant in a period of the calendar (UTC).

CREATE TABLE budget (
	id          text        NOT NULL CONSTRAINT budget_pk PRIMARY KEY,
	tenant_key  int4        NOT NULL CONSTRAINT budget_tenant_exists REFERENCES tenant (key),
	description text        NOT NULL DEFAULT '',
	unit        text        NOT NULL CONSTRAINT budget_unit_known CHECK (unit IN ('gpu_hours', 'micros')),
	period      text        NOT NULL CONSTRAINT budget_period_known CHECK (period IN ('day', 'week', 'month', 'quarter')),
	amount      int8        NOT NULL CONSTRAINT budget_amount_range CHECK (amount BETWEEN 0 AND 1000000000000),
	thresholds  int8[]      NOT NULL,
	action      text        NOT NULL CONSTRAINT budget_action_known CHECK (action IN ('notify', 'block_new')),
	rev         int8        NOT NULL DEFAULT 0,
	created_at  timestamptz NOT NULL DEFAULT now(),
	deleted_at  timestamptz
);
CREATE INDEX budget_by_tenant ON budget (tenant_key) WHERE deleted_at IS NULL;

-- Up to which threshold was told in which period: the placer's.
CREATE TABLE budget_mark (
	budget_id  text        NOT NULL CONSTRAINT budget_mark_pk PRIMARY KEY,
	tenant_key int4        NOT NULL,
	begin_at   timestamptz NOT NULL,
	percent    int8        NOT NULL,
	at         timestamptz NOT NULL
);

-- Spent since then by these tenants' work, and what running work will take until then, in thousandths of a GPU hour.
CREATE FUNCTION gpu_milli_hours_spent(keys int4[], since timestamptz) RETURNS int8 LANGUAGE sql STABLE AS $$
	SELECT coalesce(floor(sum(s.device_milli * extract(epoch FROM least(coalesce(s.ended_at, now()), now()) - greatest(s.started_at, since))) / 3600), 0)::int8
	FROM segment s WHERE s.tenant_key = ANY (keys) AND coalesce(s.ended_at, now()) > since AND s.started_at < now()
$$;
CREATE FUNCTION gpu_milli_hours_committed(keys int4[], until timestamptz) RETURNS int8 LANGUAGE sql STABLE AS $$
	SELECT coalesce(floor(sum(c.device_milli * greatest(extract(epoch FROM least(coalesce(p.running_at, now()) + make_interval(secs => nullif(r.s, 0)), until) - now()), 0)) / 3600), 0)::int8
	FROM placement p CROSS JOIN LATERAL (SELECT sum(x)::int8 AS device_milli FROM unnest(p.charge_device_milli) x) c
	CROSS JOIN LATERAL (SELECT (p.request::json->>'max_runtime_s')::int8 AS s) r
	WHERE p.tenant_key = ANY (keys) AND p.ended_at IS NULL AND c.device_milli > 0
$$;

DO $$
DECLARE
	table_name text;
	scope text := '%I = ANY((SELECT NULLIF(current_setting(''app.scope'', true), '''')::int4[])::int4[])';
BEGIN
	FOREACH table_name IN ARRAY ARRAY['budget', 'budget_mark'] LOOP
		EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', table_name);
		EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', table_name);
		EXECUTE format('CREATE POLICY whole ON %I TO reeve_platform, reeve_placer, reeve_jobs USING (true) WITH CHECK (true)', table_name);
		EXECUTE format('CREATE POLICY scope ON %I TO reeve_edge USING (' || scope || ') WITH CHECK (' || scope || ')', table_name, 'tenant_key', 'tenant_key');
	END LOOP;
END
$$;
GRANT SELECT ON budget, budget_mark TO reeve_edge, reeve_platform, reeve_placer, reeve_jobs;
GRANT INSERT, UPDATE ON budget TO reeve_edge, reeve_platform;
GRANT INSERT, UPDATE ON budget_mark TO reeve_placer;
