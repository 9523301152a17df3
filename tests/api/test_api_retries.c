/* Many clients change the same things at once, their connections break anywhere, and they repeat with the same key
 * until they have an answer: what then stands in the books is what a serial run of the same changes leaves, with one
 * record for each.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "crowd.h"
#include "pg/pg.h"
#include "size.h"

enum { CLIENTS = 32, COUNTERS = 8, REQUEST_MAX = 2048, TRIES_MAX = 200, KINDS = 4, SQL_MAX = 4 << 20 };

enum kind { MAKE, COUNT, SET, PLACE };

/* What a change is, by its number: each client makes all kinds, and counters are shared by many. */
static enum kind kind_of(int i)
{
	return (enum kind)((i + i / CLIENTS) % KINDS);
}

static int counter_of(int i)
{
	return (int)((uint32_t)i * 2654435761u >> 16) % COUNTERS;
}

static struct {
	int n; /* changes */
	uint64_t seed;
	const char *admin, *owner;
	int64_t *revisions; /* by change: what the answer says */
	int *repeats;       /* by client: calls made again */
} play;

static int request_print(char out[REQUEST_MAX], const char *token, const char *method, const char *path,
	const char *head, const char *body)
{
	const char *type = strcmp(method, "PATCH") == 0 ? "application/merge-patch+json" : "application/json";

	return snprintf(out, REQUEST_MAX,
		"%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer %s\r\n%sContent-Type: %s\r\n"
		"Content-Length: %zu\r\n\r\n%s",
		method, path, token, head, type, strlen(body), body);
}

/* The same call until it is answered. */
static int call_until_answered(int client, dice *d, const char *request, int n, char *out)
{
	for (int i = 0; i < TRIES_MAX; i++) {
		int status = crowd_call(d, request, (size_t)n, out);
		play.repeats[client] += i > 0;
		if (status && status != 409 && status < 500)
			return status;
		if (status == 409 && !strstr(out, "idempotency_in_flight"))
			return status;
	}
	return 0;
}

static int64_t number_behind(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at ? strtoll(at + strlen(name), NULL, 10) : -1;
}

static bool change_make(int client, dice *d, int i, char *out)
{
	char request[REQUEST_MAX], head[96], body[96];

	snprintf(head, sizeof(head), "Idempotency-Key: make-%d\r\n", i);
	snprintf(body, sizeof(body), "{\"name\":\"t%d\",\"parent\":\"acme\"}", i);
	int n = request_print(request, play.owner, "POST", "/v1/tenants", head, body);
	int status = call_until_answered(client, d, request, n, out);
	play.revisions[i] = number_behind(out, "\"revision\":");
	return status == 201;
}

/* Reads, adds one, writes if nobody was faster; else anew. */
static bool change_count(int client, dice *d, int i, char *out)
{
	char request[REQUEST_MAX], head[160], body[96], path[64];
	const char *token = i % 8 < 4 ? play.admin : play.owner;

	snprintf(path, sizeof(path), "/v1/tenants/acme~c%d", counter_of(i));
	for (int attempt = 0; attempt < TRIES_MAX; attempt++) {
		int n = request_print(request, token, "GET", path, "", "");
		if (crowd_call(NULL, request, (size_t)n, out) != 200)
			return false;
		snprintf(head, sizeof(head), "Idempotency-Key: count-%d-%d\r\nIf-Match: \"%lld\"\r\n", i, attempt,
			(long long)number_behind(out, "\"revision\":"));
		snprintf(body, sizeof(body), "{\"description\":\"%lld\"}",
			(long long)number_behind(out, "\"description\":\"") + 1);
		n = request_print(request, token, "PATCH", path, head, body);
		int status = call_until_answered(client, d, request, n, out);
		play.revisions[i] = number_behind(out, "\"revision\":");
		if (status != 412)
			return status == 200;
	}
	return false;
}

static bool change_set(int client, dice *d, int i, char *out)
{
	char request[REQUEST_MAX], head[96], body[96];

	snprintf(head, sizeof(head), "Idempotency-Key: set-%d\r\nIf-Match: *\r\n", i);
	snprintf(body, sizeof(body), "{\"description\":\"%d\"}", i);
	int n = request_print(request, play.owner, "PATCH", "/v1/tenants/acme~last", head, body);
	int status = call_until_answered(client, d, request, n, out);
	play.revisions[i] = number_behind(out, "\"revision\":");
	return status == 200;
}

static bool change_place(int client, dice *d, int i, char *out)
{
	char request[REQUEST_MAX], head[96], body[96];

	snprintf(head, sizeof(head), "Idempotency-Key: place-%d\r\n", i);
	snprintf(body, sizeof(body), "{\"tenant\":\"acme\",\"name\":\"p%d\"}", i);
	int n = request_print(request, play.owner, "POST", "/v1/placements", head, body);
	return call_until_answered(client, d, request, n, out) == 201;
}

static bool client_run(int client, void *arg)
{
	static bool (*const change[KINDS])(int, dice *, int, char *) = {
		[MAKE] = change_make, [COUNT] = change_count, [SET] = change_set, [PLACE] = change_place};
	dice d = dice_of(play.seed, (uint64_t)client);
	char *out = malloc(CROWD_ANSWER_MAX);
	bool ok = out != NULL;

	(void)arg;
	for (int i = client; i < play.n && ok; i += CLIENTS) {
		ok = change[kind_of(i)](client, &d, i, out);
		if (!ok)
			fprintf(stderr, "change %d was answered: %s\n", i, out);
	}
	free(out);
	return ok;
}

