#include "api/types/simulation.h"

#include "api/types/explanation.h"

#define F(...) JS_FIELD(simulated_as_of, __VA_ARGS__)
static const js_field simulated_as_of_fields[] = {
	F(governance, JS_READ_ONLY, "The last record of the governance chain that counts in it.", .always = true),
	F(decisions, JS_READ_ONLY, "The last record of the placements chain that counts in it.", .always = true),
	F(at, JS_READ_ONLY, "When these were the last."),
};
#undef F
JS_TYPE(simulated_as_of, "What an answer knows.");

#define F(...) JS_FIELD(simulated_free, __VA_ARGS__)
static const js_field simulated_free_fields[] = {
	F(class, JS_READ_ONLY, "The device class."),
	F(memory_mib, JS_READ_ONLY, "The most that is free on one device.", .always = true),
	F(compute_milli, JS_READ_ONLY, "What is free of that device's compute.", .always = true),
	F(idle_devices, JS_READ_ONLY, "The most devices of one node that nobody uses.", .always = true),
};
#undef F
JS_TYPE(simulated_free, "The largest free block of a class, quota not looked at.");

#define F(...) JS_FIELD(simulation, __VA_ARGS__)
static const js_field simulation_fields[] = {
	F(fits, JS_READ_ONLY, "Whether it would be placed now, ahead of what waits.", .always = true),
	F(tenant, JS_READ_ONLY, "The tenant that would be charged."),
	F(cluster, JS_READ_ONLY, "Where it would stand."),
	F(placed, JS_READ_ONLY, "Its pods.", JS_OF(placed_pod), .always = true, JS_ITEMS(0, 100000)),
	F(blockers, JS_READ_ONLY, "Why it does not fit, the first being the nearest.", JS_OF(placement_blocker),
		.always = true),
	F(changes, JS_READ_ONLY, "What would let it through now, each found by trying.", JS_OF(explained_change),
		.always = true),
	F(free, JS_READ_ONLY,
		"Where it does not fit: the largest free block of each class that it names, or of all where it names none.",
		JS_OF(simulated_free), .always = true, JS_ITEMS(0, 1024)),
	F(as_of, JS_READ_ONLY, "What the answer knows.", JS_OF(simulated_as_of)),
};
#undef F
JS_TYPE(simulation, "What would become of a request now.");

#define F(...) JS_FIELD(move_terms, __VA_ARGS__)
static const js_field move_terms_fields[] = {
	F(moves_max, JS_OPTIONAL, "So many moves at most.", JS_RANGE(1, 1000), JS_INITIAL(20)),
	F(node_gain_milli, JS_OPTIONAL,
		"What each device of a node that becomes wholly idle is worth, in thousandths of a device, on top of the 1000 that any idle device is.",
		JS_RANGE(0, 100000), JS_INITIAL(500)),
};
#undef F
JS_TYPE(move_terms, "How a plan of moves is made.");

#define F(...) JS_FIELD(planned_move, __VA_ARGS__)
static const js_field planned_move_fields[] = {
	F(placement, JS_READ_ONLY, "What would move."),
	F(tenant, JS_READ_ONLY, "Its tenant."),
	F(from_node, JS_READ_ONLY, "Where it stands."),
	F(to_node, JS_READ_ONLY, "Where it would."),
	F(from_devices, JS_READ_ONLY, "The devices that it has.", .always = true, JS_ITEMS(0, 1024)),
	F(to_devices, JS_READ_ONLY, "Those that it would have.", .always = true, JS_ITEMS(0, 1024)),
	F(cost_milli, JS_READ_ONLY, "Thousandths of devices that would start anew.", .always = true),
};
#undef F
JS_TYPE(planned_move, "One pod that would go elsewhere.");

