-- Limits on classes and share modes beside those on models; what a tenant does about use above its limits; tenants that move; and what
-- holds of tenants, with since when: who is above a limit, who borrows from whom. All of the latter are rows of the placer's.

ALTER TABLE quota
	ADD COLUMN class_limit_device_milli  int8,
	ADD COLUMN class_limit_memory_mib    int8,
	ADD COLUMN class_limit_compute_milli int8,
	ADD CONSTRAINT quota_class_limits_not_negative CHECK (least(class_limit_device_milli, class_limit_memory_mib, class_limit_compute_milli) >= 0);

-- Both or neither: how long use may stand above a limit before it is taken back, and how long work then has to end.
ALTER TABLE tenant
	ADD COLUMN reclaim_after_s int8,
	ADD COLUMN reclaim_grace_s int8,
	ADD CONSTRAINT tenant_reclaim_range CHECK (reclaim_after_s BETWEEN 0 AND 2592000 AND reclaim_grace_s BETWEEN 0 AND 86400),
	ADD CONSTRAINT tenant_reclaim_whole CHECK ((reclaim_after_s IS NULL) = (reclaim_grace_s IS NULL));

-- Tenants that hang elsewhere since the placer last wrote totals: these still count below from_key. Governance puts the row with the
-- move, the placer takes it away with the totals it moves.
CREATE TABLE tenant_move (
	tenant_key int4 NOT NULL CONSTRAINT tenant_move_pk PRIMARY KEY CONSTRAINT tenant_move_tenant_exists REFERENCES tenant (key),
	from_key   int4 NOT NULL
);

CREATE TABLE quota_condition (
	tenant_key int4        NOT NULL,
	type       text        NOT NULL CONSTRAINT quota_condition_type_known CHECK (type IN ('over_limit', 'over_credits_limit', 'over_guaranteed', 'borrowing', 'guarantee_infeasible')),
	model      text        NOT NULL, -- '': of all models
	since      timestamptz NOT NULL,
	CONSTRAINT quota_condition_pk PRIMARY KEY (tenant_key, type, model)
);

-- Who borrows from whom. via_depth: of the lowest tenant above both, or one of them; 0, the fleet.
CREATE TABLE quota_loan (
	tenant_key    int4        NOT NULL,
	lender_key    int4        NOT NULL,
	model         text        NOT NULL,
	via_depth     int4        NOT NULL,
	device_milli  int8        NOT NULL,
	memory_mib    int8        NOT NULL,
	compute_milli int8        NOT NULL,
	since         timestamptz NOT NULL,
	CONSTRAINT quota_loan_pk PRIMARY KEY (tenant_key, model, lender_key)
);
CREATE INDEX quota_loan_by_lender ON quota_loan (lender_key);
CREATE INDEX quota_loan_by_model ON quota_loan (model);

-- What the fleet has of each model: the root's guarantee as the placer counts with it, pinned or not.
CREATE TABLE model_capacity (
	model         text NOT NULL CONSTRAINT model_capacity_pk PRIMARY KEY,
	device_milli  int8 NOT NULL,
	memory_mib    int8 NOT NULL,
	compute_milli int8 NOT NULL
);

CREATE FUNCTION time_json(at timestamptz) RETURNS text LANGUAGE sql STABLE AS $$
	SELECT to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
$$;

-- The keys of a tenant and all below it.
CREATE FUNCTION tenant_subtree(of_tenant int4) RETURNS int4[] LANGUAGE sql STABLE AS $$
	WITH RECURSIVE below AS (
		SELECT of_tenant AS key
		UNION ALL
		SELECT t.key FROM tenant t JOIN below b ON t.parent_key = b.key WHERE t.deleted_at IS NULL
	)
	SELECT array_agg(key) FROM below
$$;

-- A party of a loan that the reader does not see is told as the lowest tenant above both sides, of which the other side's path tells.
CREATE FUNCTION loan_party(party_path text, other_path text, via_depth int4) RETURNS text LANGUAGE sql IMMUTABLE AS $$
	SELECT coalesce(party_path, array_to_string((string_to_array(other_path, '/'))[1:via_depth], '/'))
