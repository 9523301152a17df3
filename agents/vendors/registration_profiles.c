#include "agents/vendors/registration.h"
#include "json/pull.h"

/* {"devices": [{"index": "0", "minor": "0", "capacity": 6}], "profiles": {"1g.8gb": "3"}}: numbers come as numbers or
 * as texts. A device is as large as the largest profile says. */
enum { DEPTH_MAX = 8, NAME_NUMBER_MAX = 4096 };

typedef struct sizes {
	inventory_profile *v;
	uint32_t n;
	int64_t memory_gib_max, slices_max;
} sizes;

static bool number_next(pull *p, int64_t *ret)
{
	pull_token t = pull_next(p);

	return (t == PULL_NUMBER || t == PULL_TEXT) && str_to_i64(str_trim(p->text), ret);
}

/* "2g.16gb": slices and GiB. */
static bool profile_name(str name, int64_t *ret_slices, int64_t *ret_gib)
{
	str slices = str_split(&name, '.');

	if (!name.p || !str_ends(slices, S("g")) || !str_ends(name, S("gb")))
		return false;
	return str_to_i64(str_cut(slices, 0, slices.n - 1), ret_slices) &&
	       str_to_i64(str_cut(name, 0, name.n - 2), ret_gib) && *ret_slices > 0 && *ret_gib > 0 &&
	       *ret_slices <= NAME_NUMBER_MAX && *ret_gib <= NAME_NUMBER_MAX;
}

static bool profiles_next(pull *p, sizes *s)
{
	str name;
	bool has_escape;

	if (pull_next(p) != PULL_OBJECT)
		return false;
	while (pull_key(p, &name, &has_escape)) {
		int64_t slices, gib;
		if (pull_next(p) != PULL_TEXT || s->n == INVENTORY_PROFILES_MAX)
			return false;
		if (!profile_name(name, &slices, &gib))
			continue;
		s->v[s->n++] =
			(inventory_profile){.name = name, .id = p->text, .memory_mib = gib * 1024, .slices = slices};
		s->memory_gib_max = gib > s->memory_gib_max ? gib : s->memory_gib_max;
		s->slices_max = slices > s->slices_max ? slices : s->slices_max;
	}
	return p->e == ERR_OK;
}

static bool device_next(pull *p, inventory_device *d)
{
	str key;
	bool has_escape;

	if (pull_next(p) != PULL_OBJECT)
		return false;
	while (pull_key(p, &key, &has_escape)) {
		bool fine = str_eq(key, S("index"))      ? number_next(p, &d->index)
			    : str_eq(key, S("capacity")) ? number_next(p, &d->slots)
							 : pull_skip(p) == ERR_OK;
		if (!fine)
			return false;
	}
	return p->e == ERR_OK && d->slots > 0;
}

static bool devices_next(pull *p, inventory *ret)
{
	if (pull_next(p) != PULL_ARRAY)
		return false;
	while (pull_item(p)) {
		if (ret->n == INVENTORY_DEVICES_MAX)
			return false;
		ret->v[ret->n] = (inventory_device){.index = ret->n};
		if (!device_next(p, &ret->v[ret->n]))
			return false;
		ret->n++;
	}
	return p->e == ERR_OK;
}

static bool document_read(str text, inventory *ret, sizes *s)
{
	pull p;
	str key;
	bool has_escape;

	pull_init(&p, text, DEPTH_MAX);
	if (pull_next(&p) != PULL_OBJECT)
		return false;
	while (pull_key(&p, &key, &has_escape)) {
		bool fine = str_eq(key, S("devices"))    ? devices_next(&p, ret)
			    : str_eq(key, S("profiles")) ? profiles_next(&p, s)
							 : pull_skip(&p) == ERR_OK;
		if (!fine)
			return false;
	}
	return pull_finish(&p) == ERR_OK;
}

err registration_profiles(const vendor *k, str node, str text, arena *a, inventory *ret, fault *f)
{
	sizes s = {.v = ARENA_ARRAY(a, inventory_profile, INVENTORY_PROFILES_MAX)};

	ret->v = ARENA_ARRAY(a, inventory_device, INVENTORY_DEVICES_MAX);
	if (!document_read(text, ret, &s))
		return registration_refuse(f, k->node.devices, "it is no object of devices and profiles");
	if (!s.n)
		return registration_refuse(f, k->node.devices, "no profile of it can be read");
	for (uint32_t i = 0; i < s.n; i++)
		s.v[i].compute = s.v[i].slices * 100 / s.slices_max;
	for (uint32_t i = 0; i < ret->n; i++) {
		inventory_device *d = &ret->v[i];
		d->uuid = str_print(a, STR_FMT "%s%lld", STR_ARG(node), k->node.infix, (long long)d->index);
		d->product = str_from(k->word);
		d->memory_mib = s.memory_gib_max * 1024;
		d->compute = 100;
		d->is_healthy = true;
		d->profiles = s.v;
		d->n_profiles = s.n;
	}
	return ERR_OK;
}
