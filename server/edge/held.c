#include "server/edge/held.h"

strs held_names(arena *a, uint64_t rights)
{
	strs names = {ARENA_ARRAY(a, str, RIGHT_COUNT), 0};

	for (right k = RIGHT_SELF; k < RIGHT_COUNT; k++)
		if (rights_hold(rights, k))
			names.v[names.n++] = str_from(right_name(k));
	return names;
}

static js_time until(const grant *g)
{
	return (js_time){g->until_us == GRANT_FOREVER ? 0 : g->until_us};
}

js_list held_grants(arena *a, const principal *p)
{
	held_grant *v = ARENA_ARRAY(a, held_grant, p->grants.n + 1);

	for (uint32_t i = 0; i < p->grants.n; i++) {
		const grant *g = &p->grants.v[i];
		v[i] = (held_grant){
			.role = g->role,
			.tenant = g->tenant,
			.rights = held_names(a, g->rights),
			.granted_by = g->source,
			.backed_by = g->backed_by,
			.expires_at = until(g),
		};
	}
	return (js_list){v, p->grants.n};
}

js_list held_reasons(arena *a, const principal *p, str path)
{
	permission_reason *v = ARENA_ARRAY(a, permission_reason, (size_t)p->grants.n * RIGHT_COUNT + 1);
	uint32_t n = 0;

	for (right k = RIGHT_SELF; k < RIGHT_COUNT; k++)
		for (uint32_t i = 0; i < p->grants.n; i++) {
			const grant *g = &p->grants.v[i];
			if (!rights_hold(g->rights, k) || !path_covers(g->tenant, path))
				continue;
			v[n++] = (permission_reason){
				.right = str_from(right_name(k)),
				.role = g->role,
				.tenant = g->tenant,
				.granted_by = g->source,
				.backed_by = g->backed_by,
				.expires_at = until(g),
			};
		}
	return (js_list){v, n};
}
