/* Whose a namespace is: what the server says of it goes before its annotation, that before the cluster's default. And
 * an agent that hears that the server's configuration moved asks for it until it has it.
 */
#include "fixture.h"

#include "real_stage.h"

loop *fake_loop;

#define NEW_POD WAITING("new", "d", "\"schedulerName\":\"reeve-scheduler\",", ASK("1", "1000", "10"), "")
#define WORLD   "{\"cluster_uid\":\"sim\",\"nodes\":[{\"name\":\"n1\",\"cpu_milli\":64000,\"memory_mib\":500000}]}"
#define ANSWER                                                                                                         \
	"{\"term\":1,\"incarnation\":1,\"rev\":0,\"drift_n\":0,\"lease_rev\":0,\"changes\":[],\"config_rev\":%d%s}"
#define CONFIG ",\"config\":{\"default_tenant\":\"rest\",\"classes\":[],\"namespaces\":[]}"

typedef struct whose {
	const char *space, *tenant; /* "" : nobody's */
} whose;

static void tells(const stage *t, const char *when, const whose *v, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		str is = spaces_tenant(t->spaces, str_from(v[i].space));
		cr_expect(str_eq(str_of(is.p ? is.p : "", is.n), str_from(v[i].tenant)), "%s: %s is of '" STR_FMT "'",
			when, v[i].space, STR_ARG(is));
	}
}
#define TELLS(t, when, ...) tells(t, when, (const whose[]){__VA_ARGS__}, sizeof((whose[]){__VA_ARGS__}) / sizeof(whose))

static void server_says(stage *t, const char *fallback, const sync_space *v, uint32_t n)
{
	sync_config c = {.default_tenant = str_from(fallback), .namespaces = {(void *)(uintptr_t)v, n}};
	cluster_ref at = real_cluster(t->real);

	at.can->take_config(at.self, &c);
}

Test(spaces, what_the_server_says_goes_first)
{
	static const sync_space one[] = {{{"d", 1}, {"other/team", 10}}, {{"bare", 4}, {"acme/x", 6}}};
	static const sync_space moved[] = {{{"d", 1}, {"acme/y", 6}}};
	stage t;

	stage_open(&t, NEW_POD);
	TELLS(&t, "nobody asked the server", {"d", "acme"}, {"f", "other"}, {"bare", ""});
	server_says(&t, "rest", NULL, 0);
	TELLS(&t, "the server has a default", {"d", "acme"}, {"f", "other"}, {"bare", "rest"});
	server_says(&t, "rest", one, 2);
	TELLS(&t, "it names two", {"d", "other/team"}, {"e", "acme"}, {"f", "other"}, {"bare", "acme/x"},
		{"g", "rest"});
	server_says(&t, "rest", moved, 1);
	TELLS(&t, "it moved one and let go of the other", {"d", "acme/y"}, {"e", "acme"}, {"bare", "rest"});
	server_says(&t, "", NULL, 0);
	TELLS(&t, "it says nothing any more", {"d", "acme"}, {"e", "acme"}, {"f", "other"}, {"bare", ""});
	stage_close(&t);
}

static void server_says_by_labels(stage *t, const sync_space *names, uint32_t n_names, const sync_space *v, uint32_t n)
{
	sync_config c = {.default_tenant = S("rest"),
		.namespaces = {(void *)(uintptr_t)names, n_names},
		.selectors = {(void *)(uintptr_t)v, n}};
	cluster_ref at = real_cluster(t->real);

	at.can->take_config(at.self, &c);
}

Test(spaces, what_names_the_most_of_a_namespaces_labels_counts)
{
	static const sync_space names[] = {{{"nlp", 3}, {"by/name", 7}}};
	static const sync_space labels[] = {{{"team=nlp", 8}, {"acme/nlp", 8}},
		{{"stage=prod,team=nlp", 19}, {"acme/prod", 9}}, {{"stage=test,team=nlp", 19}, {"acme/test", 9}},
		{{"team=web", 8}, {"acme/web", 8}}};
	stage t;

	stage_open(&t, NEW_POD);
	server_says_by_labels(&t, NULL, 0, labels, 1);
	TELLS(&t, "one label", {"nlp", "acme/nlp"}, {"d", "acme"}, {"bare", "rest"});
	server_says_by_labels(&t, NULL, 0, labels, 4);
	TELLS(&t, "two labels", {"nlp", "acme/prod"}, {"d", "acme"}, {"bare", "rest"});
	server_says_by_labels(&t, names, 1, labels, 4);
	TELLS(&t, "its name goes first", {"nlp", "by/name"});
	server_says_by_labels(&t, NULL, 0, labels + 2, 2);
	TELLS(&t, "none of its labels", {"nlp", "rest"});
	stage_close(&t);
}

/* An agent that starts anew holds on to it while the server is away. */
Test(spaces, an_heir_knows_them)
{
	static const sync_space one[] = {{{"d", 1}, {"other/team", 10}}}, by_labels[] = {{{"a=b", 3}, {"acme/b", 6}}};
	AUTO_ARENA a = arena_new(0);
	models kept = {0}, heir = {0};

	cr_assert(models_take(&kept, &(sync_config){.namespaces = {(void *)(uintptr_t)one, 1},
					     .selectors = {(void *)(uintptr_t)by_labels, 1}}));
	sync_config c = models_keep(&kept, a);
	cr_assert(models_take(&heir, &c));
	cr_expect(str_eq(models_tenant(&heir, S("d"), S("")), S("other/team")));
	cr_expect(str_eq(models_tenant(&heir, S("e"), S("x=y,a=b")), S("acme/b")));
	cr_expect(!models_tenant(&heir, S("e"), S("a=bc")).n);
	cr_expect(!models_take(&heir, &c), "it is as before");
	models_done(&heir);
	models_done(&kept);
	arena_trim();
}

