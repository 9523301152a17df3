#include "agents/simulate/simulate.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include "agents/cluster/journal.h"
#include "agents/simulate/arrive.h"
#include "agents/simulate/due.h"
#include "base/map.h"
#include "json/pull.h"
#include "json/write.h"

enum { PLACED_BYTES_MAX = 4 << 20, PPM = 1000000, FAIL_AFTER_MS = 1000, LABELS_DEPTH = 4 };
#define RUNTIME_MAX_MS ((int64_t)366 * 86400 * 1000)
#define RUNTIME_LABEL  "simulate/runtime_ms"

/* A journal's record. kind: start (all), stop (id, fence, at_us, stop_ms), drop (id, fence). */
typedef struct order {
	str kind, id, fence;
	int64_t at_us;
	int64_t start_ms, runtime_ms, stop_ms;
	bool fails;
	bool is_cut; /* the end is max_runtime_s's */
	int64_t self_fence_s, speak_s;
	js_list placed;
} order;

#define F(...) JS_FIELD(order, __VA_ARGS__)
static const js_field order_fields[] = {
	F(kind, JS_REQUIRED, "start, stop or drop."),
	F(id, JS_REQUIRED, "The placement."),
	F(fence, JS_REQUIRED, "Its attempt."),
	F(at_us, JS_OPTIONAL, "When."),
	F(start_ms, JS_OPTIONAL, "From bound to running."),
	F(runtime_ms, JS_OPTIONAL, "From running to the end; 0: open."),
	F(stop_ms, JS_OPTIONAL, "From the order to stop to the end."),
	F(fails, JS_OPTIONAL, "Whether that end is a failure."),
	F(is_cut, JS_OPTIONAL, "Whether that end is max_runtime_s."),
	F(self_fence_s, JS_OPTIONAL, "It is to end when its agent is cut off for so long."),
	F(speak_s, JS_OPTIONAL, "Its agent reports so often at least."),
	F(placed, JS_OPTIONAL, "Its pods.", JS_OF(placed_pod), JS_ITEMS(0, 100000)),
};
#undef F
static JS_TYPE(order, "An order to a simulated cluster.");

/* The pods of one placement. */
typedef struct pods {
	due_at due; /* first: the heap's member */
	str key, id, fence;
	str record; /* as in the journal */
	cluster_phase phase;
	int64_t begun_us, running_us, at_us;
	int64_t start_ms, runtime_ms, self_fence_s, speak_s;
	bool fails, is_cut;
	int64_t memory_mib, compute_milli; /* booked, over its devices */
	int64_t usage_us;                  /* told up to here */
	int64_t stopped_us, stop_ms;       /* 0: no order to stop; how long they take then */
	uint32_t n_news;                   /* entries in simulate.news */
} pods;

typedef struct news {
	pods *p;
	cluster_phase phase;
	int64_t at_us;
} news;

struct simulate {
	const scene *scene;
	arrive arrivals;
	journal *journal;
	map by_key;
	due due;
	vec(news) news;
	vec(news) dropped; /* freed at the next turn: news may still point to them */
	int64_t usage_us;  /* next windows */
	int64_t now_us;
};

static void pods_free(pods *p)
{
	free((void *)p->key.p);
	free((void *)p->record.p);
	free(p);
}

static str text_keep(str s)
{
	char *p = calloc((size_t)s.n + 1, 1);

	assert(p);
	memcpy(p, s.p, s.n);
	return str_of(p, s.n);
}

static str key_print(char out[512], str id, str fence)
{
	int n = snprintf(out, 512, STR_FMT " " STR_FMT, STR_ARG(id), STR_ARG(fence));

	return str_of(out, n < 512 ? (size_t)n : 511);
}

static pods *pods_find(const simulate *s, str id, str fence)
{
	char key[512];

	return map_find(&s->by_key, key_print(key, id, fence));
}

static bool phase_is_over(cluster_phase p)
{
	return p == CLUSTER_DONE || p == CLUSTER_FAILED || p == CLUSTER_STOPPED;
}

