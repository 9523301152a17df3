-- Clusters and the ways into them. Only the platform's roles run these.

-- name: cluster_get :one
-- in: cluster text
-- out: key int4, id text, name text, state text, is_cordoned bool, is_frozen bool, is_draining bool, default_tenant text?, labels json, nodes int8, devices int8, stream_rev int8, seen_at timestamptz?, agent_version text?, revision int8, created_at timestamptz
SELECT c.key, c.id, c.name, c.state, c.is_cordoned, c.is_frozen, c.drain_grace_s IS NOT NULL AS is_draining, t.path AS default_tenant, c.labels,
	(SELECT count(*) FROM node n WHERE n.cluster_key = c.key) AS nodes, (SELECT count(*) FROM device d WHERE d.cluster_key = c.key) AS devices,
	coalesce(s.rev, 0) AS stream_rev, a.seen_at, a.version AS agent_version, c.rev AS revision, c.created_at
FROM cluster c LEFT JOIN tenant t ON t.key = c.default_tenant_key LEFT JOIN cluster_stream s ON s.cluster_key = c.key
	LEFT JOIN agent_session a ON a.cluster_key = c.key
WHERE (c.id = $1 OR c.name = $1) AND c.deleted_at IS NULL;

-- name: cluster_list :many
-- in: after text, limit int8
-- out: id text, name text, state text, is_cordoned bool, is_frozen bool, is_draining bool, default_tenant text?, labels json, nodes int8, devices int8, stream_rev int8, seen_at timestamptz?, agent_version text?, revision int8, created_at timestamptz, cursor text
-- sort: fields
SELECT c.id, c.name, c.state, c.is_cordoned, c.is_frozen, c.drain_grace_s IS NOT NULL AS is_draining, t.path AS default_tenant, c.labels,
	(SELECT count(*) FROM node n WHERE n.cluster_key = c.key) AS nodes, (SELECT count(*) FROM device d WHERE d.cluster_key = c.key) AS devices,
	coalesce(s.rev, 0) AS stream_rev, a.seen_at, a.version AS agent_version, c.rev AS revision, c.created_at, c.name AS cursor
FROM cluster c LEFT JOIN tenant t ON t.key = c.default_tenant_key LEFT JOIN cluster_stream s ON s.cluster_key = c.key
	LEFT JOIN agent_session a ON a.cluster_key = c.key
WHERE c.deleted_at IS NULL AND c.name > $1
ORDER BY c.name
LIMIT $2;

-- name: cluster_create :one
-- in: id text, name text, default_tenant text?, labels text, token_id text, token_hash bytea, accepts bool, ttl_s int8, rev_offset int8
-- out: outcome text, pointer text?, detail text?, key int4?, id text?, name text?, state text?, is_cordoned bool?, is_frozen bool?, is_draining bool?, default_tenant text?, labels json?, join_token_expires_at timestamptz?, nodes int8, devices int8, stream_rev int8, revision int8?, created_at timestamptz?
WITH h AS (SELECT n FROM chain WHERE id = 'g'),
twin AS (SELECT 1 FROM cluster WHERE name = $2 AND deleted_at IS NULL),
t AS (SELECT key, path FROM tenant WHERE (id = $3 OR path = $3) AND deleted_at IS NULL AND depth > 0),
i AS (
	INSERT INTO cluster (id, name, state, default_tenant_key, labels, rev)
	SELECT $1, $2, 'pending', (SELECT key FROM t), $4, h.n + $9
	FROM h WHERE NOT EXISTS (SELECT FROM twin) AND ($3::text IS NULL OR EXISTS (SELECT FROM t))
	RETURNING *
),
j AS (
	INSERT INTO join_token (id, cluster_key, hash, accepts, expires_at)
	SELECT $5, i.key, $6, $7, now() + make_interval(secs => $8) FROM i
	RETURNING expires_at
)
SELECT
	CASE WHEN i.key IS NOT NULL THEN 'done' WHEN EXISTS (SELECT FROM twin) THEN 'refused:conflict' ELSE 'refused:unknown_tenant' END AS outcome,
	CASE WHEN i.key IS NOT NULL THEN NULL WHEN EXISTS (SELECT FROM twin) THEN '#/name' ELSE '#/default_tenant' END AS pointer,
	CASE WHEN i.key IS NOT NULL THEN NULL WHEN EXISTS (SELECT FROM twin) THEN 'there is a cluster called ' || $2 ELSE 'there is no tenant ' || $3 END AS detail,
	i.key, i.id, i.name, i.state, i.is_cordoned, i.is_frozen, i.drain_grace_s IS NOT NULL AS is_draining, t.path AS default_tenant, i.labels, j.expires_at AS join_token_expires_at,
	0::int8 AS nodes, 0::int8 AS devices, 0::int8 AS stream_rev, i.rev AS revision, i.created_at