$$;

-- What crosses the edge of these tenants, per model: { "h100-80g": {"borrowed": {..., "from": [...]}, "lent": {..., "to": [...]}} }.
CREATE FUNCTION quota_loans_json(keys int4[]) RETURNS json LANGUAGE sql STABLE AS $$
	WITH crossing AS (
		SELECT l.model, l.tenant_key = ANY (keys) AS is_in, l.device_milli AS d, l.memory_mib AS m, l.compute_milli AS c, l.since,
			CASE WHEN l.tenant_key = ANY (keys) THEN loan_party(e.path, b.path, l.via_depth) ELSE loan_party(b.path, e.path, l.via_depth) END AS party
		FROM quota_loan l LEFT JOIN tenant b ON b.key = l.tenant_key LEFT JOIN tenant e ON e.key = l.lender_key
		WHERE (l.tenant_key = ANY (keys)) <> (l.lender_key = ANY (keys))
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
$$;

-- What stands on each cluster for these tenants: { "h100-80g": {"par-1": {"earmarked": {...}, "headroom": {...}}} }. Headroom is nothing
-- until quota is lent to clusters.
CREATE FUNCTION quota_escrow_json(keys int4[]) RETURNS json LANGUAGE sql STABLE AS $$
	WITH held AS (
		SELECT x.model, k.name, sum(x.d)::int8 AS d, sum(x.m)::int8 AS m, sum(x.c)::int8 AS c
		FROM placement p JOIN cluster k ON k.key = p.cluster_key
		CROSS JOIN LATERAL unnest(p.charge_models, p.charge_device_milli, p.charge_memory_mib, p.charge_compute_milli) AS x(model, d, m, c)
		WHERE p.tenant_key = ANY (keys) AND p.ended_at IS NULL GROUP BY x.model, k.name
	),
	of_model AS (
		SELECT model, json_object_agg(name, json_build_object('earmarked', axes_json(d, m, c), 'headroom', axes_json(0, 0, 0)) ORDER BY name) AS said
		FROM held GROUP BY model
	)
	SELECT coalesce(json_object_agg(model, said), '{}') FROM of_model
$$;

-- Limits on classes and share modes, with what is in use of them.
CREATE FUNCTION quota_classes_json(of_tenant int4) RETURNS text LANGUAGE sql STABLE AS $$
	SELECT coalesce(json_object_agg(coalesce(q.model, u.model), json_strip_nulls(json_build_object(
		'limit', nullif(axes_json(q.class_limit_device_milli, q.class_limit_memory_mib, q.class_limit_compute_milli)::text, '{}')::json,
		'used', axes_json(coalesce(u.device_milli, 0), coalesce(u.memory_mib, 0), coalesce(u.compute_milli, 0)))) ORDER BY coalesce(q.model, u.model)), '{}')::text
	FROM (SELECT * FROM quota WHERE tenant_key = of_tenant) q
	FULL JOIN (SELECT * FROM tenant_use WHERE tenant_key = of_tenant) u ON u.model = q.model
	WHERE num_nonnulls(q.class_limit_device_milli, q.class_limit_memory_mib, q.class_limit_compute_milli) > 0
		OR NOT EXISTS (SELECT FROM device_class c WHERE c.name = coalesce(q.model, u.model))
$$;

CREATE OR REPLACE FUNCTION quota_models_json(of_tenant int4) RETURNS text LANGUAGE sql STABLE AS $$
	SELECT coalesce(json_object_agg(coalesce(q.model, u.model), json_strip_nulls(json_build_object(
		'guaranteed', nullif(axes_json(q.guaranteed_device_milli, q.guaranteed_memory_mib, q.guaranteed_compute_milli)::text, '{}')::json,
		'limit', nullif(axes_json(q.limit_device_milli, q.limit_memory_mib, q.limit_compute_milli)::text, '{}')::json,
		'lend_limit', nullif(axes_json(q.lend_limit_device_milli, q.lend_limit_memory_mib, q.lend_limit_compute_milli)::text, '{}')::json,
		'borrow_limit', nullif(axes_json(q.borrow_limit_device_milli, q.borrow_limit_memory_mib, q.borrow_limit_compute_milli)::text, '{}')::json,
		'used', axes_json(coalesce(u.device_milli, 0), coalesce(u.memory_mib, 0), coalesce(u.compute_milli, 0)))) ORDER BY coalesce(q.model, u.model)), '{}')::text
	FROM (
		SELECT * FROM quota WHERE tenant_key = of_tenant AND num_nonnulls(guaranteed_device_milli, guaranteed_memory_mib, guaranteed_compute_milli,
			limit_device_milli, limit_memory_mib, limit_compute_milli, lend_limit_device_milli, lend_limit_memory_mib, lend_limit_compute_milli,
			borrow_limit_device_milli, borrow_limit_memory_mib, borrow_limit_compute_milli) > 0
	) q
	FULL JOIN (SELECT * FROM tenant_use u WHERE tenant_key = of_tenant AND EXISTS (SELECT FROM device_class c WHERE c.name = u.model)) u ON u.model = q.model
$$;

CREATE FUNCTION credits_used(of_tenant int4) RETURNS int8 LANGUAGE sql STABLE AS $$
	SELECT least(coalesce(sum(u.device_milli::numeric * c.credit_rate_milli), 0), 9007199254740991)::int8
	FROM tenant_use u JOIN device_class c ON c.name = u.model WHERE u.tenant_key = of_tenant
$$;

-- Limits and guarantees are compared as they stand; since when is the placer's to say, until when it is now. Feasible is what the placer
-- says: nobody below sees what others were promised.
CREATE OR REPLACE FUNCTION quota_conditions_json(of_tenant int4) RETURNS text LANGUAGE sql STABLE AS $$
	WITH held AS (
		SELECT x.type, q.model
		FROM quota q JOIN tenant_use u USING (tenant_key, model) CROSS JOIN LATERAL (VALUES
			('over_limit', u.device_milli > q.limit_device_milli OR u.memory_mib > q.limit_memory_mib OR u.compute_milli > q.limit_compute_milli
				OR u.device_milli > q.class_limit_device_milli OR u.memory_mib > q.class_limit_memory_mib OR u.compute_milli > q.class_limit_compute_milli),
			('over_guaranteed', u.device_milli > q.guaranteed_device_milli OR u.memory_mib > q.guaranteed_memory_mib
				OR u.compute_milli > q.guaranteed_compute_milli)) AS x(type, holds)
		WHERE q.tenant_key = of_tenant AND x.holds
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
	scope text := '%I = ANY((SELECT NULLIF(current_setting(''app.scope'', true), '''')::int4[])::int4[])';
BEGIN
	FOREACH table_name IN ARRAY ARRAY['tenant_move', 'quota_condition', 'quota_loan'] LOOP
		EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', table_name);
		EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', table_name);
		EXECUTE format('CREATE POLICY whole ON %I TO reeve_platform, reeve_placer, reeve_jobs USING (true) WITH CHECK (true)', table_name);
		IF table_name = 'quota_loan' THEN
			-- Both sides see it; the other one is not named to who does not see it.
			EXECUTE format('CREATE POLICY scope_read ON quota_loan FOR SELECT TO reeve_edge USING (' || scope || ' OR ' || scope || ')', 'tenant_key', 'lender_key');
		ELSE
			EXECUTE format('CREATE POLICY scope ON %I TO reeve_edge USING (' || scope || ') WITH CHECK (' || scope || ')', table_name, 'tenant_key', 'tenant_key');
		END IF;
	END LOOP;
END
$$;
GRANT SELECT ON tenant_move, quota_condition, quota_loan, model_capacity TO reeve_edge, reeve_platform, reeve_placer, reeve_jobs;
GRANT INSERT ON tenant_move TO reeve_edge, reeve_platform;
GRANT DELETE ON tenant_move TO reeve_placer;
GRANT INSERT, UPDATE, DELETE ON quota_condition, quota_loan, model_capacity TO reeve_placer;
