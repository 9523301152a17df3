#include "agents/node/allocation.h"
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "agents/file.h"
#include "agents/node/process.h"
#include "agents/node/record.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/vec.h"
#include "shim/region.h"

enum { FOLDER_MODE = 0755 };

#define NEW_PREFIX    ".new-"
#define RECORD_SUFFIX ".json"

struct allocations {
	arena *arena;
	str folder; /* <state>/allocations */
	str boot;
	allocation_on_step *on_step;
	void *arg;
	void (*on_change)(void *arg);
	void *change_arg;
	map by_id;
	vec(allocation *) list;
	uint64_t generation;
	uint32_t mended, unread;
};

static const char *path_of(const allocations *all, arena *a, const char *prefix, str id, const char *suffix)
{
	return str_z(a, str_print(a, STR_FMT "/%s" STR_FMT "%s", STR_ARG(all->folder), prefix, STR_ARG(id), suffix));
}

static void folder_remove(const char *path)
{
	static const char *const names[] = {"limits", "books"};
	char file[4096];

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (snprintf(file, sizeof(file), "%s/%s", path, names[i]) < (int)sizeof(file))
			(void)unlink(file);
	(void)rmdir(path);
}

/* Under a name of its own, and then renamed: nobody ever mounts half of it. */
static err folder_make(const allocations *all, const allocation *of, arena *a, fault *f)
{
	const char *part = path_of(all, a, NEW_PREFIX, str_from(of->id), "");
	const char *whole = path_of(all, a, "", str_from(of->id), "");
	share s = of->share;
	limits l;

	for (uint32_t d = 0; d < of->n_devices; d++)
		s.devices[d].uuid = of->uuids[d][0] ? of->uuids[d] : NULL;
	s.driver = of->driver[0] ? of->driver : NULL;
	s.nvml = of->nvml[0] ? of->nvml : NULL;
	err e = share_limits(&s, &l, f);
	if (e)
		return e;
	folder_remove(part);
	folder_remove(whole);
	if (!region_create(part, &l) || chmod(part, FOLDER_MODE) != 0 || rename(part, whole) != 0)
		return fault_set(f, ERR_IO, whole, "the folder cannot be made: %m");
	return ERR_OK;
}

static void tell(const allocations *all, const allocation *of, const char *state, const char *reason)
{
	if (all->on_step)
		all->on_step(all->arg, of, state, reason);
}

static void changed(allocations *all)
{
	all->generation++;
	if (all->on_change)
		all->on_change(all->change_arg);
}

void allocations_on_change(allocations *all, void (*on_change)(void *arg), void *arg)
{
	all->on_change = on_change;
	all->change_arg = arg;
}

static void list_put(allocations *all, allocation *of)
{
	vec_push(&all->list, of);
	map_put(&all->by_id, str_from(of->id), of);
	changed(all);
}

static void list_take(allocations *all, allocation *of)
{
	map_remove(&all->by_id, str_from(of->id));
	for (uint32_t i = 0; i < all->list.n; i++)
		if (all->list.v[i] == of)
			vec_remove_fast(&all->list, i);
	changed(all);
	lot_close(&of->lot);
	free(of);
}

static err record_keep(const allocations *all, const allocation *of, arena *a, fault *f)
{
	return file_write(
		path_of(all, a, "", str_from(of->id), RECORD_SUFFIX), 0600, record_write(of, all->boot, a), f);
}

static void remove_all(const allocations *all, str id)
{
	AUTO_ARENA a = arena_new(0);

	(void)unlink(path_of(all, a, "", id, RECORD_SUFFIX));
	folder_remove(path_of(all, a, "", id, ""));
	folder_remove(path_of(all, a, NEW_PREFIX, id, ""));
}

/* The record first: a folder without one is half made, and so is a record without a folder. */
static err write_all(const allocations *all, allocation *of, fault *f)
{
	AUTO_ARENA a = arena_new(0);
	err e = record_keep(all, of, a, f);

	if (!e)
		e = folder_make(all, of, a, f);
	if (!e)
		e = lot_open(path_of(all, a, "", str_from(of->id), ""), &of->lot, f);
	if (!e && !lot_fill(&of->lot)) {
		lot_close(&of->lot);
		e = fault_set(f, ERR_IO, of->id, "there is no room for its books on the disk");
	}
	if (e)
		remove_all(all, str_from(of->id));
	return e;
}

static bool is_of_same_devices(const allocation *x, const allocation *y)
{
	bool is = x->n_devices == y->n_devices;

	for (uint32_t d = 0; is && d < x->n_devices; d++)
		is = strcmp(x->uuids[d], y->uuids[d]) == 0;
	return is;
}

static bool is_as(const allocation *of, const share *s)
{
	bool is = of->share.is_low == s->is_low;

	for (uint32_t d = 0; d < of->n_devices && is; d++)
		is = of->share.devices[d].memory_mib == s->devices[d].memory_mib &&
		     of->share.devices[d].compute_milli == s->devices[d].compute_milli;
	return is;
}

