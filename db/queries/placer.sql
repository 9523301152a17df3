-- The placer's statements: what it loads at start, what it commits per batch. All amounts per row are sums made in C: each row is
-- touched once per batch.

-- The lead is no beat: who loads, or fails to, does not serve.
-- name: leader_take :one
-- out: is_taken bool, term int8, batch int8, n int8, hash bytea, g_seen int8
WITH l AS (SELECT pg_try_advisory_lock(7305261) AS ok),
u AS (UPDATE leader SET term = term + 1 WHERE name = 'placer' AND (SELECT ok FROM l) RETURNING term, batch, n, hash, g_seen)
SELECT l.ok AS is_taken, coalesce(u.term, 0) AS term, coalesce(u.batch, 0) AS batch, coalesce(u.n, 0) AS n, coalesce(u.hash, ''::bytea) AS hash, coalesce(u.g_seen, 0) AS g_seen
FROM l LEFT JOIN u ON true;

-- name: leader_advance :one
-- in: term int8, batch int8, n int8, hash bytea, old_n int8, g_seen int8
-- out: ok bool
WITH u AS (
	UPDATE leader SET batch = $2, n = $3, hash = $4, g_seen = $6, beat = now()
	WHERE name = 'placer' AND term = $1 AND batch = $2 - 1 AND n = $5 RETURNING 1
)
SELECT must(count(*) = 1, 'placer_fenced') AS ok FROM u;

-- What became of a batch whose end was not seen, and the lock again on a new session. The row lock waits for the old one.
-- name: leader_again :one
-- out: is_locked bool, term int8, batch int8, n int8
SELECT pg_try_advisory_lock(7305261) AS is_locked, term, batch, n FROM leader WHERE name = 'placer' FOR UPDATE;

-- name: leader_beat :one
-- in: term int8
-- out: ok bool
WITH u AS (UPDATE leader SET beat = now() WHERE name = 'placer' AND term = $1 RETURNING 1) SELECT must(count(*) = 1, 'placer_fenced') AS ok FROM u;

-- Of two restores of one backup each gets a number of its own: an agent has seen the first one.
-- name: incarnation_check :one
-- out: number int8, is_new bool
WITH now_is AS (
	SELECT s.system_identifier::text AS system_id, c.timeline_id AS timeline FROM pg_control_system() s, pg_control_checkpoint() c
),
i AS (
	INSERT INTO incarnation AS i (number, system_id, timeline) SELECT 1, system_id, timeline FROM now_is
	ON CONFLICT (only_row) DO UPDATE SET number = greatest(i.number + 1, extract(epoch FROM now())::int8), system_id = excluded.system_id, timeline = excluded.timeline
		WHERE i.system_id <> excluded.system_id OR i.timeline <> excluded.timeline
	RETURNING number
),
l AS (
	INSERT INTO cluster_learning (cluster_key) SELECT c.key FROM cluster c, i WHERE i.number > 1 AND c.deleted_at IS NULL ON CONFLICT DO NOTHING
)
SELECT coalesce((SELECT number FROM i), (SELECT number FROM incarnation)) AS number, EXISTS (SELECT FROM i) AS is_new;

-- Loads --------------------------------------------------------------------------------------------------------------------

-- name: load_tenants :many
-- booked_parent_key: its totals still count there, not below its parent.
-- out: key int4, parent_key int4?, booked_parent_key int4?, path text, is_deleted bool, rev int8, weight int8, credits_limit int8?, reclaim_after_s int8?, reclaim_grace_s int8?
SELECT t.key, t.parent_key, m.from_key AS booked_parent_key, t.path, t.deleted_at IS NOT NULL AS is_deleted, t.rev, t.weight, t.credits_limit, t.reclaim_after_s, t.reclaim_grace_s
FROM tenant t LEFT JOIN tenant_move m ON m.tenant_key = t.key ORDER BY t.depth, t.key;

-- What was set and what is raised, together.
-- name: load_quotas :many
-- out: tenant_key int4, model text, guaranteed_device_milli int8?, guaranteed_memory_mib int8?, guaranteed_compute_milli int8?, limit_device_milli int8?, limit_memory_mib int8?, limit_compute_milli int8?, lend_limit_device_milli int8?, lend_limit_memory_mib int8?, lend_limit_compute_milli int8?, borrow_limit_device_milli int8?, borrow_limit_memory_mib int8?, borrow_limit_compute_milli int8?, class_limit_device_milli int8?, class_limit_memory_mib int8?, class_limit_compute_milli int8?
SELECT tenant_key, model, coalesce(q.guaranteed_device_milli + coalesce(r.guaranteed_device_milli, 0), nullif(r.guaranteed_device_milli, 0)) AS guaranteed_device_milli,
	coalesce(q.guaranteed_memory_mib + coalesce(r.guaranteed_memory_mib, 0), nullif(r.guaranteed_memory_mib, 0)) AS guaranteed_memory_mib,
	coalesce(q.guaranteed_compute_milli + coalesce(r.guaranteed_compute_milli, 0), nullif(r.guaranteed_compute_milli, 0)) AS guaranteed_compute_milli,
	q.limit_device_milli + coalesce(r.limit_device_milli, 0) AS limit_device_milli, q.limit_memory_mib + coalesce(r.limit_memory_mib, 0) AS limit_memory_mib,
	q.limit_compute_milli + coalesce(r.limit_compute_milli, 0) AS limit_compute_milli,
	lend_limit_device_milli, lend_limit_memory_mib, lend_limit_compute_milli, borrow_limit_device_milli, borrow_limit_memory_mib, borrow_limit_compute_milli,
	class_limit_device_milli, class_limit_memory_mib, class_limit_compute_milli
