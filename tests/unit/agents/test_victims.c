/* Which pods of a node make room, by memory, compute and slots alike. */
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
