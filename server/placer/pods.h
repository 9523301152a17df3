/* pods: placements that began as a pod in a cluster, and not as a request to the server.
 *
 * `admitted`: the cluster let it in out of what was lent to it (lend.h). It is stored whatever it says, under the id
 * and fence that the cluster gave it; from then on it is a placement like any other. `want`: nothing was left there to
 * let it in; it is decided here, for that cluster alone. A cluster tells of a pod until it hears that it is over, and
 * may tell again after a restart: ids are known for PODS_KEPT_S after their end. It tells too when the pod of a want is
 * gone, and hears when a want ends without a place.
 */
#pragma once
#include "api/types/agent.h"
#include "db/sql.h"
#include "server/placer/turn.h"

enum { PODS_KEPT_S = 7 * 86400, PODS_REVIEW_S = 3600 };

void pods_admitted(turn *t, books *b, const site *s, const report_item *item, const sql_inbox_next_row *row, str actor);
void pods_wanted(turn *t, books *b, const site *s, const report_item *item, const sql_inbox_next_row *row, str actor);
/* Pods that were wanted are no more: what of them still waits ends. Of another cluster's nothing changes. */
void pods_withdrawn(turn *t, books *b, const site *s, const report_item *item, str actor);
/* The key of the cluster whose pod it is; 0: it is none. */
int32_t pods_home(const books *b, const booking *k);
/* Lets go of ids that nobody tells of any more, once in a while, in a turn that has other work too. */
void pods_review(turn *t, books *b);
