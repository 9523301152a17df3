#include "engine/geometry.h"

#include <assert.h>

static_assert(sizeof(geometry_state) == 16, "the state of a device is kept per device");

/* In MiB; 512 MiB times 2, 4, 8, 16, 32, 64 and 96. */
static const int64_t sgpu_sizes[] = {1024, 2048, 4096, 8192, 16384, 32768, 49152, 0};

#define TEXT(s)                                                                                                        \
	{                                                                                                              \
		"" s, sizeof(s) - 1                                                                                    \
	}

/* clang-format off */
#define GEOMETRY(id, name, slots, a, b, c, uniform) static const geometry_profile id##_profiles[] = {
#define PROFILE(name, mib, a, b, c, width, starts, flags) {TEXT(name), mib, {a, b, c}, starts, width, flags},
#define END(id) };
#define SHARE(name, memory, compute, sizes)
#include "engine/geometry.def"
#undef GEOMETRY
#undef PROFILE
#undef END
#undef SHARE

#define COUNT_OF(a) (int32_t)(sizeof(a) / sizeof *(a))
static const geometry built_in[] = {
#define GEOMETRY(id, name, slots, a, b, c, uniform) \
	{TEXT(name), id##_profiles, COUNT_OF(id##_profiles), slots, {a, b, c}, uniform},
#define PROFILE(name, mib, a, b, c, width, starts, flags)
#define END(id)
#define SHARE(name, memory, compute, sizes)
#include "engine/geometry.def"
#undef GEOMETRY
#undef SHARE
};

static const share_steps steps[] = {
#define GEOMETRY(id, name, slots, a, b, c, uniform)
#define SHARE(name, memory, compute, sizes) {TEXT(name), memory, compute, sizes},
#include "engine/geometry.def"
#undef GEOMETRY
#undef PROFILE
#undef END
#undef SHARE
};
/* clang-format on */

const geometry *geometry_at(int32_t i)
{
	return i >= 0 && i < COUNT_OF(built_in) ? &built_in[i] : NULL;
}

const geometry *geometry_find(str name)
{
	for (int32_t i = 0; i < COUNT_OF(built_in); i++)
		if (str_eq(built_in[i].name, name))
			return &built_in[i];
	return NULL;
}

static bool profile_is_sound(const geometry *g, const geometry_profile *p)
{
	if (p->memory_mib <= 0 || p->width > g->n_slots || (p->width > 0) != (p->starts != 0))
		return false;
	if (p->width && (uint32_t)p->starts >> (g->n_slots - p->width + 1))
		return false;
	for (int32_t r = 0; r < GEOMETRY_COUNTS; r++)
		if (p->takes[r] > g->has[r])
			return false;
	return p->takes[GEOMETRY_COMPUTE] > 0;
}

bool geometry_is_sound(const geometry *g)
{
	if (g->n_profiles <= 0 || g->n_profiles > GEOMETRY_PROFILES_MAX)
		return false;
	if (g->n_slots < 0 || g->n_slots > GEOMETRY_SLOTS_MAX)
		return false;
	/* The number of instances is kept in a byte, and each takes some compute. */
	if (g->has[GEOMETRY_COMPUTE] > UINT8_MAX)
		return false;
	for (int32_t p = 0; p < g->n_profiles; p++)
		if (!profile_is_sound(g, &g->profiles[p]))
			return false;
	return true;
}

int32_t geometry_profile_find(const geometry *g, str name)
{
	for (int32_t p = 0; p < g->n_profiles; p++)
		if (str_eq(g->profiles[p].name, name))
			return p;
	return GEOMETRY_NONE;
}

static const geometry_profile *profile_of(const geometry *g, int32_t profile)
{
	assert(profile >= 0 && profile < g->n_profiles);
	return &g->profiles[profile];
}

/* Starts whose whole width is free: a start is blocked by a taken slot at it or up to width - 1 after it. */
static uint32_t starts_free(const geometry_profile *p, uint32_t occupied)
{
	uint32_t blocked = 0;

	for (uint32_t i = 0; i < p->width; i++)
		blocked |= occupied >> i;
	return p->starts & ~blocked;
}

uint32_t geometry_starts(const geometry *g, const geometry_state *s, int32_t profile)
{
	const geometry_profile *p = profile_of(g, profile);

	if (g->is_uniform && s->n && s->only != profile)
		return 0;
	for (int32_t r = 0; r < GEOMETRY_COUNTS; r++)
		if (p->takes[r] > g->has[r] - s->used[r])
			return 0;
	return p->width ? starts_free(p, s->occupied) : 1;
}

static uint16_t slots_of(const geometry_profile *p, int32_t start)
{
	return (uint16_t)(((1u << p->width) - 1) << start);
}

void geometry_take(const geometry *g, geometry_state *s, int32_t profile, int32_t start)
{
	const geometry_profile *p = profile_of(g, profile);

	assert(geometry_may(g, s, profile, start));
	s->occupied |= slots_of(p, start);
	for (int32_t r = 0; r < GEOMETRY_COUNTS; r++)
		s->used[r] += p->takes[r];
	s->n++;
	if (g->is_uniform)
		s->only = (uint8_t)profile;
}

void geometry_give(const geometry *g, geometry_state *s, int32_t profile, int32_t start)
{
	const geometry_profile *p = profile_of(g, profile);
	uint16_t slots = slots_of(p, start);

	assert(s->n && (s->occupied & slots) == slots && (!g->is_uniform || s->only == profile));
	s->occupied &= (uint16_t)~slots;
	for (int32_t r = 0; r < GEOMETRY_COUNTS; r++) {
		assert(s->used[r] >= p->takes[r]);
		s->used[r] -= p->takes[r];
	}
	if (--s->n == 0)
		s->only = 0;
}

/* Of equal widths the most fit when each begins as early as it can. */
static int32_t starts_pack(uint32_t starts, uint32_t width)
{
	int32_t n = 0;

	while (starts) {
		uint32_t at = (uint32_t)__builtin_ctz(starts);
		starts &= ~(((1u << width) - 1) << at);
		n++;
	}
	return n;
}

int32_t geometry_room(const geometry *g, const geometry_state *s, int32_t profile)
{
	const geometry_profile *p = profile_of(g, profile);
	uint32_t starts = geometry_starts(g, s, profile);

	if (!starts)
		return 0;
	int32_t most = p->width ? starts_pack(starts, p->width) : INT32_MAX;
	for (int32_t r = 0; r < GEOMETRY_COUNTS; r++) {
		if (!p->takes[r])
			continue;
		int32_t n = (int32_t)((g->has[r] - s->used[r]) / p->takes[r]);
		most = n < most ? n : most;
	}
	return most;
}

int64_t geometry_compute_milli(const geometry *g, int32_t profile)
{
	return (int64_t)SHARE_WHOLE_MILLI * profile_of(g, profile)->takes[GEOMETRY_COMPUTE] / g->has[GEOMETRY_COMPUTE];
}

amounts geometry_charge(const geometry *g, int32_t profile, int64_t device_memory_mib, int64_t count)
{
	int64_t memory_mib = profile_of(g, profile)->memory_mib;

	return share_of_slice(memory_mib, geometry_compute_milli(g, profile), device_memory_mib, count);
}

static bool serves_percent(const geometry *g, const geometry_profile *p, int64_t percent, int64_t device_memory_mib)
{
	if (p->width)
		return (int64_t)p->width * 100 >= percent * g->n_slots;
	return p->memory_mib >= share_memory_mib(percent, device_memory_mib);
}

static bool serves(const geometry *g, int32_t profile, const geometry_ask *want, int64_t device_memory_mib)
{
	const geometry_profile *p = &g->profiles[profile];

	if (want->allowed ? !(want->allowed >> profile & 1) : p->flags & PROFILE_NAMED)
		return false;
	if (p->memory_mib < want->memory_mib || geometry_compute_milli(g, profile) < want->compute_milli)
		return false;
	return !want->memory_percent || serves_percent(g, p, want->memory_percent, device_memory_mib);
}

static bool is_smaller(const geometry_profile *a, const geometry_profile *b)
{
	if (a->memory_mib != b->memory_mib)
		return a->memory_mib < b->memory_mib;
	return a->takes[GEOMETRY_COMPUTE] < b->takes[GEOMETRY_COMPUTE];
}

int32_t geometry_serve(const geometry *g, const geometry_state *s, const geometry_ask *want, int64_t device_memory_mib)
{
	int32_t best = GEOMETRY_NONE;

	for (int32_t p = 0; p < g->n_profiles; p++) {
		if (!serves(g, p, want, device_memory_mib) || (s && !geometry_starts(g, s, p)))
			continue;
		if (best == GEOMETRY_NONE || is_smaller(&g->profiles[p], &g->profiles[best]))
			best = p;
	}
	return best;
}

const share_steps *share_steps_find(str name)
{
	for (int32_t i = 0; i < COUNT_OF(steps); i++)
		if (str_eq(steps[i].name, name))
			return &steps[i];
	return NULL;
}

int64_t share_steps_memory(const share_steps *s, int64_t memory_mib)
{
	assert(memory_mib >= 0 && memory_mib <= INT64_MAX / 2);
	if (s->sizes_mib) {
		const int64_t *size = s->sizes_mib;
		while (*size && *size < memory_mib)
			size++;
		return *size;
	}
	int64_t step = s->memory_step_mib;
	return step ? (memory_mib + step - 1) / step * step : memory_mib;
}

int64_t share_steps_compute(const share_steps *s, int64_t compute_milli)
{
	assert(compute_milli >= 0 && compute_milli <= SHARE_WHOLE_MILLI);
	if (!s->compute_steps)
		return compute_milli;
	/* Both up: a sixteenth is 63 thousandths, and 63 thousandths are still one sixteenth. */
	int64_t n = compute_milli * s->compute_steps / SHARE_WHOLE_MILLI;
	while ((n * SHARE_WHOLE_MILLI + s->compute_steps - 1) / s->compute_steps < compute_milli)
		n++;
	return (n * SHARE_WHOLE_MILLI + s->compute_steps - 1) / s->compute_steps;
}
