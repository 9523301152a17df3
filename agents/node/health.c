#include "agents/node/health.h"
#include <inttypes.h>
#include <stdio.h>

enum { FACILITY_STEP = 8 };

typedef struct rule {
	int64_t first, last;
	card_state state;
	int64_t quiet_s;
	const char *what;
} rule;

static const rule xids[] = {
#define X(first, last, state, quiet_s, what) {first, last, CARD_##state, quiet_s, what},
#include "agents/node/xid.def"
#undef X
};

static const rule facts[] = {
	[HEALTH_DOUBLE_BIT] = {0, 0, CARD_FAILED, 600, "double bit error of memory"},
	[HEALTH_UNAVAILABLE] = {0, 0, CARD_FAILED, 600, "the driver gave it up"},
	[HEALTH_SILENT] = {0, 0, CARD_FAILED, 60, "does not answer"},
	[HEALTH_LOST] = {0, 0, CARD_FAILED, 60, "is not there any more"},
	[HEALTH_ROWS_FAILED] = {0, 0, CARD_FAILED, 600, "no spare rows of memory are left"},
	[HEALTH_ROWS_PENDING] = {0, 0, CARD_DEGRADED, 60, "rows of memory are exchanged at the next reset"},
};

static const rule *xid_rule(int64_t xid)
{
	for (size_t i = 0; i < sizeof(xids) / sizeof(*xids); i++)
		if (xid >= xids[i].first && xid <= xids[i].last)
			return &xids[i];
	return NULL;
}

card_state health_of_xid(int64_t xid)
{
	const rule *r = xid_rule(xid);

	return r ? r->state : CARD_OK;
}

static void quiet_set(health *h, const rule *r, int64_t now_us)
{
	int64_t want_s = r->quiet_s;

	for (int64_t i = 0; i < h->relapses && want_s < HEALTH_QUIET_MAX_S; i++)
		want_s *= 2;
	if (want_s > HEALTH_QUIET_MAX_S)
		want_s = HEALTH_QUIET_MAX_S;
	if (h->state == CARD_OK || want_s > h->quiet_s)
		h->quiet_s = want_s;
	h->quiet_from_us = now_us;
}

/* What is worse stays until the device is well. */
static bool rule_take(health *h, const rule *r, const char *cause, int64_t now_us)
{
	bool is_relapse =
		h->state == CARD_OK && h->ended_us && now_us - h->ended_us < (int64_t)HEALTH_RELAPSE_S * 1000000;

	if (h->state == CARD_OK && !is_relapse)
		h->relapses = 0;
	h->relapses += is_relapse;
	quiet_set(h, r, now_us);
	if (h->state != CARD_OK && h->state != CARD_UNMONITORED && r->state <= h->state)
		return false;
	h->state = r->state;
	h->since_us = now_us;
	snprintf(h->cause, sizeof(h->cause), "%s", cause);
	return true;
}

bool health_take(health *h, health_fact fact, int64_t number, int64_t now_us)
{
	const rule *r = fact == HEALTH_XID ? xid_rule(number) : &facts[fact];
	char cause[CARD_TEXT_BYTES];

	if (!r)
		return false;
	if (fact == HEALTH_XID)
		snprintf(cause, sizeof(cause), "xid %" PRId64 ": %s", number, r->what);
	else
		snprintf(cause, sizeof(cause), "%s", r->what);
	return rule_take(h, r, cause, now_us);
}

bool health_well(health *h, int64_t now_us)
{
	if (h->state == CARD_OK || (h->state != CARD_UNMONITORED && now_us - h->quiet_from_us < h->quiet_s * 1000000))
		return false;
	h->ended_us = h->state == CARD_UNMONITORED ? 0 : now_us;
	h->state = CARD_OK;
	h->since_us = now_us;
	h->quiet_s = 0;
	h->cause[0] = 0;
	return true;
}

/* A record is "4,1234,5678,-;words"; the first number is level and facility, and below FACILITY_STEP it is the kernel's
 * own: everybody who may write to /dev/kmsg is of another. */
static str kernel_words(str line)
{
	uint64_t level;
	str words = line, head = str_split(&words, ';');

	if (!words.p)
		return line;
	if (!str_to_u64(str_split(&head, ','), &level))
		return line;
	return level < FACILITY_STEP ? words : STR_NONE;
}

bool health_read_log(str line, char bus_id[CARD_BUS_ID_BYTES], int64_t *ret_xid)
{
	static const str mark = {"NVRM: Xid (PCI:", sizeof("NVRM: Xid (PCI:") - 1};

	str rest = kernel_words(line);

	if (!str_starts(rest, mark))
		return false;
	rest = str_cut(rest, mark.n, rest.n);
	str bus = str_split(&rest, ')');
	if (!rest.p || rest.n < 2 || bus.n < 10 || bus.n + 3u > CARD_BUS_ID_BYTES)
		return false;
	str number = str_trim(str_cut(rest, 1, rest.n)); /* ": 79, pid=..." */
	snprintf(bus_id, CARD_BUS_ID_BYTES, STR_FMT "%s", STR_ARG(bus), str_find(bus, '.', 0) < 0 ? ".0" : "");
	return str_to_i64(str_trim(str_split(&number, ',')), ret_xid);
}
