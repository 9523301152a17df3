-- Checkpoints of the two chains: made by the worker, served by edges (server/audit/seal.h says what they are).

-- Where the chains stand, and their newest checkpoints.
-- name: checkpoint_due :many
-- out: chain text, head int8, size int8, age_ms int8, body text?, frontier bytea?
SELECT h.chain, h.n AS head, coalesce(c.size, 0) AS size, coalesce((extract(epoch FROM clock_timestamp() - c.at) * 1000)::int8, 9223372036854775807) AS age_ms,
	c.body, c.frontier
FROM (SELECT 'g' AS chain, n FROM chain WHERE id = 'g' UNION ALL SELECT 'p', n FROM leader WHERE name = 'placer') h
LEFT JOIN LATERAL (SELECT * FROM audit_checkpoint k WHERE k.chain = h.chain ORDER BY k.size DESC LIMIT 1) c ON true
ORDER BY h.chain;

-- The leaves of the next records, hashed where they are: 32 bytes travel for each and not the record.
-- name: audit_leaves :one
-- in: after int8, limit int8
-- out: records int8, last int8, leaves bytea, hash bytea?
WITH r AS MATERIALIZED (SELECT n, hash, sha256('\x00'::bytea || convert_to(body, 'UTF8')) AS leaf FROM audit WHERE n > $1 ORDER BY n LIMIT $2)
SELECT count(*) AS records, coalesce(max(n), 0) AS last, coalesce(string_agg(leaf, ''::bytea ORDER BY n), '') AS leaves,
	(SELECT hash FROM r ORDER BY n DESC LIMIT 1) AS hash
FROM r;

-- name: decision_leaves :one
-- in: after int8, limit int8
-- out: records int8, last int8, leaves bytea, hash bytea?
WITH r AS MATERIALIZED (SELECT n, hash, sha256('\x00'::bytea || convert_to(body, 'UTF8')) AS leaf FROM decision WHERE n > $1 ORDER BY n LIMIT $2)
SELECT count(*) AS records, coalesce(max(n), 0) AS last, coalesce(string_agg(leaf, ''::bytea ORDER BY n), '') AS leaves,
	(SELECT hash FROM r ORDER BY n DESC LIMIT 1) AS hash
FROM r;

-- One checkpoint after another: of two workers that make the next one, one finds that it is there. A tile that is not full
-- yet grows; what an earlier checkpoint put into it stays.
-- name: checkpoint_add :one
-- in: chain text, size int8, prev_size int8, at timestamptz, body text, signature bytea, frontier bytea, levels int4[], places int8[], hashes bytea[]
-- out: is_added bool
WITH c AS (
	INSERT INTO audit_checkpoint (chain, size, prev_size, at, body, signature, frontier)
	SELECT $1, $2, $3, $4, $5, $6, $7
	WHERE coalesce((SELECT max(size) FROM audit_checkpoint WHERE chain = $1), 0) = $3
	ON CONFLICT DO NOTHING
	RETURNING 1
),
t AS (
	INSERT INTO audit_tile AS old (chain, level, place, hashes)
	SELECT $1, x.level, x.place, x.hashes FROM c, unnest($8::int4[], $9::int8[], $10::bytea[]) x (level, place, hashes)
	ON CONFLICT (chain, level, place) DO UPDATE
	SET hashes = substring(old.hashes FROM 1 FOR (($3 >> (8 * old.level)) & 255)::int4 * 32) || excluded.hashes
)
SELECT EXISTS (SELECT FROM c) AS is_added;

-- name: checkpoint_list :many
-- in: chain text, floor int8, after int8, limit int8
-- out: checkpoint json, signature text, frontier text, cursor text, n int8
SELECT body AS checkpoint, encode(signature, 'hex') AS signature, encode(frontier, 'hex') AS frontier, lpad(size::text, 19, '0') AS cursor, size AS n
FROM audit_checkpoint WHERE chain = $1 AND size > greatest($2, $3) ORDER BY size LIMIT $4;

-- name: checkpoint_range :many
-- in: chain text, after int8, limit int8
-- out: size int8, prev_size int8, at timestamptz, body text, signature bytea, frontier bytea
SELECT size, prev_size, at, body, signature, frontier FROM audit_checkpoint WHERE chain = $1 AND size > $2 ORDER BY size LIMIT $3;

-- The smallest that covers record n, or the one of that size.
-- name: checkpoint_over :one
-- in: chain text, n int8, size int8?
-- out: size int8, body text, signature bytea
SELECT size, body, signature FROM audit_checkpoint
WHERE chain = $1 AND size >= $2 AND ($3::int8 IS NULL OR size = $3)
ORDER BY size LIMIT 1;

-- name: checkpoint_two :many
-- in: chain text, from int8, to int8
-- out: size int8, body text, signature bytea
SELECT size, body, signature FROM audit_checkpoint WHERE chain = $1 AND size IN ($2, $3) ORDER BY size;

-- name: tile_read :many
-- in: chain text, levels int4[], places int8[]
-- out: level int4, place int8, hashes bytea
SELECT t.level, t.place, t.hashes FROM unnest($2::int4[], $3::int8[]) x (level, place)
JOIN audit_tile t ON t.chain = $1 AND t.level = x.level AND t.place = x.place;

-- name: chain_heads :one
-- out: g int8, g_hash bytea, g_floor int8, p int8, p_hash bytea
SELECT c.n AS g, c.hash AS g_hash, f.n AS g_floor, l.n AS p, l.hash AS p_hash FROM chain c, leader l, audit_floor f
WHERE c.id = 'g' AND l.name = 'placer' AND f.chain = 'g';
