#include "agents/node/leftover.h"
#include <assert.h>
#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>
#include "agents/node/process.h"
#include "base/vec.h"

typedef struct space {
	uint32_t inode;
	bool lives;
} space;

typedef struct sweep {
	books *books; /* one copy for all */
	vec(space) spaces;
} sweep;

static space *space_find(const sweep *s, uint32_t inode)
{
	for (uint32_t i = 0; i < s->spaces.n; i++)
		if (s->spaces.v[i].inode == inode)
			return &s->spaces.v[i];
	return NULL;
}

/* Whose namespace is not known, and who is only joining, is left to others. */
static bool is_owned(const books_slot *slot, uint32_t *ret_space)
{
	uint64_t owner = atomic_load(&slot->owner);

	*ret_space = atomic_load(&slot->pid_space);
	return owner && !(owner & BOOKS_JOINING) && *ret_space;
}

static void spaces_note(sweep *s, allocation *of)
{
	uint32_t inode;

	if (!lot_read(&of->lot, s->books))
		return;
	for (unsigned i = 0; i < of->lot.top; i++)
		if (is_owned(&s->books->slots[i], &inode) && !space_find(s, inode))
			vec_push(&s->spaces, ((space){.inode = inode}));
}

/* False: it may be in any. */
static bool process_note(const sweep *s, pid_t pid)
{
	bool is_gone;
	uint32_t inode = process_space(pid, &is_gone);

	if (!inode)
		return is_gone;
	space *at = space_find(s, inode);
	if (at && !at->lives)
		at->lives = !process_has_ended(pid);
	return true;
}

/* False: not all of the machine's processes could be seen. */
static bool processes_note(const sweep *s)
{
	DIR *list = opendir("/proc");
	bool is_sure = list && process_sees_all();

	for (const struct dirent *entry; is_sure && (entry = readdir(list));) {
		int64_t pid;
		if (str_to_i64(str_from(entry->d_name), &pid))
			is_sure = process_note(s, (pid_t)pid);
	}
	if (list)
		closedir(list);
	return is_sure;
}

static uint32_t slots_free(const sweep *s, allocation *of)
{
	uint32_t freed = 0, inode;

	if (!lot_read(&of->lot, s->books))
		return 0;
	for (unsigned i = 0; i < of->lot.top; i++) {
		const space *at = is_owned(&s->books->slots[i], &inode) ? space_find(s, inode) : NULL;
		if (at && !at->lives)
			freed += lot_free_slot(&of->lot, i);
	}
	return freed;
}

uint32_t leftover_sweep(allocations *all, const allocation *only)
{
	allocation **list;
	uint64_t generation;
	uint32_t n = allocations_list(all, &list, &generation), freed = 0;
	sweep s = {.books = aligned_alloc(64, sizeof(books))};

	assert(s.books);
	for (uint32_t i = 0; i < n; i++)
		if (!only || list[i] == only)
			spaces_note(&s, list[i]);
	if (s.spaces.n && processes_note(&s))
		for (uint32_t i = 0; i < n; i++)
			if (!only || list[i] == only)
				freed += slots_free(&s, list[i]);
	vec_done(&s.spaces);
	free(s.books);
	return freed;
}
