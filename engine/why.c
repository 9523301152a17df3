#include "engine/why.h"

#include "engine/fleet.h"

#include <assert.h>

typedef struct reason {
	const char *name;
	why_when when;
	const char *title;
} reason;

/* clang-format off */
static const reason reasons[WHY_COUNT] = {
	[WHY_NONE] = {"none", WHEN_INVENTORY, "Nothing is in the way"},
#define W(id, code, when, title) [WHY_##id] = {code, when, title},
#include "engine/why.def"
#undef W
};
/* clang-format on */

static const reason *reason_of(why_code c)
{
	assert(c >= 0 && c < WHY_COUNT);
	return &reasons[c];
}

const char *why_name(why_code c)
{
	return reason_of(c)->name;
}

const char *why_title(why_code c)
{
	return reason_of(c)->title;
}

why_when why_unblocks(why_code c)
{
	return reason_of(c)->when;
}

const char *why_when_name(why_when w)
{
	static const char *const names[WHEN_COUNT] = {
		"use_falls", "capacity_frees", "opens", "inventory", "period_begins"};

	assert(w >= 0 && w < WHEN_COUNT);
	return names[w];
}

bool why_is_quota(why_code c)
{
	return reason_of(c)->when == WHEN_USE_FALLS;
}

static int order_of(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

static int blocker_cmp(const blocker *a, const blocker *b)
{
	int order = order_of(a->code, b->code);

	order = order ? order : order_of(b->nodes, a->nodes);
	order = order ? order : order_of(a->cluster, b->cluster);
	order = order ? order : order_of(a->group, b->group);
	order = order ? order : order_of(a->class_id, b->class_id);
	return order ? order : order_of(a->tenant, b->tenant);
}

void why_add(why *w, blocker b)
{
	assert(b.code != WHY_NONE);
	int32_t at = w->n;

	while (at > 0 && blocker_cmp(&b, &w->v[at - 1]) < 0)
		at--;
	w->is_cut |= w->n == WHY_BLOCKERS_MAX;
	if (at == WHY_BLOCKERS_MAX)
		return;
	int32_t last = w->n < WHY_BLOCKERS_MAX ? w->n++ : WHY_BLOCKERS_MAX - 1;
	for (int32_t i = last; i > at; i--)
		w->v[i] = w->v[i - 1];
	w->v[at] = b;
}

blocker blocker_of(why_code code)
{
	return (blocker){
		.code = code,
		.cluster = FLEET_NONE,
		.class_id = FLEET_NONE,
		.tenant = FLEET_NONE,
		.group = FLEET_NONE,
		.node = FLEET_NONE,
	};
}
