/* Pods with a priority, for tests of who yields to whom. */
#pragma once
#include "cluster_fixture.h"

/* Bound to node n, with `share` of device G: "8000,50". more: members of its metadata, each followed by a comma. */
#define HELD(uid, space, priority, share, more)                                                                        \
	"{\"metadata\":{" more "\"name\":\"" uid "\",\"namespace\":\"" space "\",\"uid\":\"" uid                       \
	"\",\"resourceVersion\":\"1\",\"annotations\":{\"hami.io/vgpu-devices-allocated\":\"G,NVIDIA," share           \
	":;\"}},\"spec\":{\"priority\":" priority                                                                      \
	",\"nodeName\":\"n\",\"containers\":[" ASK("1", "1000", "1") "]},\"status\":{\"phase\":\"Running\"}}"
#define LEAVING       "\"deletionTimestamp\":\"2026-01-01T00:00:00Z\","
#define LABELS(pairs) "\"labels\":{" pairs "},"
/* Waits for a node. */
#define WAITING(uid, space, spec, limits, status)                                                                      \
	"{\"metadata\":{\"name\":\"" uid "\",\"namespace\":\"" space "\",\"uid\":\"" uid                               \
	"\",\"resourceVersion\":\"1\"},\"spec\":{" spec "\"containers\":[" limits "]},\"status\":{" status             \
	"\"phase\":\"Pending\"}}"

/* One node n of one card G of 8,000 MiB. */
static inline stock *card_new(void)
{
	stock *s = stock_new();

	node_tell(s, NODE("n", CARD("G", "8000", "10")));
	return s;
}
