/* How the cards of a node are linked, as HAMi's plugin writes it, and which of them a pod gets by that. */
#include "agents/scheduling/pod_ask.h"
#include "cluster_fixture.h"
#include "engine/fit.h"

#define GPU(uuid, index, numa)                                                                                         \
	"{\\\"id\\\":\\\"" uuid "\\\",\\\"index\\\":" index                                                            \
	",\\\"count\\\":4,\\\"devmem\\\":8000,\\\"devcore\\\":100,\\\"type\\\":\\\"NVIDIA\\\",\\\"numa\\\":" numa      \
	",\\\"health\\\":true}"
#define GPUS GPU("a", "0", "0") "," GPU("b", "1", "0") "," GPU("c", "2", "1") "," GPU("d", "3", "1")
#define HOST(scores, gpus)                                                                                                 \
	"{\"metadata\":{\"name\":\"n\",\"resourceVersion\":\"1\",\"annotations\":{\"hami.io/node-nvidia-score\":\"" scores \
	"\",\"hami.io/node-nvidia-register\":\"[" gpus "]\"}}}"
#define PAIR(uuid, weight) "\\\"" uuid "\\\":" weight
#define ROW(uuid, pairs)   "{\\\"uuid\\\":\\\"" uuid "\\\",\\\"score\\\":{" pairs "}}"
/* a and d by three NVLinks, the others by less; b is linked to everybody a little. */
#define SCORES                                                                                                         \
	"[" ROW("a", PAIR("b", "20") "," PAIR("c", "10") "," PAIR("d", "300")) "," ROW(                                \
		"b", PAIR("a", "20") "," PAIR("c", "60") "," PAIR("d", "10")) ",{\\\"score\\\":{" PAIR("a",            \
		"10") "," PAIR("b", "60") "," PAIR("d", "30") "},\\\"uuid\\\":\\\"c\\\"}," ROW("d",                    \
		PAIR("a", "300") "," PAIR("b", "10") "," PAIR("c", "30")) "]"

static fault told(stock *s, const char *node)
{
	AUTO_ARENA a = arena_new(0);
	fault f = {0};
	kube_node n;

	cr_assert_eq(kube_node_read(str_from(node), a, &n), ERR_OK, "%s", node);
	stock_node_put(s, &n, &f);
	return f;
}

/* The names of the cards that so many get, by their index. */
static const char *chosen(stock *s, const char *count, arena *a)
{
	pod_ask *q = ARENA_NEW(a, pod_ask);
	fit_choice *c = ARENA_NEW(a, fit_choice);
	const fleet *f = stock_fleet(s);
	char names[8] = "";
	fit_need need;
	why_code code;
	pod p;

	str text = str_print(a,
		"{\"metadata\":{\"name\":\"p\",\"namespace\":\"d\",\"uid\":\"p\",\"resourceVersion\":\"1\",\"annotations\":{"
		"\"hami.io/gpu-scheduler-policy\":\"topology-aware\"}},\"spec\":{\"containers\":[" ASK(
			"%s", "1000", "10") "]}}",
		count);
	cr_assert_eq(pod_read(text, a, &p), ERR_OK);
	cr_assert_eq(pod_ask_read(&p, s, (pod_policies){0}, a, q, NULL), ERR_OK);
	fit_prepare(&need, &q->a, &q->group, NULL);
	cr_assert(fit_choose(f, &need, stock_node_find(s, S("n")), c, &code), "%d", (int)code);
	for (const char *name = "abcd"; *name; name++)
		for (int32_t i = 0; i < c->n; i++)
			if (f->device_uuids.v[f->cell_devices.v[c->v[i].cell]].p[0] == *name)
				(void)strncat(names, name, 1);
	return str_z(a, str_from(names));
}

Test(links, a_pod_gets_the_cards_that_are_linked_best)
{
	AUTO_ARENA a = arena_new(0);
	stock *s = stock_new();

	cr_expect_str_empty(told(s, HOST(SCORES, GPUS)).detail);
	cr_expect_str_eq(chosen(s, "2", a), "ad");
	cr_expect_str_eq(chosen(s, "3", a), "acd");
	cr_expect_str_eq(chosen(s, "1", a), "b", "the least is lost with the card that is linked worst");
	stock_free(s);
	arena_trim();
}

Test(links, what_cannot_be_read_leaves_the_cards_unlinked)
{
	static const struct {
		const char *node, *why;
	} rows[] = {
		{HOST("", GPUS), ""},
		{HOST("null", GPUS), ""},
		{HOST("[]", GPUS), ""},
		{HOST("[" ROW("x", PAIR("y", "5")) "]", GPUS), ""},
		{HOST("[" ROW("a", PAIR("d", "300")) "]", GPUS), ""}, /* one end alone says so */
		{HOST("[" ROW("a", PAIR("d", "-1")) "]", GPUS), "the links of devices cannot be read"},
		{HOST("[" ROW("a", PAIR("d", "1.5")) "]", GPUS), "the links of devices cannot be read"},
		{HOST("[7]", GPUS), "the links of devices cannot be read"},
		{HOST(SCORES, GPU("a", "0", "0") "," GPU("b", "0", "0")), "devices have no index of their own"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO_ARENA a = arena_new(0);
		stock *s = stock_new();
		cr_expect_str_eq(told(s, rows[i].node).detail, rows[i].why, "row %zu", i);
		cr_expect_eq(strlen(chosen(s, "2", a)), 2, "row %zu: the cards are there", i);
		stock_free(s);
	}
	arena_trim();
}

Test(links, follow_the_node)
{
	AUTO_ARENA a = arena_new(0);
	stock *s = stock_new();

	(void)told(s, HOST("", GPUS));
	(void)told(s, HOST(SCORES, GPUS));
	cr_expect_str_eq(chosen(s, "2", a), "ad");
	(void)told(s, HOST("[" ROW("b", PAIR("c", "60")) "," ROW("c", PAIR("b", "60")) "]", GPUS));
	cr_expect_str_eq(chosen(s, "2", a), "bc");
	stock_free(s);
	arena_trim();
}
