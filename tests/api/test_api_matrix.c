/* Every route for every role at every place, against a table that was written by hand; and the same reads with the
 * first wall taken away, where the second lets nothing of other tenants through. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/routes.h"
#include "pg/pg.h"
#include "served.h"

enum { TEXT_BYTES = 600, SQL_BYTES = 2000, SEAL_RECORDS = 64, STATUS_FORBIDDEN = 403, STATUS_UNAUTHORIZED = 401 };

typedef enum place { OWN, CHILD, PARENT, OTHER, PLACES } place;

static const char *const paths[PLACES] = {"acme/research", "acme/research/nlp", "acme", "umbra"};
static const char *const place_names[PLACES] = {"own", "child", "parent", "other"};

typedef struct cell {
	const char *operation, *roles, *method, *path, *head, *body;
	int own, child, parent, other, fleet;
} cell;

#define CELL(operation, ...) {#operation, __VA_ARGS__},
static const cell cells[] = {
#include "matrix.def"
};
#undef CELL
enum { CELLS = sizeof(cells) / sizeof(*cells) };

static const struct {
	char letter;
	const char *name;
	bool is_platform;
} letters[] = {
	{'A', "platform_admin", true},
	{'U', "platform_auditor", true},
	{'O', "cluster_operator", true},
	{'T', "tenant_owner", false},
	{'Q', "quota_manager", false},
	{'P', "quota_approver", false},
	{'M', "member", false},
	{'V', "viewer", false},
	{'B', "billing_admin", false},
	{'b', "billing_viewer", false},
	{'C', "ci_provisioner", false},
	{'G', "agent", true},
};
enum { LETTERS = sizeof(letters) / sizeof(*letters) };

/* What stands at each place, by letter of the table. */
static struct {
	char token[64], binding[64], trust[64], placement[64], policy[64], budget[64], reservation[64], record[24];
} things[PLACES];

static const cell *cell_find(const char *operation)
{
	const cell *found = NULL;

	for (size_t i = 0; i < CELLS; i++)
		if (strcmp(cells[i].operation, operation) == 0) {
			cr_expect_null(found, "%s stands twice in the table", operation);
			found = &cells[i];
		}
	return found;
}

static void put(char *out, size_t *n, const char *text, char slash)
{
	for (; *text && *n < TEXT_BYTES - 1; text++)
		out[(*n)++] = *text == '/' ? slash : *text;
	out[*n] = '\0';
}

/* The row's text for a place; NULL stays NULL. */
static const char *filled(const char *text, place at, char out[TEXT_BYTES])
{
	size_t n = 0;

	out[0] = '\0';
	for (; text && *text; text++) {
		char one[2] = {*text == '\'' ? '"' : *text, '\0'};
		if (*text != '$') {
			put(out, &n, one, '/');
			continue;
		}
		switch (*++text) {
		case 'T':
			put(out, &n, paths[at], '~');
			break;
		case 'P':
			put(out, &n, paths[at], '/');
			break;
		case 'K':
			put(out, &n, things[at].token, '/');
			break;
		case 'B':
			put(out, &n, things[at].binding, '/');
			break;
		case 'R':
			put(out, &n, things[at].trust, '/');
			break;
		case 'Y':
			put(out, &n, things[at].policy, '/');
			break;
		case 'G':
			put(out, &n, things[at].budget, '/');
			break;
		case 'V':
			put(out, &n, things[at].reservation, '/');
			break;
		case 'L':
			put(out, &n, things[at].placement, '/');
			break;
		default:
			put(out, &n, things[at].record, '/');
		}
	}
	return text ? out : NULL;
}

static answer ask(arena *a, const cell *c, place at, const char *token)
{
	char path[TEXT_BYTES], body[TEXT_BYTES];

	return served_call(a, token, c->method, filled(c->path, at, path), c->head, filled(c->body, at, body));
}

static void must(const char *method, const char *path, const char *body)
{
	AUTO_ARENA a = arena_new(0);
	answer r = served_call(a, served_token("platform_admin", NULL), method, path, NULL, body);

	cr_assert_lt(r.status, 300, "%s %s: " STR_FMT, method, path, STR_ARG(r.body));
}

