/* Placements through the door: stored once, awaited, released, seen only in scope; and followed by watch streams. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pg/pg.h"
#include "base/buf.h"
#include "scene.h"

#define ADMIN  "platform_admin", NULL
#define MEMBER "member", "acme"
#define N(v)   (sizeof(v) / sizeof(*(v)))

/* clang-format off */
static const scene setup[] = {
	{"a tenant", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"acme\"}", 201, NULL, NULL, NULL},
	{"another", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"umbra\"}", 201, NULL, NULL, "umbra=id"},
};

static const scene rows[] = {
	{"asked for", MEMBER, "POST", "/v1/placements", "Idempotency-Key: a\r\n", "{\"tenant\":\"acme\",\"name\":\"t1\",\"devices\":[{\"count\":2,\"memory_mib\":1024}]}", 201, "{'tenant':'acme','name':'t1','state':'pending','origin':'api','placed':[],'blockers':[],'request':{'devices':[{'count':2}]}}", "Location: /v1/placements/plc_", "p=id"},
	{"a repeat gives the same", MEMBER, "POST", "/v1/placements", "Idempotency-Key: a\r\n", "{\"tenant\":\"acme\",\"name\":\"t1\",\"devices\":[{\"count\":2,\"memory_mib\":1024}]}", 201, "{'id':'{p}','state':'pending'}", "Idempotency-Replayed: true"},
	{"another body is refused", MEMBER, "POST", "/v1/placements", "Idempotency-Key: a\r\n", "{\"tenant\":\"acme\"}", 422, "{'code':'idempotency_key_reused'}", NULL},
	{"another caller's key is its own", ADMIN, "POST", "/v1/placements", "Idempotency-Key: a\r\n", "{\"tenant\":\"acme\"}", 201, "{'state':'pending'}", "!Idempotency-Replayed"},
	{"many at once", MEMBER, "POST", "/v1/placements:batch", "Idempotency-Key: b\r\n", "{\"items\":[{\"tenant\":\"acme\",\"name\":\"b1\"},{\"tenant\":\"acme\",\"name\":\"b2\"}]}", 201, "{'items':[{'name':'b1','state':'pending'},{'name':'b2','state':'pending'}]}", NULL},
	{"again", MEMBER, "POST", "/v1/placements:batch", "Idempotency-Key: b\r\n", "{\"items\":[{\"tenant\":\"acme\",\"name\":\"b1\"},{\"tenant\":\"acme\",\"name\":\"b2\"}]}", 201, "{'items':[{'state':'pending'},{'state':'pending'}]}", "Idempotency-Replayed: true"},
	{"none for others", MEMBER, "POST", "/v1/placements", NULL, "{\"tenant\":\"umbra\"}", 422, "{'code':'unknown_tenant'}", NULL},
	{"nor by id", MEMBER, "POST", "/v1/placements", NULL, "{\"tenant\":\"{umbra}\"}", 422, "{'code':'unknown_tenant'}", NULL},
	{"a wait that nobody ends", MEMBER, "POST", "/v1/placements?wait=50ms", NULL, "{\"tenant\":\"acme\"}", 201, "{'state':'pending'}", NULL},
	{"read", MEMBER, "GET", "/v1/placements/{p}", NULL, NULL, 200, "{'id':'{p}','tenant':'acme','state':'pending'}", NULL},
	{"explained", MEMBER, "GET", "/v1/placements/{p}/explain", NULL, NULL, 200, "{'id':'{p}'}", NULL},
	{"held and read", MEMBER, "GET", "/v1/placements/{p}?wait=50ms", NULL, NULL, 200, "{'id':'{p}','state':'pending'}", NULL},
	{"no such placement, at once", MEMBER, "GET", "/v1/placements/plc_x?wait=50ms", NULL, NULL, 404, NULL, NULL},
	{"not by others", "member", "umbra", "GET", "/v1/placements/{p}", NULL, NULL, 404, NULL, NULL},
	{"nor released", "member", "umbra", "DELETE", "/v1/placements/{p}", NULL, NULL, 404, NULL, NULL},
	{"listed by state", MEMBER, "GET", "/v1/placements?state=pending,running&limit=1", NULL, NULL, 200, "{'items':[{'id':'{p}'}]}", "Link: <"},
	{"others see none", "member", "umbra", "GET", "/v1/placements", NULL, NULL, 200, "{'items':[]}", NULL},
	{"released", MEMBER, "DELETE", "/v1/placements/{p}", NULL, NULL, 202, "{'id':'{p}'}", NULL},
	{"no second placement of a repeat", MEMBER, "GET", "/v1/placements?limit=1000", NULL, NULL, 200, NULL, NULL},
};
static const scene explained[] = {
	{"one waits", MEMBER, "POST", "/v1/placements", NULL, "{\"tenant\":\"acme\",\"devices\":[{\"count\":4,\"classes\":[\"h100-80g\"]}]}", 201, "{'state':'pending'}", NULL, "p=id"},
	{"its tenant may not spend more than this", ADMIN, "POST", "/v1/budgets", NULL, "{\"tenant\":\"acme\",\"unit\":\"gpu_hours\",\"period\":\"month\",\"amount\":10,\"action\":\"block_new\"}", 201, NULL, NULL},
	{"one that only tells", ADMIN, "POST", "/v1/budgets", NULL, "{\"tenant\":\"acme\",\"unit\":\"gpu_hours\",\"period\":\"day\",\"amount\":1,\"action\":\"notify\"}", 201, NULL, NULL},
	{"another's", ADMIN, "POST", "/v1/budgets", NULL, "{\"tenant\":\"umbra\",\"unit\":\"gpu_hours\",\"period\":\"day\",\"amount\":1,\"action\":\"block_new\"}", 201, NULL, NULL},
	{"both are told of", MEMBER, "GET", "/v1/placements/{p}/explain", NULL, NULL, 200, "{'id':'{p}','budgets':[{'tenant':'acme','period':'month','amount':10,'left_milli':8000}],'capacity':[{'cluster':'east','class':'h100-80g','nodes':4,'devices':8,'idle_devices':3,'free_memory_mib_most':1000,'alike':[{'nodes':2,'health':'ok','devices':2,'idle_devices':1},{'nodes':1,'health':'ok','devices':2,'idle_devices':0},{'nodes':1,'health':'unreachable','devices':2,'idle_devices':1}]}]}", NULL},
};
/* clang-format on */