/* The ledger of an agent to which the server said so many namespaces more. */
static str written(int n_spaces, arena *a)
{
	sync_space *v = ARENA_ARRAY(a, sync_space, (uint32_t)n_spaces + 1);
	stage t;
	buf out;

	for (int i = 0; i < n_spaces; i++)
		v[i] = (sync_space){str_print(a, "namespace-with-a-long-name-%d", i), S("acme/x")};
	v[n_spaces] = (sync_space){S("d"), S("other/team")};
	stage_open(&t, NEW_POD);
	server_says(&t, "rest", v, (uint32_t)n_spaces + 1);
	buf_init(&out, LEDGER_BYTES_MAX);
	real_compose(t.real, S("w"), 1, &out);
	cr_assert(!out.over, "the ledger has grown past its maximum");
	cr_expect_leq(out.n, (size_t)LEDGER_BYTES_MAX / 2, "pods are asked about: %zu", out.n);
	str text = str_dup(a, buf_str(&out));
	buf_done(&out);
	stage_close(&t);
	return text;
}

/* It refused pods of namespaces that the server alone names, or took them for another tenant's: every second pod. */
Test(spaces, who_stands_by_knows_them_too)
{
	AUTO_ARENA a = arena_new(0);
	stage t;

	stage_open(&t, NEW_POD);
	t.real->agent = NULL;
	real_hear(t.real, STR_NONE);
	TELLS(&t, "nobody has acted", {"d", "acme"}, {"bare", ""});
	real_hear(t.real, written(0, a));
	TELLS(&t, "another one acts", {"d", "other/team"}, {"e", "acme"}, {"bare", "rest"});
	cr_expect(real_knows_spaces(t.real));
	stage_close(&t);
}

/* Namespaces without end filled the ledger. What does not stand there is no reason to take a pod for somebody else's.
 */
Test(spaces, an_heir_that_does_not_know_them_all_waits_for_the_server)
{
	AUTO_ARENA a = arena_new(64 << 20);
	pod_ask *q = ARENA_NEW(a, pod_ask);
	stage t;
	fault f = {0};
	pod p;

	str text = written(SYNC_SPACES_MAX - 1, a);
	stage_open(&t, NEW_POD);
	cr_assert_eq(real_act(t.real, NULL, text, &f), ERR_OK, "%s", f.detail);
	cr_expect(!real_knows_spaces(t.real));
	cr_assert_eq(pod_read(S(NEW_POD), a, &p), ERR_OK);
	cr_assert_eq(pod_ask_read(&p, t.stock, (pod_policies){0}, a, q, NULL), ERR_OK);
	desk_answer d = desk_look(t.real, &p, q, T0, a);
	cr_expect(d.word == DESK_NO && strstr(d.why, "the server has not said yet"), "%d %s", d.word, d.why);
	static const sync_space one[] = {{{"d", 1}, {"other/team", 10}}};
	server_says(&t, "rest", one, 1);
	d = desk_look(t.real, &p, q, T0, a);
	cr_expect(d.word == DESK_WANT, "%d %s", d.word, d.why);
	cr_expect(real_knows_spaces(t.real));
	stage_close(&t);
}

static int n_taken;

static void counted(void *self, const sync_config *c)
{
	(void)self;
	n_taken += str_eq(c->default_tenant, S("rest"));
}

static bool asks(agent *a)
{
	AUTO_ARENA mem = arena_new(0);

	return strstr(str_z(mem, agent_sync_body(a, mem, 0)), "\"asks_config\":true") != NULL;
}

static void hear(agent *a, int config_rev, const char *config)
{
	AUTO_ARENA mem = arena_new(0);
	agent_news news;

	MUST(agent_apply(a, str_print(mem, ANSWER, config_rev, config), T0, &news, &must));
}

Test(spaces, a_configuration_that_moved_is_asked_for)
{
	AUTO_ARENA a = arena_new(0);
	folder at = folder_new();
	scene sc;
	simulate *sim;
	agent *g;

	MUST(scene_read(S(WORLD), a, &sc, &must));
	MUST(simulate_open(&sc, at.reality, T0, &sim, &must));
	cluster_ref c = simulate_cluster(sim);
	cluster_face can = *c.can;
	can.wants_config = NULL;
	can.take_config = counted;
	MUST(agent_open((cluster_ref){&can, c.self}, at.facts, "1", T0, &g, &must));
	cr_expect(!asks(g));
	hear(g, 0, "");
	cr_expect(!asks(g), "nothing moved");
	hear(g, 3, "");
	cr_expect(asks(g), "it moved");
	hear(g, 3, "");
	cr_expect(asks(g), "it was not told");
	hear(g, 3, CONFIG);
	cr_expect_eq(n_taken, 1);
	cr_expect(!asks(g), "it was told");
	hear(g, 3, "");
	cr_expect(!asks(g), "and holds");
	hear(g, 2, "");
	cr_expect(asks(g), "another database may know less");
	agent_close(g);
	simulate_close(sim);
	folder_free(&at);
}
