#include "agents/simulate/scene.h"

#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include "agents/file.h"
#include "base/map.h"

#define F(...) JS_FIELD(scene_device, __VA_ARGS__)
static const js_field scene_device_fields[] = {
	F(product, JS_REQUIRED, "What the vendor calls it.", JS_LEN(1, 128)),
	F(class, JS_OPTIONAL, "Its class, when the agent is to know it.", JS_LEN(0, 63)),
	F(memory_mib, JS_REQUIRED, "Of each.", JS_RANGE(1, 100000000)),
	F(count, JS_OPTIONAL, "How many.", JS_RANGE(1, 64), JS_INITIAL(1)),
	F(slots, JS_OPTIONAL, "How many may share one; 0: as the class says.", JS_RANGE(0, 1000)),
	F(uuid_prefix, JS_OPTIONAL, "Stands before node and index.", JS_LEN(0, 32)),
	F(numa, JS_OPTIONAL, "The NUMA node they are on; -1: not told.", JS_RANGE(-1, 63), JS_INITIAL(-1)),
	F(share_mode, JS_OPTIONAL, "shares or instances; absent: shares.", JS_VALUES(report_share_modes)),
	F(geometry, JS_OPTIONAL, "How they are cut into instances.", JS_LEN(0, 63)),
	F(health, JS_OPTIONAL, "ok or a reason.", JS_LEN(0, 200)),
};
#undef F
JS_TYPE(scene_device, "Equal devices of a node.");

#define F(...) JS_FIELD(scene_node, __VA_ARGS__)
static const js_field scene_node_fields[] = {
	F(name, JS_REQUIRED, "Unique in the cluster.", JS_LEN(1, 80)),
	F(cpu_milli, JS_REQUIRED, "Thousandths of a core.", JS_RANGE(0, 100000000)),
	F(memory_mib, JS_REQUIRED, "Of the host.", JS_RANGE(0, 1000000000)),
	F(pods, JS_OPTIONAL, "How many it takes.", JS_RANGE(0, 100000), JS_INITIAL(110)),
	F(rank, JS_OPTIONAL, "Order among equals.", JS_RANGE(0, 1000000000)),
	F(labels, JS_OPTIONAL, "Object of texts."),
	F(taints, JS_OPTIONAL, "What keeps pods off it.", JS_OF(report_taint), JS_ITEMS(0, 64)),
	F(links, JS_OPTIONAL, "How its devices are linked.", JS_OF(report_links)),
	F(health, JS_OPTIONAL, "ok or a reason.", JS_LEN(0, 200)),
	F(devices, JS_OPTIONAL, "Its devices.", JS_OF(scene_device), JS_ITEMS(0, 64)),
};
#undef F
JS_TYPE(scene_node, "A simulated node.");

#define F(...) JS_FIELD(scene_pods, __VA_ARGS__)
static const js_field scene_pods_fields[] = {
	F(start_ms, JS_OPTIONAL, "From bound to running.", JS_RANGE(0, 3600000), JS_INITIAL(50)),
	F(runtime_ms, JS_OPTIONAL, "From running to done; 0: until revoked.", JS_RANGE(0, 31622400000)),
	F(stop_ms, JS_OPTIONAL, "From the order to stop to the end.", JS_RANGE(0, 3600000)),
	F(usage_interval_ms, JS_OPTIONAL, "Length of a usage window; 0: none is told.", JS_RANGE(0, 3600000),
		JS_INITIAL(1000)),
	F(memory_use_percent, JS_OPTIONAL, "Of what is booked.", JS_RANGE(0, 100), JS_INITIAL(70)),
	F(compute_use_percent, JS_OPTIONAL, "Of what is booked.", JS_RANGE(0, 100), JS_INITIAL(60)),
	F(fail_ppm, JS_OPTIONAL, "How many fail.", JS_RANGE(0, 1000000)),
	F(refuse_ppm, JS_OPTIONAL, "How many are refused.", JS_RANGE(0, 1000000)),
};
#undef F
JS_TYPE(scene_pods, "How simulated pods behave.");

