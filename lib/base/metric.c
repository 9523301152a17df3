#include "base/metric.h"
#include <assert.h>
#include <inttypes.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

typedef enum metric_kind { COUNTER, GAUGE, HISTOGRAM } metric_kind;

typedef struct label_set {
	const char *name; /* NULL: one value without a label */
	int n;
	const char *values[METRIC_LABELS_MAX];
} label_set;

/* In the order of the enums in metric.h. */
static const label_set NONE = {NULL, 1, {NULL}};
static const label_set STATUS_CLASS = {"class", STATUS_5XX + 1, {"1xx", "2xx", "3xx", "4xx", "5xx"}};
static const label_set DECISION = {"decision", DECISION_REVOKED + 1, {"granted", "waiting", "rejected", "revoked"}};

/* Named at start (metric_label): api/ knows them, and this room does not. */
static label_set DEPRECATED = {"operation", 0, {NULL}};

typedef struct metric_row {
	metric_kind kind;
	const char *name, *help;
	const label_set *labels;
} metric_row;

#define M(id, kind, name, labels, help) [METRIC_##id] = {kind, name, help, &labels},
static const metric_row rows[METRIC_COUNT] = {
#include "metrics.def"
};
#undef M

/* Upper bounds of the buckets; one more bucket takes what is longer. */
static const int64_t bounds_us[] = {10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000, 200000,
	500000, 1000000, 2000000, 5000000, 10000000, 20000000, 50000000, 60000000};
enum { BOUNDS = sizeof(bounds_us) / sizeof(bounds_us[0]), CELL_SUM = BOUNDS + 1, CELLS };

/* Every metric takes the same number of cells: labels for counters, buckets and the sum for histograms. */
typedef struct slot {
	int64_t cell[METRIC_COUNT][CELLS];
} slot;

static slot own;
static slot *mine = &own, *all = &own;
static int n_slots = 1;

enum { REGION_BYTES = METRIC_SLOTS * sizeof(slot) };

int metric_region_new(void)
{
	int fd = memfd_create("metrics", 0);

	if (fd >= 0 && ftruncate(fd, REGION_BYTES) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

err metric_share(int fd, int at)
{
	struct stat st;

	assert(at >= 0 && at < METRIC_SLOTS);
	/* Touching a mapping past the end of its file would be a SIGBUS. */
	if (fstat(fd, &st) != 0 || st.st_size < REGION_BYTES)
		return ERR_IO;
	void *p = mmap(NULL, REGION_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return ERR_IO;
	if (all != &own)
		munmap(all, REGION_BYTES);
	all = p;
	mine = all + at;
	n_slots = METRIC_SLOTS;
	/* Gauges tell what a process has now, and a new one has nothing yet. */
	for (int m = 0; m < METRIC_COUNT; m++)
		if (rows[m].kind == GAUGE)
			metric_set((metric)m, 0);
	return ERR_OK;
}

void metric_leave(void)
{
	mine = all = &own;
	n_slots = 1;
}

/* One writer per cell: relaxed loads and stores only keep a reader from seeing half a number. */
static int64_t cell_get(const int64_t *cell)
{
	return __atomic_load_n(cell, __ATOMIC_RELAXED);
}

static void cell_set(int64_t *cell, int64_t v)
{
	__atomic_store_n(cell, v, __ATOMIC_RELAXED);
}

void metric_label(metric m, const char *const *values, int n)
{
	assert(rows[m].labels == &DEPRECATED && n <= METRIC_LABELS_MAX);
	DEPRECATED.n = n;
	for (int i = 0; i < n; i++)
		DEPRECATED.values[i] = values[i];
}

void metric_add(metric m, int label, int64_t n)
{
	assert(rows[m].kind != HISTOGRAM && label >= 0 && label < rows[m].labels->n);
	int64_t *cell = &mine->cell[m][label];
	cell_set(cell, cell_get(cell) + n);
}

void metric_set(metric m, int64_t v)
{
	assert(rows[m].kind == GAUGE);
	cell_set(&mine->cell[m][0], v);
}

void metric_observe_us(metric m, int64_t us)
{
	assert(rows[m].kind == HISTOGRAM);
	int64_t *cells = mine->cell[m];
	int i = 0;

	while (i < BOUNDS && us > bounds_us[i])
		i++;
	cell_set(&cells[i], cell_get(&cells[i]) + 1);
	cell_set(&cells[CELL_SUM], cell_get(&cells[CELL_SUM]) + us);
}

static int64_t sum(metric m, int cell)
{
	int64_t v = 0;

	for (int i = 0; i < n_slots; i++)
		v += cell_get(&all[i].cell[m][cell]);
	return v;
}

int64_t metric_value(metric m, int label)
{
	int64_t v = 0;

	if (rows[m].kind != HISTOGRAM)
		return sum(m, label);
	for (int i = 0; i < CELL_SUM; i++)
		v += sum(m, i);
	return v;
}

static void print_labels(buf *out, metric m)
{
	const label_set *l = rows[m].labels;

	for (int i = 0; i < l->n; i++) {
		buf_add_str(out, str_from(rows[m].name));
		if (l->name)
			buf_printf(out, "{%s=\"%s\"}", l->name, l->values[i]);
		buf_printf(out, " %" PRId64 "\n", sum(m, i));
	}
}

static void print_histogram(buf *out, metric m)
{
	const char *name = rows[m].name;
	int64_t n = 0;

	for (int i = 0; i < BOUNDS; i++) {
		n += sum(m, i);
		buf_printf(out, "%s_bucket{le=\"%" PRId64 "\"} %" PRId64 "\n", name, bounds_us[i], n);
	}
	n += sum(m, BOUNDS);
	buf_printf(out, "%s_bucket{le=\"+Inf\"} %" PRId64 "\n", name, n);
	buf_printf(out, "%s_sum %" PRId64 "\n%s_count %" PRId64 "\n", name, sum(m, CELL_SUM), name, n);
}

void metric_print(buf *out)
{
	static const char *const kinds[] = {[COUNTER] = "counter", [GAUGE] = "gauge", [HISTOGRAM] = "histogram"};

	for (int i = 0; i < METRIC_COUNT; i++) {
		buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", rows[i].name, rows[i].help, rows[i].name,
			kinds[rows[i].kind]);
		if (rows[i].kind == HISTOGRAM)
			print_histogram(out, (metric)i);
		else
			print_labels(out, (metric)i);
	}
}
