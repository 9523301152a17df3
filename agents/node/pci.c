#include "agents/node/pci.h"
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { WEIGHT_CPUS = 10, WEIGHT_CPU = 20, WEIGHT_BRIDGE = 30, WEIGHT_SWITCHES = 40, WEIGHT_SWITCH = 50 };

static const struct pci_maker {
	long vendor, class_from, class_to;
	const char *maker, *word;
} makers[] = {
#define M(vendor, from, to, maker, word) {vendor, from, to, maker, word},
#define P(...)
#include "agents/node/pci.def"
#undef M
#undef P
};

static const struct pci_product {
	long vendor, device;
	const char *name;
	int64_t memory_mib;
} products[] = {
#define M(...)
#define P(vendor, device, name, memory_mib) {vendor, device, name, memory_mib},
#include "agents/node/pci.def"
#undef M
#undef P
};

static str file_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, size - 1);

	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = 0;
	return fd < 0 ? STR_NONE : str_of(text, n > 0 ? (size_t)n : 0);
}

static long number_of(const pci_roots *roots, const char *bus_id, const char *name, int base)
{
	char path[PATH_MAX], text[64];

	snprintf(path, sizeof(path), "%s/bus/pci/devices/%s/%s", roots->sys, bus_id, name);
	return file_text(path, text, sizeof(text)).p ? strtol(text, NULL, base) : -1;
}

int32_t pci_numa(const pci_roots *roots, const char *bus_id)
{
	long n = bus_id[0] ? number_of(roots, bus_id, "numa_node", 10) : -1;

	return n >= 0 && n < 64 ? (int32_t)n : -1;
}

/* Displays, coprocessors and accelerators: a maker's sound, bridges and ports stand in other classes, beside its
 * devices.
 */
static bool is_computing(long class)
{
	long base = class >> 8;

	return base == 0x03 || base == 0x0b || base == 0x12;
}

static const struct pci_maker *maker_of(long vendor, long class)
{
	if (!is_computing(class))
		return NULL;
	for (size_t i = 0; i < sizeof(makers) / sizeof(*makers); i++)
		if (makers[i].vendor == vendor && class >= makers[i].class_from && class <= makers[i].class_to)
			return &makers[i];
	return NULL;
}

/* A device that vfio-pci holds is not this machine's to give, and a virtual function is a part of one that is counted.
 */
static bool is_held_elsewhere(const pci_roots *roots, const char *bus_id)
{
	char path[PATH_MAX], driver[PATH_MAX];

	snprintf(path, sizeof(path), "%s/bus/pci/devices/%s/physfn", roots->sys, bus_id);
	if (access(path, F_OK) == 0)
		return true;
	snprintf(path, sizeof(path), "%s/bus/pci/devices/%s/driver", roots->sys, bus_id);
	ssize_t n = readlink(path, driver, sizeof(driver) - 1);
	return n > 0 && str_ends(str_of(driver, (size_t)n), S("/vfio-pci"));
}

static void text_put(char out[CARD_TEXT_BYTES], str s)
{
	snprintf(out, CARD_TEXT_BYTES, STR_FMT, STR_ARG(s));
}

/* "Model: \t\t NVIDIA H200" and "GPU UUID: \t GPU-..." */
static void driver_file_read(const pci_roots *roots, card *c)
{
	char path[PATH_MAX], text[4096];

	snprintf(path, sizeof(path), "%s/driver/nvidia/gpus/%s/information", roots->proc, c->bus_id);
	str rest = file_text(path, text, sizeof(text));
	while (rest.p) {
		str value = str_split(&rest, '\n'), name = str_split(&value, ':');
		if (str_eq(name, S("Model")))
			text_put(c->product, str_trim(value));
		/* Without a program that uses the device, the driver may not know yet and writes question marks. */
		if (str_eq(name, S("GPU UUID")) && str_find(value, '?', 0) < 0)
			text_put(c->uuid, str_trim(value));
		if (str_eq(name, S("Device Minor")))
			c->minor = (int32_t)strtol(str_trim(value).p, NULL, 10);
	}
}