FROM quota q FULL JOIN quota_raised r USING (tenant_key, model) ORDER BY tenant_key, model;

-- name: load_conditions :many
-- out: tenant_key int4, type text, model text, since timestamptz
SELECT tenant_key, type, model, since FROM quota_condition ORDER BY tenant_key, type, model;

-- name: load_loans :many
-- out: tenant_key int4, lender_key int4, model text, via_depth int4, device_milli int8, memory_mib int8, compute_milli int8
SELECT tenant_key, lender_key, model, via_depth, device_milli, memory_mib, compute_milli FROM quota_loan ORDER BY model, tenant_key, lender_key;

-- name: load_classes :many
-- out: name text, model text, patterns json, memory_mib int8, slots int8, compute_overcommit_ppm int8, overcommit_priority_max int8, default_compute_milli int8, credit_rate_milli int8, share_modes json
SELECT name, model, patterns, memory_mib, slots, compute_overcommit_ppm, overcommit_priority_max, default_compute_milli, credit_rate_milli, share_modes FROM device_class ORDER BY name;

-- name: load_clusters :many
-- out: key int4, id text, name text, state text, is_cordoned bool, is_frozen bool, drain_grace_s int8?, requeues bool, is_deleted bool, is_learning bool, rev int8, session text?
SELECT c.key, c.id, c.name, c.state, c.is_cordoned, c.is_frozen, c.drain_grace_s, c.requeues, c.deleted_at IS NOT NULL AS is_deleted,
	EXISTS (SELECT FROM cluster_learning l WHERE l.cluster_key = c.key) AS is_learning, coalesce(s.rev, 0) AS rev, a.session
FROM cluster c LEFT JOIN cluster_stream s ON s.cluster_key = c.key LEFT JOIN agent_session a ON a.cluster_key = c.key ORDER BY c.key;

-- name: load_cordons :many
-- out: cluster_key int4, kind text, name text
SELECT cluster_key, kind, name FROM cordon;

-- name: load_nodes :many
-- out: key int4, id text, cluster_key int4, name text, rank int4, cpu_milli int8, memory_mib int8, pods int8, health text, used_cpu_milli int8, used_memory_mib int8, used_pods int8, labels json, taints json, links json
SELECT key, id, cluster_key, name, rank, cpu_milli, memory_mib, pods, health, used_cpu_milli, used_memory_mib, used_pods, labels, taints, links FROM node ORDER BY rank, key;

-- name: load_devices :many
-- out: key int4, id text, node_key int4, cluster_key int4, uuid text, index_no int4, class text, product text, memory_mib int8, slots int8, slots_given int8, health text, used_memory_mib int8, used_compute_milli int8, used_slots int8, numa int4, share_mode text, geometry text, cut text
SELECT key, id, node_key, cluster_key, uuid, index_no, class, product, memory_mib, slots, slots_given, health, used_memory_mib, used_compute_milli, used_slots, numa, share_mode, geometry, cut
FROM device ORDER BY key;

-- name: load_placements :many
-- in: after text, limit int8
-- out: id text, tenant_key int4, cluster_key int4?, name text, origin text, state text, fence_incarnation int8, fence_no int8, request json, placed json, blockers json, charges json, charge_modes text, reason text, created_by text, created_at timestamptz, granted_at timestamptz?, running_at timestamptz?, seq int8
SELECT id, tenant_key, cluster_key, name, origin, state, fence_incarnation, fence_no, request, placed, blockers,
	json_build_object('models', charge_models, 'device_milli', charge_device_milli, 'memory_mib', charge_memory_mib, 'compute_milli', charge_compute_milli)::text AS charges,
	charge_modes, reason, created_by, created_at, granted_at, running_at, seq
FROM placement WHERE ended_at IS NULL AND id > $1 ORDER BY id LIMIT $2;

-- name: load_uses :many
-- out: tenant_key int4, model text, device_milli int8, memory_mib int8, compute_milli int8
SELECT tenant_key, model, device_milli, memory_mib, compute_milli FROM tenant_use ORDER BY tenant_key, model;

-- What was lent to clusters; after a restore nobody knows what they hold (cluster_learning).
-- name: load_leases :many
-- out: tenant_key int4, model text, cluster_key int4, mode text, offline_s int8, seq int8, moved int8, granted_device_milli int8, granted_memory_mib int8,
--      granted_compute_milli int8, reserved_device_milli int8, reserved_memory_mib int8, reserved_compute_milli int8
SELECT tenant_key, model, cluster_key, mode, offline_s, seq, moved, granted_device_milli, granted_memory_mib, granted_compute_milli, reserved_device_milli,
	reserved_memory_mib, reserved_compute_milli
FROM lease ORDER BY tenant_key, model, cluster_key;

-- Placements that began as pods: those that a cluster may still tell of.
-- name: load_pods :many
-- out: placement_id text, is_lent bool, at timestamptz
SELECT placement_id, is_lent, at FROM pod_placement ORDER BY placement_id;

