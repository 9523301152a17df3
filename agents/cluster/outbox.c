#include "agents/cluster/outbox.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include "engine/digest.h"
#include "json/write.h"

enum { BODY_BYTES_MAX = 256 << 20, ENVELOPE_BYTES = 512, KEY_BYTES = BOOK_ID_MAX + 24 };

typedef enum item_kind { ITEM_READY, ITEM_STEP, ITEM_USAGE } item_kind;

struct outbox_item {
	item_kind kind;
	lifecycle state;
	int64_t at_us;
	int64_t source, window_ms, memory_mib_avg, memory_mib_max, compute_milli_avg;
	uint32_t id_n, fence_n, text_n; /* of the bytes below, in this order; text: reason, usage's key, or the item */
	char bytes[];
};

static str item_id(const outbox_item *i)
{
	return (str){i->bytes, i->id_n};
}

static str item_fence(const outbox_item *i)
{
	return (str){i->bytes + i->id_n, i->fence_n};
}

static str item_text(const outbox_item *i)
{
	return (str){i->bytes + i->id_n + i->fence_n, i->text_n};
}

static outbox_item *item_new(item_kind kind, str id, str fence, str text)
{
	outbox_item *i = calloc(1, sizeof(*i) + (size_t)id.n + fence.n + text.n + 1);

	assert(i);
	i->kind = kind;
	i->id_n = id.n;
	i->fence_n = fence.n;
	i->text_n = text.n;
	if (id.n)
		memcpy(i->bytes, id.p, id.n);
	if (fence.n)
		memcpy(i->bytes + id.n, fence.p, fence.n);
	if (text.n)
		memcpy(i->bytes + id.n + fence.n, text.p, text.n);
	return i;
}

void outbox_init(outbox *o, const char *version)
{
	*o = (outbox){.version = version};
	buf_init(&o->body, BODY_BYTES_MAX);
}

static void sent_clear(outbox *o)
{
	vec_each (i, &o->sent)
		free(i->item);
	vec_clear(&o->sent);
}

static void waiting_clear(outbox *o)
{
	vec_each (i, &o->waiting)
		free(i->item);
	vec_clear(&o->waiting);
	map_clear(&o->last_step);
	map_clear(&o->last_usage);
}

/* What is left is the usage that nobody has said is stored, in order. */
static void waiting_keep_usage(outbox *o)
{
	vec(outbox_place) kept = {0};

	vec_each (i, &o->sent)
		vec_push(&kept, *i);
	vec_clear(&o->sent);
	vec_each (i, &o->waiting) {
		if (i->item->kind == ITEM_USAGE)
			vec_push(&kept, *i);
		else
			free(i->item);
	}
	vec_clear(&o->waiting);
	map_clear(&o->last_step);
	map_clear(&o->last_usage);
	uint32_t over = kept.n > OUTBOX_KEPT_MAX ? kept.n - OUTBOX_KEPT_MAX : 0;
	for (uint32_t i = 0; i < kept.n; i++) {
		if (i < over)
			free(kept.v[i].item);
		else
			vec_push(&o->waiting, kept.v[i]);
	}
	o->lost += over;
	vec_done(&kept);
}

void outbox_done(outbox *o)
{
	sent_clear(o);
	vec_done(&o->sent);
	waiting_clear(o);
	vec_done(&o->waiting);
	map_done(&o->last_step);
	map_done(&o->last_usage);
	buf_done(&o->body);
}

void outbox_begin(outbox *o, str session)
{
	assert(session.n <= OUTBOX_SESSION_MAX);
	waiting_keep_usage(o);
	memcpy(o->session, session.p, session.n);
	o->session[session.n] = 0;
	o->seq = 0;
	o->is_under_way = o->is_over = false;
	buf_clear(&o->body);
}

static bool item_add(outbox *o, outbox_item *i)
{
	if (o->waiting.n >= OUTBOX_ITEMS_MAX) {
		o->is_over = true;
		free(i);
		return false;
	}
	vec_push(&o->waiting, ((outbox_place){i}));
	return true;
}

static void ready_add(outbox *o, buf *json)
{
	assert(!json->over);
	(void)item_add(o, item_new(ITEM_READY, STR_NONE, STR_NONE, buf_str(json)));
	buf_done(json);
}

static js_writer item_begin(buf *json, const char *kind)
{
	buf_init(json, BODY_BYTES_MAX);
	js_writer w = js_writer_on(json);
	js_object_begin(&w);
	js_put_text(&w, "kind", str_from(kind));
	return w;
}

