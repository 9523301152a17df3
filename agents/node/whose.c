#include "agents/node/whose.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "agents/node/mounts.h"
#include "agents/node/process.h"
#include "base/map.h"
#include "base/vec.h"

enum { ANCESTORS_MAX = 64 };

typedef struct known {
	whose_process p;
	uint64_t generation; /* of the allocations, when it was looked up */
	bool is_asked;
} known;

struct whose {
	allocations *all;
	map by_pid; /* of known */
	mounts_home home;
	bool has_home;
};

whose *whose_new(allocations *all)
{
	whose *w = calloc(1, sizeof(*w));

	assert(w);
	w->all = all;
	w->has_home = mounts_home_find(allocations_folder(all), &w->home);
	return w;
}

void whose_free(whose *w)
{
	if (!w)
		return;
	map_each (slot, &w->by_pid)
		free(slot->value);
	map_done(&w->by_pid);
	free(w);
}

static allocation *of_root(const whose *w, pid_t pid)
{
	allocation **list;
	uint64_t generation;
	uint32_t n = allocations_list(w->all, &list, &generation);

	for (uint32_t i = 0; i < n; i++)
		if (list[i]->pid == pid && list[i]->pid_started == process_started(pid))
			return list[i];
	return NULL;
}

static allocation *by_ancestor(const whose *w, pid_t pid)
{
	allocation *found = NULL;

	for (int i = 0; i < ANCESTORS_MAX && pid > 1 && !found; i++) {
		found = of_root(w, pid);
		pid = process_parent(pid);
	}
	return found;
}

static allocation *by_mount(const whose *w, pid_t pid)
{
	AUTO_ARENA a = arena_new(0);
	str id = w->has_home ? mounts_of_process(pid, &w->home, a) : STR_NONE;

	return id.p ? allocation_find(w->all, id) : NULL;
}

typedef struct beside {
	const whose *whose;
	const char *pod_uid;
	allocation *found;
} beside;

static bool is_told_by(void *arg, pid_t other)
{
	beside *b = arg;
	allocation *of = by_mount(b->whose, other);

	b->found = of && strcmp(of->pod_uid, b->pod_uid) == 0 ? of : NULL;
	return b->found != NULL;
}

/* Where the pod has several, what the container's other processes have mounted says which. */
static allocation *by_pod(const whose *w, pid_t pid)
{
	allocation **list;
	uint64_t generation;
	uint32_t n = allocations_list(w->all, &list, &generation), several = 0;
	beside b = {.whose = w};

	for (uint32_t i = 0; i < n; i++) {
		if (!list[i]->pod_uid[0] || !process_in_pod(pid, list[i]->pod_uid))
			continue;
		several++;
		b.found = list[i];
		b.pod_uid = list[i]->pod_uid;
	}
	if (several > 1 && !process_beside(pid, is_told_by, &b))
		return NULL;
	return b.found;
}

static allocation *look_up(const whose *w, pid_t pid)
{
	allocation *of = by_mount(w, pid);

	if (!of)
		of = by_pod(w, pid);
	return of ? of : by_ancestor(w, pid);
}

static void known_fill(const whose *w, known *k, pid_t pid, uint64_t started, uint64_t generation)
{
	process_names names;

	*k = (known){.p = {.pid = pid, .started = started}, .generation = generation};
	k->p.of = look_up(w, pid);
	if (!process_look(pid, &names))
		return;
	k->p.space = names.space;
	k->p.inner = names.inner;
	k->p.started_low = names.started;
}

const whose_process *whose_find(whose *w, int32_t pid)
{
	allocation **list;
	uint64_t generation, started = process_started(pid);
	known *k = map_find_num(&w->by_pid, (uint64_t)pid);

	(void)allocations_list(w->all, &list, &generation);
	if (!started)
		return NULL;
	if (!k) {
		k = calloc(1, sizeof(*k));
		assert(k);
		map_put_num(&w->by_pid, (uint64_t)pid, k);
	}
	if (k->p.started != started || k->generation != generation)
		known_fill(w, k, pid, started, generation);
	k->is_asked = true;
	return &k->p;
}

void whose_turn(whose *w)
{
	map_each (slot, &w->by_pid) {
		known *k = slot->value;
		bool is_asked = k->is_asked;
		k->is_asked = false;
		if (is_asked)
			continue;
		map_remove_num(&w->by_pid, (uint64_t)k->p.pid);
		free(k);
	}
}
