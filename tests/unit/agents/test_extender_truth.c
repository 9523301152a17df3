/* What the extender keeps from one call to the next - ratings, rows of names, places - changes no answer: each is what
 * a look at every node by itself gives, whatever happened before. */
#include <stdlib.h>
#include <time.h>
#include "agents/scheduling/extender/answer.h"
#include "agents/scheduling/extender/rank.h"
#include "cluster_fixture.h"
#include "engine/fit.h"
#include "size.h"

enum { NODES = 150, PODS = 400, LIST_MAX = NODES + 40, CHANGES_MAX = 6, ROWS_MAX = 700 };

typedef struct world {
	uint64_t run, seed;
	stock *stock;
	extender *x;
	buf body, out, wanted;
	bool is_there[NODES], is_cordoned[NODES];
	/* The list that is asked about; the names it means, and how each is written. */
	str names[LIST_MAX];
	uint32_t n;
} world;

static uint32_t draw(world *w, uint32_t n)
{
	w->seed ^= w->seed >> 12;
	w->seed ^= w->seed << 25;
	w->seed ^= w->seed >> 27;
	return (uint32_t)(w->seed * 0x2545F4914F6CDD1Du >> 33) % n;
}

static str name_of(arena *a, uint32_t i)
{
	static const char *const forms[] = {
		"n%u", "gpu-node-%04u", "a-node-with-a-name-longer-than-most-%u.zone-b.example"};

	return str_print(a, forms[i % 3], i);
}

static void node_change(world *w, uint32_t i)
{
	AUTO_ARENA a = arena_new(0);
	str name = name_of(a, i);

	if (w->is_there[i] && draw(w, 3) == 0) {
		stock_node_drop(w->stock, name);
		w->is_there[i] = false;
		return;
	}
	w->is_there[i] = true;
	w->is_cordoned[i] = draw(w, 4) == 0;
	node_tell(w->stock, str_z(a, str_print(a,
					     "{\"metadata\":{\"name\":\"" STR_FMT
					     "\",\"uid\":\"%u\",\"resourceVersion\":\"1\",\"annotations\":{"
					     "\"hami.io/node-nvidia-register\":\"[" CARD("G-%u-0", "%u", "10") "," CARD(
						     "G-%u-1", "%u", "10") "]\"}},\"spec\":{\"unschedulable\":%s}}",
					     STR_ARG(name), i, i, 8000 * (1 + i % 3), i, 8000 * (1 + i % 3),
					     w->is_cordoned[i] ? "true" : "false")));
}

static void pod_change(world *w)
{
	AUTO_ARENA a = arena_new(0);
	uint32_t i = draw(w, NODES);
	str uid = str_print(a, "pod-%u", draw(w, PODS));
	stock_share share = {.uuid = str_print(a, "G-%u-%u", i, draw(w, 2))};

	share.memory_mib = 1000 * (1 + draw(w, 9));
	share.compute_milli = 100 * draw(w, 8);
	if (draw(w, 4) == 0)
		stock_pod_drop(w->stock, uid);
	else
		stock_reserve(w->stock, uid, S("d"), name_of(a, i), &share, 1);
}

static void world_open(world *w)
{
	extender_spec spec = {.by_default = {POLICY_BINPACK, POLICY_BINPACK}};
	const char *given = getenv("ENGINE_SEED");

	*w = (world){.seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL) * 2654435761u | 1};
	w->run = w->seed;
	w->stock = spec.stock = stock_new();
	w->x = extender_new(&spec);
	buf_init(&w->body, 1 << 20);
	buf_init(&w->out, 1 << 20);
	buf_init(&w->wanted, 1 << 20);
	for (uint32_t i = 0; i < NODES - NODES / 10; i++)
		node_change(w, i);
	for (int i = 0; i < PODS; i++)
		pod_change(w);
}

static void world_close(world *w)
{
	extender_free(w->x);
	stock_free(w->stock);
	buf_done(&w->body);
	buf_done(&w->out);
	buf_done(&w->wanted);
	arena_trim();
}