-- Where what tenants hold on clusters is not what their placements add up to; nothing is as it should be.
-- name: load_escrow_off :many
-- out: tenant_key int4, model text, cluster_key int4, stored_milli int8, counted_milli int8
SELECT e.tenant_key, e.model, e.cluster_key, sum(e.stored)::int8 AS stored_milli, sum(e.counted)::int8 AS counted_milli
FROM (
	SELECT tenant_key, model, cluster_key, device_milli AS stored, 0 AS counted, memory_mib AS m, compute_milli AS c FROM escrow
	UNION ALL
	SELECT p.tenant_key, x.model, p.cluster_key, 0, x.d, -x.m, -x.c
	FROM placement p CROSS JOIN LATERAL unnest(p.charge_models, p.charge_device_milli, p.charge_memory_mib, p.charge_compute_milli) AS x(model, d, m, c)
	WHERE p.ended_at IS NULL AND p.cluster_key IS NOT NULL
) e
GROUP BY e.tenant_key, e.model, e.cluster_key HAVING sum(e.stored) <> sum(e.counted) OR sum(e.m) <> 0 OR sum(e.c) <> 0
ORDER BY e.tenant_key, e.model, e.cluster_key LIMIT 100;

-- Use in the past, as sums of beginnings and ends by time: per bucket how much more ran from then on, and the same times how far into
-- the bucket that was, in millionths of a second, cut in two because it is long (engine/history.h).
-- name: load_history :many
-- in: bucket_us int8, since timestamptz
-- out: tenant_key int4, class text, bucket int8, device_milli int8, milli_s int8, milli_us int8
SELECT x.tenant_key, x.class, x.bucket, sum(x.milli)::int8 AS device_milli, div(sum(x.milli * x.into_us), 1000000)::int8 AS milli_s,
	mod(sum(x.milli * x.into_us), 1000000)::int8 AS milli_us
FROM (
	SELECT s.tenant_key, s.class, div(e.us, $1)::int8 AS bucket, e.milli::numeric AS milli, mod(e.us, $1) AS into_us
	FROM segment s, LATERAL (
		SELECT s.device_milli AS milli, (extract(epoch FROM s.started_at) * 1000000)::numeric AS us
		UNION ALL SELECT -s.device_milli, (extract(epoch FROM s.ended_at) * 1000000)::numeric WHERE s.ended_at IS NOT NULL
	) e
	WHERE s.ended_at IS NULL OR s.ended_at > $2
) x
GROUP BY x.tenant_key, x.class, x.bucket ORDER BY x.bucket, x.tenant_key, x.class;

-- name: load_holds :many
-- out: placement_id text, cluster_key int4, kind text, placed text, from_at timestamptz, until_at timestamptz
SELECT placement_id, cluster_key, kind, placed, from_at, until_at FROM queue_hold ORDER BY placement_id;

-- name: load_evictions :many
-- out: placement_id text, by_placement_id text
SELECT placement_id, by_placement_id FROM eviction ORDER BY placement_id;

-- Rows of the inbox from low_seq on, oldest first. is_known: its placement was decided before (a repeat after a lost answer);
-- not as EXISTS, which would be planned as a hash of all placements, made anew for each batch.
-- name: inbox_next :many
-- in: low_seq int8, limit int8
-- out: seq int8, kind text, object_id text, tenant_key int4, cluster_key int4?, actor text, request_id text, body text, at timestamptz, is_known bool
SELECT i.seq, i.kind, i.object_id, i.tenant_key, i.cluster_key, i.actor, i.request_id, i.body, i.at,
	i.kind = 'place' AND (SELECT p.id FROM placement p WHERE p.id = i.object_id) IS NOT NULL AS is_known
FROM inbox i WHERE i.seq >= $1 ORDER BY i.seq LIMIT $2;

-- Rows to be inserted come as arrays, each unnested in the list of what is selected: they go on together, row by row. In FROM each would
-- be written out into a store of its own first.

-- Commits --------------------------------------------------------------------------------------------------------------------

-- name: inbox_consume :exec
-- in: seqs int8[]
DELETE FROM inbox WHERE seq = ANY ($1::int8[]);

-- name: inbox_put_aside :one
-- in: seq int8, why text
-- out: ok bool
WITH d AS (DELETE FROM inbox WHERE seq = $1 RETURNING seq, kind, object_id, tenant_key, cluster_key, actor, request_id, body, at),
q AS (
	INSERT INTO inbox_quarantine (seq, kind, object_id, tenant_key, cluster_key, actor, request_id, body, at, why)
	SELECT d.seq, d.kind, d.object_id, d.tenant_key, d.cluster_key, d.actor, d.request_id, d.body, d.at, $2 FROM d RETURNING 1
)
SELECT count(*) = 1 AS ok FROM q;

-- What a plan holds comes as lists of all rows' plans one behind the other; a row takes its part, from .. to.
-- name: placement_insert :exec
-- in: ids text[], tenant_keys int4[], cluster_keys int4[], names text[], origins text[], states text[], fence_incarnations int8[], fence_nos int8[],
--     requests text[], placed text[], blockers text[], reasons text[], created_bys text[], created_ats timestamptz[], granted_ats timestamptz[],
--     ended_ats timestamptz[], seqs int8[], revs int8[], node_from int4[], node_to int4[], node_keys int4[], device_from int4[], device_to int4[],
--     device_keys int4[], device_memory_mib int8[], device_compute_milli int8[], charge_from int4[], charge_to int4[], charge_models text[],
--     charge_device_milli int8[], charge_memory_mib int8[], charge_compute_milli int8[], charge_modes text[]
INSERT INTO placement (id, tenant_key, cluster_key, name, origin, state, fence_incarnation, fence_no, request, placed, blockers, reason, created_by, created_at,
	granted_at, ended_at, seq, rev, node_keys, device_keys, device_memory_mib, device_compute_milli, charge_models, charge_device_milli, charge_memory_mib, charge_compute_milli,
	charge_modes)