void outbox_inventory(outbox *o, const js_list *nodes, bool is_whole)
{
	const report_node *n = nodes->v;
	buf json;

	js_writer w = item_begin(&json, "inventory");
	if (is_whole)
		js_put_bool(&w, "is_whole", true);
	js_key(&w, S("nodes"));
	js_array_begin(&w);
	for (uint32_t i = 0; i < nodes->n; i++)
		js_write(&w, &report_node_type, &n[i]);
	js_array_end(&w);
	js_object_end(&w);
	ready_add(o, &json);
}

void outbox_gone(outbox *o, str node)
{
	buf json;

	js_writer w = item_begin(&json, "inventory");
	js_key(&w, S("nodes_gone"));
	js_array_begin(&w);
	js_text(&w, node);
	js_array_end(&w);
	js_object_end(&w);
	ready_add(o, &json);
}

static bool is_in(i64s buckets, str name)
{
	int64_t bucket = digest_bucket(name);

	for (uint32_t i = 0; i < buckets.n; i++)
		if (buckets.v[i] == bucket)
			return true;
	return false;
}

static void placements_write(js_writer *w, const book *b, i64s buckets, bool is_whole)
{
	char name[BOOK_ID_MAX + BOOK_FENCE_MAX + 2];

	js_key(w, S("placements"));
	js_array_begin(w);
	map_each (slot, &b->by_id) {
		const holding *h = slot->value;
		if (!h->is_booked || (!is_whole && !is_in(buckets, str_from(h->id))))
			continue;
		int n = snprintf(name, sizeof(name), "%s %s", h->id, h->fence_text);
		js_text(w, str_of(name, (size_t)n));
	}
	js_array_end(w);
}

void outbox_running(outbox *o, const book *b)
{
	buf json;

	js_writer w = item_begin(&json, "running");
	js_put_bool(&w, "is_whole", true);
	placements_write(&w, b, (i64s){0}, true);
	js_object_end(&w);
	ready_add(o, &json);
}

void outbox_running_in(outbox *o, const book *b, i64s buckets)
{
	buf json;

	js_writer w = item_begin(&json, "running");
	js_key(&w, S("buckets"));
	js_array_begin(&w);
	for (uint32_t i = 0; i < buckets.n; i++)
		js_i64(&w, buckets.v[i]);
	js_array_end(&w);
	placements_write(&w, b, buckets, false);
	js_object_end(&w);
	ready_add(o, &json);
}

void outbox_digest(outbox *o, const book *b)
{
	digest sum = {0};
	buf json, text;

	map_each (slot, &b->by_id) {
		const holding *h = slot->value;
		if (h->is_booked)
			digest_toggle(&sum, str_from(h->id), h->attempt.incarnation, h->attempt.number);
	}
	buf_init(&text, DIGEST_BUCKETS * DIGEST_BUCKET_HEX + 1);
	digest_write(&sum, &text);
	js_writer w = item_begin(&json, "digest");
	js_put_text(&w, "digest", buf_str(&text));
	js_object_end(&w);
	ready_add(o, &json);
	buf_done(&text);
}

void outbox_loans(outbox *o, const borrow *b, bool is_whole)
{
	uint32_t n = 0;
	buf json;

	js_writer w = item_begin(&json, "lease");
	if (is_whole)
		js_put_bool(&w, "is_whole", true);
	js_put_i64(&w, "incarnation", b->self.incarnation);
	js_key(&w, S("leases"));
	js_array_begin(&w);
	map_each (slot, &b->by_name) {
		loan *l = slot->value;
		if (!is_whole && !l->is_due)
			continue;
		lease_word word = lease_say(&l->hold, &b->self);
		report_lease said = {str_from(l->name), word.seq, word.granted.v[AXIS_DEVICE_MILLI],
			word.granted.v[AXIS_MEMORY_MIB], word.granted.v[AXIS_COMPUTE_MILLI]};
		js_write(&w, &report_lease_type, &said);
		l->is_due = false;
		n++;
	}
	js_array_end(&w);
	js_object_end(&w);
	if (n || (is_whole && b->self.incarnation))
		ready_add(o, &json);
	else
		buf_done(&json);
}

void outbox_admitted(outbox *o, const holding *h)
{
	buf json;

	js_writer w = item_begin(&json, "admitted");
	js_put_text(&w, "placement", str_from(h->id));
	js_put_text(&w, "fence", str_from(h->fence_text));
	js_put_text(&w, "tenant", h->pod->tenant);
	js_put_raw(&w, "request", h->pod->request);
	js_put_raw(&w, "placed", h->pod->placed);
	js_put_time(&w, "at", h->pod->at_us);
	js_object_end(&w);
	ready_add(o, &json);
}

