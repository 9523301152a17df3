/* crowd: many simulated clusters in one process, each with an agent of its own, all made of one scene.
 *
 * For trying a server with a fleet that nobody has at hand. Each cluster joins with a token of its own and has a folder
 * of its own below the state folder, so a crowd that was killed goes on where it was. They begin one after the other,
 * since a real fleet does not begin in one moment either; when a server comes back all of them come at once.
 */
#pragma once
#include "net/loop.h"
#include "base/arena.h"

enum {
	CROWD_MAX = 10000,
	CROWD_STEP = 10, /* clusters that begin at a time */
	CROWD_FILES = 4, /* that one of them needs at most: two connections, two journals */
	CROWD_FILES_OTHER = 64,
};
#define CROWD_STEP_US ((int64_t)20000)

typedef struct crowd crowd;

typedef struct crowd_spec {
	loop *loop;
	const char *server, *ca_file, *folder, *scene_path, *version; /* as of a member */
	strs tokens; /* of the clusters, in order; empty once they have joined */
	uint32_t n;  /* clusters; of 1 the folder and the scene are its own */
	/* All have come to their ends; is_failure: one of them by itself. Once. */
	void (*on_end)(void *arg, bool is_failure);
	void *arg;
} crowd_spec;

/* Begins. Everything in s must outlive it. ERR_SETTING: fewer tokens than clusters. ERR_LIMIT: the process may not hold
 * so many files. */
err crowd_open(const crowd_spec *s, crowd **ret, fault *f) MUST_CHECK;
void crowd_stop(crowd *c);
void crowd_reload(crowd *c);
void crowd_close(crowd *c); /* NULL-safe; after on_end */
