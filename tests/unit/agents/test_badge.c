/* The label on the pod of the agent that acts. */
#include <criterion/criterion.h>
#include "agents/real/badge.h"
#include "fake_kube.h"

loop *fake_loop;

#define OURS "/api/v1/namespaces/reeve/pods/one"

typedef struct bench {
	kube k;
	badge *badge;
	char calls[2000];
	uint32_t n_troubles;
	bool was_off_early;
} bench;

static void on_call(void *arg, kube_call *c)
{
	bench *b = arg;
	bool is_list = strcmp(c->q.method, "GET") == 0;
	size_t n = strlen(b->calls);
	kube_reply r = {.e = ERR_OK, .status = b->k.n_calls == 1 ? 500 : 200, .message = S("not now")};

	snprintf(b->calls + n, sizeof(b->calls) - n, "%s %s %s\n", c->q.method, c->path, c->body);
	if (is_list)
		r.body = S(
			"{\"metadata\":{\"resourceVersion\":\"1\"},\"items\":[{\"metadata\":{\"name\":\"one\",\"uid\":\"1\",\"resourceVersion\":\"1\"}},"
			"{\"metadata\":{\"name\":\"two\",\"uid\":\"2\",\"resourceVersion\":\"1\"}}]}");
	fake_end(c, &r);
	if (b->k.n_calls == 2)
		badge_wear(b->badge);
	if (b->k.n_calls == 5)
		loop_stop(b->k.loop);
}

static void on_trouble(void *arg, long status, str why)
{
	bench *b = arg;

	(void)status;
	(void)why;
	b->n_troubles++;
	b->was_off_early = badge_is_off(b->badge);
}

static badge *badge_of(bench *b, const char *pod)
{
	fake_loop = b->k.loop;
	b->k.on_call = on_call;
	b->k.arg = b;
	return badge_open(&(badge_spec){b->k.loop, &b->k, S("reeve"), pod, on_trouble, b});
}

Test(badge, an_old_label_goes_before_the_agent_is_ready_and_ours_takes_it_off_the_others)
{
	bench b = {.k = {.loop = loop_new()}};

	b.badge = badge_of(&b, "one");
	loop_run(b.k.loop);
	cr_expect_eq(b.n_troubles, 1);
	cr_expect(!b.was_off_early);
	cr_expect(badge_is_off(b.badge));
	cr_expect_str_eq(b.calls,
		"PATCH " OURS " {\"metadata\":{\"labels\":{\"reeve.io/acting\":null}}}\n"
		"PATCH " OURS " {\"metadata\":{\"labels\":{\"reeve.io/acting\":null}}}\n"
		"PATCH " OURS " {\"metadata\":{\"labels\":{\"reeve.io/acting\":\"true\"}}}\n"
		"GET /api/v1/namespaces/reeve/pods?labelSelector=reeve.io%2Facting%3Dtrue \n"
		"PATCH /api/v1/namespaces/reeve/pods/two {\"metadata\":{\"labels\":{\"reeve.io/acting\":null}}}\n");
	badge_close(b.badge);
	loop_free(b.k.loop);
	fake_free(&b.k);
	arena_trim();
}

Test(badge, outside_a_pod_nothing_is_written)
{
	bench b = {.k = {.loop = loop_new()}};

	b.badge = badge_of(&b, NULL);
	cr_expect(badge_is_off(b.badge));
	badge_wear(b.badge);
	cr_expect_eq(b.k.n_calls, 0);
	badge_close(b.badge);
	loop_free(b.k.loop);
	fake_free(&b.k);
	arena_trim();
}
