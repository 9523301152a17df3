#include "agents/node/ward.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include "agents/node/nvml.h"
#include "agents/vendors/vendor.h"
#include "engine/geometry.h"

/* What is known of a card beside what others see. Its latest sample without the list of processes, which is large. */
typedef struct watched {
	health health;
	int32_t nvml_index; /* -1: NVML does not name it now */
	bool by_nvml;       /* it did once */
	int64_t xid;
	bool is_seen; /* in the list at hand */
	bool is_off;  /* PCI had it, and has it no more */
	bool has_sample;
	probe_sample *sample;
} watched;

struct ward {
	pci_roots roots;
	char sys[256], proc[256];
	cards cards;
	watched of[CARDS_MAX];
	card found[CARDS_MAX]; /* by PCI */
	vnpu_listed npus[VNPU_CHIPS_MAX];
	bool is_told[VNPU_CHIPS_MAX]; /* in the tool's latest list; else it was in an earlier one */
	uint32_t n_npus;
	bool has_npus; /* the tool answers */
};

ward *ward_new(const pci_roots *roots)
{
	ward *w = calloc(1, sizeof(*w));

	assert(w);
	snprintf(w->sys, sizeof(w->sys), "%s", roots->sys);
	snprintf(w->proc, sizeof(w->proc), "%s", roots->proc);
	w->roots = (pci_roots){w->sys, w->proc};
	return w;
}

void ward_free(ward *w)
{
	for (uint32_t i = 0; w && i < w->cards.n; i++)
		free(w->of[i].sample);
	free(w);
}

const cards *ward_cards(const ward *w)
{
	return &w->cards;
}

static uint32_t place_of(const ward *w, const card *c)
{
	return (uint32_t)(c - w->cards.v);
}

/* The state others see is the state of its health. */
static void health_show(ward *w, uint32_t i)
{
	card *c = &w->cards.v[i];
	const health *h = &w->of[i].health;

	if (c->state == h->state && strcmp(c->cause, h->cause) == 0)
		return;
	c->state = h->state;
	c->since_us = h->since_us;
	memcpy(c->cause, h->cause, sizeof(c->cause));
	w->cards.health_generation++;
}

static void fact_take(ward *w, uint32_t i, health_fact fact, int64_t number, int64_t now_us)
{
	(void)health_take(&w->of[i].health, fact, number, now_us);
	health_show(w, i);
}

static int64_t find_uuid(const ward *w, const char *uuid)
{
	for (uint32_t i = 0; i < w->cards.n; i++)
		if (strcmp(w->cards.v[i].uuid, uuid) == 0)
			return i;
	return -1;
}

static int64_t find_bus(const ward *w, const char *bus_id)
{
	for (uint32_t i = 0; bus_id[0] && i < w->cards.n; i++)
		if (strcmp(w->cards.v[i].bus_id, bus_id) == 0)
			return i;
	return -1;
}

static bool is_same_card(const card *a, const card *b)
{
	return strcmp(a->uuid, b->uuid) == 0 && strcmp(a->product, b->product) == 0 &&
	       strcmp(a->bus_id, b->bus_id) == 0 && a->minor == b->minor && a->numa == b->numa &&
	       a->memory_mib == b->memory_mib && a->is_mig == b->is_mig && a->n_instances == b->n_instances &&
	       memcmp(a->instances, b->instances, sizeof(a->instances)) == 0;
}

static void unmonitored_set(ward *w, uint32_t i, const char *why, int64_t now_us)
{
	health *h = &w->of[i].health;

	if (h->state != CARD_OK && h->state != CARD_UNMONITORED)
		return;
	if (h->state == CARD_OK)
		h->since_us = now_us;
	h->state = CARD_UNMONITORED;
	snprintf(h->cause, sizeof(h->cause), "%s", why);
	health_show(w, i);
}

/* Takes a card's facts, keeps its place and its health; a new one goes to the end. */
static int64_t card_put(ward *w, const card *told, int64_t now_us)
{
	int64_t at = find_uuid(w, told->uuid);

	if (at < 0)
		at = find_bus(w, told->bus_id);
	bool is_new = at < 0;
	if (is_new && w->cards.n == CARDS_MAX)
		return -1;
	if (is_new) {
		at = w->cards.n++;
		w->of[at] = (watched){.nvml_index = -1, .health.since_us = now_us};
	}
	card *c = &w->cards.v[at], now = *told;
	now.index = (int32_t)at;
	now.state = c->state;
	now.since_us = is_new ? now_us : c->since_us;
	memcpy(now.cause, c->cause, sizeof(now.cause));
	if (is_new || !is_same_card(c, &now))
		w->cards.generation++;
	*c = now;
	return at;
}