#define F(...) JS_FIELD(scene_arrival, __VA_ARGS__)
static const js_field scene_arrival_fields[] = {
	F(tenant, JS_REQUIRED, "Whose pods.", JS_LEN(1, 600)),
	F(class, JS_REQUIRED, "Of which class of devices.", JS_LEN(1, 63)),
	F(count, JS_OPTIONAL, "Devices of one pod.", JS_RANGE(1, 64), JS_INITIAL(1)),
	F(memory_mib, JS_OPTIONAL, "Of each; 0: all of it.", JS_RANGE(0, 100000000)),
	F(compute_milli, JS_OPTIONAL, "Of each, where it is not all.", JS_RANGE(0, 1000)),
	F(first_ms, JS_OPTIONAL, "When the first comes.", JS_RANGE(0, 31622400000)),
	F(every_ms, JS_OPTIONAL, "Between two of them.", JS_RANGE(1, 31622400000), JS_INITIAL(60000)),
	F(pods, JS_OPTIONAL, "How many come.", JS_RANGE(1, 1000000), JS_INITIAL(1)),
	F(runtime_ms, JS_OPTIONAL, "How long each runs; 0: until it is revoked.", JS_RANGE(0, 31622400000)),
	F(after_file, JS_OPTIONAL, "They come from when this file is there.", JS_LEN(1, 4000)),
};
#undef F
JS_TYPE(scene_arrival, "Pods that come by themselves.");

#define F(...) JS_FIELD(scene, __VA_ARGS__)
static const js_field scene_fields[] = {
	F(cluster_uid, JS_REQUIRED, "What makes this cluster itself.", JS_LEN(1, 200)),
	F(seed, JS_OPTIONAL, "For the choice of what fails.", JS_RANGE(0, JS_INT_MAX), JS_INITIAL(1)),
	F(nodes, JS_OPTIONAL, "Its nodes.", JS_OF(scene_node), JS_ITEMS(0, SCENE_NODES_MAX)),
	F(nodes_csv, JS_OPTIONAL, "A file with more of them.", JS_LEN(0, 4000)),
	F(device_memory_mib, JS_OPTIONAL, "Of devices in nodes_csv.", JS_RANGE(1, 100000000),
		JS_INITIAL(SCENE_DEVICE_MEMORY_MIB)),
	F(pods, JS_OPTIONAL, "How its pods behave.", JS_OF(scene_pods)),
	F(arrivals, JS_OPTIONAL, "Pods that come by themselves.", JS_OF(scene_arrival), JS_ITEMS(0, 1000)),
	F(speed, JS_OPTIONAL, "So many seconds pass there in one.", JS_RANGE(1, 100000), JS_INITIAL(1)),
};
#undef F
JS_TYPE_GIVEN(scene, "A simulated cluster.");

static err names_check(const scene *s, fault *f)
{
	const scene_node *n = s->nodes.v;
	map seen = {0};
	err e = ERR_OK;

	for (uint32_t i = 0; i < s->nodes.n && !e; i++)
		if (map_put(&seen, n[i].name, (void *)&n[i]))
			e = fault_set(f, ERR_BAD_FIELD, "#/nodes", "two nodes are called " STR_FMT, STR_ARG(n[i].name));
	map_done(&seen);
	return e;
}

err scene_read(str json, arena *a, scene *ret, fault *f)
{
	/* What is left out as a whole takes the initial values of its members, too. */
	err e = js_read(&scene_type, json, a, ret, f);
	if (!e && !js_given(&scene_type, ret, "pods"))
		e = js_read(&scene_pods_type, S("{}"), a, &ret->pods, f);
	return e ? e : names_check(ret, f);
}

enum { COLUMN_SN, COLUMN_CPU, COLUMN_MEMORY, COLUMN_GPU, COLUMN_MODEL, COLUMN_RANK, COLUMN_DEVICE_MEMORY, COLUMNS };

static const struct {
	const char *name;
	bool is_needed, is_number;
} columns[COLUMNS] = {
	[COLUMN_SN] = {"sn", true, false},
	[COLUMN_CPU] = {"cpu_milli", true, true},
	[COLUMN_MEMORY] = {"memory_mib", true, true},
	[COLUMN_GPU] = {"gpu", true, true},
	[COLUMN_MODEL] = {"model", true, false},
	[COLUMN_RANK] = {"rank", false, true},
	[COLUMN_DEVICE_MEMORY] = {"device_memory_mib", false, true},
};

