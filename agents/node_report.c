#include "agents/node_report.h"

const char *const node_item_kinds[] = {"inventory", "health", "step", "usage", "finding", NULL};
const char *const node_health_states[] = {"ok", "degraded", "failed", "unmonitored", NULL};
const char *const node_step_states[] = {"allocated", "refused", "ended", NULL};
const char *const node_finding_kinds[] = {"memory_over", "compute_over", "unbooked", "books_forged", "stray", NULL};
const char *const node_finding_actions[] = {"reported", "held", "killed", NULL};

#define AMOUNT(m, doc) F(m, JS_OPTIONAL, doc, JS_RANGE(0, JS_INT_MAX), .always = true)

#define F(...) JS_FIELD(node_health, __VA_ARGS__)
static const js_field node_health_fields[] = {
	F(uuid, JS_REQUIRED, "Which device.", JS_LEN(1, 128)),
	F(state, JS_REQUIRED, "How it is.", JS_VALUES(node_health_states)),
	F(cause, JS_OPTIONAL, "Why it is not ok.", JS_LEN(0, 200)),
	F(since, JS_OPTIONAL, "Since when."),
};
#undef F
JS_TYPE(node_health, "The state of one device.");

#define F(...) JS_FIELD(node_owner, __VA_ARGS__)
static const js_field node_owner_fields[] = {
	F(allocation, JS_OPTIONAL, "The node's name of it.", JS_LEN(0, 128)),
	F(placement, JS_OPTIONAL, "The placement's id.", JS_LEN(0, 128)),
	F(fence, JS_OPTIONAL, "The placement's fence.", JS_LEN(0, 64)),
	F(pod_uid, JS_OPTIONAL, "The pod's uid.", JS_LEN(0, 128)),
	F(namespace, JS_OPTIONAL, "The pod's namespace.", JS_LEN(0, 253)),
	F(pod, JS_OPTIONAL, "The pod's name.", JS_LEN(0, 253)),
	F(container, JS_OPTIONAL, "The container's name.", JS_LEN(0, 253)),
};
#undef F
JS_TYPE(node_owner, "Whose a share is.");

#define F(...) JS_FIELD(node_step, __VA_ARGS__)
static const js_field node_step_fields[] = {
	F(owner, JS_REQUIRED, "Whose it is.", JS_OF(node_owner)),
	F(state, JS_REQUIRED, "How far it has come.", JS_VALUES(node_step_states)),
	F(reason, JS_OPTIONAL, "Why it was refused or has ended.", JS_LEN(0, NODE_REASON_MAX)),
	F(at, JS_REQUIRED, "When."),
};
#undef F
JS_TYPE(node_step, "How far a container's allocation has come.");

str node_reason(const char *text)
{
	str all = str_from(text);
	uint32_t n = all.n;

	if (n <= NODE_REASON_MAX)
		return all;
	for (n = NODE_REASON_MAX; n > 0 && ((unsigned char)all.p[n] & 0xc0) == 0x80; n--)
		;
	return str_cut(all, 0, n);
}

#define F(...) JS_FIELD(node_usage, __VA_ARGS__)
static const js_field node_usage_fields[] = {
	F(owner, JS_REQUIRED, "Whose it is.", JS_OF(node_owner)),
	F(devices, JS_OPTIONAL, "On which devices.", JS_ITEMS(0, 64)),
	AMOUNT(memory_mib_avg, "Held on all of them together, on the average."),
	AMOUNT(memory_mib_max, "The most that was held."),
	AMOUNT(compute_milli_avg, "Device time used, in thousandths of one device."),
	AMOUNT(refused, "Allocations of memory that did not fit."),
};
#undef F
JS_TYPE(node_usage, "What a container held and used in the window.");

#define F(...) JS_FIELD(node_finding, __VA_ARGS__)
static const js_field node_finding_fields[] = {
	F(owner, JS_OPTIONAL, "Whose it is; absent: nobody's that the node knows.", JS_OF(node_owner)),
	F(device, JS_REQUIRED, "On which device.", JS_LEN(1, 128)),
	F(kind, JS_REQUIRED, "What was seen.", JS_VALUES(node_finding_kinds)),
	F(action, JS_REQUIRED, "What was done.", JS_VALUES(node_finding_actions)),
	AMOUNT(pid, "The process on the node; 0: all of the container together."),
	AMOUNT(found, "MiB, or thousandths of device time."),
	AMOUNT(expected, "What it may have at most, or what the books say."),
	F(at, JS_REQUIRED, "When."),
};
#undef F
JS_TYPE(node_finding, "What the audit saw.");

#define F(...) JS_FIELD(node_item, __VA_ARGS__)
static const js_field node_item_fields[] = {
	F(kind, JS_REQUIRED, "What it is about.", JS_VALUES(node_item_kinds)),
	F(driver, JS_OPTIONAL, "Version of the driver.", JS_LEN(0, 100)),
	F(devices, JS_OPTIONAL, "All devices of the node.", JS_OF(report_device), JS_ITEMS(0, 64)),
	F(links, JS_OPTIONAL, "How they are linked.", JS_OF(report_links)),
	F(health, JS_OPTIONAL, "States of devices.", JS_OF(node_health), JS_ITEMS(0, NODE_REPORT_ROWS_MAX)),
	F(steps, JS_OPTIONAL, "Steps of allocations.", JS_OF(node_step), JS_ITEMS(0, NODE_REPORT_ROWS_MAX)),
	F(at, JS_OPTIONAL, "End of the window."),
	F(window_ms, JS_OPTIONAL, "Its length.", JS_RANGE(0, 86400000)),
	F(usage, JS_OPTIONAL, "By container.", JS_OF(node_usage), JS_ITEMS(0, NODE_REPORT_ROWS_MAX)),
	F(findings, JS_OPTIONAL, "Of the audit.", JS_OF(node_finding), JS_ITEMS(0, NODE_REPORT_ROWS_MAX)),
};
#undef F
JS_TYPE(node_item, "One item of a node's report.");

#define F(...) JS_FIELD(node_report, __VA_ARGS__)
static const js_field node_report_fields[] = {
	F(node, JS_REQUIRED, "The node's name.", JS_LEN(1, 253)),
	F(boot, JS_REQUIRED, "New at each start of reeve-node.", JS_LEN(1, 100)),
	F(seq, JS_REQUIRED, "1, 2, ... within the boot.", JS_RANGE(1, JS_INT_MAX)),
	F(version, JS_OPTIONAL, "Of reeve-node.", JS_LEN(0, 100)),
	F(items, JS_OPTIONAL, "In order.", JS_OF(node_item), JS_ITEMS(0, NODE_REPORT_ITEMS_MAX), .always = true),
};
#undef F
JS_TYPE(node_report, "What a node tells its cluster.");

#define F(...) JS_FIELD(node_answer, __VA_ARGS__)
static const js_field node_answer_fields[] = {
	F(acked_seq, JS_READ_ONLY, "Everything up to here is known.", .always = true),
	F(want_inventory, JS_READ_ONLY, "Tell inventory and health again.", .always = true),
};
#undef F
JS_TYPE(node_answer, "What a node is answered.");
