-- What each tenant's own placements hold of each model on each cluster: the part of a tenant's total that a cluster holds for it.
-- Kept by the placer with each batch, so that a read costs no walk over what runs. A row that came to nothing stays.
CREATE TABLE escrow (
	tenant_key    int4 NOT NULL,
	model         text NOT NULL,
	cluster_key   int4 NOT NULL,
	device_milli  int8 NOT NULL,
	memory_mib    int8 NOT NULL,
	compute_milli int8 NOT NULL,
	CONSTRAINT escrow_pk PRIMARY KEY (tenant_key, model, cluster_key),
	CONSTRAINT escrow_not_negative CHECK (least(device_milli, memory_mib, compute_milli) >= 0)
) WITH (fillfactor = 50);

INSERT INTO escrow (tenant_key, model, cluster_key, device_milli, memory_mib, compute_milli)
SELECT p.tenant_key, x.model, p.cluster_key, sum(x.d), sum(x.m), sum(x.c)
FROM placement p CROSS JOIN LATERAL unnest(p.charge_models, p.charge_device_milli, p.charge_memory_mib, p.charge_compute_milli) AS x(model, d, m, c)
WHERE p.ended_at IS NULL AND p.cluster_key IS NOT NULL GROUP BY p.tenant_key, x.model, p.cluster_key;

CREATE OR REPLACE FUNCTION quota_escrow_json(keys int4[]) RETURNS json LANGUAGE plpgsql STABLE AS $$
BEGIN
	RETURN (
		WITH held AS (
			SELECT e.model, k.name, sum(e.device_milli)::int8 AS d, sum(e.memory_mib)::int8 AS m, sum(e.compute_milli)::int8 AS c
			FROM escrow e JOIN cluster k ON k.key = e.cluster_key
			WHERE e.tenant_key = ANY (keys) AND greatest(e.device_milli, e.memory_mib, e.compute_milli) > 0 GROUP BY e.model, k.name
		),
		of_model AS (
			SELECT model, json_object_agg(name, json_build_object('earmarked', axes_json(d, m, c), 'headroom', axes_json(0, 0, 0)) ORDER BY name) AS said
			FROM held GROUP BY model
		)
		SELECT coalesce(json_object_agg(model, said), '{}') FROM of_model
	);
END
$$;

DO $$
DECLARE
	scope text := 'tenant_key = ANY((SELECT NULLIF(current_setting(''app.scope'', true), '''')::int4[])::int4[])';
BEGIN
	ALTER TABLE escrow ENABLE ROW LEVEL SECURITY;
	ALTER TABLE escrow FORCE ROW LEVEL SECURITY;
	CREATE POLICY whole ON escrow TO reeve_platform, reeve_placer, reeve_jobs USING (true) WITH CHECK (true);
	EXECUTE 'CREATE POLICY scope ON escrow TO reeve_edge USING (' || scope || ') WITH CHECK (' || scope || ')';
END
$$;
GRANT SELECT ON escrow TO reeve_edge, reeve_platform, reeve_placer, reeve_jobs;
GRANT INSERT, UPDATE ON escrow TO reeve_placer;