/* Four nodes of two devices: two with one idle device, one with none, one that is out of reach. Two hours were spent.
 */
static void fleet_make(void)
{
	pg_do(served_dsn(), "INSERT INTO cluster (id, name, state) VALUES ('cls_1', 'east', 'ready')");
	pg_do(served_dsn(),
		"INSERT INTO node (id, cluster_key, name, rank, cpu_milli, memory_mib, pods, health, seen_at) SELECT 'nod_' || i, "
		"c.key, 'n' || i, i, 1, 1, 1, CASE i WHEN 4 THEN 'unreachable' ELSE 'ok' END, now() FROM cluster c, generate_series(1, 4) i");
	pg_do(served_dsn(),
		"INSERT INTO device (id, node_key, cluster_key, uuid, index_no, class, product, memory_mib, compute_milli, slots, "
		"health, used_slots, seen_at) SELECT n.id || '_' || i, n.key, n.cluster_key, n.id || 'u' || i, i, 'h100-80g', 'x', 1000, 1000, 1, 'ok', "
		"CASE WHEN i = 0 OR n.name = 'n3' THEN 1 ELSE 0 END, now() FROM node n, generate_series(0, 1) i");
	pg_do(served_dsn(),
		"INSERT INTO segment (placement_id, fence_no, class, tenant_key, cluster_key, devices, device_milli, memory_mib, compute_milli, started_at, ended_at) "
		"SELECT 'plc_old', 1, 'h100-80g', t.key, c.key, 1, 7200000, 1, 1, date_trunc('month', now(), 'UTC'), date_trunc('month', now(), 'UTC') + "
		"interval '1 second' FROM tenant t, cluster c WHERE t.path = 'acme'");
}

Test(api_placement, what_waits_is_told_what_is_left_to_spend_and_how_full_the_nodes_are)
{
	served_start("api_explain");
	scenes_play(setup, N(setup));
	fleet_make();
	scenes_play(explained, N(explained));
}