static void news_add(simulate *s, pods *p, cluster_phase phase, int64_t at_us)
{
	p->phase = phase;
	p->at_us = at_us;
	p->n_news++;
	vec_push(&s->news, ((news){p, phase, at_us}));
}

static void amounts_sum(pods *p, const js_list *placed)
{
	const placed_pod *pod = placed->v;

	for (uint32_t i = 0; i < placed->n; i++) {
		const placed_device *d = pod[i].devices.v;
		for (uint32_t k = 0; k < pod[i].devices.n; k++) {
			p->memory_mib += d[k].memory_mib;
			p->compute_milli += d[k].compute_milli;
		}
	}
}

static pods *pods_add(simulate *s, const order *o, str record)
{
	pods *p = calloc(1, sizeof(*p));
	char key[512];

	assert(p);
	p->key = text_keep(key_print(key, o->id, o->fence));
	p->id = str_cut(p->key, 0, o->id.n);
	p->fence = str_cut(p->key, o->id.n + 1u, p->key.n);
	p->record = text_keep(record);
	p->begun_us = p->at_us = o->at_us;
	p->start_ms = o->start_ms;
	p->runtime_ms = o->runtime_ms;
	p->fails = o->fails;
	p->is_cut = o->is_cut;
	p->self_fence_s = o->self_fence_s;
	p->speak_s = o->speak_s;
	amounts_sum(p, &o->placed);
	(void)map_put(&s->by_key, p->key, p);
	due_put(&s->due, &p->due, o->at_us + o->start_ms * 1000);
	return p;
}

/* What time alone brings: bound -> running -> the end. */
static void pods_step(simulate *s, pods *p)
{
	int64_t at_us = p->due.us;

	due_remove(&s->due, &p->due);
	if (p->stopped_us) {
		news_add(s, p, CLUSTER_STOPPED, at_us);
	} else if (p->phase == CLUSTER_BOUND) {
		p->running_us = p->usage_us = at_us;
		news_add(s, p, CLUSTER_RUNNING, at_us);
		if (p->runtime_ms)
			due_put(&s->due, &p->due, at_us + p->runtime_ms * 1000);
	} else {
		news_add(s, p, p->fails ? CLUSTER_FAILED : CLUSTER_DONE, at_us);
	}
}

/* Told to stop: they take their time. */
static void pods_end(simulate *s, pods *p, int64_t now_us, int64_t stop_ms)
{
	if (phase_is_over(p->phase) || p->stopped_us)
		return;
	due_remove(&s->due, &p->due);
	p->stopped_us = now_us;
	p->stop_ms = stop_ms;
	if (stop_ms)
		due_put(&s->due, &p->due, now_us + stop_ms * 1000);
	else
		news_add(s, p, CLUSTER_STOPPED, now_us);
}

static void time_pass(simulate *s, int64_t now_us)
{
	due_at *first;

	while ((first = due_first(&s->due)) && first->us <= now_us)
		pods_step(s, (pods *)(void *)first);
	if (now_us > s->now_us)
		s->now_us = now_us;
}

static void pods_drop(simulate *s, pods *p)
{
	due_remove(&s->due, &p->due);
	(void)map_remove(&s->by_key, p->key);
	if (p->n_news)
		vec_push(&s->dropped, ((news){.p = p}));
	else
		pods_free(p);
}

static str order_write(buf *out, const order *o)
{
	buf_init(out, PLACED_BYTES_MAX);
	js_writer w = js_writer_on(out);
	js_write(&w, &order_type, o);
	return buf_str(out);
}

static void order_replay(void *arg, str record)
{
	AUTO_ARENA a = arena_new(0);
	simulate *s = arg;
	order o;

	if (js_read_output(&order_type, record, a, &o, NULL))
		return;
	pods *p = pods_find(s, o.id, o.fence);
	if (str_eq(o.kind, S("start")) && !p) {
		(void)pods_add(s, &o, record);
	} else if (str_eq(o.kind, S("stop")) && p) {
		time_pass(s, o.at_us);
		pods_end(s, p, o.at_us, o.stop_ms);
	} else if (str_eq(o.kind, S("drop")) && p) {
		pods_drop(s, p);
	}
}

