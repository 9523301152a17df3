-- Raises: more quota for a while. What was asked for, who approved it and until when it counts; and what a parent lets pass by itself.
-- A quota as set (quota) and what is raised (here) stand apart: what counts is both together, and taking a raise back is a change of
-- its state alone.

CREATE TABLE quota_raise (
	id                       text        NOT NULL CONSTRAINT quota_raise_pk PRIMARY KEY,
	tenant_key               int4        NOT NULL CONSTRAINT quota_raise_tenant_exists REFERENCES tenant (key),
	model                    text        NOT NULL,
	guaranteed_device_milli  int8        NOT NULL DEFAULT 0,
	guaranteed_memory_mib    int8        NOT NULL DEFAULT 0,
	guaranteed_compute_milli int8        NOT NULL DEFAULT 0,
	limit_device_milli       int8        NOT NULL DEFAULT 0,
	limit_memory_mib         int8        NOT NULL DEFAULT 0,
	limit_compute_milli      int8        NOT NULL DEFAULT 0,
	state                    text        NOT NULL DEFAULT 'pending'
		CONSTRAINT quota_raise_state_known CHECK (state IN ('pending', 'approved', 'applied', 'reverted', 'denied', 'cancelled', 'expired')),
	reason                   text        NOT NULL,
	reference                text        NOT NULL DEFAULT '',
	begins_at                timestamptz,
	ends_at                  timestamptz,
	-- Who asked: the subject, or the credential where it has none; the credential; and all that it stands on.
	requester                text        NOT NULL,
	requester_credential     text        NOT NULL,
	requester_marks          text[]      NOT NULL,
	-- Who approved, and all that they stand on.
	approvers                text[]      NOT NULL DEFAULT '{}',
	approver_marks           text[]      NOT NULL DEFAULT '{}',
	is_automatic             boolean     NOT NULL DEFAULT false,
	ended_by                 text        NOT NULL DEFAULT '',
	ended_reason             text        NOT NULL DEFAULT '',
	blocked                  text        NOT NULL DEFAULT '',
	created_at               timestamptz NOT NULL DEFAULT now(),
	applied_at               timestamptz,
	ended_at                 timestamptz,
	rev                      int8        NOT NULL DEFAULT 0,
	CONSTRAINT quota_raise_amounts_range CHECK (least(guaranteed_device_milli, guaranteed_memory_mib, guaranteed_compute_milli,
		limit_device_milli, limit_memory_mib, limit_compute_milli) >= 0),
	CONSTRAINT quota_raise_times_order CHECK (ends_at > begins_at)
);
CREATE INDEX quota_raise_by_tenant ON quota_raise (tenant_key, model);
CREATE INDEX quota_raise_open ON quota_raise (state) WHERE state IN ('pending', 'approved', 'applied');
CREATE INDEX quota_raise_applied ON quota_raise (tenant_key, model) WHERE state = 'applied';

-- What is granted by itself to the children of a tenant, in all per child and model, and above what two persons have to agree.
CREATE TABLE raise_policy (
	tenant_key           int4 NOT NULL CONSTRAINT raise_policy_pk PRIMARY KEY CONSTRAINT raise_policy_tenant_exists REFERENCES tenant (key),
	auto_device_milli    int8,
	auto_memory_mib      int8,
	auto_compute_milli   int8,
	auto_for_s           int8,
	second_device_milli  int8,
	second_memory_mib    int8,
	second_compute_milli int8,
	rev                  int8 NOT NULL DEFAULT 0
);

-- What raises add now.
CREATE VIEW quota_raised WITH (security_invoker = true) AS
	SELECT tenant_key, model, sum(guaranteed_device_milli)::int8 AS guaranteed_device_milli, sum(guaranteed_memory_mib)::int8 AS guaranteed_memory_mib,
		sum(guaranteed_compute_milli)::int8 AS guaranteed_compute_milli, sum(limit_device_milli)::int8 AS limit_device_milli,
		sum(limit_memory_mib)::int8 AS limit_memory_mib, sum(limit_compute_milli)::int8 AS limit_compute_milli
	FROM quota_raise WHERE state = 'applied' GROUP BY tenant_key, model;

-- Guarantees in parts: what was set, for good, and each raise until it ends. Their sum counts; an axis that nobody names is null.
CREATE VIEW quota_promise WITH (security_invoker = true) AS
	SELECT tenant_key, model, guaranteed_device_milli AS device_milli, guaranteed_memory_mib AS memory_mib, guaranteed_compute_milli AS compute_milli,
		NULL::timestamptz AS ends_at, NULL::text AS raise
	FROM quota
	UNION ALL
	SELECT tenant_key, model, nullif(guaranteed_device_milli, 0), nullif(guaranteed_memory_mib, 0), nullif(guaranteed_compute_milli, 0), ends_at, id
	FROM quota_raise WHERE state = 'applied';

