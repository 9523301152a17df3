#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <signal.h>
#include "agents/node/nvml.h"
#include "agents/node/probe_message.h"

enum { LISTED_MAX = 4096, MAY_SAMPLE_BUSY = 1024, LINK_SWITCH = -1, WEIGHT_LINK = 100 };

typedef struct child {
	nvml nvml;
	int fd;
	uint32_t n;
	nvmlDevice_t devices[CARDS_MAX];
	char bus_ids[CARDS_MAX][CARD_BUS_ID_BYTES];
	char uuids[CARDS_MAX][CARD_TEXT_BYTES];
	bool is_known[CARDS_MAX];
	uint64_t since_us[CARDS_MAX]; /* of the last samples of processes */
	void *events;
	probe_told told;
	probe_links links;
	nvmlProcessInfo_v2_t processes[LISTED_MAX];
	nvmlProcessUtilizationSample_t busy[MAY_SAMPLE_BUSY];
} child;

static bool tell(child *c, probe_kind kind, int32_t index, size_t bytes)
{
	c->told.kind = kind;
	c->told.index = index;
	return send(c->fd, &c->told, bytes, MSG_NOSIGNAL) == (ssize_t)bytes;
}

static void at(child *c, int32_t index)
{
	(void)tell(c, PROBE_AT, index, PROBE_TOLD_BARE);
}

/* NVML writes 00000000:3B:00.0, sysfs 0000:3b:00.0. */
static void bus_id_put(char out[CARD_BUS_ID_BYTES], const nvml_pci *p)
{
	snprintf(out, CARD_BUS_ID_BYTES, "%04x:%02x:%02x.0", p->domain & 0xffff, p->bus & 0xff, p->device & 0x1f);
}

static int64_t memory_mib(const nvml *n, nvmlDevice_t device)
{
	nvmlMemory_t m;

	return n->memory && n->memory(device, &m) == NVML_SUCCESS ? (int64_t)(m.total >> 20) : 0;
}

/* False: there is one, and nothing is known of it. */
static bool instance_read(const nvml *n, nvmlDevice_t mig, card *c)
{
	card_instance *i = &c->instances[c->n_instances];

	if (n->uuid(mig, i->uuid, sizeof(i->uuid)) != NVML_SUCCESS)
		return false;
	if (n->name)
		(void)n->name(mig, i->name, sizeof(i->name));
	if (n->gpu_instance)
		(void)n->gpu_instance(mig, &i->gpu_instance);
	if (n->compute_instance)
		(void)n->compute_instance(mig, &i->compute_instance);
	i->memory_mib = memory_mib(n, mig);
	c->n_instances++;
	return true;
}

static void instances_read(const nvml *n, nvmlDevice_t device, card *c)
{
	unsigned now = 0, pending = 0, most = 0;
	nvmlDevice_t mig;

	if (!n->mig_mode || n->mig_mode(device, &now, &pending) != NVML_SUCCESS)
		return;
	c->is_listed = true;
	if (!now)
		return;
	c->is_mig = true;
	c->is_listed = n->mig_count && n->mig_handle && n->mig_count(device, &most) == NVML_SUCCESS;
	for (unsigned i = 0; i < most && c->is_listed; i++) {
		nvmlReturn_t answer = n->mig_handle(device, i, &mig);
		if (answer == NVML_SUCCESS)
			c->is_listed = c->n_instances < CARD_INSTANCES_MAX && instance_read(n, mig, c);
		else if (answer != NVML_NOT_FOUND)
			c->is_listed = false;
	}
}

static void card_read(child *ch, uint32_t index, card *c)
{
	const nvml *n = &ch->nvml;
	nvmlDevice_t device = ch->devices[index];
	nvml_pci pci;
	unsigned minor;

	*c = (card){.maker = NULL, .index = (int32_t)index, .minor = -1, .numa = -1};
	memcpy(c->uuid, ch->uuids[index], sizeof(c->uuid));
	if (!n->name || n->name(device, c->product, sizeof(c->product)) != NVML_SUCCESS)
		snprintf(c->product, sizeof(c->product), "NVIDIA");
	if (n->pci && n->pci(device, &pci) == NVML_SUCCESS)
		bus_id_put(c->bus_id, &pci);
	if (n->minor && n->minor(device, &minor) == NVML_SUCCESS)
		c->minor = (int32_t)minor;
	c->memory_mib = memory_mib(n, device);
	instances_read(n, device, c);
	memcpy(ch->bus_ids[index], c->bus_id, sizeof(c->bus_id));
}

