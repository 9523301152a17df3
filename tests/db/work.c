#include "work.h"

static const char schema[] =
	"CREATE TABLE item (id text CONSTRAINT item_pk PRIMARY KEY, tenant_key int4 NOT NULL, "
	"n int8 NOT NULL CONSTRAINT item_n_range CHECK (n <= 1000000), rev int8 NOT NULL DEFAULT 0);"
	"CREATE TABLE effect (op text CONSTRAINT effect_pk PRIMARY KEY, tenant_key int4 NOT NULL);"
	"INSERT INTO tenant (id, parent_key, name, path, depth, quota_id) VALUES ('tnt_3', 1, 'three', 'three', 1, 'quo_3');"
	"INSERT INTO item SELECT 'i' || k, k, 0 FROM generate_series(1, 3) k;"
	"GRANT SELECT, INSERT, UPDATE ON item, effect TO reeve_edge, reeve_platform, reeve_placer;"
	"ALTER TABLE item ENABLE ROW LEVEL SECURITY; ALTER TABLE item FORCE ROW LEVEL SECURITY;"
	"CREATE POLICY whole ON item TO reeve_platform, reeve_placer USING (true);"
	"CREATE POLICY scope ON item TO reeve_edge USING "
	"(tenant_key = ANY((SELECT NULLIF(current_setting('app.scope', true), '')::int4[])::int4[]));";

const char *work_database(const char *name)
{
	const char *dsn = pg_database(name);
	pg_do(dsn, schema);
	return dsn;
}

db_options work_options(const char *dsn, bool is_platform)
{
	return (db_options){.dsn = dsn,
		.kind = "test",
		.role = is_platform ? "reeve_platform" : "reeve_edge",
		.is_platform = is_platform};
}
