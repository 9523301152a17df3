#include "server/identity/grant.h"

#include "base/err.h"

enum { NAME_MAX_BYTES = 150 };

grant grant_of_role(str role, int32_t tenant_key, str tenant, int64_t until_us, str source)
{
	const role_row *row = role_find(role);
	bool counts = row && (tenant.n == 0 || !row->is_platform);

	return (grant){
		.tenant_key = tenant_key,
		.tenant = tenant,
		.rights = counts ? row->rights : 0,
		.until_us = until_us,
		.role = role,
		.source = source,
	};
}

bool path_covers(str above, str below)
{
	if (above.n == 0)
		return true;
	return str_starts(below, above) && (below.n == above.n || below.p[above.n] == '/');
}

uint64_t grants_at_until(const grants *g, str path, int64_t until_us)
{
	uint64_t rights = 0;

	for (uint32_t i = 0; i < g->n; i++)
		if (g->v[i].until_us >= until_us && path_covers(g->v[i].tenant, path))
			rights |= g->v[i].rights;
	return rights;
}

uint64_t grants_at(const grants *g, str path)
{
	return grants_at_until(g, path, INT64_MIN);
}

uint64_t grants_anywhere(const grants *g)
{
	uint64_t rights = 0;

	for (uint32_t i = 0; i < g->n; i++)
		rights |= g->v[i].rights;
	return rights;
}

/* Whether g[i] adds nothing to what another says. Of two that say the same the first stays. */
static bool is_covered(const grants *g, uint32_t i)
{
	const grant *x = &g->v[i];

	for (uint32_t k = 0; k < g->n; k++) {
		const grant *y = &g->v[k];
		bool covers = k != i && path_covers(y->tenant, x->tenant) && rights_cover(y->rights, x->rights) &&
			      y->until_us >= x->until_us;
		if (!covers)
			continue;
		bool is_same = y->rights == x->rights && y->until_us == x->until_us && y->tenant.n == x->tenant.n;
		if (!is_same || k < i)
			return true;
	}
	return false;
}

static void prune(grants *g)
{
	bool is_out[2 * GRANTS_MAX];
	uint32_t n = 0;

	for (uint32_t i = 0; i < g->n; i++)
		is_out[i] = is_covered(g, i);
	for (uint32_t i = 0; i < g->n; i++)
		if (!is_out[i])
			g->v[n++] = g->v[i];
	g->n = n;
}

/* Where two grants meet: at the lower of their nodes, with the rights of both. False: nowhere. */
static bool grant_meet(const grant *of, const grant *by, grant *ret)
{
	bool is_of_lower = path_covers(by->tenant, of->tenant);

	if (!(of->rights & by->rights) || (!is_of_lower && !path_covers(of->tenant, by->tenant)))
		return false;
	*ret = *of;
	ret->rights &= by->rights;
	if (!ret->backed_by.p || !is_of_lower || ret->rights != of->rights || by->until_us < of->until_us)
		ret->backed_by = by->source;
	if (by->until_us < of->until_us)
		ret->until_us = by->until_us;
	if (!is_of_lower) {
		ret->tenant = by->tenant;
		ret->tenant_key = by->tenant_key;
	}
	return true;
}

err grants_meet(arena *a, const grants *of, const grants *by, grants *ret)
{
	grants met = {ARENA_ARRAY(a, grant, 2 * GRANTS_MAX), 0};

	if (of->n > GRANTS_MAX || by->n > GRANTS_MAX)
		return ERR_LIMIT;
	uint32_t prune_from = GRANTS_PRUNED_FROM;

	for (uint32_t i = 0; i < of->n; i++) {
		for (uint32_t k = 0; k < by->n; k++)
			met.n += grant_meet(&of->v[i], &by->v[k], &met.v[met.n]);
		/* Pruning compares each with each: again only when there are twice as many. */
		if (met.n > prune_from) {
			prune(&met);
			prune_from = 2 * met.n > GRANTS_PRUNED_FROM ? 2 * met.n : GRANTS_PRUNED_FROM;
			prune_from = prune_from < GRANTS_MAX ? prune_from : GRANTS_MAX;
		}
		if (met.n > GRANTS_MAX)
			return ERR_LIMIT;
	}
	if (met.n > GRANTS_PRUNED_FROM)
		prune(&met);
	*ret = met;
	return ERR_OK;
}

bool subject_is_fine(str subject)
{
	static const char *const kinds[] = {"user:", "group:", "service:"};
	str name = STR_NONE;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (str_starts(subject, str_from(kinds[i])))
			name = str_cut(subject, strlen(kinds[i]), subject.n);
	if (!name.p || name.n < 1 || name.n > NAME_MAX_BYTES || !str_is_utf8(name))
		return false;
	for (uint32_t i = 0; i < name.n; i++)
		if ((unsigned char)name.p[i] < 0x20 || name.p[i] == 0x7f)
			return false;
	return name.p[0] != ' ' && name.p[name.n - 1] != ' ';
}
