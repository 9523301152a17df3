/* pci: devices as sysfs and the driver's own files show them: what a machine tells without any maker's library.
 *
 * The kind is known by PCI ids, the NUMA node and the tree of switches by sysfs; NVIDIA's kernel driver adds the model
 * and the UUID
 * (/proc/driver/nvidia). Of other makers there is no UUID here: the place in the PCI tree is the name.
 */
#pragma once
#include "agents/node/inventory.h"

typedef struct pci_roots {
	const char *sys, *proc; /* "/sys", "/proc" */
} pci_roots;

#define PCI_UNTOLD UINT32_MAX

/* All accelerators, by bus id; those that another driver holds for a virtual machine are left out. At most max.
 * PCI_UNTOLD: sysfs cannot be read. */
uint32_t pci_scan(const pci_roots *roots, card *list, uint32_t max);

/* The NUMA node of a device; -1: not known. */
int32_t pci_numa(const pci_roots *roots, const char *bus_id);

/* How near two devices are in the tree, as report_links weighs it without NVLinks. */
int16_t pci_weight(const pci_roots *roots, const char *a, const char *b);