/* Its place among what the tool has listed; -1: it never has. */
static int64_t npu_at(const ward *w, const char *bus_id)
{
	for (uint32_t i = 0; i < w->n_npus; i++)
		if (strcmp(w->npus[i].bus_id, bus_id) == 0)
			return i;
	return -1;
}

static int64_t memory_of(const geometry *g, const char *template)
{
	int32_t at = geometry_profile_find(g, str_from(template));

	return at < 0 ? 0 : g->profiles[at].memory_mib;
}

/* What the tool says of a device that PCI has found, or has said. Where no rules are known by which it is cut, it is
 * given by nobody. True: it says so now. */
static bool npu_name(const ward *w, card *c)
{
	int64_t at = npu_at(w, c->bus_id);

	if (at < 0)
		return false;
	const vnpu_listed *told = &w->npus[at];
	bool is_told = w->has_npus && w->is_told[at];
	(void)snprintf(c->product, sizeof(c->product), "%s", told->product);
	c->minor = (int32_t)told->number;
	const geometry *g = vendor_of_product(c->maker, str_from(c->product)) ? card_geometry(c) : NULL;
	c->is_mig = g != NULL;
	c->is_listed = is_told;
	if (!g)
		return is_told;
	c->memory_mib = g->profiles[g->n_profiles - 1].memory_mib; /* the last takes all of it */
	for (uint32_t i = 0; i < told->n && c->n_instances < CARD_INSTANCES_MAX; i++) {
		card_instance *one = &c->instances[c->n_instances++];
		(void)snprintf(one->uuid, sizeof(one->uuid), "vnpu-%lld", (long long)told->v[i].id);
		(void)snprintf(one->name, sizeof(one->name), "%s", told->v[i].template);
		one->gpu_instance = (uint32_t)told->v[i].id;
		one->memory_mib = memory_of(g, told->v[i].template);
	}
	return is_told;
}

/* Where nobody answers for a device, what stands on the bus again after it was off counts as an answer; and of one that
 * is only degraded, that nothing more was said of it. */
static void bus_take(ward *w, uint32_t i, int64_t now_us)
{
	watched *of = &w->of[i];

	if (!of->is_off && of->health.state != CARD_DEGRADED)
		return;
	if (!health_well(&of->health, now_us))
		return;
	of->is_off = false;
	health_show(w, i);
}

static void npu_put(ward *w, const card *found, int64_t now_us)
{
	card told = *found;
	bool is_told = npu_name(w, &told);
	int64_t at = card_put(w, &told, now_us);

	if (at < 0)
		return;
	bus_take(w, (uint32_t)at, now_us);
	health *h = &w->of[at].health;
	if (!is_told) {
		unmonitored_set(
			w, (uint32_t)at, w->has_npus ? "npu-smi does not list it" : "npu-smi does not answer", now_us);
	} else if (h->state == CARD_UNMONITORED || h->state == CARD_FAILED) {
		(void)health_well(h, now_us);
		health_show(w, (uint32_t)at);
	}
}

static bool is_npu(const card *c)
{
	return strcmp(c->maker, "huawei") == 0;
}

static void unasked_take(ward *w, uint32_t i, int64_t now_us)
{
	bool is_nvidia = strcmp(w->cards.v[i].maker, "nvidia") == 0;

	bus_take(w, i, now_us);
	unmonitored_set(w, i, is_nvidia ? "NVML is not there" : "nobody asks its maker's library", now_us);
}

static bool is_found(const ward *w, uint32_t n, const card *c)
{
	for (uint32_t i = 0; i < n; i++)
		if (strcmp(w->found[i].bus_id, c->bus_id) == 0)
			return true;
	return false;
}

