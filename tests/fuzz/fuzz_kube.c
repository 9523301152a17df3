/* Whatever bytes a scheduler, an API server or a tenant's annotations send: the first byte says who. Nothing may be
 * taken for more than it is: what an extender answers is JSON, what a stock holds can be given back, and asking changes
 * nothing. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include "agents/scheduling/extender/extender.h"
#include "agents/kube/quantity.h"
#include "json/pull.h"

#define NODE                                                                                                              \
	"{\"metadata\":{\"name\":\"n1\",\"resourceVersion\":\"1\",\"annotations\":{\"hami.io/node-nvidia-register\":"     \
	"\"[{\\\"id\\\":\\\"G1\\\",\\\"count\\\":10,\\\"devmem\\\":8000,\\\"devcore\\\":100,\\\"type\\\":\\\"NVIDIA\\\"," \
	"\\\"health\\\":true},{\\\"id\\\":\\\"G2\\\",\\\"count\\\":10,\\\"devmem\\\":8000,\\\"health\\\":true}]\"}},"     \
	"\"status\":{\"capacity\":{\"kunlunxin.com/xpu\":\"4\"}}}"

static void node_take(stock *s, str text)
{
	arena *a = arena_new(0);
	kube_node n;
	fault f = {0};

	if (kube_node_read(text, a, &n) == ERR_OK)
		stock_node_put(s, &n, &f);
	arena_end(a);
}

static int64_t booked_mib(stock *s)
{
	const fleet *f = stock_fleet(s);
	int64_t sum = 0;

	for (uint32_t i = 0; i < f->devices.n; i++)
		if (f->devices.v[i].node != FLEET_NONE)
			sum += f->devices.v[i].used_memory_mib + f->devices.v[i].sharers;
	return sum;
}

/* Whatever it holds, it gives back whole. */
static void pod_take(stock *s, str text)
{
	arena *a = arena_new(0);
	pod p;
	fault f = {0};

	if (pod_read(text, a, &p) == ERR_OK && p.meta.uid.n) {
		(void)!stock_pod_put(s, &p, &f);
		(void)!stock_pod_put(s, &p, &f);
		stock_pod_drop(s, p.meta.uid);
		assert(booked_mib(s) == 0);
	}
	arena_end(a);
}

static void answer_check(str text)
{
	pull p;

	pull_init(&p, text, PULL_DEPTH_CAP);
	assert(pull_skip(&p) == ERR_OK && pull_finish(&p) == ERR_OK);
}

static void extender_ask(stock *s, str text)
{
	extender_spec spec = {.stock = s, .by_default = {POLICY_BINPACK, POLICY_HAMI_SPREAD}};
	extender *x = extender_new(&spec);
	buf out;
	bool is_bad;

	buf_init(&out, 16 << 20);
	extender_filter(x, text, &out);
	answer_check(buf_str(&out));
	buf_clear(&out);
	extender_prioritize(x, text, &out, &is_bad);
	if (!is_bad)
		answer_check(buf_str(&out));
	buf_clear(&out);
	extender_preempt(x, text, &out, &is_bad);
	if (!is_bad)
		answer_check(buf_str(&out));
	assert(booked_mib(s) == 0);
	buf_done(&out);
	extender_free(x);
}

static void quantity_take(str text)
{
	char out[QUANTITY_TEXT_MAX];
	quantity q, back;

	if (quantity_read(text, &q))
		return;
	uint32_t n = quantity_print(q, out);
	err e = quantity_read(str_of(out, n), &back);
	assert(e == ERR_OK && back.nano == q.nano);
}

static void item_take(void *arg, str item)
{
	object_meta m;

	(void)arg;
	(void)!object_meta_read(item, &m);
}

static void lines_take(str text)
{
	object_event e;
	object_page p;

	if (object_event_read(text, &e) == ERR_OK)
		item_take(NULL, e.object);
	(void)!object_page_read(text, item_take, NULL, &p);
}

/* The annotation of a running pod, and a node's registration, as they stand. */
static void annotations_take(stock *s, str text)
{
	arena *a = arena_new(0);
	quantity_row gpus = {S("nvidia.com/gpu"), quantity_of(2, QUANTITY_DECIMAL)};
	pod_container c[2] = {{.limits = {&gpus, 1}}, {.limits = {&gpus, 1}, .is_init = true}};
	object_pair mine = {S("hami.io/vgpu-devices-allocated"), text};
	pod p = {.meta = {.uid = S("u")},
		.annotations = {&mine, 1},
		.node = S("n1"),
		.containers = c,
		.n_containers = 2};
	object_pair told[] = {{S("hami.io/node-dcu-register"), text}, {S("enflame.com/gcu-drs-capacity"), text},
		{S("metax-tech.com/node-gpu-devices"), text}, {S("hami.io/node-nvidia-register"), text}};
	kube_node n = {.meta = {.name = S("n2")}, .annotations = {told, 4}};
	fault f = {0};

	(void)!stock_pod_put(s, &p, &f);
	stock_node_put(s, &n, &f);
	stock_pod_drop(s, S("u"));
	assert(booked_mib(s) == 0);
	arena_end(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	if (n == 0)
		return 0;
	stock *s = stock_new();
	str text = str_of((const char *)bytes + 1, n - 1);

	node_take(s, S(NODE));
	switch (bytes[0] % 6) {
	case 0:
		extender_ask(s, text);
		break;
	case 1:
		pod_take(s, text);
		break;
	case 2:
		node_take(s, text);
		break;
	case 3:
		annotations_take(s, text);
		break;
	case 4:
		lines_take(text);
		break;
	default:
		quantity_take(text);
	}
	stock_free(s);
	return 0;
}
