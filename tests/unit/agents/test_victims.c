/* Which pods of a node make room, by memory, compute and slots alike. */
#include "agents/scheduling/extender/extender.h"
#include "agents/scheduling/pod_ask.h"
#include "agents/scheduling/victims.h"
#include "yield_pods.h"

enum { PODS_MAX = 4 };

typedef struct row {
	const char *what;
	const char *pods[PODS_MAX];
	const char *memory, *cores;
	const char *given;  /* uid of one that somebody else has chosen, or NULL */
	const char *wanted; /* uids between commas; NULL: it would not fit whoever went */
} row;

static bool may_go(void *arg, const stock_entry *e)
{
	(void)arg;
	return str_eq(e->space, S("d"));
}

static const char *chosen(const victims *v, arena *a)
{
	str all = S("");

	for (uint32_t i = 0; i < v->n; i++)
		all = str_print(a, STR_FMT "%s" STR_FMT, STR_ARG(all), i ? "," : "", STR_ARG(v->v[i].uid));
	return str_z(a, all);
}

static void row_holds(const row *r, budgets *b)
{
	AUTO_ARENA a = arena_new(0);
	stock *s = card_new();
	pod_ask *q = ARENA_NEW(a, pod_ask);
	str given = r->given ? str_from(r->given) : STR_NONE;
	fit_need need;
	victims is;
	pod p;

	for (int i = 0; i < PODS_MAX && r->pods[i]; i++)
		cr_assert_eq(pod_tell(s, r->pods[i]), ERR_OK, "%s", r->what);
	str text = str_print(a, WAITING("new", "d", "\"priority\":10,", ASK("1", "%s", "%s"), ""), r->memory, r->cores);
	cr_assert_eq(pod_read(text, a, &p), ERR_OK);
	cr_assert_eq(pod_ask_read(&p, s, (pod_policies){0}, a, q, NULL), ERR_OK);
	fit_prepare(&need, &q->a, &q->group, NULL);
	int32_t node = stock_node_find(s, S("n")), before = fit_rate(stock_fleet(s), &need, node);
	victims_ask wish = {.stock = s, .need = &need, .budgets = b, .priority = p.priority, .may_go = may_go};
	wish.given = &given;
	wish.n_given = given.p != NULL;
	bool is_enough = victims_choose(&wish, S("n"), a, &is);
	cr_expect_eq(is_enough, r->wanted != NULL, "%s", r->what);
	if (r->wanted)
		cr_expect_str_eq(chosen(&is, a), r->wanted, "%s", r->what);
	if (is_enough)
		cr_expect(is.n_shares == 1 && str_eq(is.shares[0].uuid, S("G")), "%s", r->what);
	cr_expect_eq(fit_rate(stock_fleet(s), &need, node), before, "%s: asking changed something", r->what);
	stock_free(s);
}

#define LOW(share)  HELD("low", "d", "1", share, "")
#define MID(share)  HELD("mid", "d", "5", share, "")
#define SAME(share) HELD("same", "d", "10", share, "")

