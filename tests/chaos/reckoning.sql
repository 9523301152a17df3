-- The books again, by other ways than the server's own check: one line for each kind of fault, nothing when all is well.
WITH live AS (SELECT * FROM placement WHERE ended_at IS NULL),
held AS (
	SELECT l.cluster_key, d.uuid, sum(d.memory_mib) AS memory_mib, sum(d.compute_milli) AS compute_milli
	FROM live l CROSS JOIN LATERAL json_to_recordset(l.placed::json) AS pod(devices json)
	CROSS JOIN LATERAL json_to_recordset(coalesce(pod.devices, '[]'::json)) AS d(uuid text, memory_mib int8, compute_milli int8)
	GROUP BY l.cluster_key, d.uuid
),
own AS (
	SELECT l.tenant_key, x.model, sum(x.device_milli) AS device_milli
	FROM live l CROSS JOIN LATERAL unnest(l.charge_models, l.charge_device_milli) AS x(model, device_milli)
	GROUP BY l.tenant_key, x.model
),
lent AS (SELECT tenant_key, model, sum(headroom_device_milli) AS device_milli FROM lease GROUP BY tenant_key, model),
below AS (
	SELECT t.parent_key AS tenant_key, u.model, sum(u.device_milli) AS device_milli
	FROM tenant_use u JOIN tenant t ON t.key = u.tenant_key
	GROUP BY t.parent_key, u.model
)
SELECT 'devices that hold more than they have: ' || count(*)
FROM held h LEFT JOIN device d USING (cluster_key, uuid)
WHERE d.key IS NULL OR h.memory_mib > d.memory_mib OR h.compute_milli > d.compute_milli
HAVING count(*) > 0
UNION ALL
SELECT 'totals that are not what stands below them: ' || count(*)
FROM tenant_use u LEFT JOIN own USING (tenant_key, model) LEFT JOIN below USING (tenant_key, model) LEFT JOIN lent USING (tenant_key, model)
WHERE u.device_milli <> coalesce(own.device_milli, 0) + coalesce(below.device_milli, 0) + coalesce(lent.device_milli, 0)
HAVING count(*) > 0
UNION ALL
SELECT 'tenants that hold on a cluster what their placements do not: ' || count(*)
FROM (SELECT tenant_key, model, sum(device_milli) AS device_milli FROM escrow GROUP BY tenant_key, model) e FULL JOIN own USING (tenant_key, model)
WHERE coalesce(e.device_milli, 0) <> coalesce(own.device_milli, 0)
HAVING count(*) > 0
UNION ALL
SELECT 'placements that are decided and wait for it too: ' || count(*)
FROM inbox i JOIN placement p ON p.id = i.object_id
WHERE i.kind = 'place'
HAVING count(*) > 0
UNION ALL
SELECT 'placements billed twice at once: ' || count(*)
FROM (SELECT 1 FROM segment WHERE ended_at IS NULL GROUP BY placement_id, class HAVING count(*) > 1) s
HAVING count(*) > 0
UNION ALL
SELECT 'decisions missing from their chain: ' || max(n) - count(*) FROM decision HAVING max(n) <> count(*);
