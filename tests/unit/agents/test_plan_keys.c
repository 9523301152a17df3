#include <criterion/criterion.h>
#include "agents/real/plan_keys.h"
#include "fake_kube.h"
#include "plan_keys.h"

loop *fake_loop;

typedef struct bench {
	kube k;
	plan_keys keys;
	signing_key *key;
	uint32_t n_written, n_failed;
} bench;

static void on_call(void *arg, kube_call *c)
{
	bench *b = arg;

	cr_expect_str_eq(c->q.method, "PATCH");
	cr_expect_str_eq(c->q.content_type, KUBE_APPLY);
	cr_expect(strstr(c->path, "/api/v1/namespaces/reeve/configmaps/reeve-plan-keys?"), "%s", c->path);
	cr_expect(strstr(c->body, "\"plan-keys.pem\":\"-----BEGIN PUBLIC KEY-----\\n"), "%s", c->body);
	cr_expect(!strstr(c->body, "PRIVATE"));
	kube_reply r = {.e = ERR_OK, .status = b->k.n_calls == 1 ? 403 : 200, .message = S("may not")};
	fake_end(c, &r);
}

static void on_written(void *arg, long status, str why)
{
	bench *b = arg;

	(void)status;
	b->n_failed += why.p != NULL;
	b->n_written += why.p == NULL;
	if (b->n_written)
		loop_stop(b->k.loop);
}

Test(plan_keys, the_public_half_is_written_until_it_stands_there)
{
	bench b = {.k = {.loop = loop_new()}};

	fake_loop = b.k.loop;
	b.k.on_call = on_call;
	b.k.arg = &b;
	b.key = plan_key_new(&b.keys);
	plan_keys_spec s = {b.k.loop, &b.k, S("reeve"), b.key, on_written, &b, 10};
	plan_keys_writer *w = plan_keys_write(&s);
	loop_run(b.k.loop);
	cr_expect_eq(b.n_failed, 1);
	cr_expect_eq(b.n_written, 1);
	plan_keys_close(w);
	signing_key_close(b.key);
	loop_free(b.k.loop);
	fake_free(&b.k);
	arena_trim();
}
