#include "chain.h"

#include <stdio.h>
#include <string.h>

#include "net/digest.h"
#include "pg/pg.h"

enum { COLUMN_N, COLUMN_BODY, COLUMN_HASH, COLUMN_AGREES };

static const char records_sql[] =
	"SELECT n, body, hash, (b->>'n')::int8 = n AND (b->>'at')::timestamptz = at AND b->>'actor' = actor AND b->>'action' = action "
	"AND b->>'object_kind' = object_kind AND b->>'object_id' = object_id AND b->>'tenant' = (SELECT path FROM tenant t WHERE t.key = tenant_key) "
	"AND (b->>'tenant_key')::int8 = tenant_key AND b->>'request_id' = request_id AND b->>'outcome' = outcome "
	"FROM (SELECT *, body::jsonb AS b FROM audit) a ORDER BY n";

static void broken(chain_check *c, int64_t n, const char *why)
{
	if (c->broken_at)
		return;
	c->broken_at = n;
	snprintf(c->why, sizeof(c->why), "%s", why);
}

static void record_verify(chain_check *c, const PGresult *res, int i, uint8_t hash[DIGEST_BYTES])
{
	int64_t n = i + 1, stored = 0;
	const str parts[] = {{(char *)hash, DIGEST_BYTES}, str_from(PQgetvalue(res, i, COLUMN_BODY))};
	uint8_t next[DIGEST_BYTES];
	char hex[2 * DIGEST_BYTES + 3] = "\\x";
	digest_sha256(parts, 2, next);
	memcpy(hash, next, DIGEST_BYTES);
	for (int k = 0; k < DIGEST_BYTES; k++)
		snprintf(hex + 2 + 2 * k, 3, "%02x", next[k]);
	if (!str_to_i64(str_from(PQgetvalue(res, i, COLUMN_N)), &stored) || stored != n)
		broken(c, n, "the record is missing");
	else if (strcmp(hex, PQgetvalue(res, i, COLUMN_HASH)) != 0)
		broken(c, n, "the hash does not follow");
	else if (*PQgetvalue(res, i, COLUMN_AGREES) != 't')
		broken(c, n, "a column differs from the body");
}

chain_check chain_verify(const char *dsn)
{
	static const str empty = {"", 0};
	chain_check c = {0};
	uint8_t hash[DIGEST_BYTES];
	char head[256];
	PGconn *pg = PQconnectdb(dsn);
	PGresult *res = PQexec(pg, records_sql);
	digest_sha256(&empty, 1, hash);
	c.records = PQntuples(res);
	for (int i = 0; i < c.records; i++)
		record_verify(&c, res, i, hash);
	PQclear(res);
	int at = snprintf(head, sizeof(head), "SELECT count(*) FROM chain WHERE id = 'g' AND n = %d AND hash = '\\x",
		(int)c.records);
	for (int k = 0; k < DIGEST_BYTES; k++)
		at += snprintf(head + at, sizeof(head) - (size_t)at, "%02x", hash[k]);
	snprintf(head + at, sizeof(head) - (size_t)at, "'");
	if (pg_int(dsn, head) != 1)
		broken(&c, c.records + 1, "the head does not stand behind the last record");
	PQfinish(pg);
	return c;
}
