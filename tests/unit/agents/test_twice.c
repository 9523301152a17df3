/* A device that two nodes tell of is one node's: the other is told without it, with a word to people why. */
#include "real_stage.h"

loop *fake_loop;

typedef struct seen {
	stage t;
	char path[2048], body[4096]; /* of the last event */
	int n_events;
} seen;

static void on_call(void *arg, kube_call *c)
{
	seen *s = arg;

	if (strstr(c->path, "/events")) {
		s->n_events++;
		(void)snprintf(s->path, sizeof(s->path), "%s", c->path);
		(void)snprintf(s->body, sizeof(s->body), "%s", c->body);
	}
	serve(&s->t, c);
}

static void node_comes(stage *t, const char *text)
{
	AUTO_ARENA a = arena_new(0);
	mirror_ear ear = real_ear(t->real);
	kube_node n;
	fault f = {0};

	cr_assert_eq(kube_node_read(str_from(text), a, &n), ERR_OK);
	stock_node_put(t->stock, &n, &f);
	ear.on_node(ear.arg, &n);
}

/* "n:G m:H! " of all nodes; a node that bears the label has the mark. */
static str inventory_told(stage *t, arena *a)
{
	cluster_ref c = real_cluster(t->real);
	js_list all = c.can->nodes(c.self, a);
	const report_node *n = all.v;
	str text = S("");

	for (uint32_t i = 0; i < all.n; i++) {
		const report_device *d = n[i].devices.v;
		bool is_marked = strstr(str_z(a, n[i].labels.json), "\"reeve.io/inventory\":\"device_told_twice\"");
		text = str_print(a, STR_FMT STR_FMT ":", STR_ARG(text), STR_ARG(n[i].name));
		for (uint32_t k = 0; k < n[i].devices.n; k++)
			text = str_print(a, STR_FMT STR_FMT, STR_ARG(text), STR_ARG(d[k].uuid));
		text = str_print(a, STR_FMT "%s ", STR_ARG(text), is_marked ? "!" : "");
	}
	return text;
}

static bool is_told(stage *t, const char *one, const char *other)
{
	AUTO_ARENA a = arena_new(0);
	str is = inventory_told(t, a);
	bool holds = strstr(str_z(a, is), one) && strstr(str_z(a, is), other);

	if (!holds)
		cr_log_error(STR_FMT, STR_ARG(is));
	return holds;
}

static void one_heard(void *arg, const report_node *n)
{
	(void)n;
	++*(int *)arg;
}

static void none_heard(void *arg, str name)
{
	(void)arg;
	(void)name;
}

static int news(stage *t)
{
	int n = 0;

	roster_tell(&t->real->roster, &(cluster_events){.on_node = one_heard, .on_node_gone = none_heard, .arg = &n});
	return n;
}

/* The server was told of it twice, and gave it to whoever spoke last. */
Test(twice, the_server_is_told_of_a_device_on_one_node)
{
	seen s = {.n_events = 0};

	stage_open(&s.t, WAITING("new", "d", "", ASK("1", "1", "0"), ""));
	s.t.kube.on_call = on_call;
	s.t.kube.arg = &s;
	node_comes(&s.t, NODE("n", CARD("G", "8000", "10")));
	node_comes(&s.t, NODE("m", CARD("G", "8000", "10") "," CARD("H", "8000", "10")));
	cr_expect(is_told(&s.t, "n:G ", "m:H! "));
	turn(&s.t);
	cr_expect_eq(s.n_events, 1);
	cr_expect_str_eq(s.path, "/api/v1/namespaces/default/events");
	cr_expect(strstr(s.body, "\"kind\":\"Node\"") && strstr(s.body, "\"name\":\"m\"") &&
			  strstr(s.body, "DeviceToldTwice") && strstr(s.body, "device G stands on n"),
		"%s", s.body);
	/* Heartbeats are no news. */
	(void)news(&s.t);
	node_comes(&s.t, NODE("m", CARD("G", "8000", "10") "," CARD("H", "8000", "10")));
	cr_expect_eq(news(&s.t), 0);
	/* The first has gone: with its next word the other one has it. */
	mirror_ear ear = real_ear(s.t.real);
	stock_node_drop(s.t.stock, S("n"));
	ear.on_node_gone(ear.arg, S("n"));
	(void)news(&s.t);
	node_comes(&s.t, NODE("m", CARD("G", "8000", "10") "," CARD("H", "8000", "10")));
	cr_expect(is_told(&s.t, "m:GH ", ""));
	/* One of two comes free. */
	node_comes(&s.t, NODE("o", CARD("G", "8000", "10") "," CARD("H", "8000", "10")));
	cr_expect(is_told(&s.t, "m:GH ", "o:! "));
	node_comes(&s.t, NODE("m", CARD("H", "8000", "10")));
	(void)news(&s.t);
	node_comes(&s.t, NODE("o", CARD("G", "8000", "10") "," CARD("H", "8000", "10")));
	cr_expect_eq(news(&s.t), 1);
	cr_expect(is_told(&s.t, "m:H ", "o:G! "));
	stage_close(&s.t);
}

/* One that says so of itself is not believed. */
Test(twice, the_mark_is_ours_alone)
{
	stage t;

	stage_open(&t, WAITING("new", "d", "", ASK("1", "1", "0"), ""));
	node_comes(&t,
		"{\"metadata\":{\"name\":\"n\",\"uid\":\"n\",\"resourceVersion\":\"1\",\"labels\":{\"reeve.io/inventory\":"
		"\"device_told_twice\"},\"annotations\":{\"hami.io/node-nvidia-register\":\"[" CARD(
			"G", "8000", "10") "]\"}},\"status\":{\"capacity\":{\"nvidia.com/gpu\":\"20\"}}}");
	cr_expect(is_told(&t, "n:G ", ""));
	stage_close(&t);
}
