DROP TABLE cluster_drift;
