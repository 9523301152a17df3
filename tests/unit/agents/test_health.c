#include <criterion/criterion.h>
#include "agents/node/health.h"

#define S_US INT64_C(1000000)

static const struct {
	int64_t xid;
	card_state state;
} xids[] = {
	{13, CARD_OK},
	{31, CARD_OK},
	{43, CARD_OK},
	{45, CARD_OK},
	{68, CARD_OK},
	{109, CARD_OK},
	{999, CARD_OK},
	{48, CARD_FAILED},
	{63, CARD_DEGRADED},
	{64, CARD_FAILED},
	{74, CARD_DEGRADED},
	{79, CARD_FAILED},
	{92, CARD_DEGRADED},
	{94, CARD_DEGRADED},
	{95, CARD_FAILED},
	{119, CARD_FAILED},
	{120, CARD_FAILED},
	{140, CARD_FAILED},
};

Test(health, an_xid_is_about_the_device_or_about_a_program)
{
	for (size_t i = 0; i < sizeof(xids) / sizeof(*xids); i++) {
		health h = {0};
		cr_expect_eq(health_of_xid(xids[i].xid), xids[i].state, "%d", (int)xids[i].xid);
		cr_expect_eq(health_take(&h, HEALTH_XID, xids[i].xid, S_US), xids[i].state != CARD_OK);
		cr_expect_eq(h.state, xids[i].state, "%d", (int)xids[i].xid);
	}
}

Test(health, it_comes_back_by_itself_after_the_quiet_of_its_rule)
{
	health h = {0};
	int64_t now = 1000 * S_US;

	cr_expect(health_take(&h, HEALTH_XID, 74, now));
	cr_expect(h.state == CARD_DEGRADED && h.since_us == now);
	cr_expect(!health_well(&h, now + 299 * S_US));
	cr_expect(health_well(&h, now + 300 * S_US));
	cr_expect(h.state == CARD_OK && h.cause[0] == 0);
	cr_expect(!health_well(&h, now + 301 * S_US), "it was well already");
}

Test(health, each_new_fact_begins_the_quiet_anew)
{
	health h = {0};

	health_take(&h, HEALTH_XID, 74, 0);
	cr_expect(!health_take(&h, HEALTH_XID, 74, 200 * S_US), "others see nothing new");
	cr_expect(!health_well(&h, 400 * S_US));
	cr_expect(health_well(&h, 500 * S_US));
}

Test(health, what_is_worse_counts_until_it_is_well)
{
	health h = {0};

	health_take(&h, HEALTH_XID, 74, S_US);
	cr_expect(health_take(&h, HEALTH_XID, 79, 2 * S_US));
	cr_expect_eq(h.state, CARD_FAILED);
	cr_expect(!health_take(&h, HEALTH_XID, 74, 3 * S_US));
	cr_expect_eq(h.state, CARD_FAILED);
	cr_expect(!health_well(&h, 3 * S_US + 599 * S_US), "and its longer quiet");
	cr_expect(health_well(&h, 3 * S_US + 600 * S_US));
}

Test(health, with_each_relapse_it_takes_twice_as_long_up_to_an_hour)
{
	health h = {0};
	int64_t now = S_US, want_s = 60;

	for (int i = 0; i < 12; i++) {
		health_take(&h, HEALTH_SILENT, 0, now);
		cr_expect(!health_well(&h, now + (want_s - 1) * S_US), "%d", i);
		cr_expect(health_well(&h, now + want_s * S_US), "%d", i);
		now += (want_s + 60) * S_US;
		want_s = want_s * 2 < HEALTH_QUIET_MAX_S ? want_s * 2 : HEALTH_QUIET_MAX_S;
	}
	now += 2 * (int64_t)HEALTH_RELAPSE_S * S_US;
	health_take(&h, HEALTH_SILENT, 0, now);
	cr_expect(health_well(&h, now + 60 * S_US), "after a good hour it is as new");
}

static const struct {
	const char *line, *bus_id;
	int64_t xid;
} lines[] = {
	{"4,1234,5678,-;NVRM: Xid (PCI:0000:3b:00): 79, pid=1234, GPU has fallen off the bus.", "0000:3b:00.0", 79},
	{"NVRM: Xid (PCI:0000:3b:00.1): 31, Ch 0000007e", "0000:3b:00.1", 31},
	{"12,1234,5678,-;NVRM: Xid (PCI:0000:3b:00): 79, written by a program", NULL, 0},
	{"4,1234,5678,-;a program said: NVRM: Xid (PCI:0000:3b:00): 79", NULL, 0},
	{"NVRM: Xid (PCI:0000:3b:00): x, pid", NULL, 0},
	{"NVRM: Xid (PCI:", NULL, 0},
	{"NVRM: Xid (PCI:0000:3b:00)", NULL, 0},
	{"NVRM: Xid (PCI:0000:3b:00:1111111111111111): 79", NULL, 0},
	{"usb 1-1: new device", NULL, 0},
	{"", NULL, 0},
};

Test(health, the_kernels_log_tells_xids)
{
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		char bus_id[CARD_BUS_ID_BYTES] = "";
		int64_t xid = 0;
		bool is = health_read_log(str_from(lines[i].line), bus_id, &xid);
		cr_expect_eq(is, lines[i].bus_id != NULL, "%s", lines[i].line);
		if (is)
			cr_expect(strcmp(bus_id, lines[i].bus_id) == 0 && xid == lines[i].xid, "%s", lines[i].line);
	}
}