static void orders_write(void *arg, journal *j)
{
	simulate *s = arg;
	buf line;

	map_each (slot, &s->by_key) {
		const pods *p = slot->value;
		journal_add(j, p->record);
		if (!p->stopped_us)
			continue;
		order o = {.kind = S("stop"),
			.id = p->id,
			.fence = p->fence,
			.at_us = p->stopped_us,
			.stop_ms = p->stop_ms};
		journal_add(j, order_write(&line, &o));
		buf_done(&line);
	}
}

/* What happened before the agent started is told by `list`, not as news; usage of that time is not made up. */
static void replay_end(simulate *s, int64_t now_us)
{
	time_pass(s, now_us);
	vec_clear(&s->news);
	map_each (slot, &s->by_key) {
		pods *p = slot->value;
		p->usage_us = now_us;
		p->n_news = 0;
	}
	vec_each (n, &s->dropped)
		pods_free(n->p);
	vec_clear(&s->dropped);
	s->usage_us = now_us + s->scene->pods.usage_interval_ms * 1000;
}

err simulate_open(const scene *sc, const char *path, int64_t now_us, simulate **ret, fault *f)
{
	simulate *s = calloc(1, sizeof(*s));

	assert(s);
	s->scene = sc;
	arrive_begin(&s->arrivals, sc, now_us);
	err e = journal_open(path, order_replay, s, &s->journal, f);
	if (!e)
		replay_end(s, now_us);
	if (!e)
		e = journal_rewrite(s->journal, orders_write, s, f);
	if (e) {
		simulate_close(s);
		return e;
	}
	*ret = s;
	return ERR_OK;
}

void simulate_close(simulate *s)
{
	if (!s)
		return;
	map_each (slot, &s->by_key)
		pods_free(slot->value);
	vec_each (n, &s->dropped)
		pods_free(n->p);
	vec_done(&s->dropped);
	vec_done(&s->news);
	map_done(&s->by_key);
	due_done(&s->due);
	arrive_done(&s->arrivals);
	journal_close(s->journal);
	free(s);
}

void simulate_change(simulate *s, const scene *to)
{
	s->scene = to;
}

uint32_t simulate_pods(const simulate *s)
{
	return s->by_key.n;
}

int64_t simulate_torn_bytes(const simulate *s)
{
	return journal_torn_bytes(s->journal);
}

static str face_uid(void *self)
{
	return ((simulate *)self)->scene->cluster_uid;
}

static js_list face_nodes(void *self, arena *a)
{
	return scene_report(((simulate *)self)->scene, a);
}

/* A number below a million that follows from seed, placement and purpose alone (FNV-1a, then a finaliser). */
static int64_t chance_ppm(const simulate *s, str id, str fence, const char *what)
{
	str parts[] = {id, fence, str_from(what)};
	uint64_t h = 14695981039346656037u ^ (uint64_t)s->scene->seed;

	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		for (uint32_t k = 0; k <= parts[i].n; k++)
			h = (h ^ (k < parts[i].n ? (uint8_t)parts[i].p[k] : 0xffu)) * 1099511628211u;
	h = (h ^ h >> 33) * 0xff51afd7ed558ccdu;
	h = (h ^ h >> 33) * 0xc4ceb9fe1a85ec53u;
	return (int64_t)((h ^ h >> 33) % PPM);
}

/* The label's number, or -1. */
static int64_t label_runtime_ms(str labels)
{
	int64_t ms = -1;
	bool has_escape;
	str key;
	pull p;

	if (!labels.p)
		return -1;
	pull_init(&p, labels, LABELS_DEPTH);
	if (pull_next(&p) != PULL_OBJECT)
		return -1;
	while (pull_key(&p, &key, &has_escape)) {
		if (!str_eq(key, S(RUNTIME_LABEL))) {
			if (pull_skip(&p))
				return -1;
			continue;
		}
		pull_token k = pull_next(&p);
		if ((k != PULL_TEXT && k != PULL_NUMBER) || !str_to_i64(p.text, &ms) || ms < 0 || ms > RUNTIME_MAX_MS)
			return -1;
	}
	return ms;
}

