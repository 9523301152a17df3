/* change: what has changed since a waiting placement was last tried.
 *
 * Every change is counted; each class, cluster and tenant remembers the count of its last one. A placement that waits
 * is worth another look when one of its blockers has changed after its last try. Handles are the engine's.
 */
#pragma once
#include "server/placer/booking.h"

typedef vec(uint64_t) change_marks;

typedef struct changes {
	uint64_t count;
	uint64_t anything, opened;   /* anything: rules moved, all are worth a look */
	change_marks class_freed;    /* by class handle */
	change_marks cluster_freed;  /* by cluster handle */
	change_marks cluster_opened; /* by cluster handle */
	change_marks tenant_fell;    /* by handle of the tree */
	uint64_t any_freed;
} changes;

void changes_done(changes *c);
void change_all(changes *c);
/* Devices of a class (FLEET_NONE: host resources) were freed or added in a cluster. */
void change_freed(changes *c, int32_t cluster, int32_t class_id);
/* A cluster, or something in it, was opened or added. */
void change_opened(changes *c, int32_t cluster);
/* The use of a tenant fell. */
void change_fell(changes *c, int32_t tenant);

bool change_concerns(const changes *c, const booking_wait *w);
