DROP FUNCTION decision_numbers(int4[], int4[], bool, int8, int8, int8, text, text, text, text, timestamptz, timestamptz);
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
DROP TRIGGER tenant_moves ON tenant;
DROP FUNCTION tenant_move_noted();
ALTER TABLE tenant DROP COLUMN was_moved;
DROP TABLE decision_below;