-- Where the children of a tenant would be promised more than it is, now or when a raise of its ends: the first such axis and time
-- (-infinity: now); no row when there is none. Asked as if tenant `changed` had this set instead of what it has (null: as it is), as if
-- it had this added until then (null: nothing), and as if the raise `without` were over.
CREATE FUNCTION promise_gap(parent int4, of_model text, changed int4, set_to int8[], added int8[], added_until timestamptz, without text)
RETURNS TABLE (axis text, have int8, need int8, at timestamptz) LANGUAGE sql STABLE AS $$
	WITH part AS (
		SELECT t.key = parent AS is_own, p.device_milli AS d, p.memory_mib AS m, p.compute_milli AS c, p.ends_at
		FROM tenant t JOIN quota_promise p ON p.tenant_key = t.key AND p.model = of_model
		WHERE (t.key = parent OR t.parent_key = parent) AND t.deleted_at IS NULL AND (p.raise IS NULL OR p.raise IS DISTINCT FROM without)
			AND (set_to IS NULL OR t.key <> changed OR p.raise IS NOT NULL)
		UNION ALL
		SELECT changed = parent, set_to[1], set_to[2], set_to[3], NULL WHERE set_to IS NOT NULL
		UNION ALL
		SELECT changed = parent, nullif(added[1], 0), nullif(added[2], 0), nullif(added[3], 0), added_until WHERE added IS NOT NULL
	),
	moment AS (SELECT '-infinity'::timestamptz AS at UNION SELECT ends_at FROM part WHERE is_own AND ends_at IS NOT NULL),
	total AS (
		SELECT m.at, x.axis, sum(x.v) FILTER (WHERE p.is_own)::int8 AS have, coalesce(sum(x.v) FILTER (WHERE NOT p.is_own), 0)::int8 AS need
		FROM moment m CROSS JOIN part p CROSS JOIN LATERAL (VALUES ('device_milli', p.d), ('memory_mib', p.m), ('compute_milli', p.c)) AS x(axis, v)
		WHERE coalesce(p.ends_at > m.at, true)
		GROUP BY m.at, x.axis
	)
	SELECT axis, coalesce(have, 0), need, at FROM total
	WHERE need > coalesce(have, 0) AND (have IS NOT NULL OR NOT EXISTS (SELECT FROM tenant WHERE key = parent AND depth = 0))
	ORDER BY at, axis LIMIT 1
$$;

CREATE FUNCTION promise_gap_said(of_tenant text, have int8, need int8, at timestamptz) RETURNS text LANGUAGE sql STABLE AS $$
	SELECT CASE WHEN at > '-infinity' THEN 'from ' || to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') || ' on ' ELSE '' END || coalesce(nullif(of_tenant, ''), 'the fleet') || ' is promised ' || have
		|| ', its children would hold ' || need || ': ' || need - have || ' too much'
$$;

-- A raise as clients are told.
CREATE FUNCTION raise_told(r quota_raise)
RETURNS TABLE (id text, tenant text, model text, guaranteed json, "limit" json, state text, reason text, reference text, "from" timestamptz, until timestamptz,
	requested_by text, approved_by json, is_automatic bool, ended_by text, ended_reason text, blocked text, created_at timestamptz, applied_at timestamptz,
	ended_at timestamptz, revision int8) LANGUAGE sql STABLE AS $$
	SELECT r.id, (SELECT t.path FROM tenant t WHERE t.key = r.tenant_key), r.model,
		axes_json(nullif(r.guaranteed_device_milli, 0), nullif(r.guaranteed_memory_mib, 0), nullif(r.guaranteed_compute_milli, 0)),
		axes_json(nullif(r.limit_device_milli, 0), nullif(r.limit_memory_mib, 0), nullif(r.limit_compute_milli, 0)),
		r.state, r.reason, nullif(r.reference, ''), r.begins_at, r.ends_at, r.requester, to_json(r.approvers), r.is_automatic, nullif(r.ended_by, ''),
		nullif(r.ended_reason, ''), nullif(r.blocked, ''), r.created_at, r.applied_at, r.ended_at, r.rev
$$;

-- The raises that count now, of one tenant.
CREATE FUNCTION quota_raises_json(of_tenant int4) RETURNS text LANGUAGE sql STABLE AS $$
	SELECT coalesce(json_agg(json_strip_nulls(json_build_object('id', r.id, 'model', r.model,
		'guaranteed', axes_json(nullif(r.guaranteed_device_milli, 0), nullif(r.guaranteed_memory_mib, 0), nullif(r.guaranteed_compute_milli, 0)),
		'limit', axes_json(nullif(r.limit_device_milli, 0), nullif(r.limit_memory_mib, 0), nullif(r.limit_compute_milli, 0)),
		'until', time_json(r.ends_at))) ORDER BY r.id), '[]')::text
	FROM quota_raise r WHERE r.tenant_key = of_tenant AND r.state = 'applied'
$$;

-- As in 0007, with what is raised.
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

DO $$
DECLARE
	table_name text;
	scope text := 'tenant_key = ANY((SELECT NULLIF(current_setting(''app.scope'', true), '''')::int4[])::int4[])';
BEGIN
	FOREACH table_name IN ARRAY ARRAY['quota_raise', 'raise_policy'] LOOP
		EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', table_name);
		EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', table_name);
		EXECUTE format('CREATE POLICY whole ON %I TO reeve_platform, reeve_placer, reeve_jobs USING (true) WITH CHECK (true)', table_name);
		EXECUTE format('CREATE POLICY scope ON %I TO reeve_edge USING (' || scope || ') WITH CHECK (' || scope || ')', table_name);
	END LOOP;
END
$$;
GRANT SELECT ON quota_raise, raise_policy, quota_raised, quota_promise TO reeve_edge, reeve_platform, reeve_placer, reeve_jobs;
GRANT INSERT, UPDATE ON quota_raise, raise_policy TO reeve_edge, reeve_platform;
