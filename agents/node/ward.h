/* ward: the devices of this machine, watched over: what the probe, PCI and the kernel's log say of them, made into one
 * inventory and one state of health each. Without a clock and without a loop: facts come in, the inventory's
 * generations tell what changed.
 */
#pragma once
#include "agents/node/health.h"
#include "agents/node/pci.h"
#include "agents/node/probe.h"
#include "agents/node/vnpu.h"

typedef struct ward ward;

ward *ward_new(const pci_roots *roots);
void ward_free(ward *w); /* NULL-safe */

const cards *ward_cards(const ward *w);

/* The probe's news (probe_hooks). A device that was known and is missing is lost; one that PCI knows and NVML never
 * named does not answer. */
void ward_take_cards(ward *w, const card *list, uint32_t n, const int16_t *links, const char *driver, int64_t now_us);
void ward_take_sample(ward *w, const probe_sample *s, int64_t now_us);
void ward_take_event(ward *w, const probe_event *e, int64_t now_us);
void ward_take_ill(ward *w, int32_t nvml_index, int64_t now_us);
/* There is no NVML: what PCI shows, unmonitored. */
void ward_take_none(ward *w, int64_t now_us);
/* A line of the kernel's log; for machines whose NVML has no events. */
void ward_take_log(ward *w, str line, int64_t now_us);

/* The NPUs as their maker's tool lists them (npus.h): PCI alone does not know what they are. One that it does not list
 * now is unmonitored, so that nothing begins there, and stays what it was said to be. And: the tool does not answer.
 */
void ward_take_npus(ward *w, const vnpu_listed *list, uint32_t n, int64_t now_us);
void ward_take_npus_silent(ward *w, int64_t now_us);

/* The card of NVML's index, or NULL; the latest sample of a card, or NULL. */
const card *ward_card_of_index(const ward *w, int32_t nvml_index);
const probe_sample *ward_sample(const ward *w, const card *c);

/* The latest XID of a card, whatever it is about; 0: none. */
int64_t ward_xid(const ward *w, const card *c);