/* How the pods will go, decided once. */
static void fate_decide(const simulate *s, const cluster_order *o, order *ret)
{
	const scene_pods *rules = &s->scene->pods;
	int64_t label_ms = label_runtime_ms(o->labels.json), most_ms = RUNTIME_MAX_MS;

	if (o->max_runtime_s < RUNTIME_MAX_MS / 1000)
		most_ms = o->max_runtime_s > 0 ? o->max_runtime_s * 1000 : 0;
	ret->start_ms = rules->start_ms;
	ret->runtime_ms = label_ms >= 0 ? label_ms : rules->runtime_ms;
	if (most_ms && (!ret->runtime_ms || ret->runtime_ms > most_ms)) {
		ret->runtime_ms = most_ms;
		ret->is_cut = true;
	}
	if (chance_ppm(s, o->id, o->fence, "fail") < rules->fail_ppm) {
		ret->fails = true;
		ret->is_cut = false;
		ret->runtime_ms = ret->runtime_ms ? (ret->runtime_ms + 1) / 2 : FAIL_AFTER_MS;
	}
}

static bool face_start(void *self, const cluster_order *o, int64_t now_us, str *ret_reason)
{
	simulate *s = self;
	order record = {.kind = S("start"), .id = o->id, .fence = o->fence, .at_us = now_us, .placed = o->placed};
	buf line;

	record.self_fence_s = o->self_fence_s;
	record.speak_s = o->speak_s;

	if (pods_find(s, o->id, o->fence))
		return true;
	if (chance_ppm(s, o->id, o->fence, "refuse") < s->scene->pods.refuse_ppm) {
		*ret_reason = S("the simulation refuses it");
		return false;
	}
	fate_decide(s, o, &record);
	str text = order_write(&line, &record);
	if (line.over) {
		buf_done(&line);
		*ret_reason = S("the placement is too large");
		return false;
	}
	journal_add(s->journal, text);
	news_add(s, pods_add(s, &record, text), CLUSTER_BOUND, now_us);
	buf_done(&line);
	return true;
}

static bool face_stop(void *self, str id, str fence, int64_t grace_s, int64_t now_us)
{
	simulate *s = self;
	order record = {.kind = S("stop"), .id = id, .fence = fence, .at_us = now_us};
	pods *p = pods_find(s, id, fence);
	buf line;

	if (!p)
		return false;
	time_pass(s, now_us);
	if (phase_is_over(p->phase) || p->stopped_us)
		return true;
	record.stop_ms = s->scene->pods.stop_ms;
	if (grace_s == CLUSTER_AT_ONCE)
		record.stop_ms = 0;
	if (grace_s > 0 && record.stop_ms > grace_s * 1000)
		record.stop_ms = grace_s * 1000;
	journal_add(s->journal, order_write(&line, &record));
	buf_done(&line);
	pods_end(s, p, now_us, record.stop_ms);
	return true;
}

static void face_drop(void *self, str id, str fence)
{
	simulate *s = self;
	order record = {.kind = S("drop"), .id = id, .fence = fence};
	pods *p = pods_find(s, id, fence);
	buf line;

	if (!p || !phase_is_over(p->phase))
		return;
	journal_add(s->journal, order_write(&line, &record));
	buf_done(&line);
	pods_drop(s, p);
}

static cluster_pods pods_tell(const pods *p, cluster_phase phase, int64_t at_us)
{
	cluster_pods told = {
		.id = p->id,
		.fence = p->fence,
		.phase = phase,
		.at_us = at_us,
		.running_us = phase == CLUSTER_BOUND ? 0 : p->running_us,
		.self_fence_s = p->self_fence_s,
		.speak_s = p->speak_s,
	};

	if (phase == CLUSTER_FAILED)
		told.reason = S("the simulation lets it fail");
	if (phase == CLUSTER_DONE && p->is_cut)
		told.reason = S("max_runtime_s has passed");
	return told;
}

