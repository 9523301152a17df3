-- Where the server's books of what a cluster runs differ from what its agent sums up: parts that the agent is asked to tell whole. n counts
-- the times; the agent says up to which it has answered.
CREATE TABLE cluster_drift (
	cluster_key int4   NOT NULL CONSTRAINT cluster_drift_pk PRIMARY KEY,
	n           int8   NOT NULL,
	buckets     int8[] NOT NULL
);
GRANT SELECT ON cluster_drift TO reeve_edge, reeve_platform, reeve_placer, reeve_jobs;
GRANT INSERT, UPDATE ON cluster_drift TO reeve_placer;
