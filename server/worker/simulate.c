#include "server/worker/simulate.h"

#include "api/types/explanation.h"
#include "engine/advice.h"
#include "engine/reserve.h"
#include "server/placer/body.h"
#include "server/placer/hint.h"
#include "server/placer/reservation.h"
#include "server/placer/spend.h"

static void whole_write(buf *out, const books *b, int32_t tenant_key, const simulated_as_of *marks, str cluster,
	str placed, str blockers, str advised, str free)
{
	js_writer w = js_writer_on(out);

	js_object_begin(&w);
	js_put_bool(&w, "fits", cluster.n > 0);
	js_put_text(&w, "tenant", books_payer(b, tenant_key)->path);
	if (cluster.n)
		js_put_text(&w, "cluster", cluster);
	js_put_raw(&w, "placed", placed);
	js_put_raw(&w, "blockers", blockers);
	js_put_raw(&w, "changes", advised);
	js_put_raw(&w, "free", free);
	js_key(&w, S("as_of"));
	js_write(&w, &simulated_as_of_type, marks);
	js_object_end(&w);
}

/* As for one that just came: room that is kept for others is theirs, but for work that ends before they need it. */
static bool find(books *b, int32_t tenant, const reservation *in, const ask *a, int64_t now_us, plan *p, reasons *r)
{
	market_refresh(b->market, &b->fleet);
	reserve_lift(b->reserve, &b->fleet, b->tree, in ? reservation_owner(in) : RESERVE_OWNER_NONE, now_us,
		in ? reservation_runtime_s(in, now_us, a->max_runtime_s) : a->max_runtime_s);
	bool found = place_find(b->room, &b->fleet, b->tree, tenant, a, p, &r->why);
	reserve_apply(b->reserve, &b->fleet, b->tree);
	if (!found && !in)
		reservation_blame(b, tenant, a, r);
	spend_advance(b, now_us);
	spend_recount(b);
	return found && spend_may(b, tenant, p, a->max_runtime_s, &r->why);
}

static str changes_of(books *b, int32_t tenant, const request_ask *w, arena *a)
{
	advices said;

	advise_within(b->room, &b->fleet, b->tree, tenant, &w->ask, SIMULATE_TRIES, &said);
	return hint_changes(b, w, &said, a);
}

static bool names_class(const ask *a, int32_t class_id)
{
	bool is_any = true;

	for (int32_t g = 0; g < a->n_groups; g++)
		for (int32_t e = 0; e < a->groups[g].n_entries; e++)
			for (int32_t i = 0; i < a->groups[g].entries[e].n_classes; i++) {
				if (a->groups[g].entries[e].classes[i] == class_id)
					return true;
				is_any = false;
			}
	return is_any;
}

static str free_of(const books *b, const ask *of, arena *a)
{
	free_block *blocks = ARENA_ARRAY(a, free_block, FLEET_CLASSES_MAX);
	simulated_free *list = ARENA_ARRAY(a, simulated_free, FLEET_CLASSES_MAX);
	int32_t n = free_blocks(&b->fleet, blocks, FLEET_CLASSES_MAX);
	js_list said = {list, 0};

	for (int32_t i = 0; i < n; i++)
		if (names_class(of, blocks[i].class_id))
			list[said.n++] = (simulated_free){b->fleet.classes.v[blocks[i].class_id].name,
				blocks[i].memory_mib, blocks[i].compute_milli, blocks[i].idle_devices};
	return body_list(&simulated_free_type, &said, a);
}

err simulate_placement(
	books *b, int32_t tenant_key, str body, int64_t now_us, const simulated_as_of *marks, buf *out, fault *f)
{
	AUTO_ARENA a = arena_new(0);
	placement_request q;
	request_ask w;
	reasons r;
	plan p;
	err e = request_read(b, tenant_key, body, a, &q, f);

	if (e)
		return e;
	if (!books_payer(b, tenant_key) || books_payer(b, tenant_key)->is_deleted)
		return fault_set(f, ERR_UNKNOWN_TENANT, "#/tenant", "the tenant is gone");
	int32_t tenant = books_payer(b, tenant_key)->handle;
	bool is_ask = request_to_ask(b, &q, a, &w, &r);
	const reservation *in = q.reservation.n ? reservation_named(b, tenant_key, q.reservation) : NULL;
	if (is_ask && q.reservation.n)
		is_ask = reservation_narrow(b, tenant_key, q.reservation, &w, a, &r);
	plan_init(&p);
	if (is_ask && find(b, tenant, in, &w.ask, now_us, &p, &r)) {
		whole_write(out, b, tenant_key, marks, b->site_of.v[p.cluster]->name, body_placed(b, &p, &w.groups, a),
			S("[]"), S("[]"), S("[]"));
	} else {
		js_list blockers = body_blockers(b, &r, a);
		str advised = is_ask && r.why.v[0].code != WHY_BUDGET ? changes_of(b, tenant, &w, a) : S("[]");
		whole_write(out, b, tenant_key, marks, STR_NONE, S("[]"),
			body_list(&placement_blocker_type, &blockers, a), advised,
			is_ask ? free_of(b, &w.ask, a) : S("[]"));
	}
	plan_done(&p);
	return ERR_OK;
}
