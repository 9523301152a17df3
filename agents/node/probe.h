/* probe: NVML in a process of its own.
 *
 * NVML's calls can block for seconds when a GPU is ill, and can take their process with them. So they are made by a
 * child of the daemon, `reeve-node probe`, which is asked over a socket and has until a deadline. One that is late or
 * dies is killed and started again, and the device that it was at is left out for a while, longer each time: an ill
 * device is a fact about that device, and never holds up the daemon or the sight of the others.
 */
#pragma once
#include "agents/node/inventory.h"
#include "net/loop.h"

enum {
	PROBE_PROCESSES_MAX = 4096, /* on one device; the books of one container have room for 1,024 */
	PROBE_SKIP_MIN_S = 30,      /* for so long an ill device is left out, and twice as long each time */
	PROBE_SKIP_MAX_S = 600,
	PROBE_RESTART_S = 1,
};

typedef struct probe_process {
	uint32_t pid;        /* on the node */
	uint32_t sm_percent; /* of the device, since the last sample */
	uint64_t bytes;
	uint32_t gpu_instance; /* UINT32_MAX: none */
} probe_process;

/* What a device does now. Members that NVML does not tell are -1. */
typedef struct probe_sample {
	int32_t index;
	int32_t busy_percent, memory_busy_percent, temperature_c, power_mw, sm_mhz, memory_mhz;
	int64_t used_bytes, total_bytes, reserved_bytes;
	int32_t rows_pending, rows_failed; /* remapped rows of memory: a reset is due; none are left */
	bool is_lost;                      /* it has fallen off the bus, or needs a reset */
	bool is_unlisted;                  /* its processes could not be told: n says nothing */
	uint32_t n;
	probe_process v[PROBE_PROCESSES_MAX];
} probe_sample;

typedef struct probe_event {
	char uuid[CARD_TEXT_BYTES];
	uint64_t type, data; /* nvml.h; of NVML_EVENT_XID, data is the XID */
} probe_event;

typedef struct probe_hooks {
	/* Every device there is, in NVML's order; those that were left out are missing. links as report_links. */
	void (*on_cards)(void *arg, const card *list, uint32_t n, const int16_t *links, const char *driver);
	/* For each device in turn. */
	void (*on_sample)(void *arg, const probe_sample *s);
	void (*on_sampled)(void *arg); /* all of them were told */
	void (*on_event)(void *arg, const probe_event *e);
	/* The child was late or died while it was at this device (NVML's index; -1: at none). */
	void (*on_ill)(void *arg, int32_t index, const char *how);
	void (*on_none)(void *arg); /* there is no NVML that starts; it is tried again at each scan */
	void *arg;
} probe_hooks;

typedef struct probe probe;

probe *probe_new(loop *l, const char *nvml_path, int64_t timeout_ms, const probe_hooks *hooks);
void probe_free(probe *p); /* NULL-safe; ends the child */

/* Asks for all devices, or for a sample; what is under way already is not asked twice. */
void probe_scan(probe *p);
void probe_ask_sample(probe *p);

/* The child's side: serves until the other side is gone. fd: the socket. */
int probe_serve(int fd, const char *nvml_path);
