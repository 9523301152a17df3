-- Retention of the governance chain: records behind a checkpoint that is old enough may go, with all before them. The checkpoints stay.

CREATE TABLE audit_floor (
	chain text        NOT NULL CONSTRAINT audit_floor_pk PRIMARY KEY CONSTRAINT audit_floor_chain CHECK (chain = 'g'),
	n     int8        NOT NULL DEFAULT 0, -- up to here records may be gone
	at    timestamptz NOT NULL DEFAULT now()
);
INSERT INTO audit_floor (chain) VALUES ('g');

-- Whoever raises it: never down, never to anything but a signed checkpoint that is a day old.
CREATE FUNCTION audit_floor_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.n <= OLD.n OR NOT EXISTS (SELECT FROM audit_checkpoint c WHERE c.chain = NEW.chain AND c.size = NEW.n AND c.at < now() - interval '1 day') THEN
		RAISE EXCEPTION 'the floor of a chain rises to a checkpoint that is a day old, or not at all';
	END IF;
	RETURN NEW;
END
$$;
CREATE TRIGGER audit_floor_rises BEFORE UPDATE ON audit_floor FOR EACH ROW EXECUTE FUNCTION audit_floor_guard();

CREATE POLICY pruned ON audit AS RESTRICTIVE FOR DELETE TO reeve_jobs USING (n <= (SELECT f.n FROM audit_floor f WHERE f.chain = 'g'));
GRANT SELECT ON audit_floor TO reeve_edge, reeve_platform, reeve_placer, reeve_jobs;
GRANT UPDATE (n, at) ON audit_floor TO reeve_jobs;
GRANT DELETE ON audit TO reeve_jobs;