Test(api_placement, asked_for_read_and_released)
{
	served_start("api_placement");
	scenes_play(setup, N(setup));
	scenes_play(rows, N(rows));
	cr_expect_eq(pg_int(served_dsn(), "SELECT count(*) FROM inbox WHERE kind = 'place'"), 5);
	cr_expect_eq(pg_int(served_dsn(), "SELECT count(*) FROM inbox WHERE kind = 'release'"), 1);
}

/* What a placer would commit about the oldest waiting placement. */
static void decide(void)
{
	pg_do(served_dsn(),
		"WITH i AS (DELETE FROM inbox WHERE seq = (SELECT min(seq) FROM inbox WHERE kind = 'place') RETURNING *), l AS "
		"(UPDATE leader SET n = n + 1 WHERE name = 'placer' AND EXISTS (SELECT FROM i) RETURNING n), p AS (INSERT INTO "
		"placement (id, tenant_key, name, origin, state, fence_incarnation, fence_no, request, created_by, created_at, "
		"seq, rev) SELECT object_id, tenant_key, '', 'api', 'granted', 1, 1, body, actor, at, seq, l.n FROM i, l) "
		"INSERT INTO decision (n, term, at, tenant_key, placement_id, action, body, hash) SELECT l.n, 1, now(), "
		"i.tenant_key, i.object_id, 'grant', '{\"n\":' || l.n || ',\"placement\":{\"id\":\"' || i.object_id || "
		"'\",\"state\":\"granted\",\"tenant\":\"acme\"}}', sha256('') FROM i, l");
}

static void placer_pretend(int decisions)
{
	for (int i = 0; i < decisions;) {
		usleep(20000);
		if (pg_int(served_dsn(), "SELECT count(*) FROM inbox WHERE kind = 'place'")) {
			decide();
			i++;
		}
	}
	_exit(0);
}

Test(api_placement, a_wait_ends_with_the_decision)
{
	AUTO_ARENA a = arena_new(0);

	served_start("api_wait");
	scenes_play(setup, N(setup));
	pid_t placer = fork();
	if (placer == 0)
		placer_pretend(3);
	const char *token = served_token("platform_admin", NULL);
	answer r = served_call(a, token, "POST", "/v1/placements?wait=3s", NULL, "{\"tenant\":\"acme\"}");
	cr_expect_eq(r.status, 201);
	cr_expect_str_eq(json_string_value(json_object_get(r.doc, "state")), "granted");
	r = served_call(a, token, "POST", "/v1/placements:batch?wait=3s", NULL,
		"{\"items\":[{\"tenant\":\"acme\"},{\"tenant\":\"acme\"}]}");
	json_t *items = json_object_get(r.doc, "items");
	for (size_t i = 0; i < 2; i++)
		cr_expect_str_eq(json_string_value(json_object_get(json_array_get(items, i), "state")), "granted");
	waitpid(placer, NULL, 0);
}

/* A client whose first call broke repeats it: its wait was once ignored. */
Test(api_placement, a_repeat_waits_as_the_first_call_did)
{
	AUTO_ARENA a = arena_new(0);
	const char *key = "Idempotency-Key: w\r\n", *body = "{\"tenant\":\"acme\"}";
	const char *many = "{\"items\":[{\"tenant\":\"acme\"},{\"tenant\":\"acme\"}]}";

	served_start("api_wait_again");
	scenes_play(setup, N(setup));
	const char *token = served_token("platform_admin", NULL);
	answer r = served_call(a, token, "POST", "/v1/placements", key, body);
	cr_expect_str_eq(json_string_value(json_object_get(r.doc, "state")), "pending");
	pid_t placer = fork();
	if (placer == 0) {
		usleep(500000);
		placer_pretend(2);
	}
	r = served_call(a, token, "POST", "/v1/placements?wait=3s", key, body);
	cr_expect_eq(r.status, 201);
	cr_expect_str_eq(json_string_value(json_object_get(r.doc, "state")), "granted");
	cr_expect(str_eq(answer_header(&r, "Idempotency-Replayed"), S("true")));
	served_call(a, token, "POST", "/v1/placements:batch", "Idempotency-Key: v\r\n", many);
	r = served_call(a, token, "POST", "/v1/placements:batch?wait=200ms", "Idempotency-Key: v\r\n", many);
	cr_expect_eq(
		json_array_size(json_object_get(r.doc, "items")), 2, "what is not decided in time is told as it is");
	waitpid(placer, NULL, 0);
}