/* All that PCI has; what it had and has no more is lost, unless NVML answers for it. */
static uint32_t pci_look(ward *w, int64_t now_us)
{
	uint32_t n = pci_scan(&w->roots, w->found, CARDS_MAX);

	if (n == PCI_UNTOLD)
		return 0;
	for (uint32_t i = 0; i < w->cards.n; i++) {
		if (w->of[i].by_nvml || is_found(w, n, &w->cards.v[i]))
			continue;
		w->of[i].is_off = true;
		fact_take(w, i, HEALTH_LOST, 0, now_us);
	}
	return n;
}

/* By PCI: devices that NVML should name and does not. */
static void pci_take(ward *w, bool has_nvml, int64_t now_us)
{
	uint32_t n = pci_look(w, now_us);

	for (uint32_t i = 0; i < n; i++) {
		bool is_nvidia = strcmp(w->found[i].maker, "nvidia") == 0;
		int64_t at = find_bus(w, w->found[i].bus_id);
		if (at >= 0 && w->of[at].by_nvml)
			continue;
		if (is_npu(&w->found[i]) && w->n_npus) {
			npu_put(w, &w->found[i], now_us);
			continue;
		}
		at = card_put(w, &w->found[i], now_us);
		if (at >= 0 && is_nvidia && has_nvml)
			fact_take(w, (uint32_t)at, HEALTH_SILENT, 0, now_us);
		else if (at >= 0)
			unasked_take(w, (uint32_t)at, now_us);
	}
}

static int64_t place_of_index(const ward *w, int32_t nvml_index)
{
	for (uint32_t i = 0; nvml_index >= 0 && i < w->cards.n; i++)
		if (w->of[i].nvml_index == nvml_index)
			return i;
	return -1;
}

static void links_take(ward *w, const int16_t *links)
{
	for (uint32_t i = 1; i < w->cards.n; i++) {
		for (uint32_t k = 0; k < i; k++) {
			int32_t a = w->of[i].nvml_index, b = w->of[k].nvml_index;
			int32_t more = a > b ? a : b, less = a > b ? b : a;
			int16_t *weight = &w->cards.links[i * (i - 1) / 2 + k];
			/* Who is not seen just now is linked as before. */
			if (*weight && ((w->of[i].by_nvml && a < 0) || (w->of[k].by_nvml && b < 0)))
				continue;
			if (*weight && (!w->of[i].is_seen || !w->of[k].is_seen) && w->of[i].by_nvml && w->of[k].by_nvml)
				continue;
			int16_t now = less >= 0 ? links[more * (more - 1) / 2 + less] : 0;
			if (!now)
				now = pci_weight(&w->roots, w->cards.v[i].bus_id, w->cards.v[k].bus_id);
			w->cards.generation += *weight != now;
			*weight = now;
		}
	}
}

/* NVML counts anew when a device is gone: the number is another's now. */
static void index_set(ward *w, uint32_t at, int32_t nvml_index)
{
	for (uint32_t i = 0; i < w->cards.n; i++)
		if (w->of[i].nvml_index == nvml_index)
			w->of[i].nvml_index = -1;
	w->of[at].nvml_index = nvml_index;
}

static const int16_t no_links[CARDS_MAX * (CARDS_MAX - 1) / 2];

void ward_take_cards(ward *w, const card *list, uint32_t n, const int16_t *links, const char *driver, int64_t now_us)
{
	for (uint32_t i = 0; i < w->cards.n; i++)
		w->of[i].is_seen = false;
	for (uint32_t i = 0; i < n; i++) {
		card told = list[i];
		told.numa = pci_numa(&w->roots, told.bus_id);
		int64_t at = card_put(w, &told, now_us);
		if (at < 0)
			continue;
		index_set(w, (uint32_t)at, list[i].index);
		w->of[at].by_nvml = w->of[at].is_seen = true;
		if (w->of[at].health.state == CARD_UNMONITORED) {
			(void)health_well(&w->of[at].health, now_us);
			health_show(w, (uint32_t)at);
		}
	}
	for (uint32_t i = 0; i < w->cards.n; i++)
		if (w->of[i].by_nvml && !w->of[i].is_seen)
			fact_take(w, i, HEALTH_LOST, 0, now_us);
	pci_take(w, true, now_us);
	links_take(w, links);
	w->cards.has_nvml = true;
	w->cards.generation += strcmp(w->cards.driver, driver) != 0;
	snprintf(w->cards.driver, sizeof(w->cards.driver), "%s", driver);
}