SELECT x.id, x.tenant_key, x.cluster_key, x.name, x.origin, x.state, x.fi, x.fn, x.request, x.placed, x.blockers, x.reason, x.created_by, x.created_at,
	x.granted_at, x.ended_at, x.seq, x.rev, ($21::int4[])[x.nf:x.nt], ($24::int4[])[x.df:x.dt], ($25::int8[])[x.df:x.dt], ($26::int8[])[x.df:x.dt],
	($29::text[])[x.cf:x.ct], ($30::int8[])[x.cf:x.ct], ($31::int8[])[x.cf:x.ct], ($32::int8[])[x.cf:x.ct], x.modes
FROM (SELECT unnest($1::text[]) AS id, unnest($2::int4[]) AS tenant_key, unnest($3::int4[]) AS cluster_key, unnest($4::text[]) AS name, unnest($5::text[]) AS origin,
	unnest($6::text[]) AS state, unnest($7::int8[]) AS fi, unnest($8::int8[]) AS fn, unnest($9::text[]) AS request, unnest($10::text[]) AS placed,
	unnest($11::text[]) AS blockers, unnest($12::text[]) AS reason, unnest($13::text[]) AS created_by, unnest($14::timestamptz[]) AS created_at,
	unnest($15::timestamptz[]) AS granted_at, unnest($16::timestamptz[]) AS ended_at, unnest($17::int8[]) AS seq, unnest($18::int8[]) AS rev,
	unnest($19::int4[]) AS nf, unnest($20::int4[]) AS nt, unnest($22::int4[]) AS df, unnest($23::int4[]) AS dt, unnest($27::int4[]) AS cf, unnest($28::int4[]) AS ct,
	unnest($33::text[]) AS modes) x;

-- name: placement_update :one
-- in: ids text[], cluster_keys int4[], states text[], fence_incarnations int8[], fence_nos int8[], placed text[], blockers text[], reasons text[],
--     granted_ats timestamptz[], running_ats timestamptz[], ended_ats timestamptz[], revs int8[], node_from int4[], node_to int4[], node_keys int4[],
--     device_from int4[], device_to int4[], device_keys int4[], device_memory_mib int8[], device_compute_milli int8[], charge_from int4[],
--     charge_to int4[], charge_models text[], charge_device_milli int8[], charge_memory_mib int8[], charge_compute_milli int8[], n int8, charge_modes text[]
-- out: ok bool
WITH u AS (
	UPDATE placement p SET cluster_key = x.cluster_key, state = x.state, fence_incarnation = x.fi, fence_no = x.fn, placed = x.placed, blockers = x.blockers,
		reason = x.reason, granted_at = x.granted_at, running_at = x.running_at, ended_at = x.ended_at, rev = x.rev, node_keys = ($15::int4[])[x.nf:x.nt],
		device_keys = ($18::int4[])[x.df:x.dt], device_memory_mib = ($19::int8[])[x.df:x.dt], device_compute_milli = ($20::int8[])[x.df:x.dt],
		charge_models = ($23::text[])[x.cf:x.ct], charge_device_milli = ($24::int8[])[x.cf:x.ct], charge_memory_mib = ($25::int8[])[x.cf:x.ct],
		charge_compute_milli = ($26::int8[])[x.cf:x.ct], charge_modes = x.modes
	FROM unnest($1::text[], $2::int4[], $3::text[], $4::int8[], $5::int8[], $6::text[], $7::text[], $8::text[], $9::timestamptz[], $10::timestamptz[], $11::timestamptz[],
		$12::int8[], $13::int4[], $14::int4[], $16::int4[], $17::int4[], $21::int4[], $22::int4[], $28::text[])
		AS x(id, cluster_key, state, fi, fn, placed, blockers, reason, granted_at, running_at, ended_at, rev, nf, nt, df, dt, cf, ct, modes)
	WHERE p.id = x.id RETURNING 1
)
SELECT must(count(*) = $27, 'placement_unknown') AS ok FROM u;

-- A step changes state, reason and times only: the common case of an agent's report.
-- name: placement_step :one
-- in: ids text[], states text[], reasons text[], running_ats timestamptz[], ended_ats timestamptz[], revs int8[], n int8
-- out: ok bool
WITH u AS (
	UPDATE placement p SET state = x.state, reason = x.reason, running_at = x.running_at, ended_at = x.ended_at, rev = x.rev
	FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::int8[]) AS x(id, state, reason, running_at, ended_at, rev)
	WHERE p.id = x.id RETURNING 1
)
SELECT must(count(*) = $7, 'placement_unknown') AS ok FROM u;

-- A new placement that runs already: a pod that its cluster let in.
-- name: placement_began :exec
-- in: ids text[], running_ats timestamptz[]
UPDATE placement p SET running_at = x.at FROM unnest($1::text[], $2::timestamptz[]) AS x(id, at) WHERE p.id = x.id;

-- New numbers of the same blockers: what is told of a waiting placement, but no change of it.
-- name: placement_retell :exec
-- in: ids text[], blockers text[]
UPDATE placement p SET blockers = x.blockers FROM unnest($1::text[], $2::text[]) AS x(id, blockers) WHERE p.id = x.id AND p.state = 'pending';