static void events_register(child *c, uint32_t index)
{
	unsigned long long wanted =
		NVML_EVENT_DOUBLE_BIT | NVML_EVENT_XID | NVML_EVENT_UNAVAILABLE | NVML_EVENT_RECOVERY;
	unsigned long long can = NVML_EVENT_DOUBLE_BIT | NVML_EVENT_XID;
	const nvml *n = &c->nvml;

	if (!n->event_set || !n->event_register || !n->event_wait)
		return;
	if (!c->events && n->event_set(&c->events) != NVML_SUCCESS)
		return;
	if (n->event_types)
		(void)n->event_types(c->devices[index], &can);
	(void)n->event_register(c->devices[index], wanted & can, c->events);
}

static bool device_find(child *c, uint32_t index)
{
	char uuid[CARD_TEXT_BYTES] = {0};

	if (c->nvml.handle(index, &c->devices[index]) != NVML_SUCCESS ||
		c->nvml.uuid(c->devices[index], uuid, sizeof(uuid)) != NVML_SUCCESS)
		return false;
	if (!c->is_known[index] || strcmp(uuid, c->uuids[index]) != 0) {
		memcpy(c->uuids[index], uuid, sizeof(uuid));
		c->is_known[index] = true;
		events_register(c, index);
	}
	return true;
}

/* Of a link's far end: which of our devices it is, or a switch. */
static int32_t link_end(const child *c, const nvml_pci *far)
{
	char bus_id[CARD_BUS_ID_BYTES];

	bus_id_put(bus_id, far);
	for (uint32_t i = 0; i < c->n; i++)
		if (strcmp(bus_id, c->bus_ids[i]) == 0)
			return (int32_t)i;
	return LINK_SWITCH;
}

/* Links from one device: to others directly, and to switches, which all devices that have any share. */
static void links_count(const child *c, uint32_t index, int16_t direct[CARDS_MAX], int16_t *ret_switched)
{
	const nvml *n = &c->nvml;
	nvml_pci far;
	int is_active = 0;

	*ret_switched = 0;
	memset(direct, 0, sizeof(direct[0]) * CARDS_MAX);
	for (unsigned link = 0; n->link_state && n->link_remote && link < NVML_LINKS_MAX; link++) {
		if (n->link_state(c->devices[index], link, &is_active) != NVML_SUCCESS || !is_active)
			continue;
		if (n->link_remote(c->devices[index], link, &far) != NVML_SUCCESS)
			continue;
		int32_t end = link_end(c, &far);
		if (end == LINK_SWITCH)
			++*ret_switched;
		else
			direct[end]++;
	}
}

/* NVML's levels: internal, one switch, several, host bridge, CPU, system. */
static int16_t tree_weight(const nvml *n, nvmlDevice_t a, nvmlDevice_t b)
{
	static const int16_t weights[] = {60, 50, 40, 30, 20, 10};
	int level = 0;

	if (!n->ancestor || n->ancestor(a, b, &level) != NVML_SUCCESS || level < 0 || level > 50)
		return 0;
	return weights[level / 10];
}

static void links_read(child *c, probe_links *ret, uint64_t skipped)
{
	int16_t direct[CARDS_MAX], switched[CARDS_MAX] = {0};

	for (uint32_t i = 0; i < c->n; i++) {
		if (skipped >> i & 1)
			continue;
		at(c, (int32_t)i);
		links_count(c, i, direct, &switched[i]);
		for (uint32_t k = 0; k < i; k++) {
			bool is_there = c->is_known[k] && !(skipped >> k & 1);
			int16_t through = switched[i] < switched[k] ? switched[i] : switched[k];
			ret->weights[i * (i - 1) / 2 + k] =
				is_there ? (int16_t)(WEIGHT_LINK * (direct[k] + through) +
						     tree_weight(&c->nvml, c->devices[i], c->devices[k]))
					 : 0;
		}
	}
}

/* False: it no longer works, as when the driver was exchanged under it; another process may have more luck. */
static bool scan(child *c, uint64_t skipped)
{
	probe_links *links = &c->links;
	unsigned n = 0;

	at(c, -1);
	if (c->nvml.count(&n) != NVML_SUCCESS)
		return false;
	c->n = n < CARDS_MAX ? n : CARDS_MAX;
	for (uint32_t i = 0; i < c->n; i++) {
		if (skipped >> i & 1)
			continue;
		at(c, (int32_t)i);
		if (!device_find(c, i))
			continue;
		card_read(c, i, &c->told.is.card);
		(void)tell(c, PROBE_CARD, (int32_t)i, PROBE_TOLD_BYTES(card));
	}
	*links = (probe_links){.n = c->n};
	links_read(c, links, skipped);
	at(c, -1);
	if (c->nvml.driver_version)
		(void)c->nvml.driver_version(links->driver, sizeof(links->driver));
	c->told.is.links = *links;
	(void)tell(c, PROBE_LINKS, -1, PROBE_TOLD_BYTES(links));
	return tell(c, PROBE_DONE, PROBE_SCAN, PROBE_TOLD_BARE);
}

