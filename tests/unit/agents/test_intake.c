/* What a node reports is taken by the agent that acts alone, and of the node alone that Kubernetes says it is. */
#include "agents/real/intake.h"
#include <sys/stat.h>
#include "base/clock.h"
#include "net/fetch.h"
#include "net/listen.h"
#include "real_stage.h"

loop *fake_loop;

typedef struct desk {
	stage t;
	intake *intake;
	web_server *web;
	fetch *client;
	char address[64], folder[64];
	bool acts;
	const char *extra; /* of the token's user */
	const char *pod;   /* what a GET of the pod answers; NULL: 404 */
	char path[2048];   /* of that */
	int n_reviews;
} desk;

static desk *at;

static void api_serve(void *arg, kube_call *c)
{
	AUTO_ARENA a = arena_new(0);

	if (strstr(c->path, "tokenreviews")) {
		at->n_reviews++;
		fake_answer(c, 201,
			str_print(a,
				"{\"status\":{\"authenticated\":true,\"audiences\":[\"reeve-agent\"],\"user\":{\"username\":"
				"\"system:serviceaccount:reeve:reeve-node\",\"extra\":{%s}}}}",
				at->extra));
	} else if (strstr(c->path, "/namespaces/reeve/pods")) {
		(void)snprintf(at->path, sizeof(at->path), "%s", c->path);
		fake_answer(c, at->pod ? 200 : 404, at->pod ? str_from(at->pod) : S("{}"));
	} else {
		serve(arg, c);
	}
}

static bool acts(void *arg)
{
	return ((desk *)arg)->acts;
}

static void on_request(void *arg, web_req *r)
{
	intake_answer(((desk *)arg)->intake, r);
}

static desk *desk_open(void)
{
	desk *d = at = calloc(1, sizeof(*d));
	web_hooks hooks = {.on_request = on_request, .arg = d};
	fetch_config c = {.user_agent = "reeve-node"};
	fault f = {0};
	int fd;

	stage_open(&d->t, WAITING("new", "d", "", ASK("1", "1", "0"), ""));
	d->t.kube.on_call = api_serve;
	d->acts = true;
	(void)snprintf(d->folder, sizeof(d->folder), "/tmp/reeve-intake-XXXXXX");
	cr_assert(mkdtemp(d->folder));
	char *file = calloc(1, 128);
	(void)snprintf(file, 128, "%s/usage", d->folder);
	cr_assert_eq(intake_open(&(intake_spec){.loop = d->t.loop,
					 .kube = &d->t.kube,
					 .real = d->t.real,
					 .space = "reeve",
					 .account = "reeve-node",
					 .journal = file,
					 .acts = acts,
					 .arg = d},
			     &d->intake, &f),
		ERR_OK, "%s", f.detail);
	free(file);
	cr_assert_eq(listen_open("127.0.0.1:0", &fd, &f), ERR_OK);
	cr_assert_eq(listen_address(fd, d->address, sizeof(d->address)), ERR_OK);
	d->web = web_open(d->t.loop, fd, NULL, &web_limits_default, &hooks);
	d->client = fetch_new(d->t.loop, &c);
	return d;
}

static void desk_close(desk *d)
{
	char script[128];

	fetch_free(d->client);
	web_close(d->web);
	intake_close(d->intake);
	stage_close(&d->t);
	(void)snprintf(script, sizeof(script), "rm -rf %s", d->folder);
	cr_assert_eq(system(script), 0);
	free(d);
	arena_trim();
}

static long told(desk *d, const char *node, const char *token)
{
	AUTO_ARENA a = arena_new(0);
	const char *headers[] = {str_z(a, str_print(a, "Authorization: Bearer %s", token)), NULL};
	fetch_request q = {.method = "POST", .headers = headers};

	q.url = str_z(a, str_print(a, "http://%s/node/v1/report", d->address));
	q.body = str_print(a, "{\"node\":\"%s\",\"boot\":\"b\",\"seq\":1,\"version\":\"0\",\"items\":[]}", node);
	fetch_reply r = fetch_wait(d->client, d->t.loop, a, &q);
	return r.e ? 0 : r.status;
}

#define EXTRA(key, value) "\"authentication.kubernetes.io/" key "\":[\"" value "\"]"
#define POD_OF(uid, node)                                                                                              \
	"{\"metadata\":{\"name\":\"reeve-node-x\",\"namespace\":\"reeve\",\"uid\":\"" uid                              \
	"\",\"resourceVersion\":\"1\"},\"spec\":{\"nodeName\":\"" node "\"}}"

