/* cdi: what a container is given, as a file that container runtimes read (Container Device Interface 0.5.0).
 *
 * One file for each allocation: <folder>/reeve.io-share_<name>.json, device "reeve.io/share=<name>". It appears whole
 * (a rename), goes with its allocation, and holds nothing that came from a pod but names. 0.5.0 is what every runtime
 * takes that takes any; a member that a runtime does not know makes it refuse the file, so the members are those of
 * 0.5.0 alone.
 */
#pragma once
#include "base/arena.h"
#include "base/err.h"

#define CDI_KIND    "reeve.io/share"
#define CDI_FOLDER  "/var/run/cdi"
#define CDI_FOLDERS "/etc/cdi:/var/run/cdi" /* where other makers' files stand */

enum { CDI_NAME_MAX = 200, CDI_FILE_MAX = 1 << 20 };

typedef struct cdi_node {
	const char *host, *container;
} cdi_node;

typedef struct cdi_mount {
	const char *host, *container;
	bool is_read_only;
	bool may_execute; /* a library; else noexec */
} cdi_mount;

typedef struct cdi_variable {
	const char *name, *value;
} cdi_variable;

/* Runs on the host before the container's first program. */
typedef struct cdi_hook {
	const char *stage;            /* "createContainer" */
	const char *path;             /* of the program */
	const char *const *arguments; /* ended by NULL; the first is the program's name */
} cdi_hook;

typedef struct cdi_share {
	const char *name; /* [A-Za-z0-9._-], the first a letter or digit */
	const cdi_node *nodes;
	uint32_t n_nodes;
	const cdi_mount *mounts; /* in this order */
	uint32_t n_mounts;
	const cdi_variable *variables;
	uint32_t n_variables;
	const cdi_hook *hooks;
	uint32_t n_hooks;
} cdi_share;

/* The file's text. ERR_BAD_FIELD: a name that no device may have, a path that is not absolute or holds what no path of
 * ours does; ERR_LIMIT. */
err cdi_print(const cdi_share *s, arena *a, str *ret_text, fault *f) MUST_CHECK;

/* Makes the file, and its folder; the same text again writes nothing. */
err cdi_put(const char *folder, const cdi_share *s, fault *f) MUST_CHECK;
/* It may be gone already. */
err cdi_remove(const char *folder, const char *name, fault *f) MUST_CHECK;
/* Removes the files of shares that are not used any more, and what a crash left half made; how many. */
uint32_t cdi_sweep(const char *folder, bool (*is_used)(void *arg, const char *name), void *arg);

/* Whether files in the folders ("a:b") that are of exactly that kind ("nvidia.com/gpu") have all of these devices. */
bool cdi_has_devices(const char *folders, const char *kind, const str *names, uint32_t n);
