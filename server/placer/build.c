#include "server/placer/build.h"

#include <string.h>

#include "api/types/agent.h"
#include "api/types/device_class.h"
#include "json/pull.h"

enum {
	DEPTH_MAX = 8,
	TEXTS_MAX = 4 << 20, /* the fleet keeps each text that was ever told: past this, new ones count as nobody's */
};

static int32_t text_put(fleet *f, str text)
{
	return f->texts.n < TEXTS_MAX ? fleet_text_put(f, text) : fleet_text_find(f, text);
}

build_pair *build_pairs(str json, arena *a, int32_t *ret_n)
{
	vec(build_pair) found = {0};
	bool has_escape;
	pull p;
	str key;

	pull_init(&p, json, DEPTH_MAX);
	if (pull_next(&p) == PULL_OBJECT)
		while (pull_key(&p, &key, &has_escape)) {
			build_pair x;
			str raw;
			if (pull_span(&p, &raw))
				break;
			bool is_text = raw.n >= 2 && raw.p[0] == '"';
			if (is_text && !pull_unescape(key, has_escape, a, &x.key) &&
				!pull_unescape(str_cut(raw, 1, raw.n - 1), memchr(raw.p, '\\', raw.n), a, &x.value))
				vec_push(&found, x);
		}
	build_pair *list = ARENA_ARRAY(a, build_pair, found.n);
	if (found.n)
		memcpy(list, found.v, found.n * sizeof *list);
	*ret_n = (int32_t)found.n;
	vec_done(&found);
	return list;
}

/* The bit of an effect is its place among the names. */
trait_effect build_effect(str name)
{
	for (int i = 0; taint_effects[i]; i++)
		if (str_eq(name, str_from(taint_effects[i])))
			return (trait_effect)(1 << i);
	return TAINT_NO_SCHEDULE;
}

static uint16_t labels_of(fleet *f, str json, arena *a, trait_label **ret)
{
	int32_t n;
	build_pair *pairs = build_pairs(json, a, &n);
	trait_label *list = ARENA_ARRAY(a, trait_label, n);

	n = n < TRAITS_MAX ? n : TRAITS_MAX;
	for (int32_t i = 0; i < n; i++)
		list[i] = (trait_label){text_put(f, pairs[i].key), text_put(f, pairs[i].value)};
	*ret = list;
	return (uint16_t)n;
}

static uint16_t taints_of(fleet *f, str json, arena *a, trait_taint **ret)
{
	js_list read = {0};
	fault unused;

	*ret = NULL;
	if (js_read_list(&report_taint_type, json, a, TRAITS_MAX, &read, &unused))
		return 0;
	const report_taint *t = read.v;
	trait_taint *list = ARENA_ARRAY(a, trait_taint, read.n);
	for (uint32_t i = 0; i < read.n; i++)
		list[i] = (trait_taint){text_put(f, t[i].key), text_put(f, t[i].value.p ? t[i].value : S("")),
			build_effect(t[i].effect)};
	*ret = list;
	return (uint16_t)read.n;
}

static bool is_empty(str json)
{
	return json.n <= 2;
}

void build_traits(fleet *f, int32_t node, str labels, str taints)
{
	AUTO_ARENA a = arena_new(0);
	traits t = {0};
	trait_label *own_labels;
	trait_taint *own_taints;

	if (is_empty(labels) && is_empty(taints) && !f->nodes.v[node].traits)
		return;
	t.n_labels = labels_of(f, labels, a, &own_labels);
	t.n_taints = taints_of(f, taints, a, &own_taints);
	t.labels = own_labels;
	t.taints = own_taints;
	fleet_node_traits(f, node, &t);
}

/* The number of devices that have so many pairs, 0: no number has. */
static int32_t devices_of(uint32_t pairs)
{
	for (int32_t n = 2; n <= LINK_DEVICES_MAX; n++)
		if ((uint32_t)(n * (n - 1) / 2) == pairs)
			return n;
	return 0;
}

static void weights_fill(uint16_t *weight, int32_t n, i64s pairs)
{
	uint32_t at = 0;

	for (int32_t i = 0; pairs.n && i < n; i++)
		for (int32_t k = 0; k < i; k++, at++) {
			int64_t w = pairs.v[at] < 0 ? 0 : pairs.v[at];
			weight[i * n + k] = weight[k * n + i] = (uint16_t)(w < LINK_WEIGHT_MAX ? w : LINK_WEIGHT_MAX);
		}
}

/* NULL: they are told of no group. */
static int16_t *groups_of(i64s groups, arena *a)
{
	int16_t *list = ARENA_ARRAY(a, int16_t, groups.n);

	for (uint32_t i = 0; i < groups.n; i++)
		list[i] = (int16_t)(groups.v[i] >= 0 && groups.v[i] <= INT16_MAX ? groups.v[i] : LINK_NONE);
	return groups.n ? list : NULL;
}

void build_links(fleet *f, int32_t node, str links)
{
	AUTO_ARENA a = arena_new(0);
	report_links read = {0};
	fault unused;

	if (is_empty(links) && f->nodes.v[node].wiring == FLEET_NONE)
		return;
	bool is_read = !is_empty(links) && js_read_output(&report_links_type, links, a, &read, &unused) == ERR_OK;
	int32_t n = read.weights.n ? devices_of(read.weights.n) : (int32_t)read.groups.n;
	if (!is_read || n < 1 || n > LINK_DEVICES_MAX || (read.groups.n && (int32_t)read.groups.n != n)) {
		fleet_node_link(f, node, NULL);
		return;
	}
	uint16_t *weight = ARENA_ARRAY(a, uint16_t, n * n);
	weights_fill(weight, n, read.weights);
	fleet_node_link(f, node, &(topology){.n = n, .weight = weight, .group = groups_of(read.groups, a)});
}

cut_mode build_mode(str share_mode)
{
	return str_eq(share_mode, S("instances")) ? CUT_INSTANCES : CUT_SHARES;
}

class_cut build_cut(str json)
{
	AUTO_ARENA a = arena_new(0);
	share_modes read;
	class_cut cut = {0};
	fault unused;

	if (!js_read_output(&share_modes_type, json, a, &read, &unused) && read.rules.n)
		(void)cut_named(read.rules, &cut);
	return cut;
}
