-- What every lane and the ledger send around the statements of others (db/conn.h, db/lane.h, db/ledger.h).

-- name: tx_begin :exec
BEGIN;

-- name: tx_commit :exec
COMMIT;

-- name: tx_rollback :exec
ROLLBACK;

-- The scope of the statement behind it, until the transaction ends. The only place where it is set.
-- name: scope_set :one
-- in: scope text
-- out: scope text
SELECT set_config('app.scope', $1, true) AS scope;

-- name: chain_lock :one
-- out: n int8, hash bytea, at timestamptz
SELECT n, hash, now() AS at FROM chain WHERE id = 'g' FOR UPDATE;

-- Whether a batch of ours is in the chain: its last record, by number.
-- name: chain_record :one
-- in: n int8
-- out: hash bytea
SELECT hash FROM audit WHERE n = $1;

-- name: op_key_find :many
-- in: actors text[], keys text[]
-- out: ordinal int8, fingerprint bytea, status int4, answer text
SELECT q.ordinal, k.fingerprint, k.status, k.answer
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY q (actor, key, ordinal)
JOIN op_key k ON k.actor = q.actor AND k.key = q.key;

-- name: op_key_add :exec
-- in: actors text[], keys text[], fingerprints bytea[], statuses int4[], answers text[]
INSERT INTO op_key (actor, key, fingerprint, status, answer)
SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[], $4::int4[], $5::text[]);

-- name: audit_add :exec
-- in: ns int8[], at timestamptz, actors text[], actions text[], object_kinds text[], object_ids text[], tenant_keys int4[],
--     request_ids text[], outcomes text[], bodies text[], hashes bytea[]
INSERT INTO audit (n, at, actor, action, object_kind, object_id, tenant_key, request_id, outcome, body, hash)
SELECT r.n, $2, r.actor, r.action, r.object_kind, r.object_id, r.tenant_key, r.request_id, r.outcome, r.body, r.hash
FROM unnest($1::int8[], $3::text[], $4::text[], $5::text[], $6::text[], $7::int4[], $8::text[], $9::text[], $10::text[], $11::bytea[])
	r (n, actor, action, object_kind, object_id, tenant_key, request_id, outcome, body, hash);

-- name: chain_move :one
-- in: n int8, hash bytea, old_n int8, old_hash bytea
-- out: moved bool
UPDATE chain SET n = $1, hash = $2 WHERE id = 'g' AND n = $3 AND hash = $4 RETURNING true AS moved;
