/* check: what the server holds after a replay, against what was sent and against its own books. */
#pragma once
#include "cli/replay/send.h"

typedef struct replay_check {
	int64_t listed, lost,
		doubled; /* placements of the run's tenants: all, not there, there without having been sent */
	int64_t placed, waiting, refused, ended;
	int64_t without_number; /* waiting without a blocker that has a number */
	int64_t illegal;        /* decisions that break a node or device, as they stand now */
	char first_illegal[256];
	int64_t used_gpu_milli;
	bool has_books; /* the token may ask audit:verify */
	bool is_intact;
	str books; /* what audit:verify said, in the arena */
} replay_check;

/* Reads everything back. Errors only when the server does not answer. */
err replay_check_run(const sender *s, arena *a, replay_check *ret, fault *f) MUST_CHECK;
bool replay_check_held(const replay_check *c);