static void memory_read(const nvml *n, nvmlDevice_t device, probe_sample *s)
{
	nvmlMemory_v2_t v2 = {.version = sizeof(v2) | 2u << 24};
	nvmlMemory_t m;
	nvmlReturn_t answer = n->memory_v2 ? n->memory_v2(device, &v2) : NVML_ERROR_FUNCTION_NOT_FOUND;

	s->used_bytes = s->total_bytes = s->reserved_bytes = -1;
	if (answer == NVML_SUCCESS) {
		s->used_bytes = (int64_t)v2.used;
		s->total_bytes = (int64_t)v2.total;
		s->reserved_bytes = (int64_t)v2.reserved;
	} else if (n->memory && (answer = n->memory(device, &m)) == NVML_SUCCESS) {
		s->used_bytes = (int64_t)m.used;
		s->total_bytes = (int64_t)m.total;
	}
	s->is_lost = answer == NVML_GONE || answer == NVML_RESET_NEEDED;
}

static int32_t one_of(nvmlReturn_t answer, unsigned value)
{
	return answer == NVML_SUCCESS ? (int32_t)value : -1;
}

static void gauges_read(const nvml *n, nvmlDevice_t device, probe_sample *s)
{
	const nvmlReturn_t none = NVML_ERROR_FUNCTION_NOT_FOUND;
	nvml_busy busy = {0};
	unsigned v = 0, more = 0, pending = 0, failed = 0;

	nvmlReturn_t answer = n->busy ? n->busy(device, &busy) : none;
	s->busy_percent = one_of(answer, busy.gpu);
	s->memory_busy_percent = one_of(answer, busy.memory);
	answer = n->temperature ? n->temperature(device, 0, &v) : none;
	s->temperature_c = one_of(answer, v);
	answer = n->power ? n->power(device, &v) : none;
	s->power_mw = one_of(answer, v);
	answer = n->clock ? n->clock(device, 1, &v) : none;
	s->sm_mhz = one_of(answer, v);
	answer = n->clock ? n->clock(device, 2, &v) : none;
	s->memory_mhz = one_of(answer, v);
	answer = n->remapped ? n->remapped(device, &v, &more, &pending, &failed) : none;
	s->rows_pending = one_of(answer, pending);
	s->rows_failed = one_of(answer, failed);
}

static probe_process *process_put(probe_sample *s, uint32_t pid)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (s->v[i].pid == pid)
			return &s->v[i];
	if (s->n == PROBE_PROCESSES_MAX) {
		s->is_unlisted = true; /* of some nothing would be known */
		return NULL;
	}
	s->v[s->n] = (probe_process){.pid = pid, .gpu_instance = UINT32_MAX};
	return &s->v[s->n++];
}

static void process_take(probe_sample *s, const nvmlProcessInfo_v2_t *info)
{
	probe_process *p = process_put(s, info->pid);

	if (!p)
		return;
	/* All ones: not known (Windows' driver model, some virtual machines). */
	if (info->usedGpuMemory != UINT64_MAX)
		p->bytes += info->usedGpuMemory;
	p->gpu_instance = info->gpuInstanceId;
}

static void processes_v1(child *c, nvmlDevice_t device, probe_sample *s)
{
	nvmlProcessInfo_v1_t *list = (nvmlProcessInfo_v1_t *)c->processes;
	unsigned n = LISTED_MAX;

	s->is_unlisted |= c->nvml.compute_processes_v1(device, &n, list) != NVML_SUCCESS;
	for (unsigned i = 0; !s->is_unlisted && i < n && i < LISTED_MAX; i++)
		process_take(s, &(nvmlProcessInfo_v2_t){list[i].pid, list[i].usedGpuMemory, UINT32_MAX, UINT32_MAX});
}

static void processes_read(child *c, nvmlDevice_t device, probe_sample *s)
{
	nvmlReturn_t (*const lists[])(nvmlDevice_t, unsigned *, nvmlProcessInfo_v2_t *) = {
		c->nvml.compute_processes, c->nvml.graphics_processes};

	s->n = 0;
	if (!c->nvml.compute_processes && c->nvml.compute_processes_v1)
		processes_v1(c, device, s);
	for (size_t k = 0; k < sizeof(lists) / sizeof(*lists); k++) {
		unsigned n = LISTED_MAX;
		if (!lists[k])
			continue;
		nvmlReturn_t answer = lists[k](device, &n, c->processes);
		s->is_unlisted |= answer != NVML_SUCCESS && answer != NVML_ERROR_NOT_SUPPORTED;
		for (unsigned i = 0; answer == NVML_SUCCESS && i < n && i < LISTED_MAX; i++)
			process_take(s, &c->processes[i]);
	}
}