static void trust_make(place at, const char *name)
{
	char sql[SQL_BYTES];

	snprintf(things[at].trust, sizeof(things[at].trust), "trs_0000000000000000000000000%d", at);
	snprintf(sql, sizeof(sql),
		"INSERT INTO trust (id, name, issuer, audience, match, roles, grant_keys, ttl_s, tenant_key, created_by) SELECT '%s', "
		"'%s', 'https://issuer.example', 'x', '{}', '{viewer}', ARRAY[key], 600, key, 't' FROM tenant WHERE path = '%s'",
		things[at].trust, name, paths[at]);
	pg_do(served_dsn(), sql);
}

static void policy_make(place at, const char *name)
{
	char sql[SQL_BYTES];

	snprintf(things[at].policy, sizeof(things[at].policy), "pol_0000000000000000000000010%d", at);
	snprintf(sql, sizeof(sql),
		"INSERT INTO policy (id, tenant_key, number, placement, sharing, reason, created_by) SELECT '%s', key, 1, '{}', '{}', "
		"'%s', 't' FROM tenant WHERE path = '%s'; INSERT INTO policy_applied (tenant_key, policy_id, applied_by, rev) "
		"SELECT key, '%s', '%s', 1 FROM tenant WHERE path = '%s'",
		things[at].policy, name, paths[at], things[at].policy, name, paths[at]);
	pg_do(served_dsn(), sql);
}

static void budget_make(place at, const char *name)
{
	char sql[SQL_BYTES];

	snprintf(things[at].budget, sizeof(things[at].budget), "bgt_0000000000000000000000000%d", at);
	snprintf(sql, sizeof(sql),
		"INSERT INTO budget (id, tenant_key, description, unit, period, amount, thresholds, action) SELECT '%s', key, '%s', 'gpu_hours', "
		"'day', 1, '{}', 'notify' FROM tenant WHERE path = '%s'",
		things[at].budget, name, paths[at]);
	pg_do(served_dsn(), sql);
}

static void reservation_make(place at, const char *name)
{
	char sql[SQL_BYTES];

	snprintf(things[at].reservation, sizeof(things[at].reservation), "rsv_0000000000000000000000000%d", at);
	snprintf(sql, sizeof(sql),
		"INSERT INTO reservation (id, tenant_key, name, starts_at, ends_at, class, count, per_node, uuids) SELECT '%s', key, '%s', "
		"now(), now() + interval '1 day', 'l40s', 1, 1, '{}' FROM tenant WHERE path = '%s'",
		things[at].reservation, name, paths[at]);
	pg_do(served_dsn(), sql);
}

/* Something of every kind at every place; what is umbra's says so. */
static void things_make(void)
{
	char sql[SQL_BYTES], body[TEXT_BYTES];

	must("POST", "/v1/tenants", "{\"name\":\"acme\"}");
	must("POST", "/v1/tenants", "{\"name\":\"research\",\"parent\":\"acme\"}");
	must("POST", "/v1/tenants", "{\"name\":\"nlp\",\"parent\":\"acme/research\"}");
	must("POST", "/v1/tenants",
		"{\"name\":\"umbra\",\"description\":\"umbra's own\",\"labels\":{\"of\":\"umbra\"}}");
	must("POST", "/v1/clusters", "{\"name\":\"par\",\"default_tenant\":\"umbra\"}");
	for (place at = OWN; at < PLACES; at++) {
		const char *name = at == OTHER ? "umbra" : "ours";
		snprintf(body, sizeof(body), "{\"subject\":\"user:%s\",\"role\":\"viewer\",\"tenant\":\"%s\"}", name,
			paths[at]);
		must("POST", "/v1/bindings", body);
		snprintf(body, sizeof(body), "{\"name\":\"%s-token\",\"role\":\"viewer\",\"tenant\":\"%s\"}", name,
			paths[at]);
		must("POST", "/v1/tokens", body);
		trust_make(at, name);
		policy_make(at, name);
		budget_make(at, name);
		reservation_make(at, name);
		snprintf(things[at].placement, sizeof(things[at].placement), "plc_0000000000000000000000000%d", at);
		snprintf(sql, sizeof(sql),
			"INSERT INTO placement (id, tenant_key, name, origin, state, fence_incarnation, fence_no, request, created_by, "
			"created_at, seq, rev) SELECT '%s', key, '%s-work', 'api', 'pending', 1, 1, '{\"tenant\":\"%s\"}', 't', now(), %d, 1 "
			"FROM tenant WHERE path = '%s'",
			things[at].placement, name, paths[at], at, paths[at]);
		pg_do(served_dsn(), sql);
		snprintf(sql, sizeof(sql),
			"INSERT INTO segment (placement_id, fence_no, class, tenant_key, cluster_key, devices, device_milli, memory_mib, "
			"compute_milli, started_at) SELECT '%s', 1, '%s', key, 1, 1, 1000, 1, 1, now() - interval '1 hour' FROM tenant WHERE path = '%s'",
			things[at].placement, name, paths[at]);
		pg_do(served_dsn(), sql);
	}
}

