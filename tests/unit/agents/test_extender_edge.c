#include "agents/scheduling/extender/edge.h"
#include "cluster_fixture.h"
#include "net/fetch.h"
#include "net/listen.h"

typedef struct stage {
	loop *loop;
	stock *stock;
	extender *x;
	extender_edge *edge;
	fetch *client;
	char url[96];
} stage;

static void stage_open(stage *t)
{
	extender_spec spec = {.by_default = {POLICY_BINPACK, POLICY_BINPACK}};
	fetch_config config = {.user_agent = "Go-http-client/1.1"};
	char address[64];
	fault f = {0};
	int fd;

	t->loop = loop_new();
	t->stock = spec.stock = f2x2_new();
	t->x = extender_new(&spec);
	cr_assert_eq(listen_open("127.0.0.1:0", &fd, &f), ERR_OK, "%s", f.detail);
	cr_assert_eq(listen_address(fd, address, sizeof(address)), ERR_OK);
	t->edge = extender_edge_open(t->loop, fd, NULL, t->x, NULL);
	t->client = fetch_new(t->loop, &config);
	(void)snprintf(t->url, sizeof(t->url), "http://%s", address);
}

static void stage_close(stage *t)
{
	fetch_free(t->client);
	extender_edge_close(t->edge);
	loop_free(t->loop);
	extender_free(t->x);
	stock_free(t->stock);
	arena_trim();
}

typedef struct row {
	const char *method, *path, *body;
	long status;
	const char *answer;
} row;

#define POD                                                                                                            \
	"{\"metadata\":{\"name\":\"p\",\"namespace\":\"d\",\"uid\":\"p\",\"resourceVersion\":\"1\"},\"spec\":{"        \
	"\"containers\":[" ASK("1", "1000", "0") "]}}"
#define ARGS "{\"Pod\":" POD ",\"Nodes\":null,\"NodeNames\":[\"node1\"]}"

Test(extender_edge, answers_each_verb_under_any_prefix)
{
	static const row rows[] = {
		{"POST", "/s/filter", ARGS, 200,
			"{\"NodeNames\":[\"node1\"],\"Nodes\":null,\"FailedNodes\":{},\"FailedAndUnresolvableNodes\":{},"
			"\"Error\":\"\"}"},
		{"POST", "/a/b/prioritize", ARGS, 200, "[{\"Host\":\"node1\",\"Score\":1000}]"},
		{"POST", "/preempt", "{\"Pod\":" POD ",\"NodeNameToVictims\":null,\"NodeNameToMetaVictims\":{}}", 200,
			"{\"NodeNameToMetaVictims\":{}}"},
		{"POST", "/s/filter", "{", 200, NULL},
		{"POST", "/s/prioritize", "{", 400, ""},
		{"POST", "/s/preempt", "[]", 400, ""},
		{"POST", "/s/bind", "{}", 404, ""}, /* no binder */
		{"GET", "/s/filter", NULL, 404, ""},
		{"POST", "/s/other", "{}", 404, ""},
	};
	static const char *const headers[] = {"Content-Type: application/json", "Accept-Encoding: gzip", NULL};
	stage t;

	stage_open(&t);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO_ARENA a = arena_new(0);
		str url = str_print(a, "%s%s", t.url, rows[i].path);
		fetch_request q = {.method = rows[i].method, .url = str_z(a, url), .headers = headers};
		q.body = str_from(rows[i].body);
		fetch_reply r = fetch_wait(t.client, t.loop, a, &q);
		cr_expect(r.e == ERR_OK && r.status == rows[i].status, "%s: %ld", rows[i].path, r.status);
		cr_expect(!rows[i].answer || str_eq(r.body, str_from(rows[i].answer)), "%s: " STR_FMT, rows[i].path,
			STR_ARG(r.body));
	}
	stage_close(&t);
}

/* Go sends whole nodes in one body of more than a megabyte. */
Test(extender_edge, takes_the_bodies_of_schedulers_that_send_whole_nodes)
{
	AUTO_ARENA a = arena_new(0);
	stage t;
	buf body;

	stage_open(&t);
	buf_init(&body, 32 << 20);
	buf_add_str(&body, S("{\"Pod\":" POD ",\"NodeNames\":null,\"Nodes\":{\"metadata\":{},\"items\":["));
	for (int i = 0; body.n < 8 << 20; i++)
		buf_printf(&body,
			"%s{\"metadata\":{\"name\":\"x%d\",\"resourceVersion\":\"1\",\"annotations\":{\"a\":\"%01000d\"}}}",
			i ? "," : "", i, i);
	buf_add_str(&body, S("]}}"));
	fetch_request q = {.method = "POST", .url = str_z(a, str_print(a, "%s/filter", t.url)), .body = buf_str(&body)};
	fetch_reply r = fetch_wait(t.client, t.loop, a, &q);
	cr_expect(r.status == 200 &&
			  str_starts(r.body, S("{\"Nodes\":{\"items\":[]},\"NodeNames\":null,\"FailedNodes\":{}")),
		"%ld " STR_FMT, r.status, STR_ARG(str_cut(r.body, 0, 200)));
	buf_done(&body);
	stage_close(&t);
}