-- name: advice_put :exec
-- in: placement_ids text[], tenant_keys int4[], at timestamptz, positions int8[], ahead_owns text[], ahead_others int8[], quotas text[], changes text[]
INSERT INTO advice AS a (placement_id, tenant_key, at, position, ahead_own, ahead_others, quota, changes)
SELECT unnest($1::text[]), unnest($2::int4[]), $3, unnest($4::int8[]), unnest($5::text[]), unnest($6::int8[]), unnest($7::text[]), unnest($8::text[])
ON CONFLICT (placement_id) DO UPDATE SET at = excluded.at, position = excluded.position, ahead_own = excluded.ahead_own, ahead_others = excluded.ahead_others,
	quota = excluded.quota, changes = excluded.changes;

-- name: advice_drop :exec
-- in: placement_ids text[]
DELETE FROM advice WHERE placement_id = ANY ($1::text[]);

-- name: hold_put :exec
-- in: placement_ids text[], tenant_keys int4[], cluster_keys int4[], kinds text[], placed text[], from_ats timestamptz[], until_ats timestamptz[]
INSERT INTO queue_hold AS h (placement_id, tenant_key, cluster_key, kind, placed, from_at, until_at)
SELECT unnest($1::text[]), unnest($2::int4[]), unnest($3::int4[]), unnest($4::text[]), unnest($5::text[]), unnest($6::timestamptz[]), unnest($7::timestamptz[])
ON CONFLICT (placement_id) DO UPDATE SET cluster_key = excluded.cluster_key, kind = excluded.kind, placed = excluded.placed, from_at = excluded.from_at,
	until_at = excluded.until_at;

-- name: hold_drop :exec
-- in: placement_ids text[]
DELETE FROM queue_hold WHERE placement_id = ANY ($1::text[]);

-- name: eviction_put :exec
-- in: placement_ids text[], tenant_keys int4[], by_placement_ids text[], at timestamptz
INSERT INTO eviction AS e (placement_id, tenant_key, by_placement_id, at) SELECT unnest($1::text[]), unnest($2::int4[]), unnest($3::text[]), $4
ON CONFLICT (placement_id) DO UPDATE SET by_placement_id = excluded.by_placement_id, at = excluded.at;

-- name: eviction_drop :exec
-- in: placement_ids text[]
DELETE FROM eviction WHERE placement_id = ANY ($1::text[]);

-- name: device_use :one
-- in: keys int4[], memory_mib int8[], compute_milli int8[], slots int8[], n int8
-- out: ok bool
WITH u AS (
	UPDATE device d SET used_memory_mib = d.used_memory_mib + x.m, used_compute_milli = d.used_compute_milli + x.c, used_slots = d.used_slots + x.s
	FROM unnest($1::int4[], $2::int8[], $3::int8[], $4::int8[]) AS x(key, m, c, s) WHERE d.key = x.key RETURNING 1
)
SELECT must(count(*) = $5, 'device_unknown') AS ok FROM u;

-- name: node_use :one
-- in: keys int4[], cpu_milli int8[], memory_mib int8[], pods int8[], n int8
-- out: ok bool
WITH u AS (
	UPDATE node d SET used_cpu_milli = d.used_cpu_milli + x.c, used_memory_mib = d.used_memory_mib + x.m, used_pods = d.used_pods + x.p
	FROM unnest($1::int4[], $2::int8[], $3::int8[], $4::int8[]) AS x(key, c, m, p) WHERE d.key = x.key RETURNING 1
)
SELECT must(count(*) = $5, 'node_unknown') AS ok FROM u;