/* The mean of a process's samples since the last time. */
static void process_busy_take(const child *c, unsigned n, uint32_t pid, probe_sample *s)
{
	uint64_t sum = 0, count = 0;

	for (unsigned i = 0; i < n; i++) {
		if (c->busy[i].pid != pid)
			continue;
		sum += c->busy[i].smUtil;
		count++;
	}
	probe_process *p = count ? process_put(s, pid) : NULL;
	if (p)
		p->sm_percent = (uint32_t)((sum + count / 2) / count);
}

static void busy_read(child *c, uint32_t index, probe_sample *s)
{
	unsigned n = MAY_SAMPLE_BUSY;
	nvmlReturn_t answer = NVML_ERROR_FUNCTION_NOT_FOUND;

	if (c->nvml.process_busy)
		answer = c->nvml.process_busy(c->devices[index], c->busy, &n, c->since_us[index]);
	if (answer != NVML_SUCCESS || n > MAY_SAMPLE_BUSY)
		return;
	for (unsigned i = 0; i < n; i++)
		if (c->busy[i].timeStamp > c->since_us[index])
			c->since_us[index] = c->busy[i].timeStamp;
	for (unsigned i = 0; i < n; i++)
		process_busy_take(c, n, c->busy[i].pid, s);
}

static void sample(child *c, uint64_t skipped)
{
	probe_sample *s = &c->told.is.sample;

	for (uint32_t i = 0; i < c->n; i++) {
		if (!c->is_known[i] || skipped >> i & 1)
			continue;
		at(c, (int32_t)i);
		memset(s, 0, sizeof(*s));
		s->index = (int32_t)i;
		memory_read(&c->nvml, c->devices[i], s);
		gauges_read(&c->nvml, c->devices[i], s);
		processes_read(c, c->devices[i], s);
		busy_read(c, i, s);
		(void)tell(c, PROBE_SAMPLE, (int32_t)i,
			PROBE_TOLD_BARE + offsetof(probe_sample, v) + s->n * sizeof(s->v[0]));
	}
	at(c, -1);
	(void)tell(c, PROBE_DONE, PROBE_SAMPLE, PROBE_TOLD_BARE);
}

/* With a device that is lost, NVML may not wait at all. */
static void event_wait(child *c, struct pollfd *asked)
{
	nvml_event e;
	nvmlReturn_t answer = c->nvml.event_wait(c->events, &e, PROBE_EVENT_WAIT_MS);

	if (answer != NVML_SUCCESS && answer != NVML_TIMEOUT)
		(void)poll(asked, 1, PROBE_EVENT_WAIT_MS);
	if (answer != NVML_SUCCESS)
		return;
	probe_event *told = &c->told.is.event;
	memset(told, 0, sizeof(*told));
	told->type = e.type;
	told->data = e.data;
	(void)c->nvml.uuid(e.device, told->uuid, sizeof(told->uuid));
	(void)tell(c, PROBE_EVENT, -1, PROBE_TOLD_BYTES(event));
}

static bool serve_once(child *c)
{
	struct pollfd asked = {c->fd, POLLIN, 0};
	probe_ask ask;

	if (poll(&asked, 1, c->events ? 0 : -1) < 1) {
		if (c->events)
			event_wait(c, &asked);
		return true;
	}
	if (recv(c->fd, &ask, sizeof(ask), 0) != (ssize_t)sizeof(ask))
		return false;
	if (ask.kind == PROBE_SCAN && !scan(c, ask.skipped)) {
		(void)tell(c, PROBE_NONE, -1, PROBE_TOLD_BARE);
		return false;
	}
	if (ask.kind == PROBE_SAMPLE)
		sample(c, ask.skipped);
	return true;
}

int probe_serve(int fd, const char *nvml_path)
{
	child *c = calloc(1, sizeof(*c));

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!c)
		return EXIT_FAILURE;
	c->fd = fd;
	at(c, -1);
	if (!nvml_open(nvml_path, &c->nvml)) {
		(void)tell(c, PROBE_NONE, -1, PROBE_TOLD_BARE);
		free(c);
		return EXIT_SUCCESS;
	}
	while (serve_once(c))
		;
	free(c);
	return EXIT_SUCCESS;
}