static void things_find(void)
{
	char sql[SQL_BYTES];

	for (place at = OWN; at < PLACES; at++) {
		snprintf(sql, sizeof(sql),
			"SELECT id FROM token WHERE name LIKE '%%-token' AND tenant_key = (SELECT key FROM tenant WHERE path = '%s')",
			paths[at]);
		snprintf(things[at].token, sizeof(things[at].token), "%s", pg_text(served_dsn(), sql));
		snprintf(sql, sizeof(sql),
			"SELECT id FROM binding WHERE tenant_key = (SELECT key FROM tenant WHERE path = '%s')",
			paths[at]);
		snprintf(things[at].binding, sizeof(things[at].binding), "%s", pg_text(served_dsn(), sql));
		snprintf(sql, sizeof(sql),
			"SELECT min(n)::text FROM audit WHERE tenant_key = (SELECT key FROM tenant WHERE path = '%s')",
			paths[at]);
		snprintf(things[at].record, sizeof(things[at].record), "%s", pg_text(served_dsn(), sql));
	}
	pg_do(served_dsn(),
		"INSERT INTO node (id, cluster_key, name, rank, cpu_milli, memory_mib, pods, health, seen_at) SELECT 'nod_1', "
		"key, 'n1', 1, 1, 1, 1, 'ok', now() FROM cluster");
	pg_do(served_dsn(),
		"INSERT INTO device (id, node_key, cluster_key, uuid, index_no, class, product, memory_mib, "
		"compute_milli, slots, health, seen_at) SELECT 'dev_1', key, cluster_key, 'u1', 0, 'l40s', '', "
		"1000, 1000, 10, 'ok', now() FROM node");
}

static const char *token_of(int letter)
{
	return served_token(letters[letter].name, letters[letter].is_platform ? NULL : paths[OWN]);
}

static bool may(const cell *c, int letter)
{
	return c->roles[0] == '*' || strchr(c->roles, letters[letter].letter);
}

static int expected(const cell *c, int letter, place at)
{
	const int by_place[PLACES] = {c->own, c->child, c->parent, c->other};

	if (!may(c, letter))
		return STATUS_FORBIDDEN;
	return letters[letter].is_platform ? c->fleet : by_place[at];
}

static const char *text_of(const answer *r, const char *member)
{
	const char *text = json_string_value(json_object_get(r->doc, member));

	return text ? text : "";
}

/* A denial says what is missing where; of a parent nothing is told but its id and name. */
static void answer_check(const cell *c, int letter, place at, const answer *r)
{
	int want = expected(c, letter, at);

	bool is_free = want == 0 && r->status != STATUS_FORBIDDEN && r->status != STATUS_UNAUTHORIZED;
	cr_expect(is_free || r->status == want, "%s as %s at %s gave %d, not %d: " STR_FMT, c->operation,
		letters[letter].name, place_names[at], r->status, want, STR_ARG(str_cut(r->body, 0, 300)));
	if (!may(c, letter) && strcmp(c->method, "HEAD") != 0)
		cr_expect(strstr(text_of(r, "detail"), " at ") || strstr(text_of(r, "detail"), "the whole fleet"),
			"%s as %s: %s", c->operation, letters[letter].name, text_of(r, "detail"));
	if (r->status == 200 && at == PARENT && strcmp(c->operation, "TENANT_GET") == 0 && !letters[letter].is_platform)
		cr_expect_eq(json_object_size(r->doc), 2, "the parent: " STR_FMT, STR_ARG(r->body));
}

static bool has_place(const cell *c)
{
	return strchr(c->path, '$') || (c->body && strchr(c->body, '$'));
}

