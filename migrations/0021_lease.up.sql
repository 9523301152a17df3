-- Quota lent to a cluster ahead, out of which it lets pods in by itself (engine/lease.h). granted: what the last offer says; reserved: what
-- the cluster may hold at most; headroom: the part of that which no placement is known for. It is charged to the tenant beside its
-- placements. moved counts the offers of all leases.
CREATE TABLE lease (
	tenant_key             int4 NOT NULL,
	model                  text NOT NULL,
	cluster_key            int4 NOT NULL,
	mode                   text NOT NULL CONSTRAINT lease_mode_known CHECK (mode IN ('hold', 'soft', 'self-fence')),
	offline_s              int8 NOT NULL,
	seq                    int8 NOT NULL,
	moved                  int8 NOT NULL,
	granted_device_milli   int8 NOT NULL,
	granted_memory_mib     int8 NOT NULL,
	granted_compute_milli  int8 NOT NULL,
	reserved_device_milli  int8 NOT NULL,
	reserved_memory_mib    int8 NOT NULL,
	reserved_compute_milli int8 NOT NULL,
	headroom_device_milli  int8 NOT NULL,
	headroom_memory_mib    int8 NOT NULL,
	headroom_compute_milli int8 NOT NULL,
	CONSTRAINT lease_pk PRIMARY KEY (tenant_key, model, cluster_key),
	CONSTRAINT lease_headroom_not_negative CHECK (least(headroom_device_milli, headroom_memory_mib, headroom_compute_milli) >= 0)
) WITH (fillfactor = 50);
CREATE INDEX lease_by_cluster ON lease (cluster_key, moved);
CREATE INDEX lease_by_move ON lease (moved);

-- Placements that began as a pod in a cluster, kept for a while after their end, so that what a cluster tells again is known. is_lent: the
-- cluster let it in, out of a lease.
CREATE TABLE pod_placement (
	placement_id text        NOT NULL CONSTRAINT pod_placement_pk PRIMARY KEY,
	tenant_key   int4        NOT NULL,
	is_lent      boolean     NOT NULL,
	at           timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX pod_placement_by_time ON pod_placement (at);

CREATE OR REPLACE FUNCTION quota_escrow_json(keys int4[]) RETURNS json LANGUAGE plpgsql STABLE AS $$
BEGIN
	RETURN (
		WITH held AS (
			SELECT x.model, k.name, sum(x.d)::int8 AS d, sum(x.m)::int8 AS m, sum(x.c)::int8 AS c, sum(x.hd)::int8 AS hd, sum(x.hm)::int8 AS hm, sum(x.hc)::int8 AS hc
			FROM (
				SELECT e.model, e.cluster_key, e.device_milli AS d, e.memory_mib AS m, e.compute_milli AS c, 0 AS hd, 0 AS hm, 0 AS hc
				FROM escrow e WHERE e.tenant_key = ANY (keys)
				UNION ALL
				SELECT l.model, l.cluster_key, 0, 0, 0, l.headroom_device_milli, l.headroom_memory_mib, l.headroom_compute_milli
				FROM lease l WHERE l.tenant_key = ANY (keys)
			) x JOIN cluster k ON k.key = x.cluster_key
			GROUP BY x.model, k.name HAVING greatest(sum(x.d), sum(x.m), sum(x.c), sum(x.hd), sum(x.hm), sum(x.hc)) > 0
		),
		of_model AS (
			SELECT model, json_object_agg(name, json_build_object('earmarked', axes_json(d, m, c), 'headroom', axes_json(hd, hm, hc)) ORDER BY name) AS said
			FROM held GROUP BY model
		)
		SELECT coalesce(json_object_agg(model, said), '{}') FROM of_model
	);
END
$$;

DO $$
DECLARE
	table_name text;
	scope text := '%I = ANY((SELECT NULLIF(current_setting(''app.scope'', true), '''')::int4[])::int4[])';
BEGIN
	FOREACH table_name IN ARRAY ARRAY['lease', 'pod_placement'] LOOP
		EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', table_name);
		EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', table_name);
		EXECUTE format('CREATE POLICY whole ON %I TO reeve_platform, reeve_placer, reeve_jobs USING (true) WITH CHECK (true)', table_name);
		EXECUTE format('CREATE POLICY scope ON %I TO reeve_edge USING (' || scope || ') WITH CHECK (' || scope || ')', table_name, 'tenant_key', 'tenant_key');
	END LOOP;
END
$$;
GRANT SELECT ON lease, pod_placement TO reeve_edge, reeve_platform, reeve_placer, reeve_jobs;
GRANT INSERT, UPDATE ON lease TO reeve_placer;
GRANT INSERT, UPDATE, DELETE ON pod_placement TO reeve_placer;
