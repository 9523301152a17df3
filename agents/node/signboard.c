#include "agents/node/signboard.h"
#include <assert.h>
#include <stdlib.h>
#include "agents/kube/kube_write.h"
#include "agents/vendors/vendor.h"
#include "base/log.h"
#include "engine/cut.h"
#include "json/write.h"

enum { SIGNBOARD_BYTES_MAX = 256 << 10, NODE_NAME_MAX = 256 };

struct signboard {
	kube *kube;
	char node[NODE_NAME_MAX];
	buf wanted, written;
	kube_call *call;
	bool is_refused; /* and that was logged */
};

static bool is_nvidia(const card *c)
{
	return strcmp(c->maker, "nvidia") == 0;
}

static const vendor *nvidia(void)
{
	return vendor_of_resource(S("nvidia.com/gpu"));
}

static void places_write(js_writer *w, const geometry_profile *p)
{
	js_key(w, S("placements"));
	js_array_begin(w);
	for (int64_t start = 0; start < 16; start++) {
		if (!(p->starts >> start & 1))
			continue;
		js_object_begin(w);
		js_put_i64(w, "start", start);
		js_put_i64(w, "size", p->width);
		js_object_end(w);
	}
	js_array_end(w);
}

/* The ways to cut it, by its product's geometry. */
static void profiles_write(js_writer *w, const card *c)
{
	class_cut rules;
	const char *cut = vendor_cut_of(nvidia(), str_from(c->product));

	if (!cut || !cut_named(str_from(cut), &rules) || !rules.geometry)
		return;
	js_key(w, S("migProfiles"));
	js_array_begin(w);
	for (int32_t i = 0; i < rules.geometry->n_profiles; i++) {
		const geometry_profile *p = &rules.geometry->profiles[i];
		js_object_begin(w);
		js_put_text(w, "name", p->name);
		js_put_i64(w, "memoryMB", p->memory_mib);
		js_put_i64(w, "sliceCount", p->takes[0]);
		places_write(w, p);
		js_object_end(w);
	}
	js_array_end(w);
}

static void device_write(js_writer *w, const card *c, int64_t shares, arena *a)
{
	bool has_maker = str_starts(str_from(c->product), S("NVIDIA"));

	js_object_begin(w);
	js_put_text(w, "id", str_from(c->uuid));
	js_put_i64(w, "index", c->index);
	js_put_i64(w, "count", shares);
	js_put_i64(w, "devmem", c->memory_mib);
	js_put_i64(w, "devcore", 100);
	js_put_text(w, "type", has_maker ? str_from(c->product) : str_print(a, "NVIDIA-%s", c->product));
	js_put_i64(w, "numa", c->numa);
	js_put_text(w, "mode", c->is_mig ? S("mig") : S("hami-core"));
	js_put_bool(w, "health", c->state == CARD_OK);
	if (c->is_mig)
		profiles_write(w, c);
	js_object_end(w);
}

static void register_write(js_writer *w, const cards *all, int64_t shares, arena *a)
{
	js_array_begin(w);
	for (uint32_t i = 0; i < all->n; i++)
		if (is_nvidia(&all->v[i]))
			device_write(w, &all->v[i], shares, a);
	js_array_end(w);
}

static void scores_write(js_writer *w, const cards *all)
{
	js_array_begin(w);
	for (uint32_t i = 0; i < all->n; i++) {
		if (!is_nvidia(&all->v[i]))
			continue;
		js_object_begin(w);
		js_put_text(w, "uuid", str_from(all->v[i].uuid));
		js_key(w, S("score"));
		js_object_begin(w);
		for (uint32_t k = 0; k < all->n; k++)
			if (k != i && is_nvidia(&all->v[k]))
				js_put_i64(w, all->v[k].uuid, card_link(all, i, k));
		js_object_end(w);
		js_object_end(w);
	}
	js_array_end(w);
}

/* An annotation's value is a text with JSON in it. */
static void annotation_put(js_writer *w, const char *key, buf *value)
{
	js_put_text(w, key, buf_str(value));
	buf_clear(value);
}

str signboard_patch(const cards *all, int64_t shares, arena *a)
{
	buf out, value;

	buf_init(&out, SIGNBOARD_BYTES_MAX);
	buf_init(&value, SIGNBOARD_BYTES_MAX);
	js_writer w = js_writer_on(&out), v = js_writer_on(&value);
	js_object_begin(&w);
	js_key(&w, S("metadata"));
	js_object_begin(&w);
	js_key(&w, S("annotations"));
	js_object_begin(&w);
	register_write(&v, all, shares, a);
	annotation_put(&w, nvidia()->node.devices, &value);
	v = js_writer_on(&value);
	scores_write(&v, all);
	annotation_put(&w, nvidia()->node.scores, &value);
	js_object_end(&w);
	js_object_end(&w);
	js_object_end(&w);
	str body = out.over || value.over ? STR_NONE : str_dup(a, buf_str(&out));
	buf_done(&out);
	buf_done(&value);
	return body;
}

signboard *signboard_new(kube *k, const char *node)
{
	signboard *b = calloc(1, sizeof(*b));

	assert(b && strlen(node) < sizeof(b->node));
	b->kube = k;
	memcpy(b->node, node, strlen(node) + 1);
	buf_init(&b->wanted, SIGNBOARD_BYTES_MAX);
	buf_init(&b->written, SIGNBOARD_BYTES_MAX);
	return b;
}

void signboard_free(signboard *b)
{
	if (!b)
		return;
	if (b->call)
		kube_cancel(b->call);
	buf_done(&b->wanted);
	buf_done(&b->written);
	free(b);
}

static void on_written(void *arg, const kube_reply *r)
{
	signboard *b = arg;

	if (r->e == ERR_CLOSED)
		return;
	b->call = NULL;
	bool was_refused = b->is_refused;
	b->is_refused = !kube_is_done(r);
	if (!b->is_refused)
		return;
	buf_clear(&b->written);
	if (!was_refused)
		log_warn("node.unwritten", KV_ERR(r->e), KV_I64("status", r->status), KV("why", r->message));
}

void signboard_look(signboard *b)
{
	AUTO_ARENA a = arena_new(0);

	if (b->call || !b->wanted.n || str_eq(buf_str(&b->wanted), buf_str(&b->written)))
		return;
	buf_clear(&b->written);
	buf_add_str(&b->written, buf_str(&b->wanted));
	b->call = kube_patch(
		b->kube, str_print(a, "/api/v1/nodes/%s", b->node), buf_str(&b->written), (kube_done){on_written, b});
}

void signboard_set(signboard *b, const cards *all, int64_t shares)
{
	AUTO_ARENA a = arena_new(0);
	str body = signboard_patch(all, shares, a);

	/* A node that never had a device says nothing of devices. */
	if (!all->n && !b->wanted.n)
		return;
	buf_clear(&b->wanted);
	buf_add_str(&b->wanted, body);
	signboard_look(b);
}