FROM (SELECT 1) one LEFT JOIN i ON true LEFT JOIN j ON true LEFT JOIN t ON true;

-- One statement for all that changes a cluster's standing: what is NULL stays; drain_grace_s below 0 ends a drain. A cluster that waited
-- longer than its token lives gets its certificate with it still, for a while after it was accepted. The agent of a lost one is out.
-- name: cluster_change :one
-- in: cluster text, state text?, is_cordoned bool?, is_frozen bool?, default_tenant text?, labels text?, if_rev int8, rev_offset int8, drain_grace_s int8?, requeues bool?
-- out: outcome text, pointer text?, detail text?, key int4?, id text?, name text?, state text?, is_cordoned bool?, is_frozen bool?, is_draining bool?, default_tenant text?, labels json?, nodes int8, devices int8, stream_rev int8, revision int8?, created_at timestamptz?
WITH h AS (SELECT n FROM chain WHERE id = 'g'),
c AS (SELECT key, rev, state FROM cluster WHERE (id = $1 OR name = $1) AND deleted_at IS NULL),
t AS (SELECT key, path FROM tenant WHERE (id = $5 OR path = $5) AND deleted_at IS NULL AND depth > 0),
u AS (
	UPDATE cluster SET state = coalesce($2, state), is_cordoned = coalesce($3, is_cordoned), is_frozen = coalesce($4, is_frozen),
		default_tenant_key = CASE WHEN $5 = '' THEN NULL ELSE coalesce((SELECT key FROM t), default_tenant_key) END,
		labels = coalesce($6, labels), rev = (SELECT n FROM h) + $8,
		drain_grace_s = CASE WHEN $9 < 0 THEN NULL ELSE coalesce($9, drain_grace_s) END, requeues = coalesce($10, requeues),
		config_rev = CASE WHEN $5::text IS NULL THEN config_rev ELSE (SELECT n FROM h) + $8 END
	WHERE key = (SELECT key FROM c) AND ($7 < 0 OR rev = $7) AND ($5::text IS NULL OR $5 = '' OR EXISTS (SELECT FROM t))
	RETURNING *
),
j AS (
	UPDATE join_token SET expires_at = greatest(expires_at, now() + join_repeat_window())
	WHERE cluster_key = (SELECT key FROM u) AND used_at IS NOT NULL AND (SELECT state FROM c) = 'pending' AND (SELECT state FROM u) = 'ready'
),
k AS (
	UPDATE agent_certificate SET revoked_at = now()
	WHERE cluster_key = (SELECT key FROM u WHERE state = 'lost') AND revoked_at IS NULL
)
SELECT
	CASE WHEN u.key IS NOT NULL THEN 'done' WHEN c.key IS NULL THEN 'refused:not_found'
		WHEN $7 >= 0 AND c.rev <> $7 THEN 'refused:etag_mismatch' ELSE 'refused:unknown_tenant' END AS outcome,
	CASE WHEN u.key IS NOT NULL OR c.key IS NULL THEN NULL WHEN $7 >= 0 AND c.rev <> $7 THEN 'If-Match' ELSE '#/default_tenant' END AS pointer,
	CASE WHEN u.key IS NOT NULL OR c.key IS NULL THEN NULL WHEN $7 >= 0 AND c.rev <> $7 THEN 'the cluster is at revision ' || c.rev
		ELSE 'there is no tenant ' || $5 END AS detail,
	u.key, u.id, u.name, u.state, u.is_cordoned, u.is_frozen, u.drain_grace_s IS NOT NULL AS is_draining, (SELECT path FROM tenant WHERE key = u.default_tenant_key) AS default_tenant, u.labels,
	(SELECT count(*) FROM node n WHERE n.cluster_key = u.key) AS nodes, (SELECT count(*) FROM device d WHERE d.cluster_key = u.key) AS devices,
	coalesce((SELECT s.rev FROM cluster_stream s WHERE s.cluster_key = u.key), 0) AS stream_rev, u.rev AS revision, u.created_at
FROM (SELECT 1) one LEFT JOIN c ON true LEFT JOIN u ON true;