/* All nodes in order, from somewhere on; some left out, strangers among them, pieces out of order, some twice. */
static void list_draw(world *w, arena *a)
{
	uint32_t first = draw(w, 3) ? 0 : draw(w, NODES), holes = draw(w, 3) ? 0 : 2 + draw(w, 9);
	uint32_t swaps = draw(w, 3) ? 0 : draw(w, 30), more = draw(w, 4) ? 0 : draw(w, 30);

	w->n = 0;
	for (uint32_t k = 0; k < NODES; k++)
		if (!holes || draw(w, holes))
			w->names[w->n++] = name_of(a, (first + k) % NODES);
	for (uint32_t k = 0; k < more; k++)
		w->names[w->n++] = draw(w, 2) ? name_of(a, draw(w, NODES)) : str_print(a, "stranger%u", k);
	for (uint32_t k = 0; k < swaps && w->n; k++) {
		uint32_t i = draw(w, w->n), j = draw(w, w->n);
		str name = w->names[i];
		w->names[i] = w->names[j];
		w->names[j] = name;
	}
}

static str pod_draw(world *w, arena *a)
{
	static const char *const policies[] = {"", "\"hami.io/node-scheduler-policy\":\"spread\"",
		"\"hami.io/node-scheduler-policy\":\"binpack\"", "\"nvidia.com/nouse-gpuuuid\":\"G-1-0,G-4-1\""};

	return str_print(a,
		"{\"metadata\":{\"name\":\"p\",\"namespace\":\"d\",\"uid\":\"new\",\"resourceVersion\":\"1\",\"annotations\":{%s}},"
		"\"spec\":{\"containers\":[" ASK("%u", "%u", "%u") "]}}",
		policies[draw(w, 4)], 1 + draw(w, 3) / 2, 2000 * (1 + draw(w, 10)), 25 * draw(w, 4));
}

static void body_write(world *w, str asker)
{
	/* In some lists blanks stand between, in others escapes too; some come in parts. */
	uint32_t oddness = draw(w, 8);

	buf_clear(&w->body);
	buf_printf(&w->body, "{\"Pod\":" STR_FMT ",\"Nodes\":null,\"NodeNames\":[", STR_ARG(asker));
	for (uint32_t i = 0; i < w->n; i++) {
		str name = w->names[i];
		uint32_t form = oddness == 0 ? draw(w, 20) : oddness == 1 ? 1 + draw(w, 20) : 2;
		if (i)
			buf_add_str(&w->body, oddness == 2 && draw(w, 50) == 0 ? S("],\"NodeNames\":[") : S(","));
		if (form == 0)
			buf_printf(&w->body, "\"\\u%04x" STR_FMT "\"", name.p[0], STR_ARG(str_cut(name, 1, name.n)));
		else
			buf_printf(&w->body, form == 1 ? " \"" STR_FMT "\" " : "\"" STR_FMT "\"", STR_ARG(name));
	}
	buf_add_str(&w->body, S("]}"));
}

typedef struct truth {
	int32_t rating[LIST_MAX], rank[LIST_MAX];
} truth;

static void truth_find(world *w, str text, arena *a, truth *t)
{
	fleet *f = stock_fleet(w->stock);
	pod_ask *q = ARENA_NEW(a, pod_ask);
	fit_need need;
	pod p;

	cr_assert_eq(pod_read(text, a, &p), ERR_OK);
	cr_assert_eq(pod_ask_read(&p, w->stock, (pod_policies){POLICY_BINPACK, POLICY_BINPACK}, a, q, NULL), ERR_OK);
	fit_prepare(&need, &q->a, &q->group, NULL);
	for (uint32_t i = 0; i < w->n; i++) {
		int32_t node = fleet_node_find(f, stock_cluster(w->stock), w->names[i]);
		t->rating[i] = node == FLEET_NONE || q->missing ? FIT_NO_NODE : fit_rate(f, &need, node);
		t->rank[i] = node == FLEET_NONE ? 0 : f->views.v[node].rank;
	}
}

