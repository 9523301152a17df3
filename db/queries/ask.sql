-- What edges ask of the worker (migrations: ask).

-- name: ask_add :exec
-- in: id text, kind text, tenant_key int4, is_platform bool, tenant text, grants text, actor text, request_id text, op_key text?, fingerprint bytea,
--     object_id text, if_rev int8, reason text, is_yaml bool, is_dry bool, form text, body bytea
INSERT INTO ask (id, kind, tenant_key, is_platform, tenant, grants, actor, request_id, op_key, fingerprint, object_id, if_rev, reason, is_yaml, is_dry, form, body)
SELECT $1, $2, t.key, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17 FROM tenant t WHERE t.key = $3
ON CONFLICT (id) DO NOTHING;

-- name: ask_find :one
-- in: id text
-- out: is_done bool, status int8?, code text?, pointer text?, detail text?, is_replay bool, object_id text, answer text?, result text?
SELECT done_at IS NOT NULL AS is_done, status::int8 AS status, code, pointer, detail, is_replay, object_id, answer, result FROM ask WHERE id = $1;

-- The oldest of some kinds that nobody works on; one whose worker has not answered for so long is taken up again.
-- name: ask_claim :one
-- in: again_s int8, kinds text[]
-- out: id text, kind text, tenant_key int4, is_platform bool, tenant text, grants text, actor text, request_id text, op_key text?, fingerprint bytea,
--     object_id text, if_rev int8, reason text, is_yaml bool, is_dry bool, form text, body bytea
UPDATE ask SET claimed_at = now() WHERE id = (
	SELECT id FROM ask WHERE done_at IS NULL AND kind = ANY ($2) AND (claimed_at IS NULL OR claimed_at < now() - make_interval(secs => $1))
	ORDER BY seq LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id, kind, tenant_key, is_platform, tenant, grants, actor, request_id, op_key, fingerprint, object_id, if_rev, reason, is_yaml, is_dry, form, body;

-- name: ask_done :exec
-- in: id text, status int8, code text?, pointer text?, detail text?, is_replay bool, object_id text, answer text?, result text?
UPDATE ask SET done_at = now(), status = $2, code = $3, pointer = $4, detail = $5, is_replay = $6, object_id = $7, answer = $8, result = $9, body = ''
WHERE id = $1;

-- name: ask_purge :one
-- in: older_than_s int8, limit int8
-- out: deleted int8
WITH d AS (
	DELETE FROM ask WHERE id IN (SELECT id FROM ask WHERE at < now() - make_interval(secs => $1) LIMIT $2) RETURNING 1
)
SELECT count(*) AS deleted FROM d;