typedef struct csv_row {
	str text[COLUMNS];
	int64_t number[COLUMNS]; /* 0 when empty */
} csv_row;

enum { CSV_FIELDS_MAX = 64 };

static str line_next(str *rest)
{
	str line = str_split(rest, '\n');

	return str_ends(line, S("\r")) ? str_cut(line, 0, line.n - 1) : line;
}

/* Which column stands at which place of a line; -1: one we do not know. */
static err csv_head(str line, int place[CSV_FIELDS_MAX], fault *f)
{
	uint32_t seen = 0;

	for (int at = 0; at < CSV_FIELDS_MAX; at++) {
		place[at] = -1;
		str name = line.p ? str_trim(str_split(&line, ',')) : STR_NONE;
		for (int c = 0; c < COLUMNS; c++) {
			if (name.p && str_eq(name, str_from(columns[c].name))) {
				place[at] = c;
				seen |= 1u << c;
			}
		}
	}
	for (int c = 0; c < COLUMNS; c++)
		if (columns[c].is_needed && !(seen >> c & 1))
			return fault_set(f, ERR_BAD_FIELD, "line 1", "the column %s is missing", columns[c].name);
	return ERR_OK;
}

static err csv_line(str line, const int place[CSV_FIELDS_MAX], csv_row *ret, fault *f)
{
	*ret = (csv_row){0};
	for (int at = 0; at < CSV_FIELDS_MAX && line.p; at++) {
		str field = str_trim(str_split(&line, ','));
		int c = place[at];
		if (c < 0)
			continue;
		ret->text[c] = field;
		if (columns[c].is_number && field.n &&
			(!str_to_i64(field, &ret->number[c]) || ret->number[c] < 0 || ret->number[c] > 1000000000))
			return fault_set(f, ERR_BAD_FIELD, NULL, "%s must be a whole number", columns[c].name);
	}
	if (!ret->text[COLUMN_SN].n || ret->text[COLUMN_SN].n > 80)
		return fault_set(f, ERR_BAD_FIELD, NULL, "sn must have 1 to 80 bytes");
	if (ret->number[COLUMN_GPU] > 64 || (ret->number[COLUMN_GPU] && !ret->text[COLUMN_MODEL].n))
		return fault_set(f, ERR_BAD_FIELD, NULL, "gpu must be at most 64, with a model");
	return ERR_OK;
}

static str lower(arena *a, str s)
{
	char *p = arena_alloc(a, s.n + 1u);

	for (uint32_t i = 0; i < s.n; i++)
		p[i] = (char)(s.p[i] >= 'A' && s.p[i] <= 'Z' ? s.p[i] - 'A' + 'a' : s.p[i]);
	return str_of(p, s.n);
}

static scene_node csv_node(const csv_row *r, arena *a, const scene *s)
{
	scene_node n = {
		.name = str_dup(a, r->text[COLUMN_SN]),
		.cpu_milli = r->number[COLUMN_CPU],
		.memory_mib = r->number[COLUMN_MEMORY],
		.rank = r->number[COLUMN_RANK],
	};
	int64_t memory_mib = r->number[COLUMN_DEVICE_MEMORY];

	if (!r->number[COLUMN_GPU])
		return n;
	scene_device *d = ARENA_NEW(a, scene_device);
	*d = (scene_device){
		.product = str_dup(a, r->text[COLUMN_MODEL]),
		.class = lower(a, r->text[COLUMN_MODEL]),
		.memory_mib = memory_mib ? memory_mib : s->device_memory_mib,
		.count = r->number[COLUMN_GPU],
		.numa = -1,
	};
	n.devices = (js_list){d, 1};
	return n;
}

static uint32_t lines_count(str text)
{
	uint32_t n = 1;

	for (int64_t at = 0; (at = str_find(text, '\n', (uint32_t)at)) >= 0; at++)
		n++;
	return n;
}

