/* signboard: this node's devices in its own annotations, as HAMi's plugin writes them (hami.io/node-nvidia-register and
 * -score), for schedulers, dashboards and agents that read them there.
 *
 * Written when they differ from what was written last; what did not arrive is tried again with signboard_look.
 */
#pragma once
#include "agents/kube/kube.h"
#include "agents/node/inventory.h"

typedef struct signboard signboard;

signboard *signboard_new(kube *k, const char *node);
void signboard_free(signboard *b); /* NULL-safe; before its kube is closed */

void signboard_set(signboard *b, const cards *all, int64_t shares);
void signboard_look(signboard *b);

/* The merge patch of the node's object. Texts live in a. */
str signboard_patch(const cards *all, int64_t shares, arena *a);