-- Every certificate of the cluster's agent ends, and so does every join token but the new one.
-- name: cluster_revoke_agent :one
-- in: cluster text, token_id text, token_hash bytea, ttl_s int8, rev_offset int8
-- out: outcome text, key int4?, id text?, name text?, state text?, is_cordoned bool?, is_frozen bool?, is_draining bool?, default_tenant text?, labels json?, join_token_expires_at timestamptz?, nodes int8, devices int8, stream_rev int8, revision int8?, created_at timestamptz?
WITH h AS (SELECT n FROM chain WHERE id = 'g'),
u AS (
	UPDATE cluster SET rev = (SELECT n FROM h) + $5 WHERE (id = $1 OR name = $1) AND deleted_at IS NULL
	RETURNING *
),
k AS (UPDATE agent_certificate SET revoked_at = now() WHERE cluster_key = (SELECT key FROM u) AND revoked_at IS NULL),
o AS (
	UPDATE join_token SET expires_at = least(expires_at, now()), used_at = least(used_at, now() - join_repeat_window())
	WHERE cluster_key = (SELECT key FROM u)
),
j AS (
	INSERT INTO join_token (id, cluster_key, hash, accepts, expires_at)
	SELECT $2, u.key, $3, u.state = 'ready', now() + make_interval(secs => $4) FROM u
	RETURNING expires_at
)
SELECT CASE WHEN u.key IS NOT NULL THEN 'done' ELSE 'refused:not_found' END AS outcome,
	u.key, u.id, u.name, u.state, u.is_cordoned, u.is_frozen, u.drain_grace_s IS NOT NULL AS is_draining, (SELECT path FROM tenant WHERE key = u.default_tenant_key) AS default_tenant, u.labels,
	j.expires_at AS join_token_expires_at,
	(SELECT count(*) FROM node n WHERE n.cluster_key = u.key) AS nodes, (SELECT count(*) FROM device d WHERE d.cluster_key = u.key) AS devices,
	coalesce((SELECT s.rev FROM cluster_stream s WHERE s.cluster_key = u.key), 0) AS stream_rev, u.rev AS revision, u.created_at
FROM (SELECT 1) one LEFT JOIN u ON true LEFT JOIN j ON true;

-- name: cluster_delete :one
-- in: cluster text, if_rev int8, rev_offset int8
-- out: outcome text, pointer text?, detail text?, key int4?, id text?, name text?
WITH h AS (SELECT n FROM chain WHERE id = 'g'),
c AS (SELECT key, rev FROM cluster WHERE (id = $1 OR name = $1) AND deleted_at IS NULL),
live AS (SELECT coalesce((SELECT cluster_hold_and_count(key) FROM c), 0) AS n),
u AS (
	UPDATE cluster SET deleted_at = now(), rev = (SELECT n FROM h) + $3
	WHERE key = (SELECT key FROM c) AND ($2 < 0 OR rev = $2) AND (SELECT n FROM live) = 0
	RETURNING key, id, name
),
r AS (UPDATE agent_certificate SET revoked_at = now() WHERE cluster_key = (SELECT key FROM u) AND revoked_at IS NULL)
SELECT
	CASE WHEN u.key IS NOT NULL THEN 'done' WHEN c.key IS NULL THEN 'refused:not_found'
		WHEN $2 >= 0 AND c.rev <> $2 THEN 'refused:etag_mismatch' ELSE 'refused:state_transition' END AS outcome,
	CASE WHEN u.key IS NULL AND $2 >= 0 AND c.rev <> $2 THEN 'If-Match' END AS pointer,
	CASE WHEN u.key IS NULL AND c.key IS NOT NULL THEN CASE WHEN $2 >= 0 AND c.rev <> $2 THEN 'the cluster is at revision ' || c.rev
		ELSE live.n || ' placements stand there' END END AS detail,
	u.key, u.id, u.name
FROM live LEFT JOIN c ON true LEFT JOIN u ON true;

-- name: join_token_find :one
-- in: id text
-- out: hash bytea, accepts bool, is_open bool, is_used bool, cluster_key int4, cluster_id text, cluster text, state text, uid text?
SELECT j.hash, j.accepts, join_is_open(j.expires_at, j.used_at) AS is_open, j.used_at IS NOT NULL AS is_used, c.key AS cluster_key, c.id AS cluster_id,
	c.name AS cluster, c.state, c.uid
FROM join_token j JOIN cluster c ON c.key = j.cluster_key
WHERE j.id = $1 AND c.deleted_at IS NULL;

