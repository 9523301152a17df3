/* probe_message: what the daemon and the probe's process say to each other, a packet each. Both are the same program.
 */
#pragma once
#include "agents/node/probe.h"

enum { PROBE_FD = 3, PROBE_EVENT_WAIT_MS = 500 };

typedef enum probe_kind {
	PROBE_SCAN,   /* asked: all devices */
	PROBE_SAMPLE, /* asked: what they do; told: of one */
	PROBE_AT,     /* told: the next calls are about this device */
	PROBE_CARD,   /* told: one device */
	PROBE_LINKS,  /* told: of all */
	PROBE_EVENT,
	PROBE_DONE, /* told: that was all */
	PROBE_NONE, /* told: no NVML; the child ends */
} probe_kind;

typedef struct probe_ask {
	uint32_t kind;
	uint64_t skipped; /* devices by bit */
} probe_ask;

typedef struct probe_links {
	uint32_t n; /* devices */
	char driver[CARD_TEXT_BYTES];
	int16_t weights[CARDS_MAX * (CARDS_MAX - 1) / 2];
} probe_links;

typedef struct probe_told {
	uint32_t kind;
	int32_t index;
	union {
		card card;
		probe_sample sample;
		probe_links links;
		probe_event event;
	} is;
} probe_told;

#define PROBE_TOLD_BYTES(member) (offsetof(probe_told, is) + sizeof(((probe_told *)0)->is.member))
#define PROBE_TOLD_BARE          offsetof(probe_told, is)