static err change(allocations *all, allocation *of, const share *s, const char *fence, fault *f)
{
	AUTO_ARENA a = arena_new(0);
	err e = share_change(s, of->lot.limits, f);

	if (e || (is_as(of, s) && strcmp(of->fence, fence) == 0))
		return e;
	(void)snprintf(of->fence, sizeof(of->fence), "%s", fence);
	for (uint32_t d = 0; d < of->n_devices; d++) {
		of->share.devices[d].memory_mib = s->devices[d].memory_mib;
		of->share.devices[d].compute_milli = s->devices[d].compute_milli;
	}
	of->share.is_low = s->is_low;
	changed(all);
	return record_keep(all, of, a, f);
}

err allocation_change(allocations *all, str id, const share *s, fault *f)
{
	allocation *of = allocation_find(all, id);

	if (!of)
		return fault_set(f, ERR_NOT_FOUND, "id", "there is no allocation " STR_FMT, STR_ARG(id));
	char fence[sizeof(of->fence)];
	memcpy(fence, of->fence, sizeof(fence));
	return change(all, of, s, fence, f);
}

/* Asked for again, as kubelet does when it was restarted meanwhile. What cannot change while it runs stays as it was.
 */
static err make_again(allocations *all, allocation *old, const allocation *new, fault *f)
{
	if (is_of_same_devices(old, new))
		return change(all, old, &new->share, new->fence, f);
	return allocation_end(all, str_from(old->id), "it was allocated anew", f);
}

err allocation_make(allocations *all, const allocation_ask *ask, const allocation **ret, fault *f)
{
	allocation new = {.lot.books_fd = -1};
	limits checked;
	err e = record_take(ask, &new, f);

	if (!e)
		e = share_limits(&ask->share, &checked, f);
	allocation *old = e ? NULL : allocation_find(all, str_from(new.id));
	if (old)
		e = make_again(all, old, &new, f);
	if (!e && all->list.n >= ALLOCATIONS_MAX)
		e = fault_set(f, ERR_LIMIT, "id", "there are %d allocations already", ALLOCATIONS_MAX);
	if (e)
		return e;
	allocation *of = allocation_find(all, str_from(new.id));
	if (!of) {
		new.made_us = clock_now_us();
		new.pid_started = new.pid ? process_started((pid_t) new.pid) : 0;
		e = write_all(all, &new, f);
		if (e)
			return e;
		of = calloc(1, sizeof(*of));
		assert(of);
		*of = new;
		list_put(all, of);
		tell(all, of, "allocated", NULL);
	}
	*ret = of;
	return ERR_OK;
}

err allocation_end(allocations *all, str id, const char *reason, fault *f)
{
	allocation *of = allocation_find(all, id);

	if (!of)
		return fault_set(f, ERR_NOT_FOUND, "id", "there is no allocation " STR_FMT, STR_ARG(id));
	tell(all, of, "ended", reason);
	remove_all(all, str_from(of->id));
	list_take(all, of);
	return ERR_OK;
}

uint32_t allocations_sweep(
	allocations *all, int64_t now_us, allocation_life (*look)(void *arg, const allocation *a), void *arg)
{
	uint32_t swept = 0;

	for (uint32_t i = all->list.n; i-- > 0;) {
		const allocation *of = all->list.v[i];
		/* One that was made in the future was made before the clock was set back. */
		int64_t age_us = now_us - of->made_us, grace_us = (int64_t)ALLOCATION_GRACE_S * 1000000;
		bool is_new = age_us > -grace_us && age_us < grace_us;
		allocation_life life = look(arg, of);
		if (life == ALLOCATION_LIVES || (life == ALLOCATION_UNSEEN && is_new))
			continue;
		fault f = {0};
		swept += allocation_end(all, str_from(of->id), "its container is gone", &f) == ERR_OK;
	}
	return swept;
}

allocation *allocation_find(allocations *all, str id)
{
	return map_find(&all->by_id, id);
}

uint32_t allocations_list(allocations *all, allocation ***ret, uint64_t *ret_generation)
{
	*ret = all->list.v;
	*ret_generation = all->generation;
	return all->list.n;
}

const char *allocations_folder(const allocations *all)
{
	return all->folder.p;
}

void allocation_mounts(const allocations *all, const allocation *of, arena *a, allocation_mount ret[ALLOCATION_MOUNTS])
{
	const char *host = path_of(all, a, "", str_from(of->id), "");

	ret[0] = (allocation_mount){host, LIMITS_FOLDER, true};
	ret[1] = (allocation_mount){str_z(a, str_print(a, "%s/books", host)), LIMITS_FOLDER "/books", false};
}

static str text_of(const char *z)
{
	return *z ? str_from(z) : STR_NONE;
}