static void world_make(void)
{
	AUTO_ARENA a = arena_new(0);
	char body[96];

	play.admin = served_token("platform_admin", NULL);
	cr_assert_eq(served_call(a, play.admin, "POST", "/v1/tenants", NULL, "{\"name\":\"acme\"}").status, 201);
	play.owner = served_token("tenant_owner", "acme");
	served_call(a, play.admin, "POST", "/v1/tenants", NULL, "{\"name\":\"last\",\"parent\":\"acme\"}");
	for (int i = 0; i < COUNTERS; i++) {
		snprintf(body, sizeof(body), "{\"name\":\"c%d\",\"parent\":\"acme\",\"description\":\"0\"}", i);
		cr_assert_eq(served_call(a, play.admin, "POST", "/v1/tenants", NULL, body).status, 201);
	}
}

static int changes_of(enum kind k)
{
	int n = 0;

	for (int i = 0; i < play.n; i++)
		n += kind_of(i) == k;
	return n;
}

/* The record that the answer names is the change's own: made once, and told by the number it has. */
static void revisions_check(void)
{
	buf numbers, paths, sql;

	buf_init(&numbers, SQL_MAX);
	buf_init(&paths, SQL_MAX);
	buf_init(&sql, SQL_MAX);
	for (int i = 0; i < play.n; i++) {
		enum kind k = kind_of(i);
		const char *comma = numbers.n ? "," : "";
		if (k == PLACE)
			continue;
		buf_printf(&numbers, "%s%lld", comma, (long long)play.revisions[i]);
		if (k == SET)
			buf_printf(&paths, "%sacme/last", comma);
		else
			buf_printf(&paths, "%sacme/%s%d", comma, k == MAKE ? "t" : "c", k == MAKE ? i : counter_of(i));
	}
	buf_printf(&sql,
		"SELECT count(DISTINCT a.n) FROM unnest('{" STR_FMT "}'::int8[], '{" STR_FMT
		"}'::text[]) x(n, path) JOIN audit a ON "
		"a.n = x.n AND a.outcome = 'done' AND a.body::json->>'tenant' = x.path",
		STR_ARG(buf_str(&numbers)), STR_ARG(buf_str(&paths)));
	cr_assert_not(sql.over);
	buf_add_char(&sql, 0);
	cr_expect_eq(pg_int(served_dsn(), sql.p), play.n - changes_of(PLACE));
	buf_done(&numbers);
	buf_done(&paths);
	buf_done(&sql);
}

static void books_check(void)
{
	const char *dsn = served_dsn();

	cr_expect_eq(pg_int(dsn, "SELECT count(*) FROM tenant WHERE path LIKE 'acme/t%'"), changes_of(MAKE));
	cr_expect_eq(pg_int(dsn, "SELECT count(*) FROM audit WHERE action = 'tenant.create' AND outcome = 'done'"),
		changes_of(MAKE) + COUNTERS + 2);
	cr_expect_eq(
		pg_int(dsn, "SELECT sum(description::int) FROM tenant WHERE path LIKE 'acme/c%'"), changes_of(COUNT));
	cr_expect_eq(pg_int(dsn, "SELECT count(*) FROM audit WHERE action = 'tenant.update' AND outcome = 'done'"),
		changes_of(COUNT) + changes_of(SET));
	cr_expect_eq(
		pg_int(dsn,
			"SELECT count(DISTINCT body::json->'change'->'object'->>'description') FROM audit WHERE action = "
			"'tenant.update' AND outcome = 'done' AND body::json->>'tenant' = 'acme/last'"),
		changes_of(SET), "each was set once");
	cr_expect_eq(
		pg_int(dsn,
			"SELECT count(*) FROM tenant WHERE path = 'acme/last' AND description = (SELECT "
			"body::json->'change'->'object'->>'description' FROM audit WHERE outcome = 'done' AND action = "
			"'tenant.update' AND body::json->>'tenant' = 'acme/last' ORDER BY n DESC LIMIT 1)"),
		1, "the last of them stands");
	cr_expect_eq(pg_int(dsn, "SELECT count(*) FROM inbox WHERE kind = 'place'"), changes_of(PLACE));
	cr_expect_eq(pg_int(dsn, "SELECT count(DISTINCT body::json->>'name') FROM inbox WHERE kind = 'place'"),
		changes_of(PLACE));
	cr_expect_eq(pg_int(dsn, "SELECT count(*) FROM audit"), pg_int(dsn, "SELECT n FROM chain WHERE id = 'g'"));
}

Test(api_retries, broken_connections_and_repeats_leave_what_a_serial_run_leaves, .timeout = 1200)
{
	AUTO_ARENA a = arena_new(0);
	int repeats = 0;

	served_start("api_retries");
	world_make();
	play.n = (int)size_get("RETRIES");
	play.seed = crowd_seed();
	play.revisions = crowd_memory((size_t)play.n * sizeof(*play.revisions));
	play.repeats = crowd_memory(CLIENTS * sizeof(*play.repeats));
	cr_expect_eq(crowd_run(CLIENTS, client_run, NULL), 0, "seed %llu", (unsigned long long)play.seed);
	for (int i = 0; i < CLIENTS; i++)
		repeats += play.repeats[i];
	cr_expect_gt(repeats, play.n / 4, "too few connections broke: %d", repeats);
	books_check();
	revisions_check();
	answer r = served_call(a, play.admin, "GET", "/v1/audit:verify", NULL, NULL);
	cr_expect(json_is_true(json_object_get(r.doc, "is_intact")), STR_FMT, STR_ARG(r.body));
}
