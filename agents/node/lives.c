#include "agents/node/lives.h"
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include "agents/node/process.h"

enum { FOLDER_BYTES = 4096, GROUPS_ARENA_BYTES = 64 << 20 };

/* Only a folder that is surely not there says that the pod is gone: not one that we may not see, nor a kubelet that is
 * elsewhere. */
static bool folder_is_gone(const lives *l, const char *uid)
{
	char path[FOLDER_BYTES];
	struct stat st;

	if (snprintf(path, sizeof(path), "%s/pods", l->kubelet_dir) >= (int)sizeof(path) || stat(path, &st) != 0)
		return false;
	if (snprintf(path, sizeof(path), "%s/pods/%s", l->kubelet_dir, uid) >= (int)sizeof(path))
		return false;
	return stat(path, &st) != 0 && errno == ENOENT;
}

static bool has_process(lives *l, str uid)
{
	if (!l->is_read) {
		l->is_read = true;
		l->a = arena_new(GROUPS_ARENA_BYTES);
		l->can_see = process_groups(l->a, &l->groups);
	}
	return !l->can_see || cgroup_has_pod(l->groups, uid);
}

allocation_life lives_look(void *arg, const allocation *of)
{
	lives *l = arg;
	str uid = str_from(of->pod_uid);

	if (of->pid)
		return process_started((pid_t)of->pid) == of->pid_started ? ALLOCATION_LIVES : ALLOCATION_UNSEEN;
	if (!uid.n)
		return ALLOCATION_LIVES;
	if (folder_is_gone(l, of->pod_uid))
		return ALLOCATION_UNSEEN;
	lives_word word = l->ask ? l->ask(l->arg, uid) : LIVES_UNKNOWN;
	if ((word != LIVES_OVER && word != LIVES_DELETED) || has_process(l, uid))
		return ALLOCATION_LIVES;
	return word == LIVES_OVER ? ALLOCATION_OVER : ALLOCATION_UNSEEN;
}

void lives_done(lives *l)
{
	if (l->a)
		arena_end(l->a);
	l->a = NULL;
	l->is_read = false;
}
