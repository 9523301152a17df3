/* Whom PodDisruptionBudgets are about, and how many of them may go. */
#include "agents/scheduling/budgets.h"
#include "cluster_fixture.h"

#define BUDGET(selector, generation, counted, allowed)                                                                 \
	"{\"metadata\":{\"name\":\"b\",\"namespace\":\"d\",\"generation\":" generation                                 \
	"},\"spec\":{\"minAvailable\":1" selector "},\"status\":{\"observedGeneration\":" counted                      \
	",\"disruptionsAllowed\":" allowed ",\"conditions\":[]}}"
#define SELECTOR(terms)  ",\"selector\":{" terms "}"
#define NONE_LEFT(terms) BUDGET(SELECTOR(terms), "1", "1", "0")

static void put(budgets *b, const char *space, const char *name, const char *text, err wanted)
{
	object_meta of = {.space = str_from(space), .name = str_from(name)};

	cr_assert_eq(budgets_put(b, &of, str_from(text)), wanted, "%s", text);
}

Test(budgets, are_about_the_pods_that_they_select)
{
	static const struct {
		const char *budget, *labels;
		bool is_about;
	} rows[] = {
		{NONE_LEFT(""), "app=a", true},
		{NONE_LEFT(""), "", true},
		{BUDGET("", "1", "1", "0"), "app=a", false},
		{BUDGET(",\"selector\":null", "1", "1", "0"), "app=a", false},
		{NONE_LEFT("\"matchLabels\":{\"app\":\"a\"}"), "x=y,app=a", true},
		{NONE_LEFT("\"matchLabels\":{\"app\":\"a\"}"), "app=ab", false},
		{NONE_LEFT("\"matchLabels\":{\"app\":\"a\"}"), "app2=a", false},
		{NONE_LEFT("\"matchLabels\":{\"app\":\"a\"}"), "", false},
		{NONE_LEFT("\"matchLabels\":{\"app\":\"a\"}"), "*", true},
		{NONE_LEFT("\"matchLabels\":{\"app\":\"a\",\"z\":\"\"}"), "app=a,z=", true},
		{NONE_LEFT("\"matchLabels\":{\"app\":\"a\",\"z\":\"\"}"), "app=a", false},
#define EXPRESSION(op, values) NONE_LEFT("\"matchExpressions\":[{\"key\":\"k\",\"operator\":\"" op "\"" values "}]")
#define VALUES                 ",\"values\":[\"u\",\"v\"]"
		{EXPRESSION("In", VALUES), "k=v", true},
		{EXPRESSION("In", VALUES), "k=w", false},
		{EXPRESSION("In", VALUES), "j=v", false},
		{EXPRESSION("NotIn", VALUES), "k=v", false},
		{EXPRESSION("NotIn", VALUES), "k=w", true},
		{EXPRESSION("NotIn", VALUES), "j=v", true},
		{EXPRESSION("Exists", ""), "k=", true},
		{EXPRESSION("Exists", ""), "j=k", false},
		{EXPRESSION("DoesNotExist", ""), "k=", false},
		{EXPRESSION("DoesNotExist", ",\"values\":null"), "j=k", true},
		{EXPRESSION("Like", VALUES), "k=x", true},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		budgets *b = budgets_new();
		budgets_known(b);
		put(b, "d", "b", rows[i].budget, ERR_OK);
		budgets_begin(b);
		cr_expect_neq(budgets_take(b, S("d"), str_from(rows[i].labels)), rows[i].is_about, "row %zu: %s of %s",
			i, rows[i].labels, rows[i].budget);
		cr_expect(budgets_take(b, S("other"), str_from(rows[i].labels)), "row %zu: of another namespace", i);
		budgets_free(b);
	}
	arena_trim();
}

Test(budgets, let_as_many_go_as_they_say)
{
	budgets *b = budgets_new();

	cr_expect(budgets_take(NULL, S("d"), S("app=a")), "no budgets at all");
	cr_expect_not(budgets_take(b, S("d"), S("app=a")), "nobody goes before all are known");
	budgets_known(b);
	put(b, "d", "two", BUDGET(SELECTOR("\"matchLabels\":{\"app\":\"a\"}"), "3", "3", "2"), ERR_OK);
	put(b, "d", "one", BUDGET(SELECTOR("\"matchLabels\":{\"tier\":\"x\"}"), "3", "3", "1"), ERR_OK);
	for (int again = 0; again < 2; again++) {
		budgets_begin(b);
		cr_expect(budgets_take(b, S("d"), S("app=a,tier=x")));
		cr_expect_not(budgets_take(b, S("d"), S("app=a,tier=x")), "the tighter one counts");
		cr_expect(budgets_take(b, S("d"), S("app=a")));
		cr_expect_not(budgets_take(b, S("d"), S("app=a")));
		budgets_give(b, S("d"), S("app=a"));
		cr_expect(budgets_take(b, S("d"), S("app=a")));
	}
	budgets_drop(b, S("d"), S("two"));
	budgets_begin(b);
	for (int i = 0; i < 5; i++)
		cr_expect(budgets_take(b, S("d"), S("app=a")));
	budgets_free(b);
	arena_trim();
}

Test(budgets, that_say_nothing_sure_let_nobody_go)
{
	static const struct {
		const char *text;
		err e;
	} rows[] = {
		{BUDGET(SELECTOR("\"matchLabels\":{\"app\":\"a\"}"), "2", "1", "5"),
			ERR_OK}, /* counted before its change */
		{"{\"metadata\":{\"generation\":1},\"spec\":{\"selector\":{}}}", ERR_OK},
		{"{\"metadata\":{},\"spec\":{\"selector\":{\"matchLabels\":[]}},\"status\":{\"disruptionsAllowed\":9}}",
			ERR_BAD_FIELD},
		{"{\"spec\":", ERR_MALFORMED_JSON},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		budgets *b = budgets_new();
		budgets_known(b);
		put(b, "d", "b", rows[i].text, rows[i].e);
		budgets_begin(b);
		cr_expect_not(budgets_take(b, S("d"), S("app=a")), "row %zu", i);
		budgets_free(b);
	}
	arena_trim();
}