void ward_take_none(ward *w, int64_t now_us)
{
	w->cards.has_nvml = false;
	for (uint32_t i = 0; i < w->cards.n; i++) {
		w->of[i].has_sample = false;
		w->of[i].nvml_index = -1;
		if (w->of[i].by_nvml)
			unmonitored_set(w, i, "NVML is not there", now_us);
	}
	pci_take(w, false, now_us);
	links_take(w, no_links);
}

static void sample_keep(watched *of, const probe_sample *s)
{
	if (!of->sample)
		of->sample = calloc(1, offsetof(probe_sample, v));
	assert(of->sample);
	memcpy(of->sample, s, offsetof(probe_sample, v));
	of->has_sample = true;
}

void ward_take_sample(ward *w, const probe_sample *s, int64_t now_us)
{
	int64_t at = place_of_index(w, s->index);

	if (at < 0)
		return;
	sample_keep(&w->of[at], s);
	if (s->is_lost)
		fact_take(w, (uint32_t)at, HEALTH_LOST, 0, now_us);
	else if (s->rows_failed > 0)
		fact_take(w, (uint32_t)at, HEALTH_ROWS_FAILED, 0, now_us);
	else if (s->rows_pending > 0)
		fact_take(w, (uint32_t)at, HEALTH_ROWS_PENDING, 0, now_us);
	else if (w->of[at].is_seen && health_well(&w->of[at].health, now_us))
		health_show(w, (uint32_t)at);
}

void ward_take_event(ward *w, const probe_event *e, int64_t now_us)
{
	const card *c = card_of_any_uuid(&w->cards, e->uuid);

	if (!c)
		return;
	uint32_t at = place_of(w, c);
	if (e->type & NVML_EVENT_XID) {
		w->of[at].xid = (int64_t)e->data;
		fact_take(w, at, HEALTH_XID, (int64_t)e->data, now_us);
	}
	if (e->type & NVML_EVENT_DOUBLE_BIT)
		fact_take(w, at, HEALTH_DOUBLE_BIT, 0, now_us);
	if (e->type & NVML_EVENT_UNAVAILABLE)
		fact_take(w, at, HEALTH_UNAVAILABLE, 0, now_us);
}

void ward_take_ill(ward *w, int32_t nvml_index, int64_t now_us)
{
	int64_t at = place_of_index(w, nvml_index);

	if (at < 0)
		return;
	w->of[at].is_seen = false;
	fact_take(w, (uint32_t)at, HEALTH_SILENT, 0, now_us);
}

void ward_take_log(ward *w, str line, int64_t now_us)
{
	char bus_id[CARD_BUS_ID_BYTES];
	int64_t xid;

	if (!health_read_log(line, bus_id, &xid))
		return;
	int64_t at = find_bus(w, bus_id);
	if (at < 0)
		return;
	w->of[at].xid = xid;
	fact_take(w, (uint32_t)at, HEALTH_XID, xid, now_us);
}

const card *ward_card_of_index(const ward *w, int32_t nvml_index)
{
	int64_t at = place_of_index(w, nvml_index);

	return at < 0 ? NULL : &w->cards.v[at];
}

const probe_sample *ward_sample(const ward *w, const card *c)
{
	const watched *of = &w->of[place_of(w, c)];

	return of->has_sample ? of->sample : NULL;
}

int64_t ward_xid(const ward *w, const card *c)
{
	return w->of[place_of(w, c)].xid;
}

static void npus_settle(ward *w, int64_t now_us)
{
	uint32_t n = pci_look(w, now_us);

	for (uint32_t i = 0; i < n && w->n_npus; i++)
		if (is_npu(&w->found[i]))
			npu_put(w, &w->found[i], now_us);
}

void ward_take_npus(ward *w, const vnpu_listed *list, uint32_t n, int64_t now_us)
{
	memset(w->is_told, 0, sizeof(w->is_told));
	for (uint32_t i = 0; i < n; i++) {
		int64_t at = npu_at(w, list[i].bus_id);
		if (at < 0 && w->n_npus < VNPU_CHIPS_MAX)
			at = w->n_npus++;
		if (at < 0)
			continue;
		w->npus[at] = list[i];
		w->is_told[at] = true;
	}
	w->has_npus = true;
	npus_settle(w, now_us);
}

void ward_take_npus_silent(ward *w, int64_t now_us)
{
	w->has_npus = false;
	npus_settle(w, now_us);
}
