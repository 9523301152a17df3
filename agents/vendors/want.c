#include "agents/vendors/want.h"

typedef struct lists {
	const quantity_row *limits, *requests;
	uint32_t n_limits, n_requests;
	fault *f;
} lists;

static const quantity_row *amount_in(const quantity_row *v, uint32_t n, str name)
{
	for (uint32_t i = 0; i < n; i++)
		if (str_eq(v[i].resource, name))
			return &v[i];
	return NULL;
}

static const quantity_row *amount_find(const lists *l, const char *name)
{
	const quantity_row *found = name ? amount_in(l->limits, l->n_limits, str_from(name)) : NULL;

	if (!found && name)
		found = amount_in(l->requests, l->n_requests, str_from(name));
	return found;
}

/* The amount of `name` as a whole number; absent leaves *ret. */
static err number_read(const lists *l, const char *name, int64_t min, int64_t max, int64_t *ret, bool *ret_has)
{
	const quantity_row *a = amount_find(l, name);
	char text[QUANTITY_TEXT_MAX];
	int64_t v;

	*ret_has = a != NULL;
	if (!a)
		return ERR_OK;
	(void)quantity_print(a->q, text);
	if (!quantity_is_whole(a->q))
		return fault_set(l->f, ERR_BAD_FIELD, name, "%s must be a whole number, not %s", name, text);
	if (!quantity_to_i64(a->q, 0, &v) || v < min || v > max)
		return fault_set(l->f, ERR_BAD_FIELD, name, "%s must be %lld to %lld, not %s", name, (long long)min,
			(long long)max, text);
	*ret = v;
	return ERR_OK;
}

static err memory_refuse(const lists *l, const vendor *k, const quantity_row *a)
{
	const char *name = k->resources.memory;
	char text[QUANTITY_TEXT_MAX];
	int64_t mib;

	(void)quantity_print(a->q, text);
	if (quantity_cmp(a->q, quantity_of(1 << 20, QUANTITY_BINARY)) >= 0 && quantity_to_mib(a->q, &mib))
		return fault_set(l->f, ERR_BAD_FIELD, name,
			"%s counts in units of %d MiB and no device has %s of them; if bytes were meant, write %lld",
			name, k->memory_unit_mib, text,
			(long long)((mib + k->memory_unit_mib - 1) / k->memory_unit_mib));
	return fault_set(l->f, ERR_BAD_FIELD, name, "%s must be a whole number of units of %d MiB, not %s", name,
		k->memory_unit_mib, text);
}

static err memory_read(const lists *l, const vendor *k, want *w)
{
	const quantity_row *a = amount_find(l, k->resources.memory);
	int64_t v;

	if (!a)
		return ERR_OK;
	bool fits = quantity_is_whole(a->q) && quantity_to_i64(a->q, 0, &v) && v >= 0;
	if (fits && k->memory_bytes_from && v >= k->memory_bytes_from) {
		fits = quantity_to_mib(a->q, &w->memory_mib) && w->memory_mib <= INT32_MAX;
	} else if (fits && k->memory_mib_from && v >= k->memory_mib_from) {
		fits = v <= INT32_MAX;
		w->memory_mib = v;
	} else if (fits) {
		fits = v <= INT32_MAX / k->memory_unit_mib;
		w->memory_mib = fits ? v * k->memory_unit_mib : 0;
	}
	return fits ? ERR_OK : memory_refuse(l, k, a);
}

/* As HAMi: 0 and less is no word of it, more than 100 is all. */
static err percent_read(const lists *l, const vendor *k, want *w)
{
	int64_t v = 0;
	bool has;
	err e = number_read(l, k->resources.memory_percent, INT32_MIN, INT32_MAX, &v, &has);

	if (!e && v > 0 && !w->memory_mib)
		w->memory_percent = v > 100 ? 100 : (int32_t)v;
	return e;
}

static int32_t milli_of(int64_t units, int32_t whole)
{
	return units >= whole ? 1000 : (int32_t)((units * 1000 + whole - 1) / whole);
}

static err compute_read(const lists *l, const vendor *k, want *w)
{
	int64_t v = k->compute_unsaid;
	bool has;
	err e = number_read(l, k->resources.compute, k->compute_min, INT32_MAX, &v, &has);

	if (e)
		return e;
	if (has && k->amounts_are_totals)
		v /= w->count;
	w->compute_milli = v == VENDOR_ABSENT || !k->compute_whole ? VENDOR_ABSENT : milli_of(v, k->compute_whole);
	return ERR_OK;
}

/* Parts of devices: up to a device of them, or whole devices. */
static err parts_read(const lists *l, const vendor *k, want *w)
{
	int64_t v = 0;
	bool has;
	err e = number_read(l, k->resources.parts, 0, (int64_t)WANT_COUNT_MAX * k->compute_whole, &v, &has);

	if (e || v == 0)
		return e;
	if (v > k->compute_whole && v % k->compute_whole)
		return fault_set(l->f, ERR_BAD_FIELD, k->resources.parts,
			"%s must be less than %d or a multiple of it, not %lld", k->resources.parts, k->compute_whole,
			(long long)v);
	w->count = v > k->compute_whole ? (int32_t)(v / k->compute_whole) : 1;
	w->compute_milli = milli_of(v, k->compute_whole);
	return ERR_OK;
}

static err size_read(const lists *l, const vendor *k, want *w)
{
	int64_t v = 0;
	bool has;
	err e = number_read(l, k->resources.size, 0, INT16_MAX, &v, &has);

	if (!e && v > 0) {
		w->count = 1;
		w->size = (int32_t)v;
	}
	return e;
}

static bool has_amount(const lists *l, const vendor *k)
{
	return amount_find(l, k->resources.memory) || amount_find(l, k->resources.memory_percent) ||
	       amount_find(l, k->resources.compute);
}

static err count_read(const lists *l, const vendor *k, want *w)
{
	int64_t v = 0;
	bool has;
	err e = number_read(l, k->resources.count, 0, WANT_COUNT_MAX, &v, &has);

	if (!e && !has && k->may_lack_count && has_amount(l, k))
		v = 1;
	w->count = (int32_t)v;
	return e;
}

static err priority_read(const lists *l, const vendor *k, want *w)
{
	int64_t v = VENDOR_ABSENT;
	bool has;
	err e = number_read(l, k->resources.priority, 0, INT16_MAX, &v, &has);

	w->priority = (int32_t)v;
	return e;
}

static err amounts_read(const lists *l, const vendor *k, want *w)
{
	err e = memory_read(l, k, w);

	if (!e && k->amounts_are_totals)
		w->memory_mib /= w->count;
	if (!e)
		e = percent_read(l, k, w);
	if (!e)
		e = compute_read(l, k, w);
	return e ? e : priority_read(l, k, w);
}

err want_read(const vendor *k, const quantity_row *limits, uint32_t n_limits, const quantity_row *requests,
	uint32_t n_requests, want *ret, fault *f)
{
	lists l = {limits, requests, n_limits, n_requests, f};
	want w = {.kind = k, .compute_milli = VENDOR_ABSENT, .priority = VENDOR_ABSENT};
	err e = size_read(&l, k, &w);

	if (!e && !w.count)
		e = count_read(&l, k, &w);
	if (!e && w.count && !w.size)
		e = amounts_read(&l, k, &w);
	if (!e && !w.count)
		e = parts_read(&l, k, &w);
	if (!e)
		*ret = w.count ? w : (want){.kind = k, .compute_milli = VENDOR_ABSENT, .priority = VENDOR_ABSENT};
	return e;
}
