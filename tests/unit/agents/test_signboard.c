#include <stdlib.h>
#include "agents/node/signboard.h"
#include "agents/vendors/inventory.h"
#include "fake_kube.h"
#include "json/doc.h"

loop *fake_loop;

static cards *two(void)
{
	cards *all = calloc(1, sizeof(*all));

	cr_assert(all);
	all->n = 3;
	for (int32_t i = 0; i < 3; i++) {
		card *c = &all->v[i];
		*c = (card){.maker = i < 2 ? "nvidia" : "amd", .index = i, .numa = i, .memory_mib = 81559};
		snprintf(c->uuid, sizeof(c->uuid), "GPU-%d", (int)i);
		snprintf(c->product, sizeof(c->product), i ? "NVIDIA H100 80GB HBM3" : "Tesla T4");
	}
	all->v[0].state = CARD_DEGRADED;
	all->v[1].is_mig = true;
	all->links[0] = 310;
	return all;
}

static const char *value_of(arena *a, str patch, const char *key)
{
	json_t *doc;
	fault f = {0};

	cr_assert_eq(doc_read(patch, a, &doc, &f), ERR_OK, "%s", f.detail);
	json_t *annotations = json_object_get(json_object_get(doc, "metadata"), "annotations");
	return json_string_value(json_object_get(annotations, key));
}

static str annotation_of(void *arg, const char *key)
{
	return strcmp(key, "hami.io/node-nvidia-register") == 0 ? str_from(arg) : STR_NONE;
}

static bool no_capacity(void *arg, const char *resource, quantity *ret)
{
	(void)arg;
	(void)resource;
	(void)ret;
	return false;
}

Test(signboard, what_it_says_is_read_as_hamis_plugin_would_be)
{
	AUTO_ARENA a = arena_new(0);
	cards *all = two();
	fault f = {0};
	inventory read = {0};
	str patch = signboard_patch(all, 10, a);
	const char *told = value_of(a, patch, "hami.io/node-nvidia-register");

	cr_assert(told);
	inventory_node node = {
		.name = S("n1"), .arg = (void *)(uintptr_t)told, .annotation = annotation_of, .capacity = no_capacity};
	cr_assert_eq(inventory_read(vendor_of_resource(S("nvidia.com/gpu")), &node, a, &read, &f), ERR_OK, "%s: %s",
		f.pointer, f.detail);
	cr_assert_eq(read.n, 2u, "another maker's are its own plugin's to tell");
	cr_expect(str_eq(read.v[0].uuid, S("GPU-0")) && str_eq(read.v[0].product, S("NVIDIA-Tesla T4")) &&
		  !read.v[0].is_healthy);
	cr_expect(read.v[0].slots == 10 && read.v[0].compute == 100 && str_eq(read.v[0].mode, S("hami-core")));
	cr_expect(read.v[1].index == 1 && read.v[1].numa == 1 && read.v[1].memory_mib == 81559 && read.v[1].is_healthy);
	cr_expect(str_eq(read.v[1].mode, S("mig")) && read.v[1].n_profiles > 0 && read.v[1].profiles[0].n_places > 0);
	cr_expect_str_eq(value_of(a, patch, "hami.io/node-nvidia-score"),
		"[{\"uuid\":\"GPU-0\",\"score\":{\"GPU-1\":310}},{\"uuid\":\"GPU-1\",\"score\":{\"GPU-0\":310}}]");
	free(all);
}

typedef struct site {
	loop *loop;
	long status;
	char path[2048], method[16];
} site;

static void on_call(void *arg, kube_call *c)
{
	site *s = arg;
	kube_reply r = {.status = s->status, .message = S("not now")};

	snprintf(s->path, sizeof(s->path), "%s", c->path);
	snprintf(s->method, sizeof(s->method), "%s", c->q.method);
	fake_end(c, &r);
	loop_stop(s->loop);
}

Test(signboard, it_is_written_once_and_again_when_it_did_not_arrive)
{
	site s = {.loop = loop_new(), .status = 503};
	kube k = {.loop = s.loop, .on_call = on_call, .arg = &s};
	cards *all = two();
	signboard *b = signboard_new(&k, "n1");

	fake_loop = s.loop;
	signboard_set(b, &(cards){0}, 10);
	cr_expect_eq(k.n_calls, 0u, "a node without devices says nothing");
	signboard_set(b, all, 10);
	loop_run(s.loop);
	cr_expect(strcmp(s.path, "/api/v1/nodes/n1") == 0 && strcmp(s.method, "PATCH") == 0, "%s %s", s.method, s.path);
	s.status = 200;
	signboard_look(b);
	loop_run(s.loop);
	cr_expect_eq(k.n_calls, 2u);
	signboard_look(b);
	signboard_set(b, all, 10);
	cr_expect_eq(k.n_calls, 2u, "the same is not written again");
	all->v[0].state = CARD_OK;
	signboard_set(b, all, 10);
	loop_run(s.loop);
	cr_expect_eq(k.n_calls, 3u);
	signboard_free(b);
	fake_free(&k);
	loop_free(s.loop);
	free(all);
}
