-- Clusters that are emptied. drain_grace_s: what runs there is asked to end within so long; requeues: whether it waits anew then,
-- for another cluster. The same holds for what stood on a cluster that was declared lost.
ALTER TABLE cluster
	ADD COLUMN drain_grace_s int8 CONSTRAINT cluster_drain_grace_range CHECK (drain_grace_s BETWEEN 0 AND 86400),
	ADD COLUMN requeues boolean NOT NULL DEFAULT true;
