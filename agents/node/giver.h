/* giver: carries a pod's plan out on this machine: the allocation's folder (allocation.h), and what the container's
 * runtime is to put into the container: device nodes, the two files, the shim.
 *
 * With CDI the answer to the kubelet is names: the maker's own, where a file of theirs knows the device, and ours.
 * Without it the same is said as nodes, mounts and variables. Either way nothing is copied that a container could
 * change.
 */
#pragma once
#include "agents/node/allocation.h"
#include "agents/node/instances.h"
#include "agents/node/inventory.h"
#include "agents/node/kubelet/kubelet.h"

#define GIVER_DRIVER_FOLDER                                                                                            \
	"/run/reeve/driver" /* in the container: the real libraries whose names the shim has taken */
#define GIVER_SHIM_FILE                                                                                                \
	"/.reeve-shim.so" /* in the container: the shim that is preloaded, where no folder can be renamed */

/* How the shim is met. */
typedef enum giver_form {
	GIVER_REPLACE, /* it has the driver's name, by reeve-hook: needs CDI */
	GIVER_PRELOAD, /* /etc/ld.so.preload */
	GIVER_NONE,    /* not at all: devices alone; limits are audited and not held */
} giver_form;

typedef struct giver_config {
	allocations *allocations;
	const cards *(*cards)(void *arg); /* as they are now */
	void *arg;
	const char *cdi_folder;  /* where our CDI files go; NULL: the runtime knows no CDI */
	const char *cdi_folders; /* where the makers' files are looked for: "/etc/cdi:/var/run/cdi" */
	const char *libraries;   /* the folder of the shim's libraries, of ld.so.preload and reeve-hook */
	const char *devices;     /* "/dev" */
	giver_form form;
	void (*tidy)(void *arg); /* ends allocations that are over: a new one needs their place. Optional */
	instances *instances;    /* makes what plans have to be cut; NULL: such plans are refused */
	instances *npus;         /* the same for virtual NPUs; NULL: their maker's plugin gives them */
	const char *procfs;      /* "/proc": where NVIDIA's driver tells the device nodes of instances */
} giver_config;

typedef struct giver giver;

/* Texts in c are copied. GIVER_REPLACE without CDI is GIVER_PRELOAD. */
giver *giver_open(const giver_config *c);
void giver_close(giver *g); /* NULL-safe; what was given stays */

/* The allocation that a container of a pod has. */
void giver_id(str pod_uid, str container, char ret[ALLOCATION_ID_MAX]);

/* As members of a kubelet_giver, with a giver as arg. ERR_NOT_FOUND: the plan names a device that is not here;
 * ERR_CONFLICT: one of another kind than can be given, or an instance that cannot be made; ERR_UNAVAILABLE: an instance
 * is being made, ask again; and the errors of allocation_make. */
err giver_give(void *arg, const kubelet_wish *w, arena *a, kubelet_gift *ret, fault *f) MUST_CHECK;
bool giver_was_given(void *arg, const local_pod *p, uint32_t container, str resource);

/* A pod will not start: what was made for it and not given goes. */
void giver_refused(giver *g, const local_pod *p);
/* An allocation has ended: its CDI file goes. And those of allocations that are no more: after a start. */
void giver_ended(giver *g, const char *id);
uint32_t giver_sweep(giver *g);

/* What the kubelet is to count: each device that can be shared, `shares` times, under `resource`; with has_npus also
 * NPUs, under the names that their makers have. In a. */
uint32_t giver_slots(const cards *all, str resource, int32_t shares, bool has_npus, arena *a, slot_device **ret);