static const char *reason_of(int32_t rating, bool *ret_is_final)
{
	*ret_is_final = rating != -1 - (int32_t)WHY_NO_FITTING_DEVICE;
	if (rating == FIT_NO_NODE || rating == -1 - (int32_t)WHY_NO_SUCH_CLASS)
		return "no device of this kind";
	if (rating == -1 - (int32_t)WHY_NODE_CLOSED)
		return "node or devices closed";
	return *ret_is_final ? "devices too few or too small" : "too little free on its devices";
}

static void refused_write(const world *w, const truth *t, bool is_final, buf *to)
{
	bool is_first = true, is;

	for (uint32_t i = 0; i < w->n; i++) {
		if (t->rating[i] >= 0)
			continue;
		const char *reason = reason_of(t->rating[i], &is);
		if (is != is_final)
			continue;
		buf_printf(to, "%s\"" STR_FMT "\":\"%s\"", is_first ? "" : ",", STR_ARG(w->names[i]), reason);
		is_first = false;
	}
}

static void filter_is_true(world *w, const truth *t)
{
	bool is_first = true;

	buf_clear(&w->out);
	extender_filter(w->x, buf_str(&w->body), &w->out);
	buf_clear(&w->wanted);
	buf_add_str(&w->wanted, S("{\"NodeNames\":["));
	for (uint32_t i = 0; i < w->n; i++) {
		if (t->rating[i] < 0)
			continue;
		buf_printf(&w->wanted, "%s\"" STR_FMT "\"", is_first ? "" : ",", STR_ARG(w->names[i]));
		is_first = false;
	}
	buf_add_str(&w->wanted, S("],\"Nodes\":null,\"FailedNodes\":{"));
	refused_write(w, t, false, &w->wanted);
	buf_add_str(&w->wanted, S("},\"FailedAndUnresolvableNodes\":{"));
	refused_write(w, t, true, &w->wanted);
	buf_add_str(&w->wanted, S("},\"Error\":\"\"}"));
	cr_assert(str_eq(buf_str(&w->out), buf_str(&w->wanted)), "ENGINE_SEED=%lu:\n" STR_FMT "\nnot\n" STR_FMT, w->run,
		STR_ARG(buf_str(&w->out)), STR_ARG(buf_str(&w->wanted)));
}

static bool is_before(const truth *t, uint32_t a, uint32_t b)
{
	if (t->rating[a] != t->rating[b])
		return t->rating[a] > t->rating[b];
	return t->rank[a] != t->rank[b] ? t->rank[a] < t->rank[b] : a < b;
}

static void prioritize_is_true(world *w, const truth *t)
{
	bool is_bad;

	buf_clear(&w->out);
	extender_prioritize(w->x, buf_str(&w->body), &w->out, &is_bad);
	cr_assert_not(is_bad);
	buf_clear(&w->wanted);
	buf_add_char(&w->wanted, '[');
	for (uint32_t i = 0; i < w->n; i++) {
		uint32_t score = 0;
		for (uint32_t k = 0; t->rating[i] >= 0 && k < w->n; k++)
			score += t->rating[k] >= 0 && !is_before(t, k, i) ? 1000 : 0;
		buf_printf(&w->wanted, "%s{\"Host\":\"" STR_FMT "\",\"Score\":%u}", i ? "," : "", STR_ARG(w->names[i]),
			score);
	}
	buf_add_char(&w->wanted, ']');
	cr_assert(str_eq(buf_str(&w->out), buf_str(&w->wanted)), "ENGINE_SEED=%lu:\n" STR_FMT "\nnot\n" STR_FMT, w->run,
		STR_ARG(buf_str(&w->out)), STR_ARG(buf_str(&w->wanted)));
}

