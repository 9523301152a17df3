/* process: what /proc knows of a process: when it began, under which parent, what it is called inside its container.
 * Nothing of this can be changed by the process, but for its parent.
 */
#pragma once
#include <sys/types.h>
#include "base/arena.h"

/* When it began, in ticks since the machine's boot; 0: there is none of that number. */
uint64_t process_started(pid_t pid);
pid_t process_parent(pid_t pid); /* 0: none, or there is no such process */

typedef struct process_names {
	uint32_t space;   /* inode of its pid namespace; 0: not known */
	uint32_t inner;   /* its pid there */
	uint32_t started; /* as the shim writes it (shim/alive.h) */
} process_names;
/* False: it is gone, or we may not look. */
bool process_look(pid_t pid, process_names *ret);

/* The inode of its pid namespace; 0: it is gone (ret_is_gone), or we may not look. */
uint32_t process_space(pid_t pid, bool *ret_is_gone);
/* Whether it was stopped (SIGSTOP), and nobody has continued it. */
bool process_is_stopped(pid_t pid);
/* Whether the machine's processes are to be seen here: who has no parent is in a namespace of its own. */
bool process_sees_all(void);
/* Whether it has ended, and waits at most to be reaped. */
bool process_has_ended(pid_t pid);
/* Whether the pod's uid stands in the process's control group, as kubelet's drivers write it ('-' or '_'). */
bool process_in_pod(pid_t pid, const char *pod_uid);

/* The first other process of the same control groups (those of one container are) for which is_it holds; 0: none. */
pid_t process_beside(pid_t pid, bool (*is_it)(void *arg, pid_t other), void *arg);

/* What /proc/PID/cgroup says of all processes, one after the other, in a. False: not all of the machine's can be seen.
 */
bool process_groups(arena *a, str *ret);
/* Names this boot of the machine; in a. */
str process_boot(arena *a);

/* The part of it that reads the bytes of /proc/PID/cgroup. */
bool cgroup_has_pod(str text, str pod_uid);

/* Sends the signal if that is still the process that began then. False: it is gone, or we may not. */
bool process_signal(pid_t pid, uint64_t started, int signo);
