/* cluster_fixture: nodes and pods in few words, as the API server would tell them. */
#pragma once
#include <criterion/criterion.h>
#include <stdio.h>
#include "agents/scheduling/extender/extender.h"

/* A device of a node's registration, and a node with some of them. */
#define CARD(uuid, mib, count)                                                                                         \
	"{\\\"id\\\":\\\"" uuid "\\\",\\\"count\\\":" count ",\\\"devmem\\\":" mib                                     \
	",\\\"devcore\\\":100,\\\"type\\\":\\\"NVIDIA\\\",\\\"health\\\":true,\\\"mode\\\":\\\"hami-core\\\"}"
#define NODE(name, cards)                                                                                              \
	"{\"metadata\":{\"name\":\"" name "\",\"uid\":\"" name "\",\"resourceVersion\":\"1\",\"annotations\":{"        \
	"\"hami.io/node-nvidia-register\":\"[" cards "]\"}},\"status\":{\"capacity\":{\"nvidia.com/gpu\":\"20\"}}}"

static inline void node_tell(stock *s, const char *text)
{
	AUTO_ARENA a = arena_new(0);
	kube_node n;
	fault f = {0};

	cr_assert_eq(kube_node_read(str_from(text), a, &n), ERR_OK, "%s", text);
	stock_node_put(s, &n, &f);
	cr_assert_str_empty(f.detail);
}

static inline err pod_tell(stock *s, const char *text)
{
	AUTO_ARENA a = arena_new(0);
	pod p;
	fault f = {0};

	cr_assert_eq(pod_read(str_from(text), a, &p), ERR_OK, "%s", text);
	return stock_pod_put(s, &p, &f);
}

#define ASK(gpu, mem, cores)                                                                                           \
	"{\"name\":\"c\",\"resources\":{\"limits\":{\"nvidia.com/gpu\":\"" gpu "\",\"nvidia.com/gpumem\":\"" mem       \
	"\",\"nvidia.com/gpucores\":\"" cores "\"}}}"
#define RUNNING(uid, node, allocated, containers)                                                                      \
	"{\"metadata\":{\"name\":\"" uid "\",\"namespace\":\"d\",\"uid\":\"" uid                                       \
	"\",\"resourceVersion\":\"1\",\"annotations\":{\"hami.io/vgpu-devices-allocated\":\"" allocated "\"}},"        \
	"\"spec\":{\"nodeName\":\"" node "\",\"containers\":[" containers "]},\"status\":{\"phase\":\"Running\"}}"

/* Two nodes of two cards of 8,000 MiB; 2,000 and 25 % are used of the first, 6,000 and 75 % of the last. */
static inline stock *f2x2_new(void)
{
	stock *s = stock_new();

	node_tell(s, NODE("node1", CARD("device1", "8000", "10") "," CARD("device2", "8000", "10")));
	node_tell(s, NODE("node2", CARD("device3", "8000", "10") "," CARD("device4", "8000", "10")));
	cr_assert_eq(pod_tell(s, RUNNING("pod1", "node1", "device1,NVIDIA,2000,25:;", ASK("1", "2000", "25"))), ERR_OK);
	cr_assert_eq(pod_tell(s, RUNNING("pod2", "node2", "device4,NVIDIA,6000,75:;", ASK("1", "6000", "75"))), ERR_OK);
	return s;
}
