-- In which blocks of 256 decisions a tenant or anything below it has some: as decision_block has of each tenant alone, so that a page of a
-- large tree goes from block to block too. It is noted by where a tenant hung then; one that was moved since is asked for by itself.
CREATE TABLE decision_below (
	tenant_key int4 NOT NULL,
	block      int8 NOT NULL,
	CONSTRAINT decision_below_pk PRIMARY KEY (tenant_key, block)
);
ALTER TABLE decision_below ENABLE ROW LEVEL SECURITY;
ALTER TABLE decision_below FORCE ROW LEVEL SECURITY;
CREATE POLICY whole ON decision_below TO reeve_platform, reeve_placer, reeve_jobs USING (true) WITH CHECK (true);
CREATE POLICY scope ON decision_below TO reeve_edge
	USING (tenant_key = ANY((SELECT NULLIF(current_setting('app.scope', true), '')::int4[])::int4[]));
GRANT SELECT ON decision_below TO reeve_edge, reeve_platform, reeve_placer, reeve_jobs;
GRANT INSERT ON decision_below TO reeve_jobs;
WITH RECURSIVE up AS (
	SELECT tenant_key AS key, block FROM decision_block
	UNION
	SELECT t.parent_key, u.block FROM up u JOIN tenant t ON t.key = u.key WHERE t.depth > 1
)
INSERT INTO decision_below SELECT key, block FROM up;

ALTER TABLE tenant ADD COLUMN was_moved bool NOT NULL DEFAULT false;
CREATE FUNCTION tenant_move_noted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	NEW.was_moved := true;
	RETURN NEW;
END
$$;
CREATE TRIGGER tenant_moves BEFORE UPDATE OF parent_key ON tenant FOR EACH ROW WHEN (NEW.parent_key IS DISTINCT FROM OLD.parent_key) EXECUTE FUNCTION tenant_move_noted();

-- The first so many of some tenants' decisions among (after, upto] that are asked for: of a few tenants in the blocks that hold some of
-- theirs (is_below false), of whole trees in those of the spots, their tops and what was moved. A few dozen blocks are looked up at once,
-- and read one by one: no more of them than it takes.
DROP FUNCTION decision_numbers(int4[], int8, int8, int8, text, text, text, text, timestamptz, timestamptz);
CREATE FUNCTION decision_numbers(keys int4[], spots int4[], is_below bool, after int8, upto int8, most int8, of_actor text, of_action text, of_object text,
	of_outcome text, of_from timestamptz, of_until timestamptz) RETURNS SETOF int8 LANGUAGE plpgsql STABLE AS $$
DECLARE
	noted int8 := (SELECT n FROM decision_noted);
	here int8 := (after >> 8) - 1;
	blocks int8[];
	got int8;
	remain int8 := most;
BEGIN
	LOOP
		IF is_below THEN
			blocks := ARRAY(SELECT DISTINCT x.block FROM unnest(spots) k
				CROSS JOIN LATERAL (SELECT b.block FROM decision_below b WHERE b.tenant_key = k AND b.block > here ORDER BY b.block LIMIT 64) x ORDER BY x.block LIMIT 64);
		ELSE
			blocks := ARRAY(SELECT DISTINCT x.block FROM unnest(keys) k
				CROSS JOIN LATERAL (SELECT b.block FROM decision_block b WHERE b.tenant_key = k AND b.block > here ORDER BY b.block LIMIT 64) x ORDER BY x.block LIMIT 64);
		END IF;
		FOREACH here IN ARRAY blocks LOOP
			EXIT WHEN remain <= 0 OR here << 8 > least(upto, noted);
			RETURN QUERY SELECT d.n FROM decision d WHERE d.n > greatest(after, (here << 8) - 1) AND d.n <= least(upto, noted, (here << 8) + 255) AND d.tenant_key = ANY (keys)
				AND decision_is(d.action, d.placement_id, d.at, d.body, of_actor, of_action, of_object, of_outcome, of_from, of_until) ORDER BY d.n LIMIT remain;
			GET DIAGNOSTICS got = ROW_COUNT;
			remain := remain - got;
		END LOOP;
		EXIT WHEN remain <= 0 OR cardinality(blocks) < 64 OR here << 8 > least(upto, noted);
	END LOOP;
	-- What is not noted yet is looked for one by one.
	IF remain > 0 AND upto > noted THEN
		RETURN QUERY SELECT d.n FROM decision d WHERE d.n > greatest(after, noted) AND d.n <= upto AND d.tenant_key = ANY (keys)
			AND decision_is(d.action, d.placement_id, d.at, d.body, of_actor, of_action, of_object, of_outcome, of_from, of_until) ORDER BY d.n LIMIT remain;
	END IF;
END
$$;
