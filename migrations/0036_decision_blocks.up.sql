-- In which blocks of 256 decisions each tenant has some. An index of the decisions by tenant costs the placer more than a quarter of
-- the statement that writes them; this is written behind it by the worker, and is the smaller the fewer tenants are busy at once. What
-- is not noted yet is looked for one by one.
CREATE TABLE decision_block (
	tenant_key int4 NOT NULL,
	block      int8 NOT NULL,
	CONSTRAINT decision_block_pk PRIMARY KEY (tenant_key, block)
);
-- All up to that decision are noted.
CREATE TABLE decision_noted (
	n int8 NOT NULL
);
INSERT INTO decision_noted VALUES (0);

ALTER TABLE decision_block ENABLE ROW LEVEL SECURITY;
ALTER TABLE decision_block FORCE ROW LEVEL SECURITY;
CREATE POLICY whole ON decision_block TO reeve_platform, reeve_placer, reeve_jobs USING (true) WITH CHECK (true);
CREATE POLICY scope ON decision_block TO reeve_edge
	USING (tenant_key = ANY((SELECT NULLIF(current_setting('app.scope', true), '')::int4[])::int4[]));
GRANT SELECT ON decision_block, decision_noted TO reeve_edge, reeve_platform, reeve_placer, reeve_jobs;
GRANT INSERT ON decision_block TO reeve_jobs;
GRANT UPDATE ON decision_noted TO reeve_jobs;

-- What a decision is of, and whether it is one of those that somebody asked for. SQL alone, so that it is taken into what asks.
CREATE FUNCTION decision_kind(action text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE WHEN starts_with(action, 'reservation.') THEN 'reservation' WHEN starts_with(action, 'budget.') THEN 'budget' ELSE 'placement' END
$$;
CREATE FUNCTION decision_is(action text, placement_id text, at timestamptz, body text, of_actor text, of_action text, of_object text, of_outcome text, of_from timestamptz,
	of_until timestamptz) RETURNS bool LANGUAGE sql IMMUTABLE AS $$
	SELECT (of_action IS NULL OR action = of_action) AND (of_object IS NULL OR of_object IN (placement_id, decision_kind(action)))
		AND (of_outcome IS NULL OR of_outcome = 'done') AND (of_from IS NULL OR at >= of_from) AND (of_until IS NULL OR at < of_until)
		AND (of_actor IS NULL OR substring(left(body, 1000) FROM '"actor":"([^"]*)"') = of_actor)
$$;

-- The first so many of some tenants' decisions among (after, upto] that are asked for. From block to block: no more of them are read
-- than it takes, however many the tenants have.
CREATE FUNCTION decision_numbers(keys int4[], after int8, upto int8, most int8, of_actor text, of_action text, of_object text, of_outcome text, of_from timestamptz,
	of_until timestamptz) RETURNS SETOF int8 LANGUAGE plpgsql STABLE AS $$
DECLARE
	noted int8 := (SELECT n FROM decision_noted);
	here int8 := (after >> 8) - 1;
	low int8;
	high int8;
	got int8;
	remain int8 := most;
BEGIN
	WHILE remain > 0 AND after < upto LOOP
		here := (SELECT min(x.block) FROM unnest(keys) k
			CROSS JOIN LATERAL (SELECT b.block FROM decision_block b WHERE b.tenant_key = k AND b.block > here ORDER BY b.block LIMIT 1) x);
		low := CASE WHEN here << 8 <= noted THEN greatest(after, (here << 8) - 1) ELSE greatest(after, noted) END;
		high := CASE WHEN here << 8 <= noted THEN least(upto, noted, (here << 8) + 255) ELSE upto END;
		RETURN QUERY SELECT d.n FROM decision d WHERE d.n > low AND d.n <= high AND d.tenant_key = ANY (keys)
			AND decision_is(d.action, d.placement_id, d.at, d.body, of_actor, of_action, of_object, of_outcome, of_from, of_until) ORDER BY d.n LIMIT remain;
		GET DIAGNOSTICS got = ROW_COUNT;
		remain := remain - got;
		EXIT WHEN here IS NULL OR here << 8 > noted OR here << 8 > upto;
	END LOOP;
END
$$;