/* Reads a stream until `n` bytes of it or the server's timeout; the connection is then dropped. */
static str stream_of(arena *a, const char *token, const char *path, const char *head)
{
	char command[2048];
	buf got;

	/* curl is a reader of its own: it keeps the stream open for two seconds. */
	snprintf(command, sizeof(command), "curl -sN -m 2 -H 'Authorization: Bearer %s' %s 'http://127.0.0.1:%d%s'",
		token, head, served_port(), path);
	buf_init(&got, 1 << 20);
	FILE *f = popen(command, "r");
	for (int c; (c = fgetc(f)) != EOF;)
		buf_add_char(&got, (char)c);
	pclose(f);
	str all = str_dup(a, buf_str(&got));
	buf_done(&got);
	return all;
}

static str stream(arena *a, const char *path, const char *head)
{
	return stream_of(a, served_token("platform_admin", NULL), path, head);
}

static bool has(str text, const char *part)
{
	return memmem(text.p, text.n, part, strlen(part)) != NULL;
}

Test(api_placement, a_stream_gives_the_state_then_what_changes)
{
	AUTO_ARENA a = arena_new(0);
	const char *token;

	served_start("api_watch");
	scenes_play(setup, N(setup));
	token = served_token("platform_admin", NULL);
	served_call(a, token, "POST", "/v1/placements", NULL, "{\"tenant\":\"acme\",\"name\":\"seen\"}");
	decide();
	str all = stream(a, "/v1/watch?snapshot=true", "");
	cr_expect(has(all, "event: put\ndata: {\"kind\":\"tenant\""), STR_FMT, STR_ARG(all));
	cr_expect(has(all, "\"kind\":\"quota\""));
	cr_expect(has(all, "\"kind\":\"placement\""));
	cr_expect(has(all, "event: initial-end"));
	str since = stream(a, "/v1/watch?since=g0.p0&kinds=tenant,placement", "-H 'Accept: application/x-ndjson'");
	cr_expect(has(since, "{\"event\":\"put\",\"cursor\":\"g1.p0\",\"kind\":\"tenant\""), STR_FMT, STR_ARG(since));
	cr_expect(has(since, "\"kind\":\"placement\""));
	cr_expect(!has(since, "\"kind\":\"quota\""));
	str resumed = stream(a, "/v1/watch", "-H 'Last-Event-ID: g1.p0'");
	cr_expect(!has(resumed, "\"name\":\"acme\",\"path\":\"acme\""));
	cr_expect(has(resumed, "\"path\":\"umbra\""), STR_FMT, STR_ARG(resumed));
	str other = stream(a, "/v1/watch?since=g0.p0&tenant=umbra", "");
	cr_expect(has(other, "\"path\":\"umbra\"") && !has(other, "\"path\":\"acme\""), STR_FMT, STR_ARG(other));
	/* An edge that was not there when it happened gives it from the database. */
	served_restart();
	str late = stream(a, "/v1/watch?since=g0.p0", "");
	cr_expect(has(late, "\"path\":\"acme\"") && has(late, "\"path\":\"umbra\"") &&
			  has(late, "\"kind\":\"placement\""),
		STR_FMT, STR_ARG(late));
}

/* A client whose stream broke inside the snapshot came back with the cursor of its last event and never got the rest.
 */
Test(api_placement, a_break_inside_the_snapshot_loses_nothing_of_it)
{
	AUTO_ARENA a = arena_new(0);

	served_start("api_watch_break");
	scenes_play(setup, N(setup));
	str all = stream(a, "/v1/watch?snapshot=true&kinds=tenant", "");
	const char *end = memmem(all.p, all.n, "event: initial-end", 18);
	cr_assert(end, STR_FMT, STR_ARG(all));
	const char *first = memmem(all.p, all.n, "id: ", 4);
	cr_expect(first && first < end && !has(str_of(first, (size_t)(end - first)), "event: put"), STR_FMT,
		STR_ARG(all));
	str lines = stream(a, "/v1/watch?snapshot=true&kinds=tenant", "-H 'Accept: application/x-ndjson'");
	cr_expect(has(lines, "{\"event\":\"put\",\"kind\":\"tenant\""), STR_FMT, STR_ARG(lines));
	cr_expect(has(lines, "{\"event\":\"initial-end\",\"cursor\":\"g2.p0\"}\n"), STR_FMT, STR_ARG(lines));
}