-- The totals of the tree, by what each moves and by how much of that was growth. Growth past the limit that stands now commits nothing
-- and says over_cap, whatever the same batch gave back: the caps moved, look again. A fall alone is always let through; where use is
-- above the limit the ceiling falls with it. (Not INSERT .. ON CONFLICT: there a fall would have to pass the table's checks as a new
-- row first. New rows are looked for only when not every row was there: most batches make none.)
-- name: tenant_use_add :one
-- in: tenant_keys int4[], models text[], device_milli int8[], memory_mib int8[], compute_milli int8[], grown_device_milli int8[], grown_memory_mib int8[],
--     grown_compute_milli int8[], n int8
-- out: ok bool
WITH x AS (
	SELECT x.*, least(q.limit_device_milli + coalesce(r.limit_device_milli, 0), q.class_limit_device_milli) AS ld,
		least(q.limit_memory_mib + coalesce(r.limit_memory_mib, 0), q.class_limit_memory_mib) AS lm,
		least(q.limit_compute_milli + coalesce(r.limit_compute_milli, 0), q.class_limit_compute_milli) AS lc
	FROM unnest($1::int4[], $2::text[], $3::int8[], $4::int8[], $5::int8[], $6::int8[], $7::int8[], $8::int8[])
		AS x(tenant_key, model, d, m, c, gd, gm, gc) LEFT JOIN quota q USING (tenant_key, model) LEFT JOIN quota_raised r USING (tenant_key, model)
),
u AS (
	UPDATE tenant_use u SET
		device_milli = u.device_milli + x.d,
		memory_mib = u.memory_mib + x.m,
		compute_milli = u.compute_milli + x.c,
		ceiling_device_milli = CASE WHEN x.gd > 0 OR x.ld IS NULL THEN x.ld ELSE greatest(x.ld, u.device_milli + x.d) END,
		ceiling_memory_mib = CASE WHEN x.gm > 0 OR x.lm IS NULL THEN x.lm ELSE greatest(x.lm, u.memory_mib + x.m) END,
		ceiling_compute_milli = CASE WHEN x.gc > 0 OR x.lc IS NULL THEN x.lc ELSE greatest(x.lc, u.compute_milli + x.c) END
	FROM x
	WHERE u.tenant_key = x.tenant_key AND u.model = x.model
		AND (x.gd <= 0 OR x.ld IS NULL OR u.device_milli + x.d <= x.ld)
		AND (x.gm <= 0 OR x.lm IS NULL OR u.memory_mib + x.m <= x.lm)
		AND (x.gc <= 0 OR x.lc IS NULL OR u.compute_milli + x.c <= x.lc)
	RETURNING 1
),
i AS (
	INSERT INTO tenant_use (tenant_key, model, device_milli, memory_mib, compute_milli, ceiling_device_milli, ceiling_memory_mib, ceiling_compute_milli)
	SELECT x.tenant_key, x.model, x.d, x.m, x.c, CASE WHEN x.ld IS NOT NULL THEN greatest(x.ld, x.d) END, CASE WHEN x.lm IS NOT NULL THEN greatest(x.lm, x.m) END,
		CASE WHEN x.lc IS NOT NULL THEN greatest(x.lc, x.c) END FROM x
	WHERE (SELECT count(*) FROM u) < $9 AND NOT EXISTS (SELECT FROM tenant_use t WHERE t.tenant_key = x.tenant_key AND t.model = x.model)
		AND (x.gd <= 0 OR x.d <= coalesce(x.ld, x.d)) AND (x.gm <= 0 OR x.m <= coalesce(x.lm, x.m)) AND (x.gc <= 0 OR x.c <= coalesce(x.lc, x.c))
	RETURNING 1
),
-- Those whose credits are capped, and grow past the cap.
o AS (
	SELECT g.tenant_key FROM (SELECT DISTINCT tenant_key FROM x WHERE gd > 0) g JOIN tenant t ON t.key = g.tenant_key AND t.credits_limit IS NOT NULL
	WHERE t.credits_limit < (SELECT sum(y.d::numeric * c.credit_rate_milli) FROM (
		SELECT b.model, b.device_milli AS d FROM tenant_use b WHERE b.tenant_key = g.tenant_key
		UNION ALL
		SELECT x.model, x.d FROM x WHERE x.tenant_key = g.tenant_key) y JOIN device_class c ON c.name = y.model)
)
SELECT must((SELECT count(*) FROM u) + (SELECT count(*) FROM i) = $9 AND NOT EXISTS (SELECT FROM o), 'over_cap') AS ok;

-- What tenants hold on clusters. (Not INSERT .. ON CONFLICT, as above.)
-- name: escrow_add :one
-- in: tenant_keys int4[], models text[], cluster_keys int4[], device_milli int8[], memory_mib int8[], compute_milli int8[], n int8
-- out: ok bool
WITH x AS (SELECT * FROM unnest($1::int4[], $2::text[], $3::int4[], $4::int8[], $5::int8[], $6::int8[]) AS x(tenant_key, model, cluster_key, d, m, c)),
u AS (
	UPDATE escrow e SET device_milli = e.device_milli + x.d, memory_mib = e.memory_mib + x.m, compute_milli = e.compute_milli + x.c
	FROM x WHERE e.tenant_key = x.tenant_key AND e.model = x.model AND e.cluster_key = x.cluster_key RETURNING 1
),
i AS (
	INSERT INTO escrow (tenant_key, model, cluster_key, device_milli, memory_mib, compute_milli)
	SELECT x.tenant_key, x.model, x.cluster_key, x.d, x.m, x.c FROM x
	WHERE (SELECT count(*) FROM u) < $7 AND NOT EXISTS (SELECT FROM escrow e WHERE e.tenant_key = x.tenant_key AND e.model = x.model AND e.cluster_key = x.cluster_key) RETURNING 1
)
SELECT must((SELECT count(*) FROM u) + (SELECT count(*) FROM i) = $7, 'escrow_unknown') AS ok;

-- name: lease_put :exec
-- in: tenant_keys int4[], models text[], cluster_keys int4[], modes text[], offline_s int8[], seqs int8[], moved int8[], granted_device_milli int8[],
--     granted_memory_mib int8[], granted_compute_milli int8[], reserved_device_milli int8[], reserved_memory_mib int8[], reserved_compute_milli int8[],
--     headroom_device_milli int8[], headroom_memory_mib int8[], headroom_compute_milli int8[]
INSERT INTO lease AS l (tenant_key, model, cluster_key, mode, offline_s, seq, moved, granted_device_milli, granted_memory_mib, granted_compute_milli,
	reserved_device_milli, reserved_memory_mib, reserved_compute_milli, headroom_device_milli, headroom_memory_mib, headroom_compute_milli)
SELECT unnest($1::int4[]), unnest($2::text[]), unnest($3::int4[]), unnest($4::text[]), unnest($5::int8[]), unnest($6::int8[]), unnest($7::int8[]), unnest($8::int8[]),
	unnest($9::int8[]), unnest($10::int8[]), unnest($11::int8[]), unnest($12::int8[]), unnest($13::int8[]), unnest($14::int8[]), unnest($15::int8[]),
	unnest($16::int8[])