static void face_list(void *self, void (*visit)(void *arg, const cluster_pods *p), void *arg)
{
	simulate *s = self;

	map_each (slot, &s->by_key) {
		AUTO_ARENA a = arena_new(0);
		const pods *p = slot->value;
		order o = {0};
		err e = js_read_output(&order_type, p->record, a, &o, NULL);
		assert(!e);
		cluster_pods told = pods_tell(p, p->phase, p->at_us);
		told.placed = o.placed;
		visit(arg, &told);
	}
}

/* One window of a placement, up to until_us. The peak stands a sixteenth above the mean, within what is booked. */
static void usage_tell(simulate *s, pods *p, const cluster_events *e, int64_t until_us)
{
	const scene_pods *use = &s->scene->pods;
	int64_t memory_mib = p->memory_mib * use->memory_use_percent / 100, max_mib = memory_mib + memory_mib / 16;
	int64_t window_ms = (until_us - p->usage_us) / 1000;

	if (!use->usage_interval_ms || window_ms <= 0)
		return;
	p->usage_us += window_ms * 1000;
	e->on_usage(e->arg, &(cluster_usage){
				    .id = p->id,
				    .fence = p->fence,
				    .at_us = p->usage_us,
				    .window_ms = window_ms,
				    .memory_mib_avg = memory_mib,
				    .memory_mib_max = max_mib < p->memory_mib ? max_mib : p->memory_mib,
				    .compute_milli_avg = p->compute_milli * use->compute_use_percent / 100,
			    });
}

static void usage_turn(simulate *s, const cluster_events *e, int64_t now_us)
{
	int64_t interval_us = s->scene->pods.usage_interval_ms * 1000;

	if (!interval_us || now_us < s->usage_us)
		return;
	map_each (slot, &s->by_key) {
		pods *p = slot->value;
		if (p->phase == CLUSTER_RUNNING && (p->memory_mib || p->compute_milli))
			usage_tell(s, p, e, now_us);
	}
	s->usage_us = now_us + interval_us;
}

static void news_tell(simulate *s, const cluster_events *e)
{
	for (uint32_t i = 0; i < s->news.n; i++) {
		news n = s->news.v[i];
		if (phase_is_over(n.phase) && n.p->running_us && (n.p->memory_mib || n.p->compute_milli))
			usage_tell(s, n.p, e, n.at_us);
		cluster_pods told = pods_tell(n.p, n.phase, n.at_us);
		e->on_phase(e->arg, &told);
		n.p->n_news--;
	}
	vec_clear(&s->news);
	vec_each (n, &s->dropped)
		pods_free(n->p);
	vec_clear(&s->dropped);
}

static int64_t face_turn(void *self, const cluster_events *e, int64_t now_us)
{
	simulate *s = self;
	due_at *first;

	time_pass(s, now_us);
	int64_t comes_us = arrive_turn(&s->arrivals, s->scene, e, now_us);
	news_tell(s, e);
	usage_turn(s, e, now_us);
	int64_t next_us = s->scene->pods.usage_interval_ms && s->by_key.n ? s->usage_us : CLUSTER_NEVER;
	if ((first = due_first(&s->due)) && first->us < next_us)
		next_us = first->us;
	return comes_us < next_us ? comes_us : next_us;
}

static err face_flush(void *self, fault *f)
{
	simulate *s = self;

	err e = journal_flush(s->journal, f);
	if (!e && journal_is_stale(s->journal, JOURNAL_STALE_BYTES))
		e = journal_rewrite(s->journal, orders_write, s, f);
	return e;
}

static int64_t face_clock_us(void *self, int64_t real_us)
{
	return arrive_clock_us(&((simulate *)self)->arrivals, ((simulate *)self)->scene, real_us);
}

static int64_t face_real_us(void *self, int64_t delay_us)
{
	return delay_us / ((simulate *)self)->scene->speed;
}

cluster_ref simulate_cluster(simulate *s)
{
	static const cluster_face face = {
		.uid = face_uid,
		.nodes = face_nodes,
		.start = face_start,
		.stop = face_stop,
		.drop = face_drop,
		.list = face_list,
		.turn = face_turn,
		.flush = face_flush,
		.clock_us = face_clock_us,
		.real_us = face_real_us,
	};

	return (cluster_ref){&face, s};
}