Test(victims, are_as_few_and_as_unimportant_as_is_enough)
{
	static const row rows[] = {
		{"nobody goes where there is room", {LOW("2000,10")}, "6000", "10", NULL, ""},
		{"memory alone", {LOW("6000,10"), MID("2000,10")}, "5000", "10", NULL, "low"},
		{"compute alone", {LOW("1000,60"), MID("1000,30")}, "1000", "50", NULL, "low"},
		{"the more important one stays where it can", {MID("6000,10"), LOW("2000,10")}, "1000", "10", NULL,
			"low"},
		{"nobody goes without need", {LOW("1000,10"), MID("6000,10")}, "5000", "10", NULL, "mid"},
		{"both", {LOW("4000,10"), MID("4000,10")}, "8000", "10", NULL, "low,mid"},
		{"equal priority does not yield", {SAME("6000,10")}, "5000", "10", NULL, NULL},
		{"another tenant's does not", {HELD("other", "e", "1", "6000,10", "")}, "5000", "10", NULL, NULL},
		{"one that leaves is not asked", {HELD("gone", "d", "1", "6000,10", LEAVING), LOW("2000,10")}, "6000",
			"10", NULL, ""},
		{"one that leaves is not enough", {HELD("gone", "d", "1", "2000,10", LEAVING), LOW("6000,10")}, "6000",
			"10", NULL, "low"},
		{"another tenant's that leaves is not counted on", {HELD("gone", "e", "1", "6000,10", LEAVING)}, "6000",
			"10", NULL, NULL},
		{"what others chose is enough", {LOW("4000,10"), MID("4000,10")}, "4000", "10", "mid", ""},
		{"what others chose is not enough", {LOW("4000,10"), MID("4000,10")}, "5000", "10", "mid", "low"},
		{"too large for the card", {LOW("6000,10")}, "9000", "10", NULL, NULL},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		row_holds(&rows[i], NULL);
	arena_trim();
}

Test(victims, are_within_their_disruption_budgets)
{
#define APP LABELS("\"app\":\"a\"")
	static const struct {
		int allowed;
		row row;
	} rows[] = {
		{0, {"none may go", {HELD("low", "d", "1", "6000,10", APP)}, "5000", "10", NULL, NULL}},
		{1, {"one may", {HELD("low", "d", "1", "6000,10", APP)}, "5000", "10", NULL, "low"}},
		{0, {"another goes in its place", {HELD("low", "d", "1", "4000,10", APP), MID("4000,10")}, "4000", "10",
			    NULL, "mid"}},
		{1, {"not two of one budget",
			    {HELD("low", "d", "1", "4000,10", APP), HELD("mid", "d", "5", "4000,10", APP)}, "8000",
			    "10", NULL, NULL}},
		{0, {"what others chose is theirs to answer for", {HELD("low", "d", "1", "6000,10", APP)}, "5000", "10",
			    "low", ""}},
		{1, {"and counts", {HELD("low", "d", "1", "4000,10", APP), HELD("mid", "d", "5", "4000,10", APP)},
			    "8000", "10", "low", NULL}},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO_ARENA a = arena_new(0);
		budgets *b = budgets_new();
		object_meta of = {.space = S("d"), .name = S("b")};
		str text = str_print(a,
			"{\"metadata\":{\"generation\":1},\"spec\":{\"selector\":{\"matchLabels\":{\"app\":\"a\"}}},"
			"\"status\":{\"observedGeneration\":1,\"disruptionsAllowed\":%d}}",
			rows[i].allowed);
		budgets_known(b);
		cr_assert_eq(budgets_put(b, &of, text), ERR_OK);
		row_holds(&rows[i].row, b);
		budgets_free(b);
	}
	arena_trim();
}

#define QUOTA(mib)                                                                                                     \
	"{\"metadata\":{\"name\":\"q\",\"namespace\":\"d\",\"resourceVersion\":\"1\"},\"spec\":{"                      \
	"\"hard\":{\"limits.nvidia.com/gpumem\":\"" mib "\"}}}"
#define WHOLE "{\"name\":\"c\",\"resources\":{\"limits\":{\"nvidia.com/gpu\":\"1\"}}}"

static bool one_tenant(void *arg, str space, str other)
{
	(void)arg, (void)space, (void)other;
	return true;
}

/* uids of those that the verb keeps and adds, in their order; "": the node is left out. */
static const char *kept_of(stock *s, const quotas *q, const char *pod_text, const char *given, arena *a)
{
	extender *x = extender_new(&(extender_spec){.stock = s, .quotas = q, .is_one_tenant = one_tenant});
	str all = S("");
	bool is_bad;
	buf out;

	buf_init(&out, 1 << 16);
	extender_preempt(x,
		str_print(a,
			"{\"Pod\":%s,\"NodeNameToVictims\":null,\"NodeNameToMetaVictims\":{\"n\":{\"Pods\":[{\"UID\":\"%s\"}],"
			"\"NumPDBViolations\":0}}}",
			pod_text, given),
		&out, &is_bad);
	cr_assert_not(is_bad);
	const char *at = str_z(a, str_dup(a, buf_str(&out)));
	while ((at = strstr(at, "\"UID\":\""))) {
		at += strlen("\"UID\":\"");
		all = str_print(a, STR_FMT "%s%.*s", STR_ARG(all), all.n ? "," : "", (int)strcspn(at, "\""), at);
	}
	buf_done(&out);
	extender_free(x);
	return str_z(a, all);
}

/* low and mid hold 2,000 and 3,000 MiB of d's, far 1,000 of the same tenant's other namespace, on a card of 8,000.
 * Whatever the scheduler chose, all nodes were refused as soon as the quota was over. */
Test(victims, make_room_in_the_namespaces_quota_too)
{
	static const struct {
		const char *quota, *spec, *limits, *given, *kept;
	} rows[] = {
		{"6000", "", ASK("1", "2000", "10"), "low", "low"},
		{"5000", "", ASK("1", "2000", "10"), "low", "low"},
		{"4999", "", ASK("1", "2000", "10"), "low", "low,mid"},
		{"5000", "", ASK("1", "2000", "10"), "far", "far,low"},
		{"4000", "", ASK("1", "2000", "10"), "far", "far,mid"},
		{"2000", "", ASK("1", "2000", "10"), "low", "low,mid"},
		{"1999", "", ASK("1", "2000", "10"), "low", ""},
		{"0", "", ASK("1", "2000", "10"), "low", ""},
		{"9000", "", WHOLE, "low", "low,far,mid"},
		{"8000", "", WHOLE, "low", "low,far,mid"},
		{"7999", "", WHOLE, "low", ""},
		{"6000", "\"preemptionPolicy\":\"Never\",", ASK("1", "2000", "10"), "low", ""},
		{"6000", "\"preemptionPolicy\":\"PreemptLowerPriority\",", ASK("1", "2000", "10"), "low", "low"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO_ARENA a = arena_new(0);
		stock *s = card_new();
		quotas *q = quotas_new();
		cr_assert_eq(pod_tell(s, LOW("2000,10")), ERR_OK);
		cr_assert_eq(pod_tell(s, MID("3000,10")), ERR_OK);
		cr_assert_eq(pod_tell(s, HELD("far", "e", "3", "1000,10", "")), ERR_OK);
		cr_assert_eq(quotas_put(q, str_print(a, QUOTA("%s"), rows[i].quota)), ERR_OK);
		str asking =
			str_print(a, WAITING("new", "d", "\"priority\":10,%s", "%s", ""), rows[i].spec, rows[i].limits);
		cr_expect_str_eq(kept_of(s, q, str_z(a, asking), rows[i].given, a), rows[i].kept, "row %zu", i);
		quotas_free(q);
		stock_free(s);
	}
	arena_trim();
}