err scene_read_csv(str csv, arena *a, scene *s, fault *f)
{
	uint32_t n = s->nodes.n, line_no = 1, room = n + lines_count(csv);
	int place[CSV_FIELDS_MAX];
	char at[32];
	csv_row row;

	err e = csv_head(line_next(&csv), place, f);
	if (e)
		return e;
	if (room > SCENE_NODES_MAX)
		return fault_set(f, ERR_TOO_MANY_ITEMS, "line 1", "more than %d nodes", SCENE_NODES_MAX);
	scene_node *nodes = ARENA_ARRAY(a, scene_node, room);
	if (n)
		memcpy(nodes, s->nodes.v, n * sizeof(*nodes));
	while (csv.p) {
		str line = line_next(&csv);
		line_no++;
		if (!str_trim(line).n)
			continue;
		e = csv_line(line, place, &row, f);
		if (e) {
			(void)snprintf(at, sizeof(at), "line %u", line_no);
			return fault_set(f, e, at, "%s", f ? f->detail : "");
		}
		nodes[n++] = csv_node(&row, a, s);
	}
	s->nodes = (js_list){nodes, n};
	return names_check(s, f);
}

static err csv_load(const char *path, arena *a, scene *s, fault *f)
{
	char folder[PATH_MAX], csv_path[PATH_MAX + 4096];
	str csv;

	(void)snprintf(folder, sizeof(folder), "%s", path);
	const char *base = s->nodes_csv.p[0] == '/' ? "" : dirname(folder);
	(void)snprintf(csv_path, sizeof(csv_path), "%s%s" STR_FMT, base, *base ? "/" : "", STR_ARG(s->nodes_csv));
	err e = file_read(csv_path, a, &csv, f);
	return e ? e : scene_read_csv(csv, a, s, f);
}

err scene_load(const char *path, arena *a, scene *ret, fault *f)
{
	str json;

	err e = file_read(path, a, &json, f);
	if (!e && json.n > SCENE_BYTES_MAX)
		e = fault_set(f, ERR_LIMIT, NULL, "%s is larger than %d bytes; use nodes_csv", path, SCENE_BYTES_MAX);
	if (!e)
		e = scene_read(json, a, ret, f);
	if (!e && ret->nodes_csv.n)
		e = csv_load(path, a, ret, f);
	return e;
}

static js_list devices_report(const scene_node *n, arena *a)
{
	const scene_device *d = n->devices.v;
	int64_t count = 0;

	for (uint32_t i = 0; i < n->devices.n; i++)
		count += d[i].count;
	report_device *out = ARENA_ARRAY(a, report_device, count + 1);
	for (uint32_t i = 0, at = 0; i < n->devices.n; i++) {
		for (int64_t k = 0; k < d[i].count; k++, at++) {
			str prefix = d[i].uuid_prefix.n ? d[i].uuid_prefix : S("GPU");
			out[at] = (report_device){
				.uuid = str_print(a, STR_FMT "-" STR_FMT "-%u", STR_ARG(prefix), STR_ARG(n->name), at),
				.index = at,
				.product = d[i].product,
				.class = d[i].class,
				.memory_mib = d[i].memory_mib,
				.slots = d[i].slots,
				.numa = d[i].numa,
				.share_mode = d[i].share_mode,
				.geometry = d[i].geometry,
				.health = d[i].health,
			};
		}
	}
	return (js_list){out, (uint32_t)count};
}

js_list scene_report(const scene *s, arena *a)
{
	const scene_node *n = s->nodes.v;
	report_node *out = ARENA_ARRAY(a, report_node, s->nodes.n + 1u);

	for (uint32_t i = 0; i < s->nodes.n; i++)
		out[i] = (report_node){
			.name = n[i].name,
			.cpu_milli = n[i].cpu_milli,
			.memory_mib = n[i].memory_mib,
			.pods = n[i].pods,
			.rank = n[i].rank,
			.health = n[i].health,
			.labels = n[i].labels,
			.taints = n[i].taints,
			.links = n[i].links,
			.devices = devices_report(&n[i], a),
		};
	return (js_list){out, s->nodes.n};
}