ON CONFLICT (tenant_key, model, cluster_key) DO UPDATE SET mode = excluded.mode, offline_s = excluded.offline_s, seq = excluded.seq, moved = excluded.moved,
	granted_device_milli = excluded.granted_device_milli, granted_memory_mib = excluded.granted_memory_mib, granted_compute_milli = excluded.granted_compute_milli,
	reserved_device_milli = excluded.reserved_device_milli, reserved_memory_mib = excluded.reserved_memory_mib, reserved_compute_milli = excluded.reserved_compute_milli,
	headroom_device_milli = excluded.headroom_device_milli, headroom_memory_mib = excluded.headroom_memory_mib, headroom_compute_milli = excluded.headroom_compute_milli;

-- name: cluster_drift_put :exec
-- in: cluster_key int4, n int8, buckets int8[]
INSERT INTO cluster_drift AS d (cluster_key, n, buckets) VALUES ($1, $2, $3)
ON CONFLICT (cluster_key) DO UPDATE SET n = greatest(d.n + 1, excluded.n), buckets = excluded.buckets;

-- name: pod_put :exec
-- in: placement_ids text[], tenant_keys int4[], is_lent int8[], at timestamptz
INSERT INTO pod_placement AS p (placement_id, tenant_key, is_lent, at) SELECT unnest($1::text[]), unnest($2::int4[]), unnest($3::int8[]) <> 0, $4
ON CONFLICT (placement_id) DO UPDATE SET is_lent = excluded.is_lent, at = excluded.at;

-- name: pod_forget :exec
-- in: placement_ids text[]
DELETE FROM pod_placement WHERE placement_id = ANY ($1::text[]);

-- What the totals say now of tenants and models, and since when.
-- name: condition_begin :exec
-- in: tenant_keys int4[], types text[], models text[], sinces timestamptz[]
INSERT INTO quota_condition (tenant_key, type, model, since)
SELECT unnest($1::int4[]), unnest($2::text[]), unnest($3::text[]), unnest($4::timestamptz[]) ON CONFLICT DO NOTHING;

-- name: condition_end :exec
-- in: tenant_keys int4[], types text[], models text[]
DELETE FROM quota_condition c USING unnest($1::int4[], $2::text[], $3::text[]) AS x(tenant_key, type, model)
WHERE c.tenant_key = x.tenant_key AND c.type = x.type AND c.model = x.model;

-- name: loan_end :exec
-- in: tenant_keys int4[], lender_keys int4[], models text[]
DELETE FROM quota_loan l USING unnest($1::int4[], $2::int4[], $3::text[]) AS x(tenant_key, lender_key, model)
WHERE l.tenant_key = x.tenant_key AND l.lender_key = x.lender_key AND l.model = x.model;

-- name: loan_put :exec
-- in: tenant_keys int4[], lender_keys int4[], models text[], via_depths int4[], device_milli int8[], memory_mib int8[], compute_milli int8[], sinces timestamptz[]
INSERT INTO quota_loan (tenant_key, lender_key, model, via_depth, device_milli, memory_mib, compute_milli, since)
SELECT unnest($1::int4[]), unnest($2::int4[]), unnest($3::text[]), unnest($4::int4[]), unnest($5::int8[]), unnest($6::int8[]), unnest($7::int8[]),
	unnest($8::timestamptz[])
ON CONFLICT (tenant_key, model, lender_key) DO UPDATE SET via_depth = excluded.via_depth, device_milli = excluded.device_milli,
	memory_mib = excluded.memory_mib, compute_milli = excluded.compute_milli, since = excluded.since;

-- name: capacity_put :exec
-- in: models text[], device_milli int8[], memory_mib int8[], compute_milli int8[]
INSERT INTO model_capacity (model, device_milli, memory_mib, compute_milli)
SELECT unnest($1::text[]), unnest($2::int8[]), unnest($3::int8[]), unnest($4::int8[])
ON CONFLICT (model) DO UPDATE SET device_milli = excluded.device_milli, memory_mib = excluded.memory_mib, compute_milli = excluded.compute_milli;

-- The totals stand where their tenants hang.
-- name: tenant_moved :exec
-- in: tenant_keys int4[]
DELETE FROM tenant_move WHERE tenant_key = ANY ($1::int4[]);

-- name: cluster_stream_advance :one
-- in: cluster_keys int4[], revs int8[], old_revs int8[], n int8
-- out: ok bool
WITH u AS (
	INSERT INTO cluster_stream AS s (cluster_key, rev) SELECT x.k, x.rev FROM unnest($1::int4[], $2::int8[]) AS x(k, rev)
	ON CONFLICT (cluster_key) DO UPDATE SET rev = excluded.rev
		WHERE s.rev = (SELECT o.rev FROM unnest($1::int4[], $3::int8[]) AS o(k, rev) WHERE o.k = s.cluster_key)
	RETURNING 1
)
SELECT must(count(*) = $4, 'cluster_rev_moved') AS ok FROM u;

-- name: cluster_learning_add :exec
-- in: keys int4[]
INSERT INTO cluster_learning (cluster_key) SELECT unnest($1::int4[]) ON CONFLICT DO NOTHING;

-- name: cluster_learned :exec
-- in: keys int4[]
DELETE FROM cluster_learning WHERE cluster_key = ANY ($1::int4[]);

