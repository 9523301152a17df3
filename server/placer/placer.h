/* placer: the one writer of placements, totals and the clusters' streams.
 *
 * It leads by an advisory lock and a term on its committing connection; others stand by and ask each second. A leader
 * loads the books, checks them against the stored totals, then takes the inbox in turns: decide in memory, commit all
 * of it in one transaction, read on in the same flush. A commit whose end was not seen is asked for until it is known;
 * what cannot be explained is answered by building the books anew.
 */
#pragma once
#include "net/loop.h"

enum {
	PLACER_BATCH_MAX = 1024,
	PLACER_STATUS_MISMATCH = 3, /* stored totals and placements differ: a person must look */
};

typedef struct placer placer;

typedef struct placer_options {
	const char *dsn;                       /* stays valid */
	int64_t batch;                         /* inbox rows per turn, 1 to PLACER_BATCH_MAX */
	int64_t poll_ms;                       /* how often the inbox is looked at without a hint */
	int64_t answer_ms;                     /* a grant unanswered for longer is told of; 0: never */
	int64_t reconnect_us;                  /* 0: the default pause before a lost connection is opened again */
	void (*on_commit)(void *arg);          /* decisions were committed */
	void (*on_end)(void *arg, int status); /* it stopped for good: 0 when asked to */
	void *arg;
} placer_options;

placer *placer_new(loop *l, const placer_options *o);
void placer_free(placer *p); /* NULL-safe; drops what is in flight */

/* Hints: the inbox has something; the governance chain moved. */
void placer_look(placer *p);
void placer_look_at_governance(placer *p);
/* Ends after the batch at hand, or within seconds where its end will not be seen. */
void placer_stop(placer *p);

bool placer_is_serving(const placer *p);
/* How often it found nothing left to do: what it was told to look at before, it has dealt with once this grew. */
uint64_t placer_rests(const placer *p);
/* What a tenant has used with its subtree until at_us, in millionths of a credit times seconds; 0 while it does not
 * serve.
 */
int64_t placer_use_at(const placer *p, int32_t tenant_key, int64_t at_us);
int64_t placer_term(const placer *p); /* 0: never led */
