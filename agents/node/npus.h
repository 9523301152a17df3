/* npus: the NPUs of this machine as their maker's tool lists them (vnpu.h), looked at again and again.
 *
 * The tool may hang: it runs in a process of its own under a deadline, and whoever waits for it is nobody on the loop.
 * One that does not answer is asked again later.
 */
#pragma once
#include "agents/node/vnpu.h"
#include "net/loop.h"

enum { NPUS_TIMEOUT_MS = 20000 };

typedef struct npus npus;

typedef struct npus_config {
	loop *loop;
	const char *program; /* reeve-node, whose word `vnpu` is run; copied, as is the next */
	const char *tool;    /* npu-smi */
	int64_t every_ms, timeout_ms;
	/* All there are; list is valid during the call. */
	void (*on_list)(void *arg, const vnpu_listed *list, uint32_t n);
	void (*on_silent)(void *arg, const char *why);
	void *arg;
} npus_config;

/* Looks at once, and then every_ms after each answer. */
npus *npus_open(const npus_config *c);
void npus_close(npus *all); /* NULL-safe */
/* Something has changed there: it is looked at soon. */
void npus_hurry(npus *all);
