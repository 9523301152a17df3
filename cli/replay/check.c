#include "cli/replay/check.h"

#include <stdio.h>

#include "api/types/audit.h"
#include "api/types/placement.h"

typedef struct page {
	js_list items; /* of placement */
	str next_cursor;
} page;
static const js_field page_fields[] = {
	JS_FIELD(page, items, JS_OPTIONAL, "Placements.", JS_OF(placement), JS_ITEMS(0, 100000)),
	JS_FIELD(page, next_cursor, JS_OPTIONAL, "The next page."),
};
static JS_TYPE(page, "A page of placements.");

/* Pods by placement id, and what stands where now. */
typedef struct ledger_view {
	map seq_by_id; /* value: the pod's number + 1 */
	outcomes now;
	bool *seen;
} ledger_view;

static void stand(ledger_view *v, uint32_t seq, const placement *p)
{
	const placed_pod *pod = p->placed.v;
	int64_t gpus[TRACE_NODE_GPUS_MAX] = {0};
	uint32_t n = 0;

	if (p->placed.n != 1)
		return;
	const placed_device *d = pod->devices.v;
	for (uint32_t i = 0; i < pod->devices.n && n < TRACE_NODE_GPUS_MAX; i++)
		gpus[n++] = d[i].index;
	outcome_place(&v->now, seq, pod->node, gpus, n);
}

static void count(ledger_view *v, uint32_t seq, const placement *p, replay_check *ret)
{
	const placement_blocker *b = p->blockers.v;

	if (p->ended_at.us) {
		if (str_eq(p->state, S("rejected")))
			ret->refused++;
		else
			ret->ended++;
	} else if (str_eq(p->state, S("pending"))) {
		ret->waiting++;
		ret->without_number += !p->blockers.n || b->need <= 0 || str_is_empty(b->scope);
	} else {
		ret->placed++;
		stand(v, seq, p);
	}
}

static void page_count(ledger_view *v, const page *pg, replay_check *ret)
{
	const placement *p = pg->items.v;

	for (uint32_t i = 0; i < pg->items.n; i++) {
		uintptr_t seq = (uintptr_t)map_find(&v->seq_by_id, p[i].id);
		ret->listed++;
		if (!seq || v->seen[seq - 1]) {
			ret->doubled++;
			continue;
		}
		v->seen[seq - 1] = true;
		count(v, (uint32_t)seq - 1, &p[i], ret);
	}
}

static err pages_read(const sender *s, ledger_view *v, replay_check *ret, fault *f)
{
	char cursor[512] = "";
	err e = ERR_OK;

	do {
		AUTO_ARENA a = arena_new(256 << 20);
		page pg;
		str body = STR_NONE;
		const char *path = str_print(a, "/v1/placements?tenant=%s&subtree=true&limit=1000%s%s%c",
			s->fleet->root, *cursor ? "&cursor=" : "", cursor, 0)
					   .p;
		e = send_get(s, a, path, &body, f);
		if (!e)
			e = js_read_output(&page_type, body, a, &pg, f);
		if (e)
			break;
		page_count(v, &pg, ret);
		snprintf(cursor, sizeof(cursor), STR_FMT, STR_ARG(pg.next_cursor));
	} while (*cursor);
	return e;
}

/* A token that may not ask (403) is excused; any other silence is not. */
static err books_ask(const sender *s, arena *a, replay_check *ret, fault *f)
{
	verify_answer v;
	client_reply r = client_call(s->fleet->client, a, "GET", "/v1/audit:verify", NULL, STR_NONE, 0);

	if (r.e)
		return fault_set(f, r.e, NULL, "/v1/audit:verify: %s", r.why);
	if (r.status == 403)
		return ERR_OK;
	if (r.status != 200)
		return client_problem(&r, a, "GET", "/v1/audit:verify", f);
	err e = js_read_output(&verify_answer_type, r.body, a, &v, f);
	ret->has_books = !e;
	ret->is_intact = !e && v.is_intact;
	ret->books = r.body;
	return e;
}

err replay_check_run(const sender *s, arena *a, replay_check *ret, fault *f)
{
	const trace *t = s->out->trace;
	ledger_view v = {.seen = ARENA_ARRAY(a, bool, t->pods.n)};
	uint32_t sent = 0;

	memset(ret, 0, sizeof(*ret));
	outcomes_init(&v.now, t);
	for (uint32_t i = 0; i < t->pods.n; i++) {
		if (!s->out->pods[i].id.p)
			continue;
		map_put(&v.seq_by_id, s->out->pods[i].id, (void *)(uintptr_t)(i + 1));
		sent++;
	}
	err e = pages_read(s, &v, ret, f);
	for (uint32_t i = 0; i < t->pods.n && !e; i++)
		ret->lost += s->out->pods[i].id.p && !v.seen[i];
	ret->lost += t->pods.n - sent;
	ret->illegal = v.now.illegal;
	memcpy(ret->first_illegal, v.now.first_illegal, sizeof(ret->first_illegal));
	ret->used_gpu_milli = v.now.used_gpu_milli;
	if (!e)
		e = books_ask(s, a, ret, f);
	map_done(&v.seq_by_id);
	outcomes_done(&v.now);
	return e;
}

bool replay_check_held(const replay_check *c)
{
	return !c->lost && !c->doubled && !c->without_number && !c->illegal && (!c->has_books || c->is_intact);
}
