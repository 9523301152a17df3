-- The order of columns stays: nothing goes by it.
DROP INDEX decision_cluster_rev_unique;
ALTER TABLE decision ADD CONSTRAINT decision_cluster_rev_unique UNIQUE (cluster_key, cluster_rev);
ALTER TABLE placement SET (fillfactor = 80);
CREATE INDEX placement_live ON placement (seq) WHERE ended_at IS NULL;