static void list_keep_passed(world *w, truth *t)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < w->n; i++) {
		if (t->rating[i] < 0)
			continue;
		w->names[n] = w->names[i];
		t->rating[n] = t->rating[i];
		t->rank[n++] = t->rank[i];
	}
	w->n = n;
}

Test(extender_truth, answers_are_those_of_a_look_at_each_node)
{
	world *w = calloc(1, sizeof(*w));
	truth *t = calloc(1, sizeof(*t));

	world_open(w);
	for (int64_t i = size_get("PROPERTY_CASES") / 4; i > 0; i--) {
		AUTO_ARENA a = arena_new(0);
		for (uint32_t k = draw(w, CHANGES_MAX); k > 0; k--)
			pod_change(w);
		if (draw(w, 4) == 0)
			node_change(w, draw(w, NODES));
		str asker = pod_draw(w, a);
		list_draw(w, a);
		body_write(w, asker);
		truth_find(w, asker, a, t);
		filter_is_true(w, t);
		if (draw(w, 3) == 0)
			continue;
		if (draw(w, 4))
			list_keep_passed(w, t);
		if (draw(w, 4) == 0) {
			pod_change(w);
			truth_find(w, asker, a, t);
		}
		body_write(w, asker);
		prioritize_is_true(w, t);
	}
	world_close(w);
	free(t);
	free(w);
}

/* Counted or sorted, places are the same. */
Test(extender_truth, places_are_by_key_and_then_by_order)
{
	static const uint32_t spreads[] = {1, 100, 2047, 2048, 2049, 1 << 20, UINT32_MAX};
	uint32_t keys[ROWS_MAX], places[ROWS_MAX];
	ranked order[ROWS_MAX], room[2 * ROWS_MAX];
	world w = {.seed = 42};

	for (int i = 0; i < 300; i++) {
		uint32_t n = draw(&w, i < 20 ? 3 : 60), spread = spreads[draw(&w, 7)],
			 least = draw(&w, 2) ? 0 : 1 << 30;
		bool is_ordered = draw(&w, 2);
		for (uint32_t k = 0; k < n; k++) {
			uint32_t more = k == 0 ? 0 : k == 1 ? spread - 1 : draw(&w, spread);
			keys[k] = draw(&w, 5) && more < RANK_NONE - least ? least + more : RANK_NONE;
			order[k] = (ranked){draw(&w, n), k};
		}
		rank_sort(order, room, n);
		rank_fill(keys, is_ordered ? order : NULL, n, room, places);
		for (uint32_t k = 0; k < n; k++) {
			uint32_t wanted = 0, at = is_ordered ? order[k].at : k;
			for (uint32_t j = 0; keys[at] != RANK_NONE && j < n; j++) {
				uint32_t other = keys[is_ordered ? order[j].at : j];
				wanted += other != RANK_NONE && (other > keys[at] || (other == keys[at] && j >= k));
			}
			cr_assert_eq(places[at], wanted, "case %d, row %u: %u, not %u", i, at, places[at], wanted);
		}
	}
}

Test(extender_truth, each_rank_is_written_whole)
{
	args_node node = {.name = str_of("\"x\"" + 1, 1), .is_raw = true};
	extender_args q = {.nodes = &node, .n = 1, .names_bytes = 4};
	buf out;
	char wanted[64];

	buf_init(&out, 1 << 10);
	for (uint32_t rank = 0; rank <= EXTENDER_RANK_MAX; rank = rank < 11000 ? rank + 1 : rank + 97) {
		for (int raw = 0; raw < 2; raw++) {
			q.is_raw = raw;
			buf_clear(&out);
			prioritize_answer(&q, &rank, &out);
			int n = snprintf(
				wanted, sizeof(wanted), "[{\"Host\":\"x\",\"Score\":%u}]", rank * EXTENDER_STEP);
			cr_assert(str_eq(buf_str(&out), str_of(wanted, (size_t)n)), STR_FMT, STR_ARG(buf_str(&out)));
		}
	}
	buf_done(&out);
}