#define F(...) JS_FIELD(move_plan, __VA_ARGS__)
static const js_field move_plan_fields[] = {
	F(cluster, JS_READ_ONLY, "The cluster."),
	F(moves, JS_READ_ONLY,
		"In this order: each finds its place free when those before it are done. Empty: nothing is worth it.",
		JS_OF(planned_move), .always = true, JS_ITEMS(0, 1000)),
	F(gain_milli, JS_READ_ONLY,
		"What is won: 1000 for each device more that is idle, and what whole nodes are worth.", .always = true),
	F(cost_milli, JS_READ_ONLY, "What all moves together cost.", .always = true),
	F(is_cut, JS_READ_ONLY, "The search ended at its limit: there may be better plans.", .always = true),
	F(as_of, JS_READ_ONLY, "What the answer knows.", JS_OF(simulated_as_of)),
};
#undef F
JS_TYPE(move_plan, "Which pods would have to move where, so that more devices and whole nodes are idle.");

#define F(...) JS_FIELD(simulated_placement, __VA_ARGS__)
static const js_field simulated_placement_fields[] = {
	F(placement, JS_READ_ONLY, "Its id."),
	F(tenant, JS_READ_ONLY, "Its tenant."),
};
#undef F
JS_TYPE(simulated_placement, "A placement for which it would make a difference.");

#define F(...) JS_FIELD(simulated_guarantee, __VA_ARGS__)
static const js_field simulated_guarantee_fields[] = {
	F(tenant, JS_READ_ONLY, "Whose."),
	F(model, JS_READ_ONLY, "Of which model."),
	F(missing_milli, JS_READ_ONLY, "What it lacks of its guarantee now, in thousandths of devices.",
		.always = true),
	F(within_reach_milli, JS_READ_ONLY, "What is free, and what may be taken back from those who borrow.",
		.always = true),
};
#undef F
JS_TYPE(simulated_guarantee, "A guarantee that could not be met.");

#define F(...) JS_FIELD(simulated_counts, __VA_ARGS__)
static const js_field simulated_counts_fields[] = {
	F(would_start, JS_READ_ONLY, "Of would_start.", .always = true),
	F(would_wait, JS_READ_ONLY, "Of would_wait.", .always = true),
	F(would_be_evicted, JS_READ_ONLY, "Of would_be_evicted.", .always = true),
	F(infeasible_guarantees, JS_READ_ONLY, "Of infeasible_guarantees.", .always = true),
};
#undef F
JS_TYPE(simulated_counts,
	"How many there are in all: the lists are cut after 1000, and name nobody whom the caller does not see.");

#define F(...) JS_FIELD(policy_simulation, __VA_ARGS__)
static const js_field policy_simulation_fields[] = {
	F(policy, JS_READ_ONLY, "The revision that was tried."),
	F(tenant, JS_READ_ONLY, "Where it was tried; absent: for the whole fleet."),
	F(waiting, JS_READ_ONLY, "Placements that wait now.", .always = true),
	F(would_start, JS_READ_ONLY, "Those that wait and would start with it, and not without.",
		JS_OF(simulated_placement), .always = true, JS_ITEMS(0, 1000)),
	F(would_wait, JS_READ_ONLY, "Those that would start next without it, and not with it.",
		JS_OF(simulated_placement), .always = true, JS_ITEMS(0, 1000)),
	F(would_be_evicted, JS_READ_ONLY, "Those that would be told to make room with it, and not without.",
		JS_OF(simulated_placement), .always = true, JS_ITEMS(0, 1000)),
	F(infeasible_guarantees, JS_READ_ONLY, "Guarantees that could be met without it, and not with it.",
		JS_OF(simulated_guarantee), .always = true, JS_ITEMS(0, 1000)),
	F(counts, JS_READ_ONLY, "How many of each.", JS_OF(simulated_counts)),
	F(is_cut, JS_READ_ONLY, "The time was over before all that wait were decided on.", .always = true),
	F(as_of, JS_READ_ONLY, "What the answer knows.", JS_OF(simulated_as_of)),
};
#undef F
JS_TYPE(policy_simulation, "What would be different if a policy counted.");
