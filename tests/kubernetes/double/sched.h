/* sched: what kube-scheduler does with an extender, for the pods of the double: filter over all nodes, then bind to the
 * first that is left; pods that find none are tried again.
 */
#pragma once
#include "net/fetch.h"
#include "store.h"

typedef struct sched sched;

sched *sched_open(loop *l, store *s);
void sched_close(sched *s);
/* Where the extender is: "http://127.0.0.1:1234/extender"; "" : nowhere. ca_file: who vouches for it; the first one
 * stays. */
void sched_point(sched *s, str url, str ca_file);