Test(intake, a_token_that_names_its_pod_alone_is_that_pods_nodes)
{
	static const struct {
		const char *extra, *pod, *node;
		long status;
	} rows[] = {
		{EXTRA("node-name", "n1"), NULL, "n1", 200},
		{EXTRA("node-name", "n1"), NULL, "n2", 403},
		{EXTRA("pod-name", "reeve-node-x") "," EXTRA("pod-uid", "u1"), POD_OF("u1", "n1"), "n1", 200},
		{EXTRA("pod-name", "reeve-node-x") "," EXTRA("pod-uid", "u1"), POD_OF("u1", "n1"), "n2", 403},
		{EXTRA("pod-name", "reeve-node-x") "," EXTRA("pod-uid", "u1"), POD_OF("u2", "n1"), "n1", 401},
		{EXTRA("pod-name", "reeve-node-x") "," EXTRA("pod-uid", "u1"), NULL, "n1", 401},
		{EXTRA("pod-name", "../../secrets/x") "," EXTRA("pod-uid", "u1"), POD_OF("u1", "n1"), "n1", 401},
		{EXTRA("pod-name", "reeve-node-x"), POD_OF("u1", "n1"), "n1", 401},
		{EXTRA("other", "n1"), NULL, "n1", 401},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		desk *d = desk_open();
		d->extra = rows[i].extra;
		d->pod = rows[i].pod;
		long status = told(d, rows[i].node, "t");
		cr_expect_eq(status, rows[i].status, "row %zu: %ld", i, status);
		cr_expect(!d->path[0] || strcmp(d->path, "/api/v1/namespaces/reeve/pods/reeve-node-x") == 0, "%s",
			d->path);
		(void)told(d, rows[i].node, "t");
		cr_expect_eq(d->n_reviews, rows[i].status == 401 ? 2 : 1, "row %zu: a node is known for a while", i);
		desk_close(d);
	}
}

/* What a standby took was told to nobody. */
Test(intake, an_agent_that_does_not_act_takes_no_report)
{
	desk *d = desk_open();

	d->extra = EXTRA("node-name", "n1");
	d->acts = false;
	cr_expect_eq(told(d, "n1", "t"), 503);
	cr_expect_eq(d->n_reviews, 0);
	d->acts = true;
	cr_expect_eq(told(d, "n1", "t"), 200);
	desk_close(d);
}

enum { CONTAINERS = 10, WINDOWS = 100, REPORTS = 12, WINDOW_MS = 10000 };
#define PLACEMENT "plc_01JD0Z6T9X3V5Q7R8S9T0V1W2X"

static void used_to_outbox(void *arg, const cluster_usage *u)
{
	outbox_usage(arg, u);
}

/* What so many containers used, each in windows that touch; and the core hears of it. */
static long used(desk *d, int seq)
{
	const char *headers[] = {"Authorization: Bearer t", NULL};
	AUTO_ARENA a = arena_new(0);
	char url[128], until[CLOCK_TEXT_MAX];
	buf body;

	buf_init(&body, 4 << 20);
	buf_printf(&body, "{\"node\":\"n1\",\"boot\":\"b\",\"seq\":%d,\"version\":\"0\",\"items\":[", seq);
	for (int w = 0; w < WINDOWS; w++) {
		(void)clock_text(((int64_t)1790000000000 + ((seq - 1) * WINDOWS + w + 1) * WINDOW_MS) * 1000, until);
		buf_printf(&body, "%s{\"kind\":\"usage\",\"at\":\"%s\",\"window_ms\":%d,\"usage\":[", w ? "," : "",
			until, WINDOW_MS);
		for (int c = 0; c < CONTAINERS; c++)
			buf_printf(&body,
				"%s{\"owner\":{\"placement\":\"" PLACEMENT
				"\",\"pod_uid\":\"u\",\"container\":\"c%d\"},\"memory_mib_avg\":100}",
				c ? "," : "", c);
		buf_add_str(&body, S("]}"));
	}
	buf_add_str(&body, S("]}"));
	(void)snprintf(url, sizeof(url), "http://%s/node/v1/report", d->address);
	fetch_reply r = fetch_wait(d->client, d->t.loop, a,
		&(fetch_request){.method = "POST", .headers = headers, .url = url, .body = buf_str(&body)});
	used_tell(d->t.real, &(cluster_events){.on_usage = used_to_outbox, .arg = &d->t.agent.outbox});
	buf_done(&body);
	return r.e ? 0 : r.status;
}

static int64_t journal_bytes(const desk *d)
{
	char file[128];
	struct stat is;

	(void)snprintf(file, sizeof(file), "%s/usage", d->folder);
	return stat(file, &is) ? -1 : (int64_t)is.st_size;
}

static int64_t told_ms(real *r)
{
	int64_t ms = 0;

	vec_each (row, &r->usages)
		ms += row->v.window_ms;
	return ms;
}

