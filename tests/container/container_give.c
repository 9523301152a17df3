/* What reeve-node does for one container, without the rest of it: makes the allocation and its CDI file as for a pod
 * with this plan, and prints the CDI names.
 *
 *     container_give STATE CDI LIBRARIES DEVICES replace|preload POD MIB
 *     container_give STATE CDI LIBRARIES DEVICES change POD MIB       other amounts, while it runs
 *     container_give STATE CDI LIBRARIES DEVICES end POD
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "agents/node/giver.h"

#define UUID "GPU-00000000-0000-0000-0000-000000000001"

static cards machine = {.n = 1, .v = {{.uuid = UUID, .maker = "nvidia", .minor = 0, .numa = -1, .memory_mib = 81920}}};

static const cards *on_cards(void *arg)
{
	(void)arg;
	return &machine;
}

static int give(giver *g, const char *name, int64_t mib)
{
	AUTO_ARENA a = arena_new(0);
	plan_share one_share = {S("nvidia.com/gpu"), S(UUID), mib, 1000, STR_NONE, 0};
	plan_container container = {S("main"), false, &one_share, 1};
	pod_container one = {.name = S("main")};
	local_pod p = {.p = {.meta = {.space = S("default"), .name = str_from(name), .uid = str_from(name)},
			       .containers = &one,
			       .n_containers = 1},
		.has_plan = true,
		.plan = {.placement = S("plc_test"), .fence = 1, .containers = &container, .n = 1}};
	kubelet_wish w = {&p, 0, &container};
	kubelet_gift gift = {0};
	fault f = {0};

	if (giver_give(g, &w, a, &gift, &f)) {
		(void)fprintf(stderr, "container_give: %s\n", f.detail);
		return 1;
	}
	for (uint32_t i = 0; i < gift.cdi.n; i++)
		printf(STR_FMT "\n", STR_ARG(gift.cdi.v[i]));
	return 0;
}

static int end(allocations *all, giver *g, const char *name)
{
	char id[ALLOCATION_ID_MAX];
	fault f = {0};

	giver_id(str_from(name), S("main"), id);
	err e = allocation_end(all, str_from(id), "test", &f);
	giver_ended(g, id);
	return e ? 1 : 0;
}

int main(int argc, char **argv)
{
	allocations *all;
	fault f = {0};

	if (argc < 7)
		return 2;
	bool is_preload = strcmp(argv[5], "preload") == 0 || getenv("FORM_PRELOAD");
	if (allocations_open(argv[1], NULL, NULL, &all, &f)) {
		(void)fprintf(stderr, "container_give: %s\n", f.detail);
		return 1;
	}
	giver_config c = {.allocations = all,
		.cards = on_cards,
		.cdi_folder = argv[2],
		.libraries = argv[3],
		.devices = argv[4],
		.form = is_preload ? GIVER_PRELOAD : GIVER_REPLACE};
	giver *g = giver_open(&c);
	int status = strcmp(argv[5], "end") == 0 ? end(all, g, argv[6]) : give(g, argv[6], strtol(argv[7], NULL, 10));
	giver_close(g);
	allocations_close(all);
	arena_trim();
	return status;
}