node_owner allocation_owner(const allocation *of)
{
	return (node_owner){
		.allocation = text_of(of->id),
		.placement = text_of(of->placement),
		.fence = text_of(of->fence),
		.pod_uid = text_of(of->pod_uid),
		.namespace = text_of(of->namespace),
		.pod = text_of(of->pod),
		.container = text_of(of->container),
	};
}

uint32_t allocations_mended(const allocations *all)
{
	return all->mended;
}

uint32_t allocations_unread(const allocations *all)
{
	return all->unread;
}

/* Nothing of an earlier boot still runs. */
static bool books_empty(const allocation *of)
{
	static const books fresh = {
		.magic = BOOKS_MAGIC, .version = BOOKS_VERSION, .slot_count = BOOKS_SLOTS, .size_bytes = sizeof(books)};

	return ftruncate(of->lot.books_fd, 0) == 0 && lot_fill(&of->lot) &&
	       pwrite(of->lot.books_fd, &fresh, offsetof(books, devices), 0) == (ssize_t)offsetof(books, devices);
}

static err allocation_mend(allocations *all, allocation *of, str boot, arena *a, fault *f)
{
	err e = lot_open(path_of(all, a, "", str_from(of->id), ""), &of->lot, f);
	bool is_old = !str_eq(boot, all->boot);

	if (!e && !is_old)
		return ERR_OK;
	if (!e && books_empty(of))
		return record_keep(all, of, a, f);
	lot_close(&of->lot);
	all->mended++;
	return write_all(all, of, f);
}

/* Whether a folder of that name was ever whole; without one the record is a birth that was broken off. */
static bool has_folder(const allocations *all, str id, arena *a)
{
	struct stat st;

	return stat(path_of(all, a, "", id, ""), &st) == 0 && S_ISDIR(st.st_mode);
}

static void load_one(allocations *all, str id)
{
	AUTO_ARENA a = arena_new(0);
	fault f = {0};
	str text, boot;
	allocation *of = calloc(1, sizeof(*of));

	assert(of);
	of->lot.books_fd = -1;
	err e = file_read(path_of(all, a, "", id, RECORD_SUFFIX), a, &text, &f);
	if (!e)
		e = record_read(text, a, of, &boot, &f);
	if (!e && !has_folder(all, id, a)) {
		remove_all(all, id);
		free(of);
		return;
	}
	if (!e && !str_eq(str_from(of->id), id))
		e = ERR_CONFLICT;
	if (!e)
		e = allocation_mend(all, of, boot, a, &f);
	if (!e) {
		list_put(all, of);
		return;
	}
	all->unread++;
	free(of);
}

static void load_name(allocations *all, str name)
{
	AUTO_ARENA a = arena_new(0);

	if (str_starts(name, S(NEW_PREFIX)))
		remove_all(all, str_cut(name, sizeof(NEW_PREFIX) - 1, name.n));
	else if (!file_exists(path_of(all, a, "", name, "")))
		return; /* it went with what was half made */
	else if (str_ends(name, S(RECORD_SUFFIX)))
		load_one(all, str_cut(name, 0, name.n - (sizeof(RECORD_SUFFIX) - 1)));
	else if (name.n && name.p[0] != '.' && !file_exists(path_of(all, a, "", name, RECORD_SUFFIX)))
		remove_all(all, name);
}

static err load_all(allocations *all, const char *folder, fault *f)
{
	AUTO_ARENA a = arena_new(0);
	vec(str) names = {0};
	DIR *dir = opendir(folder);

	if (!dir)
		return fault_set(f, ERR_IO, folder, "it cannot be read: %m");
	for (const struct dirent *entry; (entry = readdir(dir));)
		vec_push(&names, str_dup(a, str_from(entry->d_name)));
	closedir(dir);
	vec_each (name, &names)
		load_name(all, *name);
	vec_done(&names);
	return ERR_OK;
}

err allocations_open(const char *state_dir, allocation_on_step *on_step, void *arg, allocations **ret, fault *f)
{
	arena *a = arena_new(0);
	allocations *all = ARENA_NEW(a, allocations);
	const char *folder = str_z(a, str_print(a, "%s/allocations", state_dir));

	*all = (allocations){
		.arena = a, .folder = str_from(folder), .boot = process_boot(a), .on_step = on_step, .arg = arg};
	err e = file_folder(state_dir, f);
	if (!e)
		e = file_folder(folder, f);
	if (!e)
		e = load_all(all, folder, f);
	if (e)
		allocations_close(all);
	else
		*ret = all;
	return e;
}

void allocations_close(allocations *all)
{
	if (!all)
		return;
	all->on_change = NULL;
	while (all->list.n)
		list_take(all, all->list.v[0]);
	vec_done(&all->list);
	map_done(&all->by_id);
	arena_end(all->arena);
}