/* An agent that begins anew with that journal. */
static int64_t replayed_ms(desk *d)
{
	char file[128];
	fault f = {0};

	(void)snprintf(file, sizeof(file), "%s/usage", d->folder);
	intake_close(d->intake);
	cr_assert_eq(intake_open(&(intake_spec){.loop = d->t.loop,
					 .kube = &d->t.kube,
					 .real = d->t.real,
					 .space = "reeve",
					 .account = "reeve-node",
					 .journal = file,
					 .acts = acts,
					 .arg = d},
			     &d->intake, &f),
		ERR_OK, "%s", f.detail);
	return told_ms(d->t.real);
}

/* It grew by a row per share every ten seconds until it could not be read any more. */
Test(intake, usage_of_a_day_without_the_server_is_kept_in_few_rows_and_none_of_it_is_lost)
{
	desk *d = desk_open();

	d->extra = EXTRA("node-name", "n1");
	outbox_init(&d->t.agent.outbox, "test");
	outbox_begin(&d->t.agent.outbox, S("ses"));
	(void)works_add(&d->t.real->works, S(PLACEMENT), S("7.1"), S("acme"), S("1.h"), 1);
	for (int seq = 1; seq <= REPORTS; seq++) {
		cr_assert_eq(used(d, seq), 200);
		cr_expect_lt(
			journal_bytes(d), (int64_t)3 << 19, "after %d: %lld bytes", seq, (long long)journal_bytes(d));
	}
	cr_expect_eq(told_ms(d->t.real), 0);
	cr_expect_eq(replayed_ms(d), (int64_t)REPORTS * WINDOWS * CONTAINERS * WINDOW_MS);
	outbox_done(&d->t.agent.outbox);
	desk_close(d);
}

/* There is always something under way in a busy cluster: the journal never was empty, and never shrank. */
Test(intake, what_the_server_has_stored_leaves_the_journal_though_more_waits)
{
	desk *d = desk_open();
	outbox *o = &d->t.agent.outbox;

	d->extra = EXTRA("node-name", "n1");
	outbox_init(o, "test");
	outbox_begin(o, S("ses"));
	(void)works_add(&d->t.real->works, S(PLACEMENT), S("7.1"), S("acme"), S("1.h"), 1);
	for (int seq = 1; seq <= REPORTS; seq++) {
		cr_assert_eq(used(d, seq), 200);
		(void)outbox_report(o);
		cr_assert_eq(outbox_answer(o, &(report_answer){.acked_seq = o->seq}), OUTBOX_STORED);
	}
	cr_assert_eq(used(d, REPORTS + 1), 200);
	cr_expect_lt(journal_bytes(d), (int64_t)3 << 19);
	cr_expect_lt(replayed_ms(d), (int64_t)REPORTS * WINDOWS * CONTAINERS * WINDOW_MS);
	cr_expect_geq(told_ms(d->t.real), (int64_t)WINDOWS * CONTAINERS * WINDOW_MS);
	outbox_done(o);
	desk_close(d);
}

static void count_repeats(void *arg, const cluster_usage *u)
{
	*(int64_t *)arg += u->is_repeat ? u->window_ms : 0;
}

/* One that stands by holds what it was told when it acted, and the server may not have: nobody else can tell it. */
Test(intake, what_one_that_stands_by_had_written_down_is_told_when_it_takes_over)
{
	const int64_t all_ms = (int64_t)WINDOWS * CONTAINERS * WINDOW_MS;
	int64_t repeated_ms = 0;
	desk *d = desk_open();
	outbox *o = &d->t.agent.outbox;

	d->extra = EXTRA("node-name", "n1");
	outbox_init(o, "test");
	outbox_begin(o, S("ses"));
	(void)works_add(&d->t.real->works, S(PLACEMENT), S("7.1"), S("acme"), S("1.h"), 1);
	cr_assert_eq(used(d, 1), 200);
	/* It ends, and begins as the one that does not act. */
	d->t.real->agent = NULL;
	d->acts = false;
	cr_expect_eq(replayed_ms(d), all_ms);
	int64_t bytes = journal_bytes(d);
	cr_expect_gt(bytes, 1000);
	cr_expect_eq(told(d, "n1", "t"), 503);
	cr_expect_eq(journal_bytes(d), bytes, "nothing comes to it, and nothing goes");
	d->t.real->agent = &d->t.agent;
	d->acts = true;
	used_tell(d->t.real, &(cluster_events){.on_usage = count_repeats, .arg = &repeated_ms});
	cr_expect_eq(repeated_ms, all_ms, "said to be a repetition: the server counts each moment once");
	cr_expect_eq(told_ms(d->t.real), 0);
	intake_settled(d->intake);
	cr_expect_lt(journal_bytes(d), 100, "the server has it");
	outbox_done(o);
	desk_close(d);
}
