-- Signed checkpoints of the two chains, and the trees under them: what was recorded can be proved without showing the rest.
-- Nothing here belongs to a tenant: checkpoints and tiles hold hashes and no record.
CREATE TABLE audit_checkpoint (
	chain     text        NOT NULL CONSTRAINT audit_checkpoint_chain CHECK (chain IN ('g', 'p')),
	size      int8        NOT NULL,
	prev_size int8        NOT NULL,
	at        timestamptz NOT NULL,
	body      text        NOT NULL, -- the signed bytes
	signature bytea       NOT NULL,
	frontier  bytea       NOT NULL, -- of the tree at that size: where the next checkpoint goes on
	CONSTRAINT audit_checkpoint_pk PRIMARY KEY (chain, size),
	CONSTRAINT audit_checkpoint_after_one UNIQUE (chain, prev_size),
	CONSTRAINT audit_checkpoint_grows CHECK (size > prev_size AND prev_size >= 0)
);

-- Tile (level, place) holds the roots of the complete subtrees of 256^level leaves from 256 * place on, 256 at most, 32 bytes each.
-- Level 0 are the leaves. A path to a root reads two tiles of each level.
CREATE TABLE audit_tile (
	chain  text  NOT NULL,
	level  int4  NOT NULL,
	place  int8  NOT NULL,
	hashes bytea NOT NULL,
	CONSTRAINT audit_tile_pk PRIMARY KEY (chain, level, place),
	CONSTRAINT audit_tile_of_hashes CHECK (length(hashes) % 32 = 0 AND length(hashes) BETWEEN 32 AND 8192)
);
ALTER TABLE audit_tile ALTER COLUMN hashes SET STORAGE EXTERNAL;

-- The last record of a chain from before a moment: a window of time is found in a few look-ups, without an index of times that every
-- record would pay for. What is not there any more is from before.
CREATE FUNCTION chain_before(of_chain text, moment timestamptz) RETURNS int8 LANGUAGE plpgsql STABLE AS $$
DECLARE
	lo int8 := 0;
	hi int8 := CASE WHEN of_chain = 'g' THEN (SELECT n FROM chain WHERE id = 'g') ELSE (SELECT n FROM leader WHERE name = 'placer') END;
	mid int8;
	mid_at timestamptz;
BEGIN
	WHILE lo < hi LOOP
		mid := (lo + hi + 1) / 2;
		mid_at := CASE WHEN of_chain = 'g' THEN (SELECT at FROM audit WHERE n = mid) ELSE (SELECT at FROM decision WHERE n = mid) END;
		IF mid_at >= moment THEN
			hi := mid - 1;
		ELSE
			lo := mid;
		END IF;
	END LOOP;
	RETURN lo;
END
$$;

GRANT SELECT ON audit_checkpoint, audit_tile TO reeve_edge, reeve_platform, reeve_placer, reeve_jobs;
GRANT INSERT ON audit_checkpoint, audit_tile TO reeve_jobs;
GRANT UPDATE (hashes) ON audit_tile TO reeve_jobs;
