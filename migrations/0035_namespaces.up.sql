-- Whose the pods of a namespace are, as the platform says it: before what the namespace says of itself in its cluster.
CREATE TABLE cluster_namespace (
	cluster_key int4        NOT NULL CONSTRAINT cluster_namespace_cluster_exists REFERENCES cluster (key),
	name        text        NOT NULL,
	tenant_key  int4        NOT NULL CONSTRAINT cluster_namespace_tenant_exists REFERENCES tenant (key),
	created_by  text        NOT NULL,
	rev         int8        NOT NULL,
	CONSTRAINT cluster_namespace_pk PRIMARY KEY (cluster_key, name)
);
CREATE INDEX cluster_namespace_by_tenant ON cluster_namespace (tenant_key);
-- Rises with what the cluster's agent is to be told anew.
ALTER TABLE cluster ADD COLUMN config_rev int8 NOT NULL DEFAULT 0;

ALTER TABLE cluster_namespace ENABLE ROW LEVEL SECURITY;
ALTER TABLE cluster_namespace FORCE ROW LEVEL SECURITY;
CREATE POLICY whole ON cluster_namespace TO reeve_platform, reeve_placer, reeve_jobs USING (true) WITH CHECK (true);
CREATE POLICY scope ON cluster_namespace TO reeve_edge
	USING (tenant_key = ANY((SELECT NULLIF(current_setting('app.scope', true), '')::int4[])::int4[]))
	WITH CHECK (tenant_key = ANY((SELECT NULLIF(current_setting('app.scope', true), '')::int4[])::int4[]));
GRANT SELECT ON cluster_namespace TO reeve_edge, reeve_platform, reeve_placer, reeve_jobs;
GRANT INSERT, UPDATE, DELETE ON cluster_namespace TO reeve_platform;