-- Clusters that are granted something stay until that is committed; one that was deleted before commits nothing.
-- name: cluster_hold :one
-- in: keys int4[], n int8
-- out: ok bool
WITH c AS (SELECT key FROM cluster WHERE key = ANY ($1::int4[]) AND deleted_at IS NULL ORDER BY key FOR KEY SHARE)
SELECT must(count(*) = $2, 'cluster_gone') AS ok FROM c;

-- name: decision_insert :exec
-- in: ns int8[], term int8, ats timestamptz[], tenant_keys int4[], placement_ids text[], cluster_keys int4[], cluster_revs int8[], actions text[], bodies text[], hashes bytea[]
INSERT INTO decision (n, term, at, tenant_key, placement_id, cluster_key, cluster_rev, action, body, hash)
SELECT unnest($1::int8[]), $2, unnest($3::timestamptz[]), unnest($4::int4[]), unnest($5::text[]), unnest($6::int4[]), unnest($7::int8[]), unnest($8::text[]),
	unnest($9::text[]), unnest($10::bytea[]);

-- name: segment_open :exec
-- in: placement_ids text[], fence_nos int8[], classes text[], tenant_keys int4[], cluster_keys int4[], devices int8[], device_milli int8[], memory_mib int8[], compute_milli int8[], started_ats timestamptz[]
INSERT INTO segment (placement_id, fence_no, class, tenant_key, cluster_key, devices, device_milli, memory_mib, compute_milli, started_at)
SELECT unnest($1::text[]), unnest($2::int8[]), unnest($3::text[]), unnest($4::int4[]), unnest($5::int4[]), unnest($6::int8[]), unnest($7::int8[]), unnest($8::int8[]),
	unnest($9::int8[]), unnest($10::timestamptz[]);

-- name: segment_close :exec
-- in: placement_ids text[], fence_nos int8[], ended_ats timestamptz[]
UPDATE segment s SET ended_at = greatest(x.ended_at, s.started_at)
FROM unnest($1::text[], $2::int8[], $3::timestamptz[]) AS x(id, fence_no, ended_at)
WHERE s.placement_id = x.id AND s.fence_no = x.fence_no AND s.ended_at IS NULL;

-- name: node_put :exec
-- in: keys int4[], ids text[], cluster_keys int4[], names text[], ranks int4[], cpu_milli int8[], memory_mib int8[], pods int8[], labels text[], healths text[], taints text[], links text[], at timestamptz
INSERT INTO node AS n (key, id, cluster_key, name, rank, cpu_milli, memory_mib, pods, labels, health, taints, links, seen_at)
SELECT x.*, $13 FROM unnest($1::int4[], $2::text[], $3::int4[], $4::text[], $5::int4[], $6::int8[], $7::int8[], $8::int8[], $9::text[], $10::text[], $11::text[], $12::text[]) AS x
ON CONFLICT (key) DO UPDATE SET rank = excluded.rank, cpu_milli = excluded.cpu_milli, memory_mib = excluded.memory_mib, pods = excluded.pods, labels = excluded.labels,
	health = excluded.health, taints = excluded.taints, links = excluded.links, seen_at = excluded.seen_at;

-- name: device_put :exec
-- in: keys int4[], ids text[], node_keys int4[], cluster_keys int4[], uuids text[], index_nos int4[], classes text[], products text[], memory_mib int8[], compute_milli int8[], slots int8[], slots_given int8[], healths text[],
--     numas int4[], share_modes text[], geometries text[], cuts text[], at timestamptz
INSERT INTO device AS d (key, id, node_key, cluster_key, uuid, index_no, class, product, memory_mib, compute_milli, slots, slots_given, health, numa, share_mode, geometry, cut,
	seen_at)
SELECT x.*, $18 FROM unnest($1::int4[], $2::text[], $3::int4[], $4::int4[], $5::text[], $6::int4[], $7::text[], $8::text[], $9::int8[], $10::int8[], $11::int8[], $12::int8[], $13::text[],
	$14::int4[], $15::text[], $16::text[], $17::text[]) AS x
ON CONFLICT (key) DO UPDATE SET node_key = excluded.node_key, index_no = excluded.index_no, class = excluded.class, product = excluded.product,
	memory_mib = excluded.memory_mib, compute_milli = excluded.compute_milli, slots = excluded.slots, slots_given = excluded.slots_given, health = excluded.health,
	numa = excluded.numa, share_mode = excluded.share_mode, geometry = excluded.geometry, cut = excluded.cut, seen_at = excluded.seen_at;

-- Left the cluster, but something is booked there still.
-- name: inventory_mark :exec
-- in: node_keys int4[], device_keys int4[]
WITH d AS (UPDATE device SET health = 'gone' WHERE key = ANY ($2::int4[]))
UPDATE node SET health = 'gone' WHERE key = ANY ($1::int4[]);

-- What is booked is never dropped.
-- name: node_gone :exec
-- in: node_keys int4[]
WITH n AS (SELECT key FROM node WHERE key = ANY ($1::int4[]) AND used_pods = 0),
d AS (DELETE FROM device WHERE node_key IN (SELECT key FROM n))
DELETE FROM node WHERE key IN (SELECT key FROM n);

-- name: device_gone :exec
-- in: device_keys int4[]
DELETE FROM device WHERE key = ANY ($1::int4[]) AND used_slots = 0;

-- name: inventory_keys :one
-- out: node_key int4, device_key int4
SELECT coalesce((SELECT max(key) FROM node), 0) AS node_key, coalesce((SELECT max(key) FROM device), 0) AS device_key;