Test(api_matrix, every_route_has_its_cells)
{
	cr_expect_eq(CELLS, OP_COUNT);
	for (op o = 0; o < OP_COUNT; o++) {
		const cell *c = cell_find(routes[o].operation);
		cr_expect(c, "%s: write its cells in tests/api/matrix.def", routes[o].operation);
		if (c && !(routes[o].flags & ROUTE_STREAM))
			cr_expect_str_eq(c->method, routes[o].method, "%s", routes[o].operation);
	}
	cr_expect_eq(roles_n, LETTERS, "a role has no letter in the table");
	for (int k = 0; k < LETTERS; k++)
		cr_expect(role_find(str_from(letters[k].name)), "%s", letters[k].name);
}

Test(api_matrix, every_cell_holds)
{
	int n = 0;

	served_start("api_matrix");
	things_make();
	things_find();
	served_seal(SEAL_RECORDS);
	for (size_t i = 0; i < CELLS; i++)
		for (int k = 0; k < LETTERS; k++)
			for (place at = OWN; at < (has_place(&cells[i]) ? PLACES : CHILD); at++, n++) {
				AUTO_ARENA a = arena_new(0);
				answer r = ask(a, &cells[i], at, token_of(k));
				answer_check(&cells[i], k, at, &r);
			}
	fprintf(stderr, "%d cells\n", n);
	for (size_t i = 0; i < CELLS; i++) {
		AUTO_ARENA a = arena_new(0);
		answer r = ask(a, &cells[i], OWN, NULL);
		cr_expect_eq(r.status == STATUS_UNAUTHORIZED, cells[i].roles[0] != '*', "%s without a token gave %d",
			cells[i].operation, r.status);
	}
}

/* Every row of umbra, as one text. */
static const char *umbra(void)
{
	return pg_text(served_dsn(),
		"SELECT md5(string_agg(query_to_xml(format('SELECT md5(string_agg(to_jsonb(t)::text, '','' ORDER BY to_jsonb(t)::text)) "
		"FROM public.%I t WHERE %s = (SELECT key FROM tenant WHERE path = ''umbra'')', c.relname, "
		"CASE WHEN c.relname = 'tenant' THEN 'key' ELSE 'tenant_key' END), false, false, '')::text, '' ORDER BY c.relname)) "
		"FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND (c.relname = 'tenant' OR EXISTS "
		"(SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_key'))");
}

/* Whether an answer tells anything of umbra; a check repeats what it was asked. */
static bool tells(arena *a, const cell *c, const answer *r)
{
	return r->status < 300 && strstr(str_z(a, r->body), "umbra") && strcmp(c->operation, "PERMISSION_CHECK") != 0;
}

/* The call at umbra, and for reads the same without a filter; whether one was let in without the right. */
static bool bare_call(const cell *c, int letter)
{
	AUTO_ARENA a = arena_new(0);
	cell whole = *c;
	str path = str_from(c->path), query = path;
	answer r = ask(a, c, OTHER, token_of(letter));
	bool is_let_in = r.status < 300 && !may(c, letter);

	cr_expect_not(tells(a, c, &r), "%s as %s tells: " STR_FMT, c->operation, letters[letter].name,
		STR_ARG(str_cut(r.body, 0, 300)));
	path = str_split(&query, '?');
	if (!query.p || strcmp(c->method, "GET") != 0)
		return is_let_in;
	whole.path = str_z(a, path);
	r = ask(a, &whole, OTHER, token_of(letter));
	cr_expect_not(tells(a, c, &r), "%s as %s tells of all: " STR_FMT, c->operation, letters[letter].name,
		STR_ARG(str_cut(r.body, 0, 300)));
	return is_let_in || (r.status < 300 && !may(c, letter));
}

/* The first wall is gone from this edge: whoever has a token may call everything. */
Test(api_matrix, row_level_security_alone_lets_nothing_through)
{
	char before[64];
	int n = 0, open = 0;

	served_without_rights();
	served_start("api_bare");
	things_make();
	things_find();
	served_seal(SEAL_RECORDS);
	snprintf(before, sizeof(before), "%s", umbra());
	for (size_t i = 0; i < CELLS; i++)
		for (int k = 0; k < LETTERS; k++)
			if (!letters[k].is_platform && strcmp(cells[i].operation, "METRICS") != 0) {
				open += bare_call(&cells[i], k);
				n++;
			}
	cr_expect_str_eq(umbra(), before, "a row of another tenant was written");
	cr_expect_gt(
		open, 20, "the first wall still stands: only %d of %d calls were let in that should not be", open, n);
	fprintf(stderr, "%d calls, %d of them let in without the right\n", n, open);
}
