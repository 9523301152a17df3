-- A step of an agent is the most frequent change of a placement, and it comes right after the row was stored. Here it is made to
-- cost a fraction: the row has room beside itself for the next one (no index changes then), and what a step changes stands together
-- at its end (of a row that stays on its page the log holds only what differs).
ALTER TABLE placement NO FORCE ROW LEVEL SECURITY;
DROP INDEX placement_live, placement_live_by_id, placement_live_by_tenant, placement_live_by_cluster;
ALTER TABLE placement
	ADD COLUMN moved_running_at timestamptz,
	ADD COLUMN moved_ended_at   timestamptz,
	ADD COLUMN moved_rev        int8,
	ADD COLUMN moved_state      text,
	ADD COLUMN moved_reason     text;
UPDATE placement SET moved_running_at = running_at, moved_ended_at = ended_at, moved_rev = rev, moved_state = state, moved_reason = reason;
ALTER TABLE placement DROP COLUMN running_at, DROP COLUMN ended_at, DROP COLUMN rev, DROP COLUMN state, DROP COLUMN reason;
ALTER TABLE placement RENAME COLUMN moved_running_at TO running_at;
ALTER TABLE placement RENAME COLUMN moved_ended_at TO ended_at;
ALTER TABLE placement RENAME COLUMN moved_rev TO rev;
ALTER TABLE placement RENAME COLUMN moved_state TO state;
ALTER TABLE placement RENAME COLUMN moved_reason TO reason;
ALTER TABLE placement ALTER COLUMN rev SET NOT NULL, ALTER COLUMN state SET NOT NULL, ALTER COLUMN reason SET NOT NULL,
	ALTER COLUMN reason SET DEFAULT '';
ALTER TABLE placement SET (fillfactor = 45);
ALTER TABLE placement FORCE ROW LEVEL SECURITY;

-- What lists of living placements walk, and the placer at its start. No index holds the state.
CREATE INDEX placement_live_by_id ON placement (id) WHERE ended_at IS NULL;
CREATE INDEX placement_live_by_tenant ON placement (tenant_key, id) WHERE ended_at IS NULL;
CREATE INDEX placement_live_by_cluster ON placement (cluster_key, id) WHERE ended_at IS NULL;

-- Only what a cluster is told stands in its stream.
ALTER TABLE decision DROP CONSTRAINT decision_cluster_rev_unique;
CREATE UNIQUE INDEX decision_cluster_rev_unique ON decision (cluster_key, cluster_rev) WHERE cluster_key IS NOT NULL;