/* A stream of a token's own, read up to its first event. */
static FILE *stream_begin(const char *token)
{
	char command[1024], line[4096];

	snprintf(command, sizeof(command),
		"curl -sN -m 10 -H 'Authorization: Bearer %s' 'http://127.0.0.1:%d/v1/watch?since=g0.p0&kinds=tenant'",
		token, served_port());
	FILE *f = popen(command, "r");
	cr_assert(fgets(line, sizeof(line), f));
	return f;
}

static const struct {
	const char *tenant, *method, *path;
} ends[] = {
	{"acme", "POST", "/v1/tokens/%s:revoke"},
	{"umbra", "DELETE", "/v1/tenants/umbra"},
};

/* A stream once went on for as long as its client liked, whatever became of the token. */
Test(api_placement, a_stream_ends_with_what_its_token_may)
{
	served_start("api_watch_ends");
	scenes_play(setup, N(setup));
	const char *admin = served_token("platform_admin", NULL);
	for (size_t i = 0; i < N(ends); i++) {
		AUTO_ARENA a = arena_new(0);
		char got[1 << 14], path[256];
		str body = str_print(a, "{\"name\":\"w\",\"role\":\"viewer\",\"tenant\":\"%s\"}", ends[i].tenant);
		answer made = served_call(a, admin, "POST", "/v1/tokens", NULL, str_z(a, body));
		cr_assert_eq(made.status, 201, STR_FMT, STR_ARG(made.body));
		FILE *f = stream_begin(json_string_value(json_object_get(made.doc, "token")));
		snprintf(path, sizeof(path), ends[i].path, json_string_value(json_object_get(made.doc, "id")));
		answer end = served_call(a, admin, ends[i].method, path, "If-Match: *\r\n", NULL);
		cr_assert(end.status < 300, STR_FMT, STR_ARG(end.body));
		body = str_print(a, "{\"name\":\"late%zu\",\"parent\":\"acme\"}", i);
		cr_assert_eq(served_call(a, admin, "POST", "/v1/tenants", NULL, str_z(a, body)).status, 201);
		str seen = str_of(got, fread(got, 1, sizeof(got), f));
		cr_expect(has(seen, "event: error") && has(seen, "\"token_invalid\""), STR_FMT, STR_ARG(seen));
		cr_expect(!has(seen, "/late"), STR_FMT, STR_ARG(seen));
		cr_expect_eq(pclose(f), 0, "the server closed it");
	}
}

static const scene sites[] = {
	{"a cluster of another", ADMIN, "POST", "/v1/clusters", NULL, "{\"name\":\"far\",\"default_tenant\":\"umbra\"}",
		201, "{'default_tenant':'umbra'}", NULL, NULL},
	{"a cluster of theirs", ADMIN, "POST", "/v1/clusters", NULL, "{\"name\":\"near\",\"default_tenant\":\"acme\"}",
		201, "{'default_tenant':'acme'}", NULL, NULL},
};

/* What the chain keeps of a cluster went to every stream as it stood there. */
Test(api_placement, a_stream_names_no_tenant_that_its_reader_does_not_see)
{
	AUTO_ARENA a = arena_new(0);

	served_start("api_watch_names");
	scenes_play(setup, N(setup));
	scenes_play(sites, N(sites));
	const char *kinds = "/v1/watch?since=g0.p0&kinds=cluster";
	str seen = stream_of(a, served_token("member", "acme"), kinds, "");
	cr_expect(has(seen, "\"name\":\"far\"") && has(seen, "\"default_tenant\":\"acme\""), STR_FMT, STR_ARG(seen));
	cr_expect(!has(seen, "umbra"), STR_FMT, STR_ARG(seen));
	cr_expect(has(stream(a, kinds, ""), "\"default_tenant\":\"umbra\""));
}