/* AMD's kernel driver, and Hygon's, which is made from it, has a number of each card, and its memory. */
static void amd_files_read(const pci_roots *roots, card *c)
{
	char path[PATH_MAX], text[64];

	snprintf(path, sizeof(path), "%s/bus/pci/devices/%s/unique_id", roots->sys, c->bus_id);
	str id = str_trim(str_from(file_text(path, text, sizeof(text)).p));
	id = str_ends(id, S("\n")) ? str_cut(id, 0, id.n - 1) : id;
	if (id.n && id.n < CARD_TEXT_BYTES - 4)
		snprintf(c->uuid, sizeof(c->uuid), "GPU-" STR_FMT, STR_ARG(id));
	snprintf(path, sizeof(path), "%s/bus/pci/devices/%s/mem_info_vram_total", roots->sys, c->bus_id);
	if (file_text(path, text, sizeof(text)).p)
		c->memory_mib = (int64_t)(strtoull(text, NULL, 10) >> 20);
}

static bool card_read(const pci_roots *roots, const char *bus_id, card *c)
{
	long vendor = number_of(roots, bus_id, "vendor", 16), device = number_of(roots, bus_id, "device", 16);
	long class = number_of(roots, bus_id, "class", 16);
	const struct pci_maker *m = class > 0 ? maker_of(vendor, class >> 8) : NULL;

	if (!m || is_held_elsewhere(roots, bus_id))
		return false;
	*c = (card){.maker = m->maker, .minor = -1, .numa = pci_numa(roots, bus_id), .state = CARD_UNMONITORED};
	memcpy(c->bus_id, bus_id, strlen(bus_id)); /* the caller has looked at its length */
	snprintf(c->uuid, sizeof(c->uuid), "PCI-%s", c->bus_id);
	snprintf(c->product, sizeof(c->product), "%s %04lx:%04lx", m->word, vendor, device);
	for (size_t i = 0; i < sizeof(products) / sizeof(*products); i++) {
		if (products[i].vendor != vendor || products[i].device != device)
			continue;
		snprintf(c->product, sizeof(c->product), "%s", products[i].name);
		c->memory_mib = products[i].memory_mib;
	}
	if (strcmp(m->maker, "nvidia") == 0)
		driver_file_read(roots, c);
	if (strcmp(m->maker, "amd") == 0 || strcmp(m->maker, "hygon") == 0)
		amd_files_read(roots, c);
	return true;
}

static int by_bus_id(const void *a, const void *b)
{
	return strcmp(((const card *)a)->bus_id, ((const card *)b)->bus_id);
}

uint32_t pci_scan(const pci_roots *roots, card *list, uint32_t max)
{
	char path[PATH_MAX];
	uint32_t n = 0;

	snprintf(path, sizeof(path), "%s/bus/pci/devices", roots->sys);
	DIR *dir = opendir(path);
	if (!dir)
		return PCI_UNTOLD;
	for (const struct dirent *entry; n < max && (entry = readdir(dir));)
		if (strlen(entry->d_name) < CARD_BUS_ID_BYTES && card_read(roots, entry->d_name, &list[n]))
			n++;
	closedir(dir);
	if (n)
		qsort(list, n, sizeof(*list), by_bus_id);
	return n;
}

/* "/sys/devices/pci0000:00/0000:00:01.0/0000:01:00.0": the root complex, ports and switches, the device. */
static str tree_path(const pci_roots *roots, const char *bus_id, char text[PATH_MAX])
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/bus/pci/devices/%s", roots->sys, bus_id);
	if (!bus_id[0] || !realpath(path, text))
		return STR_NONE;
	const char *at = strstr(text, "/pci");
	return at ? str_from(at + 1) : STR_NONE;
}

int16_t pci_weight(const pci_roots *roots, const char *a, const char *b)
{
	char text_a[PATH_MAX], text_b[PATH_MAX];
	str x = tree_path(roots, a, text_a), y = tree_path(roots, b, text_b);
	int common = 0;

	while (x.p && y.p && str_eq(str_split(&x, '/'), str_split(&y, '/')))
		common++;
	bool is_one_switch = common >= 2 && !x.p && !y.p;
	if (is_one_switch)
		return WEIGHT_SWITCH;
	if (common >= 2)
		return WEIGHT_SWITCHES;
	if (common == 1)
		return WEIGHT_BRIDGE;
	int32_t near = pci_numa(roots, a);
	return near >= 0 && near == pci_numa(roots, b) ? WEIGHT_CPU : WEIGHT_CPUS;
}
