/* What a node reports is taken by the agent that acts alone, and of the node alone that Kubernetes says it is. */
#include "agents/real/intake.h"
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