void outbox_want(outbox *o, str id, str tenant, str request)
{
	buf json;

	js_writer w = item_begin(&json, "want");
	js_put_text(&w, "placement", id);
	js_put_text(&w, "tenant", tenant);
	js_put_raw(&w, "request", request);
	js_object_end(&w);
	ready_add(o, &json);
}

void outbox_withdrawn(outbox *o, const strs *ids)
{
	buf json;

	js_writer w = item_begin(&json, "withdrawn");
	js_key(&w, S("placements"));
	js_array_begin(&w);
	for (uint32_t i = 0; i < ids->n; i++)
		js_text(&w, ids->v[i]);
	js_array_end(&w);
	js_object_end(&w);
	ready_add(o, &json);
}

/* Whether telling `to` makes telling `from` needless. Bound is where charging begins, so only running, which says when,
 * may stand for it. */
static bool step_replaces(lifecycle to, lifecycle from)
{
	return from == LIFE_ACCEPTED || (from == LIFE_BOUND && to == LIFE_RUNNING) || from == to;
}

void outbox_step(outbox *o, str id, str fence, lifecycle state, str reason, int64_t at_us)
{
	outbox_item *old = map_find(&o->last_step, id);

	if (old && !reason.n && !old->text_n && str_eq(item_fence(old), fence) && step_replaces(state, old->state)) {
		old->state = state;
		old->at_us = at_us;
		return;
	}
	outbox_item *fresh = item_new(ITEM_STEP, id, fence, reason);
	fresh->state = state;
	fresh->at_us = at_us;
	if (!item_add(o, fresh))
		return;
	if (old)
		(void)map_remove(&o->last_step, id);
	(void)map_put(&o->last_step, item_id(fresh), fresh);
}

static int64_t mean(int64_t a, int64_t a_ms, int64_t b, int64_t b_ms)
{
	int64_t sum_ms = a_ms + b_ms;

	return sum_ms ? (a * a_ms + b * b_ms + sum_ms / 2) / sum_ms : b;
}

static bool usage_merge(outbox_item *i, const cluster_usage *u)
{
	if (!str_eq(item_fence(i), u->fence) || i->window_ms + u->window_ms > OUTBOX_WINDOW_MAX_MS ||
		(i->at_us + 500) / 1000 != (u->at_us + 500) / 1000 - u->window_ms)
		return false;
	i->memory_mib_avg = mean(i->memory_mib_avg, i->window_ms, u->memory_mib_avg, u->window_ms);
	i->compute_milli_avg = mean(i->compute_milli_avg, i->window_ms, u->compute_milli_avg, u->window_ms);
	if (u->memory_mib_max > i->memory_mib_max)
		i->memory_mib_max = u->memory_mib_max;
	i->window_ms += u->window_ms;
	i->at_us = u->at_us;
	return true;
}

/* "plc_... 7" */
static str usage_key(const cluster_usage *u, char out[KEY_BYTES])
{
	int n = snprintf(
		out, KEY_BYTES, STR_FMT " %lld", STR_ARG(str_cut(u->id, 0, BOOK_ID_MAX)), (long long)u->source);

	return str_of(out, (size_t)n);
}

void outbox_usage(outbox *o, const cluster_usage *u)
{
	char room[KEY_BYTES];
	str key = usage_key(u, room);
	outbox_item *old = map_find(&o->last_usage, key);

	if (old && !u->is_repeat && usage_merge(old, u))
		return;
	outbox_item *fresh = item_new(ITEM_USAGE, u->id, u->fence, key);
	fresh->source = u->source;
	fresh->at_us = u->at_us;
	fresh->window_ms = u->window_ms;
	fresh->memory_mib_avg = u->memory_mib_avg;
	fresh->memory_mib_max = u->memory_mib_max;
	fresh->compute_milli_avg = u->compute_milli_avg;
	if (!item_add(o, fresh) || u->is_repeat)
		return;
	if (old)
		(void)map_remove(&o->last_usage, key);
	(void)map_put(&o->last_usage, item_text(fresh), fresh);
}

static void usage_show(const outbox_item *i, void (*visit)(void *arg, const cluster_usage *u), void *arg)
{
	if (i->kind == ITEM_USAGE)
		visit(arg, &(cluster_usage){.id = item_id(i),
				   .fence = item_fence(i),
				   .source = i->source,
				   .at_us = i->at_us,
				   .window_ms = i->window_ms,
				   .memory_mib_avg = i->memory_mib_avg,
				   .memory_mib_max = i->memory_mib_max,
				   .compute_milli_avg = i->compute_milli_avg});
}

