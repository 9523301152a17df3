#include "engine/charge.h"

#include <assert.h>
#include <stdio.h>

/* Of a MIG profile the mode says so; a template's name is its own. */
static const char *prefix_of(const geometry *g)
{
	return str_starts(g->name, S("mig-")) ? "mig-" : "";
}

static int32_t number_of(int32_t class_id, int32_t profile)
{
	return class_id + FLEET_CLASSES_MAX * (profile + 1);
}

static const geometry *geometry_of(const fleet *f, int32_t class_id)
{
	return f->classes.v[class_id].cut.geometry;
}

/* The profile whose mode is called `rest`. */
static int32_t profile_named(const geometry *g, str rest)
{
	str prefix = g ? str_from(prefix_of(g)) : STR_NONE;

	if (!g || !str_starts(rest, prefix))
		return GEOMETRY_NONE;
	return geometry_profile_find(g, str_cut(rest, prefix.n, rest.n));
}

/* Names of classes hold dots too: the first that fits counts. A class may be set that is called as a mode is, for its
 * price: what is charged is the mode. */
int32_t charge_find(const fleet *f, str name)
{
	for (uint32_t i = 1; i + 1 < name.n; i++) {
		if (name.p[i] != '.')
			continue;
		int32_t model = fleet_class_find(f, str_cut(name, 0, i));
		int32_t profile = model == FLEET_NONE
					  ? GEOMETRY_NONE
					  : profile_named(geometry_of(f, model), str_cut(name, i + 1, name.n));
		if (profile != GEOMETRY_NONE)
			return number_of(model, profile);
	}
	return fleet_class_find(f, name);
}

bool charge_is_mode(int32_t number)
{
	return number >= FLEET_CLASSES_MAX;
}

str charge_name(const fleet *f, int32_t number, char out[CHARGE_NAME_MAX])
{
	int32_t class_id = number % FLEET_CLASSES_MAX;
	str model = f->classes.v[class_id].name;

	if (!charge_is_mode(number))
		return model;
	const geometry *g = geometry_of(f, class_id);
	int32_t at = number / FLEET_CLASSES_MAX - 1;
	str profile = g && at < g->n_profiles ? g->profiles[at].name : STR_NONE;
	int n = snprintf(
		out, CHARGE_NAME_MAX, STR_FMT ".%s" STR_FMT, STR_ARG(model), g ? prefix_of(g) : "", STR_ARG(profile));
	return str_of(out, n < CHARGE_NAME_MAX ? (size_t)n : CHARGE_NAME_MAX - 1);
}

int32_t charge_mode(const fleet *f, const plan_device *s)
{
	return s->profile ? number_of(f->devices.v[s->device].class_id, s->profile - 1) : FLEET_NONE;
}

bool charge_counts(const fleet *f, const plan_device *s, int32_t number)
{
	return f->devices.v[s->device].class_id == number || charge_mode(f, s) == number;
}

bool charge_check(const quota *q, const fleet *f, int32_t tenant, const plan_device *s, blocker *ret_blocker)
{
	if (!quota_check(q, tenant, f->devices.v[s->device].class_id, s->charge, ret_blocker))
		return false;
	return !s->profile || quota_check(q, tenant, charge_mode(f, s), s->charge, ret_blocker);
}

void charge_take(quota *q, const fleet *f, int32_t tenant, const plan_device *s)
{
	quota_take(q, tenant, f->devices.v[s->device].class_id, s->charge);
	if (s->profile)
		quota_take(q, tenant, charge_mode(f, s), s->charge);
}

void charge_give(quota *q, const fleet *f, int32_t tenant, const plan_device *s)
{
	quota_give(q, tenant, f->devices.v[s->device].class_id, s->charge);
	if (s->profile)
		quota_give(q, tenant, charge_mode(f, s), s->charge);
}
