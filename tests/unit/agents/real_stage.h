/* real_stage: a real cluster's agent over one node and one pod that waits, with an API server that a test sees through.
 *
 * Include it in one test only (fake_kube.h).
 */
#pragma once
#include <stdlib.h>
#include "agents/cluster/agent_inside.h"
#include "agents/real/real_inside.h"
#include "fake_kube.h"
#include "yield_pods.h"

extern loop *fake_loop;

enum { EVICTIONS_MAX = 8 };
#define SPACE(name, tenant)                                                                                            \
	"{\"metadata\":{\"name\":\"" name "\",\"uid\":\"" name "\",\"resourceVersion\":\"1\",\"annotations\":{"        \
	"\"reeve.io/tenant\":\"" tenant "\"}}}"
/* One that says nothing itself. */
#define SPACE_OF(name, labels)                                                                                         \
	"{\"metadata\":{\"name\":\"" name "\",\"uid\":\"" name "\",\"resourceVersion\":\"1\",\"labels\":{" labels "}}}"

typedef struct stage {
	loop *loop;
	kube kube;
	stock *stock;
	budgets *budgets;
	spaces *spaces;
	mirror *mirror;
	signing_key *key;
	agent agent;
	real *real;
	extender *x;
	const char *pending; /* the one pod that waits */
	char key_path[64];
	char evicted[EVICTIONS_MAX][2048]; /* paths */
	int n_evicted, n_waits;
	long status; /* what an eviction is answered */
} stage;

static inline void list_answer(stage *t, kube_call *c)
{
	AUTO_ARENA a = arena_new(0);
	const char *items = strstr(c->path, "/namespaces")
				    ? SPACE("d", "acme") "," SPACE("e", "acme") "," SPACE("f", "other") "," SPACE_OF(
					      "nlp", "\"team\":\"nlp\",\"stage\":\"prod\"")
			    : strstr(c->path, "/pods") ? t->pending
						       : "";

	fake_answer(c, 200, str_print(a, "{\"metadata\":{\"resourceVersion\":\"7\"},\"items\":[%s]}", items));
}

static inline void serve(void *arg, kube_call *c)
{
	stage *t = arg;

	if (strstr(c->path, "/eviction")) {
		cr_assert_lt(t->n_evicted, EVICTIONS_MAX);
		(void)snprintf(t->evicted[t->n_evicted++], sizeof(t->evicted[0]), "%s", c->path);
		fake_answer(c, t->status, S("{}"));
	} else if (strcmp(c->q.method, "GET") != 0) {
		fake_answer(c, 201, S("{}"));
	} else if (!c->q.on_piece) {
		list_answer(t, c);
	}
}

static inline void on_listed(void *arg)
{
	stage *t = arg;

	if (--t->n_waits == 0)
		loop_stop(t->loop);
}

static inline void key_make(stage *t)
{
	fault f = {0};

	cr_assert(mkdtemp(t->key_path));
	(void)strncat(t->key_path, "/key", sizeof(t->key_path) - strlen(t->key_path) - 1);
	cr_assert_eq(signing_key_ensure(t->key_path, &f), ERR_OK, "%s", f.detail);
	cr_assert_eq(signing_key_open(t->key_path, &t->key, &f), ERR_OK, "%s", f.detail);
}

static inline real *real_made(stage *t)
{
	real_spec s = {.loop = t->loop, .kube = &t->kube, .stock = t->stock, .spaces = t->spaces, .key = t->key};

	s.cluster_uid = S("here");
	s.identity = "me";
	s.budgets = t->budgets;
	real *r = real_new(&s);
	real_mirror(r, t->mirror);
	waits_put(r, S("new"));
	r->agent = &t->agent;
	return r;
}

/* Devices alone count here, and what the gate keeps. */
static inline extender_pass look(void *arg, const pod *p, pod_ask *q, arena *a)
{
	(void)q;
	(void)a;
	return (extender_pass){.kept = yields_kept(((stage *)arg)->real, p->meta.uid)};
}

static inline void full(void *arg, const pod *p, const int32_t *nodes, uint32_t n)
{
	yields_full(((stage *)arg)->real, p, nodes, n);
}

static inline void stage_open(stage *t, const char *pending)
{
	*t = (stage){.loop = loop_new(), .stock = card_new(), .pending = pending, .status = 201, .n_waits = 2};
	(void)snprintf(t->key_path, sizeof(t->key_path), "/tmp/reeve-yields-XXXXXX");
	key_make(t);
	fake_loop = t->loop;
	t->budgets = budgets_new();
	budgets_known(t->budgets);
	t->kube = (kube){.loop = t->loop, .on_call = serve, .arg = t};
	t->spaces = spaces_open(&(spaces_spec){t->loop, &t->kube, on_listed, t});
	t->mirror = mirror_open(
		&(mirror_spec){.loop = t->loop, .kube = &t->kube, .stock = t->stock, .on_ready = on_listed, .arg = t});
	loop_run(t->loop);
	cr_assert(mirror_waiting(t->mirror, S("new")).p);
	t->real = real_made(t);
	t->x = extender_new(&(extender_spec){.stock = t->stock, .gate = {look, full, t}});
}

static inline void turn(stage *t)
{
	loop_timer *end = loop_timer_new(t->loop, (void (*)(void *))loop_stop, t->loop);

	loop_timer_arm(end, 2000);
	loop_run(t->loop);
	loop_timer_free(end);
}

static inline void stage_close(stage *t)
{
	t->real->agent = NULL;
	extender_free(t->x);
	real_free(t->real);
	mirror_close(t->mirror);
	spaces_close(t->spaces);
	turn(t);
	budgets_free(t->budgets);
	signing_key_close(t->key);
	loop_free(t->loop);
	stock_free(t->stock);
	fake_free(&t->kube);
	(void)remove(t->key_path);
	*strrchr(t->key_path, '/') = '\0';
	(void)remove(t->key_path);
	arena_trim();
}

static inline bool passes(stage *t, const char *text)
{
	AUTO_ARENA a = arena_new(0);
	buf out;

	buf_init(&out, 1 << 16);
	extender_filter(t->x, str_print(a, "{\"Pod\":%s,\"NodeNames\":[\"n\"]}", text), &out);
	bool is = str_starts(buf_str(&out), S("{\"NodeNames\":[\"n\"]"));
	buf_done(&out);
	return is;
}
