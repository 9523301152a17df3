#include "engine/lifecycle.h"

#include <assert.h>

#define TO(s) (1u << LIFE_##s)

enum { BOOKED = 1, CHARGED = 2 };

typedef struct life {
	const char *name;
	uint32_t next; /* states one step away */
	uint32_t holds;
} life;

/* Revoking may still end as done or failed: the pod was quicker than the order to stop. */
static const life lives[LIFE_COUNT] = {
	[LIFE_PENDING] = {"pending", TO(GRANTED) | TO(REJECTED) | TO(REVOKED), 0},
	[LIFE_GRANTED] = {"granted", TO(DELIVERED) | TO(REFUSED) | TO(REVOKING), BOOKED},
	[LIFE_DELIVERED] = {"delivered", TO(ACCEPTED) | TO(REFUSED) | TO(REVOKING), BOOKED},
	[LIFE_ACCEPTED] = {"accepted", TO(BOUND) | TO(REVOKING) | TO(FAILED), BOOKED},
	[LIFE_BOUND] = {"bound", TO(RUNNING) | TO(DONE) | TO(REVOKING) | TO(FAILED), BOOKED | CHARGED},
	[LIFE_RUNNING] = {"running", TO(DONE) | TO(REVOKING) | TO(FAILED), BOOKED | CHARGED},
	[LIFE_DONE] = {"done", 0, 0},
	[LIFE_REFUSED] = {"refused", TO(PENDING) | TO(REJECTED) | TO(REVOKED), 0},
	[LIFE_REJECTED] = {"rejected", 0, 0},
	[LIFE_REVOKING] = {"revoking", TO(REVOKED) | TO(DONE) | TO(FAILED) | TO(PENDING), BOOKED | CHARGED},
	[LIFE_REVOKED] = {"revoked", 0, 0},
	[LIFE_FAILED] = {"failed", 0, 0},
};

static const life *life_of(lifecycle s)
{
	assert(s >= 0 && s < LIFE_COUNT);
	return &lives[s];
}

bool lifecycle_may(lifecycle from, lifecycle to)
{
	assert(to >= 0 && to < LIFE_COUNT);
	return life_of(from)->next >> to & 1;
}

bool lifecycle_leads(lifecycle from, lifecycle to)
{
	uint32_t reached = life_of(from)->next & ~TO(PENDING);

	for (uint32_t before = 0; before != reached;) {
		before = reached;
		for (int s = 0; s < LIFE_COUNT; s++)
			if (reached >> s & 1)
				reached |= lives[s].next & ~TO(PENDING);
	}
	return reached >> to & 1;
}

const char *lifecycle_name(lifecycle s)
{
	return life_of(s)->name;
}

bool lifecycle_find(str name, lifecycle *ret)
{
	for (int s = 0; s < LIFE_COUNT; s++) {
		if (str_eq(name, str_from(lives[s].name))) {
			*ret = (lifecycle)s;
			return true;
		}
	}
	return false;
}

bool lifecycle_is_final(lifecycle s)
{
	return life_of(s)->next == 0;
}

bool lifecycle_is_booked(lifecycle s)
{
	return life_of(s)->holds & BOOKED;
}

bool lifecycle_is_charged(lifecycle s)
{
	return life_of(s)->holds & CHARGED;
}

bool lifecycle_bumps_fence(lifecycle from, lifecycle to)
{
	return (from == LIFE_REFUSED || from == LIFE_REVOKING) && to == LIFE_PENDING;
}