void outbox_usage_each(const outbox *o, void (*visit)(void *arg, const cluster_usage *u), void *arg)
{
	for (uint32_t i = 0; i < o->sent.n; i++)
		usage_show(o->sent.v[i].item, visit, arg);
	for (uint32_t i = 0; i < o->waiting.n; i++)
		usage_show(o->waiting.v[i].item, visit, arg);
}

bool outbox_has_work(const outbox *o)
{
	return o->is_under_way || o->waiting.n;
}

uint32_t outbox_waiting(const outbox *o)
{
	return o->waiting.n;
}

static void item_write(js_writer *w, const outbox_item *i)
{
	if (i->kind == ITEM_READY) {
		js_raw_value(w, item_text(i));
		return;
	}
	js_object_begin(w);
	js_put_text(w, "kind", i->kind == ITEM_STEP ? S("step") : S("usage"));
	js_put_text(w, "placement", item_id(i));
	js_put_text(w, "fence", item_fence(i));
	if (i->kind == ITEM_STEP) {
		js_put_text(w, "state", str_from(lifecycle_name(i->state)));
		if (i->text_n)
			js_put_text(w, "reason", item_text(i));
	} else if (i->source) {
		js_put_i64(w, "source", i->source);
	}
	js_put_time(w, "at", i->at_us);
	if (i->kind == ITEM_USAGE) {
		js_put_i64(w, "window_ms", i->window_ms);
		js_put_i64(w, "memory_mib_avg", i->memory_mib_avg);
		js_put_i64(w, "memory_mib_max", i->memory_mib_max);
		js_put_i64(w, "compute_milli_avg", i->compute_milli_avg);
	}
	js_object_end(w);
}

/* It is in a report: nothing is added to it any more. */
static void item_leave(outbox *o, outbox_item *i)
{
	if (i->kind == ITEM_STEP && map_find(&o->last_step, item_id(i)) == i)
		(void)map_remove(&o->last_step, item_id(i));
	if (i->kind != ITEM_USAGE) {
		free(i);
		return;
	}
	if (map_find(&o->last_usage, item_text(i)) == i)
		(void)map_remove(&o->last_usage, item_text(i));
	vec_push(&o->sent, ((outbox_place){i}));
}

/* How many bytes an item takes at most, so that a report is closed before it is too long. Escapes make a text six times
 * as long. */
static size_t item_bytes(const outbox_item *i)
{
	return ENVELOPE_BYTES + (i->kind == ITEM_READY ? i->text_n : 6 * ((size_t)i->id_n + i->fence_n + i->text_n));
}

static void report_pack(outbox *o)
{
	uint32_t n = 0;

	buf_clear(&o->body);
	js_writer w = js_writer_on(&o->body);
	js_object_begin(&w);
	js_put_text(&w, "session", str_from(o->session));
	js_put_i64(&w, "seq", ++o->seq);
	js_put_text(&w, "version", str_from(o->version));
	js_key(&w, S("items"));
	js_array_begin(&w);
	while (n < o->waiting.n && n < OUTBOX_REPORT_ITEMS_MAX &&
		(!n || o->body.n + item_bytes(o->waiting.v[n].item) < OUTBOX_REPORT_BYTES))
		item_write(&w, o->waiting.v[n++].item);
	js_array_end(&w);
	js_object_end(&w);
	assert(!o->body.over);
	for (uint32_t i = 0; i < n; i++)
		item_leave(o, o->waiting.v[i].item);
	o->waiting.n -= n;
	memmove(o->waiting.v, o->waiting.v + n, o->waiting.n * sizeof(*o->waiting.v));
	o->is_under_way = true;
}

str outbox_report(outbox *o)
{
	if (!o->is_under_way && o->waiting.n)
		report_pack(o);
	return o->is_under_way ? buf_str(&o->body) : STR_NONE;
}

outbox_verdict outbox_answer(outbox *o, const report_answer *answer)
{
	assert(o->is_under_way);
	if (answer->want_snapshot || answer->acked_seq > o->seq || answer->acked_seq < o->seq - 1)
		return OUTBOX_RESTART;
	if (answer->acked_seq < o->seq)
		return OUTBOX_AGAIN;
	o->is_under_way = false;
	sent_clear(o);
	return OUTBOX_STORED;
}
