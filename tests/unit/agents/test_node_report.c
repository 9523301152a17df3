#include <criterion/criterion.h>
#include "agents/node_report.h"
#include "json/write.h"

Test(node_report, its_tables_say_every_member)
{
	static const js_type *const types[] = {&node_health_type, &node_owner_type, &node_step_type, &node_usage_type,
		&node_finding_type, &node_item_type, &node_report_type, &node_answer_type};

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		cr_expect_null(js_type_check(types[i]), "%s: %s", types[i]->name, js_type_check(types[i]));
}

Test(node_report, what_a_node_writes_its_agent_reads)
{
	AUTO_ARENA a = arena_new(0);
	str uuids[] = {S("GPU-1")};
	report_device device = {.uuid = uuids[0], .product = S("NVIDIA H200"), .memory_mib = 143771, .numa = 1};
	node_usage used = {
		.owner = {.allocation = S("a"), .pod_uid = S("u")}, .devices = {uuids, 1}, .memory_mib_max = 7};
	node_finding found = {
		.device = uuids[0], .kind = S("stray"), .action = S("reported"), .pid = 4, .at = {5000000}};
	node_item items[] = {
		{.kind = S("inventory"), .driver = S("570.1"), .devices = {&device, 1}},
		{.kind = S("usage"), .at = {6000000}, .window_ms = 10000, .usage = {&used, 1}},
		{.kind = S("finding"), .findings = {&found, 1}},
	};
	node_report out = {.node = S("n1"), .boot = S("b"), .seq = 3, .items = {items, 3}}, in;
	fault f = {0};
	buf b;

	buf_init(&b, NODE_REPORT_BYTES_MAX);
	js_writer w = js_writer_on(&b);
	js_write(&w, &node_report_type, &out);
	cr_assert_eq(js_read(&node_report_type, buf_str(&b), a, &in, &f), ERR_OK, "%s: %s", f.pointer, f.detail);
	cr_assert_eq(in.items.n, 3u);
	const node_item *item = in.items.v;
	const report_device *d = item[0].devices.v;
	const node_usage *u = item[1].usage.v;
	const node_finding *found_in = item[2].findings.v;
	cr_expect(in.seq == 3 && str_eq(d->product, device.product) && d->numa == 1);
	cr_expect(u->memory_mib_max == 7 && str_eq(u->owner.pod_uid, S("u")) && u->devices.n == 1);
	cr_expect(found_in->pid == 4 && found_in->at.us == 5000000 && !found_in->owner.allocation.p);
	buf_done(&b);
}
