/* process: what /proc knows of a process: when it began, under which parent, what it is called inside its container,
 * and which allocation is mounted where it runs. Nothing of this can be changed by the process, but for its parent.
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

/* The file that the process sees under that path, by device and inode; false: none, or we may not look. What is mounted
 * there is the doing of who made the container: from inside, it can be hidden, but not made to be another container's.
 */
bool process_file(pid_t pid, const char *path, uint64_t *ret_dev, uint64_t *ret_ino);
/* Whether the pod's uid stands in the process's control group, as kubelet's drivers write it ('-' or '_'). */
bool process_in_pod(pid_t pid, const char *pod_uid);

/* The part of it that reads the bytes of /proc/PID/cgroup. */
bool cgroup_has_pod(str text, str pod_uid);

/* Sends the signal if that is still the process that began then. False: it is gone, or we may not. */
bool process_signal(pid_t pid, uint64_t started, int signo);