-- A join is repeated by its agent until the answer arrives: the same uid may use the token again while it is open, another may not.
-- A certificate is recorded only for a cluster that is accepted.
-- name: cluster_join :one
-- in: token_id text, uid text, serial text, expires_at timestamptz, rev_offset int8
-- out: outcome text, detail text?, key int4?, id text?, name text?, state text?
WITH h AS (SELECT n FROM chain WHERE id = 'g'),
j AS (SELECT cluster_key, accepts, used_at, expires_at FROM join_token WHERE id = $1),
c AS (SELECT c.key, c.uid, c.state FROM cluster c JOIN j ON c.key = j.cluster_key WHERE c.deleted_at IS NULL),
taken AS (SELECT 1 FROM cluster o WHERE o.uid = $2 AND o.deleted_at IS NULL AND o.key <> (SELECT key FROM c)),
u AS (
	UPDATE cluster SET uid = $2, state = CASE WHEN (SELECT accepts FROM j) AND state = 'pending' THEN 'ready' ELSE state END, rev = (SELECT n FROM h) + $5
	WHERE key = (SELECT key FROM c) AND (uid IS NULL OR uid = $2) AND NOT EXISTS (SELECT FROM taken)
		AND (SELECT join_is_open(expires_at, used_at) FROM j)
	RETURNING key, id, name, state
),
k AS (
	INSERT INTO agent_certificate (serial, cluster_key, expires_at)
	SELECT $3, u.key, $4 FROM u WHERE u.state = 'ready' ON CONFLICT DO NOTHING
),
s AS (UPDATE join_token SET used_at = coalesce(used_at, now()) WHERE id = $1 AND EXISTS (SELECT FROM u))
SELECT CASE WHEN u.key IS NOT NULL THEN 'done' ELSE 'refused:join_refused' END AS outcome,
	CASE WHEN u.key IS NOT NULL THEN NULL WHEN c.key IS NULL THEN 'the token is unknown'
		WHEN EXISTS (SELECT FROM taken) THEN 'this cluster joined under another name' WHEN c.uid <> $2 THEN 'the token was used by another cluster'
		ELSE 'the token has expired' END AS detail,
	u.key, u.id, u.name, u.state
FROM (SELECT 1) one LEFT JOIN c ON true LEFT JOIN u ON true;

-- Nothing grows out of a certificate that was revoked a moment ago.
-- name: certificate_renew :one
-- in: cluster_key int4, serial text, expires_at timestamptz, from_serial text, rev_offset int8
-- out: outcome text, key int4?, id text?, name text?, state text?
WITH c AS (SELECT key, id, name, state FROM cluster WHERE key = $1 AND deleted_at IS NULL AND state = 'ready' AND $5 > 0
	AND EXISTS (SELECT FROM agent_certificate WHERE serial = $4 AND cluster_key = $1 AND revoked_at IS NULL)),
k AS (
	INSERT INTO agent_certificate (serial, cluster_key, expires_at) SELECT $2, c.key, $3 FROM c ON CONFLICT DO NOTHING RETURNING serial
)
SELECT CASE WHEN EXISTS (SELECT FROM k) THEN 'done' ELSE 'refused:certificate_required' END AS outcome, c.key, c.id, c.name, c.state
FROM (SELECT 1) one LEFT JOIN c ON true;

-- name: certificate_find :one
-- in: serial text
-- out: cluster_key int4, cluster_id text, cluster text, state text, is_revoked bool, expires_at timestamptz
SELECT c.key AS cluster_key, c.id AS cluster_id, c.name AS cluster, c.state, k.revoked_at IS NOT NULL OR c.deleted_at IS NOT NULL AS is_revoked, k.expires_at
FROM agent_certificate k JOIN cluster c ON c.key = k.cluster_key
WHERE k.serial = $1;

-- name: cordon_put :one
-- in: kind text, id text, reason text, is_on bool, rev_offset int8
-- out: outcome text, key int4?, cluster text?, name text?
WITH h AS (SELECT n FROM chain WHERE id = 'g'),
o AS (
	SELECT n.cluster_key, n.name FROM node n WHERE $1 = 'node' AND n.id = $2
	UNION ALL
	SELECT d.cluster_key, d.uuid FROM device d WHERE $1 = 'device' AND d.id = $2
),
i AS (
	INSERT INTO cordon (cluster_key, kind, name, reason, rev)
	SELECT o.cluster_key, $1, o.name, $3, h.n + $5 FROM o, h WHERE $4
	ON CONFLICT (cluster_key, kind, name) DO UPDATE SET reason = excluded.reason, rev = excluded.rev
),
d AS (DELETE FROM cordon c USING o WHERE NOT $4 AND c.cluster_key = o.cluster_key AND c.kind = $1 AND c.name = o.name)
SELECT CASE WHEN o.name IS NULL THEN 'refused:not_found' ELSE 'done' END AS outcome, o.cluster_key AS key, c.name AS cluster, o.name
FROM (SELECT 1) one LEFT JOIN o ON true LEFT JOIN cluster c ON c.key = o.cluster_key;
