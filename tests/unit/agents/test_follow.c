#include "agents/file.h"
#include "agents/kube/follow.h"
#include "base/buf.h"
#include "fake_kube.h"
#include "size.h"

loop *fake_loop;

enum { LINES_MAX = 64, TOLD_MAX = 1 << 20 };

/* A follow, what it told, and a server that has a list and a history of lines. */
typedef struct scene {
	loop *loop;
	kube kube;
	follow *follow;
	buf told, trouble;
	str lines[LINES_MAX];
	char versions[LINES_MAX][72];
	uint32_t n_lines;
	str page; /* of a list */
	uint32_t n_lists, n_streams;
	uint32_t cut_at; /* of the first stream; the others are whole */
	uint32_t piece;
	const char *stop_at; /* the loop stops when the last version was told */
	bool close_inside;
} scene;

static void told_add(scene *s, const char *what, const object_meta *m)
{
	buf_printf(&s->told, "%s " STR_FMT "/" STR_FMT " " STR_FMT "@" STR_FMT "\n", what, STR_ARG(m->space),
		STR_ARG(m->name), STR_ARG(str_cut(m->uid, 0, 8)), STR_ARG(m->version));
	if (s->close_inside)
		follow_close(s->follow);
}

static void on_object(void *arg, const object_meta *m, str object)
{
	cr_assert(object.n);
	told_add(arg, "is", m);
}

static void on_gone(void *arg, const object_meta *m, str object)
{
	told_add(arg, object.p ? "gone" : "missing", m);
}

static void on_listed(void *arg)
{
	scene *s = arg;

	buf_add_str(&s->told, S("listed\n"));
}

static void on_trouble(void *arg, err e, long status, str why)
{
	scene *s = arg;

	buf_printf(&s->trouble, "%s %ld " STR_FMT "\n", err_code(e), status, STR_ARG(why));
}

static scene *scene_new(void)
{
	scene *s = calloc(1, sizeof(*s));

	s->loop = fake_loop = loop_new();
	s->kube = (kube){.loop = s->loop, .arg = s};
	s->piece = UINT32_MAX / 2;
	buf_init(&s->told, TOLD_MAX);
	buf_init(&s->trouble, TOLD_MAX);
	return s;
}

static void scene_open(scene *s, void (*on_call)(void *arg, kube_call *c), bool may_stream)
{
	follow_spec q = {
		.loop = s->loop, .kube = &s->kube, .path = S("/api/v1/pods"), .may_stream = may_stream, .arg = s};

	q.first_us = q.last_us = 2;
	q.on_object = on_object;
	q.on_gone = on_gone;
	q.on_listed = on_listed;
	q.on_trouble = on_trouble;
	s->kube.on_call = on_call;
	s->follow = follow_open(&q);
}

static void scene_free(scene *s)
{
	follow_close(s->follow);
	loop_free(s->loop);
	fake_free(&s->kube);
	buf_done(&s->told);
	buf_done(&s->trouble);
	free(s);
}

static void told_is(scene *s, const char *expected)
{
	buf_add_char(&s->told, '\0');
	cr_assert_str_eq(s->told.p, expected);
	s->told.n--;
}

/* The recording. */
static void recorded_read(scene *s, arena *a)
{
	str text;

	cr_assert_eq(file_read(RECORDED "/watch/pods.jsonl", a, &text, NULL), ERR_OK);
	while (text.p && s->n_lines < LINES_MAX) {
		str line = str_split(&text, '\n');
		object_event e;
		object_meta m;
		if (!line.n)
			continue;
		cr_assert_eq(object_event_read(line, &e), ERR_OK);
		cr_assert_eq(object_meta_read(e.object, &m), ERR_OK);
		(void)snprintf(s->versions[s->n_lines], sizeof(s->versions[0]), STR_FMT, STR_ARG(m.version));
		s->lines[s->n_lines++] = line;
	}
	s->stop_at = s->versions[s->n_lines - 1];
}

static bool asks_from(const kube_call *c, const char *version)
{
	const char *at = strstr(c->path, "&resourceVersion=");

	return at && strcmp(at + strlen("&resourceVersion="), version) == 0;
}

/* Everything after the version that is asked for. */
static void history_write(const scene *s, const kube_call *c, buf *out)
{
	uint32_t from = 0;

	for (uint32_t i = 0; i < s->n_lines; i++)
		from = asks_from(c, s->versions[i]) ? i + 1 : from;
	cr_assert(from > 0 || asks_from(c, "219"), "%s", c->path);
	for (uint32_t i = from; i < s->n_lines; i++) {
		buf_add_str(out, s->lines[i]);
		buf_add_char(out, '\n');
	}
}

static void serve_recorded(void *arg, kube_call *c)
{
	scene *s = arg;
	buf out;

	if (!c->q.on_piece) {
		s->n_lists++;
		fake_answer(
			c, 200, S("{\"kind\":\"PodList\",\"metadata\":{\"resourceVersion\":\"219\"},\"items\":[]}"));
		return;
	}
	if (asks_from(c, s->stop_at)) {
		loop_stop(s->loop);
		return;
	}
	buf_init(&out, 1 << 20);
	history_write(s, c, &out);
	str bytes = buf_str(&out);
	bool is_cut = s->n_streams++ == 0 && s->cut_at < bytes.n;
	fake_bytes(c, is_cut ? str_cut(bytes, 0, s->cut_at) : bytes, s->piece);
	buf_done(&out);
	if (is_cut)
		fake_broken(c, ERR_IO);
	else
		fake_answer(c, 200, STR_NONE);
}

static str recorded_run(arena *a, uint32_t n_lines, uint32_t cut_at, uint32_t piece)
{
	scene *s = scene_new();

	recorded_read(s, a);
	if (n_lines && n_lines < s->n_lines) {
		s->n_lines = n_lines;
		s->stop_at = s->versions[n_lines - 1];
	}
	s->cut_at = cut_at;
	s->piece = piece;
	scene_open(s, serve_recorded, false);
	loop_run(s->loop);
	cr_assert_eq(s->n_lists, 1, "cut at %u: %u lists", cut_at, s->n_lists);
	str told = str_dup(a, buf_str(&s->told));
	scene_free(s);
	return told;
}

static void cut_everywhere(uint32_t n_lines, uint32_t bytes, uint32_t stride)
{
	AUTO_ARENA kept = arena_new(0);
	str whole = recorded_run(kept, n_lines, UINT32_MAX, UINT32_MAX / 2);

	cr_assert(whole.n > 0);
	for (uint32_t at = 0; at < bytes; at += stride) {
		AUTO_ARENA a = arena_new(0);
		str told = recorded_run(a, n_lines, at, at % 5 ? UINT32_MAX / 2 : 1 + at % 97);
		cr_assert(str_eq(told, whole), "cut at byte %u:\n" STR_FMT, at, STR_ARG(told));
	}
}

Test(follow, a_watch_cut_at_any_byte_loses_and_doubles_nothing)
{
	cut_everywhere(2, 4904, 1);
}

Test(follow, nor_does_the_whole_recording)
{
	cut_everywhere(0, 41226, (uint32_t)size_get("WATCH_STRIDE"));
}

Test(follow, tells_the_recording_as_it_was)
{
	AUTO_ARENA a = arena_new(0);
	str told = recorded_run(a, 0, UINT32_MAX, 7);

	cr_assert(
		str_starts(told, S("listed\nis default/p1 f6a714e0@220\nis default/p1 f6a714e0@221\nis default/p2 ")));
	cr_assert(str_ends(told, S("gone default/p6 ")) || strstr(str_z(a, told), "gone default/p6 "));
	cr_assert_not(strstr(str_z(a, told), "@246\nis default/p6 0"), "a bookmark is no object");
}

#define POD(name, uid, rv)                                                                                             \
	"{\"metadata\":{\"name\":\"" name "\",\"namespace\":\"d\",\"uid\":\"" uid "\",\"resourceVersion\":\"" rv "\"}}"
#define LIST(rv, items)     "{\"metadata\":{\"resourceVersion\":\"" rv "\"},\"items\":[" items "]}"
#define EVENT(type, object) "{\"type\":\"" type "\",\"object\":" object "}\n"
#define END(rv)                                                                                                        \
	"{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":\"" rv                                   \
	"\",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}}}}\n"
#define EXPIRED                                                                                                             \
	"{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\"," \
	"\"message\":\"too old resource version: 1 (3801)\",\"reason\":\"Expired\",\"code\":410}}\n"

/* Calls that are expected one after the other, and their answers. */
typedef struct exchange {
	const char *has; /* in the path */
	long status;     /* 0: it breaks after the body */
	const char *body;
} exchange;

typedef struct play {
	scene *s;
	const exchange *v;
	uint32_t n, at;
} play;

static void serve_play(void *arg, kube_call *c)
{
	scene *s = arg;
	play *p = (play *)(uintptr_t)s->page.p;
	const exchange *x = &p->v[p->at];

	if (p->at == p->n) {
		loop_stop(s->loop);
		return;
	}
	p->at++;
	cr_assert(strstr(c->path, x->has), "call %u: %s has no %s", p->at, c->path, x->has);
	if (c->q.on_piece && (x->status == 200 || x->status == 0))
		fake_bytes(c, str_from(x->body), 9);
	if (c->is_cancelled)
		return;
	if (x->status == 0)
		fake_broken(c, ERR_IO);
	else
		fake_answer(c, x->status, c->q.on_piece && x->status == 200 ? STR_NONE : str_from(x->body));
}

static void play_run(const exchange *v, uint32_t n, bool may_stream, const char *told)
{
	scene *s = scene_new();
	play p = {s, v, n, 0};

	s->page = (str){(const char *)&p, 0};
	scene_open(s, serve_play, may_stream);
	loop_run(s->loop);
	told_is(s, told);
	scene_free(s);
}
#define PLAY(v, may_stream, told) play_run((v), sizeof(v) / sizeof((v)[0]), (may_stream), (told))

Test(follow, reads_a_list_page_by_page_and_goes_on_where_it_stood)
{
	static const exchange v[] = {
		{"?limit=500", 200,
			"{\"metadata\":{\"resourceVersion\":\"7\",\"continue\":\"ab+/=\",\"remainingItemCount\":1},\"items\":[" POD(
				"a", "u1", "3") "]}"},
		{"?limit=500&continue=ab%2B%2F%3D", 200, LIST("7", POD("b", "u2", "5"))},
		{"resourceVersion=7", 200, EVENT("ADDED", POD("c", "u3", "9"))},
		{"resourceVersion=9", 0, EVENT("DELETED", POD("a", "u1", "11")) "{\"type\":\"ADD"},
	};

	PLAY(v, false, "is d/a u1@3\nis d/b u2@5\nlisted\nis d/c u3@9\ngone d/a u1@11\n");
}

Test(follow, an_expired_point_inside_a_200_is_the_normal_case)
{
	static const exchange v[] = {
		{"?limit=500", 200, LIST("7", POD("a", "u1", "3") "," POD("b", "u2", "5") "," POD("c", "u3", "6"))},
		{"resourceVersion=7", 200, EXPIRED EVENT("ADDED", POD("x", "ux", "99"))},
		/* a is as it was, b has changed, c is gone, d is new. */
		{"?limit=500", 200, LIST("50", POD("a", "u1", "3") "," POD("b", "u2", "40") "," POD("d", "u4", "41"))},
		{"resourceVersion=50", 410, ""},
		{"?limit=500", 200, LIST("60", POD("a", "u9", "55") "," POD("b", "u2", "40") "," POD("d", "u4", "41"))},
		{"resourceVersion=60", 200, ""},
	};

	PLAY(v, false,
		"is d/a u1@3\nis d/b u2@5\nis d/c u3@6\nlisted\nis d/b u2@40\nis d/d u4@41\nmissing d/c u3@\nlisted\n"
		"missing d/a u1@\nis d/a u9@55\nlisted\n");
}

Test(follow, a_token_that_is_too_old_begins_the_list_again)
{
	static const exchange v[] = {
		{"?limit=500", 200,
			"{\"metadata\":{\"resourceVersion\":\"7\",\"continue\":\"t\"},\"items\":[" POD(
				"a", "u1", "3") "]}"},
		{"continue=t", 503, ""},
		{"continue=t", 410,
			"{\"kind\":\"Status\",\"reason\":\"Expired\",\"code\":410,\"metadata\":{\"continue\":\"z\"}}"},
		{"?limit=500", 200, LIST("9", POD("b", "u2", "8"))},
		{"resourceVersion=9", 200, ""},
	};

	PLAY(v, false, "is d/a u1@3\nis d/b u2@8\nmissing d/a u1@\nlisted\n");
}

Test(follow, takes_the_first_state_as_a_stream_where_the_server_has_it)
{
	static const exchange v[] = {
		{"sendInitialEvents=true", 0, EVENT("ADDED", POD("a", "u1", "3"))},
		{"sendInitialEvents=true", 200,
			EVENT("ADDED", POD("b", "u2", "4"))
				EVENT("BOOKMARK", "{\"metadata\":{\"resourceVersion\":\"5\"}}") END("9")
					EVENT("MODIFIED", POD("b", "u2", "12"))},
		{"resourceVersion=12", 200, EXPIRED},
		{"sendInitialEvents=true", 200, EVENT("ADDED", POD("b", "u2", "12")) END("20")},
		{"resourceVersion=20", 200, ""},
	};

	PLAY(v, true, "is d/a u1@3\nis d/b u2@4\nmissing d/a u1@\nlisted\nis d/b u2@12\nlisted\n");
}

Test(follow, and_in_pages_where_it_has_not)
{
	static const exchange v[] = {
		{"sendInitialEvents=true", 422, "{\"kind\":\"Status\",\"reason\":\"Invalid\",\"code\":422}"},
		{"?limit=500", 200, LIST("7", "")},
		{"resourceVersion=7", 200, EXPIRED},
		{"?limit=500", 200, "{\"metadata\":{\"resourceVersion\":\"8\"},\"items\":null}"},
	};

	PLAY(v, true, "listed\nlisted\n");
}

#define OLD_ETCD "the required storage feature RequestWatchProgress is disabled"

/* Kubernetes 1.34 over an etcd that is too old for it: nothing was ever listed. Whom it tells to wait asks again so. */
Test(follow, and_where_it_has_but_cannot)
{
	static const exchange refused[] = {
		{"sendInitialEvents=true", 429, ""},
		{"sendInitialEvents=true", 500, "{\"kind\":\"Status\",\"message\":\"" OLD_ETCD "\",\"code\":500}"},
		{"?limit=500", 200, LIST("7", POD("a", "u1", "3"))},
		{"resourceVersion=7", 200, EXPIRED},
		{"?limit=500", 200, LIST("8", POD("a", "u1", "3"))},
	};
	static const exchange begun[] = {
		{"sendInitialEvents=true", 200,
			EVENT("ADDED", POD("a", "u1", "3")) EVENT("ERROR",
				"{\"kind\":\"Status\",\"metadata\":{},\"message\":\"" OLD_ETCD "\",\"code\":500}")},
		{"?limit=500", 200, LIST("7", POD("a", "u1", "3"))},
	};

	PLAY(refused, true, "is d/a u1@3\nlisted\nlisted\n");
	PLAY(begun, true, "is d/a u1@3\nlisted\n");
}

Test(follow, goes_on_from_a_bookmark)
{
	static const exchange v[] = {
		{"?limit=500", 200, LIST("7", POD("a", "u1", "3"))},
		{"resourceVersion=7", 0,
			EVENT("BOOKMARK", "{\"kind\":\"Pod\",\"metadata\":{\"resourceVersion\":\"4000\"}}")},
		{"resourceVersion=4000", 200, EVENT("MODIFIED", POD("a", "u1", "4001"))},
		{"resourceVersion=4001", 200, ""},
	};

	PLAY(v, false, "is d/a u1@3\nlisted\nis d/a u1@4001\n");
}

Test(follow, keeps_its_point_through_refusals_and_bad_lines)
{
	static const exchange v[] = {
		{"?limit=500", 401, ""},
		{"?limit=500", 200, LIST("7", "")},
		{"resourceVersion=7", 500, ""},
		{"resourceVersion=7", 429, ""},
		{"resourceVersion=7", 403, ""},
		{"resourceVersion=7", 200,
			EVENT("ADDED", POD("a", "u1", "8")) "{\"type\":\"ADDED\",\"obj\n" EVENT(
				"ADDED", POD("b", "u2", "9"))},
		{"resourceVersion=8", 200, EVENT("ADDED", "{\"metadata\":{}}")},
		{"resourceVersion=8", 200, EVENT("ADDED", POD("b", "u2", "9"))},
		{"resourceVersion=9", 200, "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"code\":500}}\n"},
		{"resourceVersion=9", 200, ""},
	};

	PLAY(v, false, "listed\nis d/a u1@8\nis d/b u2@9\n");
}

#define TOO_LARGE                                                                                                      \
	"{\"kind\":\"Status\",\"message\":\"Timeout: Too large resource version: 90, current: 7\",\"reason\":"         \
	"\"Timeout\",\"code\":504}"

/* An API server whose store was restored from an older copy. */
Test(follow, a_point_that_the_server_does_not_know_yet_is_given_up)
{
	static const exchange v[] = {
		{"?limit=500", 200, LIST("90", POD("a", "u1", "80") "," POD("b", "u2", "81"))},
		{"resourceVersion=90", 504, TOO_LARGE},
		{"?limit=500", 200, LIST("7", POD("a", "u1", "3"))},
		{"resourceVersion=7", 200, EVENT("ADDED", POD("c", "u3", "9"))},
		{"resourceVersion=9", 200, "{\"type\":\"ERROR\",\"object\":" TOO_LARGE "}\n"},
		{"?limit=500", 200, LIST("5", POD("a", "u1", "3"))},
		{"resourceVersion=5", 200,
			EVENT("BOOKMARK", "{\"metadata\":{\"resourceVersion\":\"6\"}}")
				EVENT("BOOKMARK", "{\"metadata\":{\"resourceVersion\":\"2\"}}")},
		{"?limit=500", 200, LIST("2", "")},
		{"resourceVersion=2", 200, ""},
	};

	PLAY(v, false,
		"is d/a u1@80\nis d/b u2@81\nlisted\nis d/a u1@3\nmissing d/b u2@\nlisted\nis d/c u3@9\n"
		"missing d/c u3@\nlisted\nmissing d/a u1@\nlisted\n");
}

Test(follow, what_the_server_answers_again_and_again_ends_in_a_list)
{
	static const exchange v[] = {
		{"?limit=500", 200, LIST("7", "")},
		{"resourceVersion=7", 500, ""},
		{"resourceVersion=7", 200, EVENT("ADDED", "{\"metadata\":{}}")},
		{"resourceVersion=7", 0, ""}, /* nobody answered: that says nothing */
		{"resourceVersion=7", 500, ""},
		{"resourceVersion=7", 200, EVENT("ADDED", "{\"metadata\":{}}")},
		{"resourceVersion=7", 500, ""},
		{"?limit=500", 200, LIST("9", POD("a", "u1", "8"))},
		{"resourceVersion=9", 200, ""},
	};

	PLAY(v, false, "listed\nis d/a u1@8\nlisted\n");
}

Test(follow, what_cannot_be_read_in_a_list_is_not_taken_for_gone)
{
	static const exchange v[] = {
		{"?limit=500", 200, LIST("7", POD("a", "u1", "3"))},
		{"resourceVersion=7", 410, ""},
		{"?limit=500", 200, LIST("9", "{\"metadata\":{\"name\":\"a\"}}")},
		{"?limit=500", 200, "{\"metadata\":{\"resourceVersion\":\"9\"},\"items\":["},
		{"?limit=500", 200, LIST("9", POD("a", "u1", "3"))},
		{"resourceVersion=9", 200, ""},
	};

	PLAY(v, false, "is d/a u1@3\nlisted\nlisted\n");
}

static void serve_anew(void *arg, kube_call *c)
{
	scene *s = arg;

	if (c->q.on_piece) {
		if (s->n_streams++ == 0)
			follow_list(s->follow); /* this one says nothing more */
		else
			loop_stop(s->loop);
		return;
	}
	if (s->n_lists++ == 0)
		follow_list(s->follow); /* begun before it was asked for */
	fake_answer(c, 200, s->n_lists < 4 ? S(LIST("7", POD("a", "u1", "3"))) : S(LIST("9", POD("b", "u2", "8"))));
}

/* Whoever takes over must not trust a watch that may stand still. */
Test(follow, what_is_asked_for_is_a_list_that_was_begun_after_that)
{
	scene *s = scene_new();

	scene_open(s, serve_anew, false);
	loop_run(s->loop);
	cr_expect_eq(s->n_lists, 3);
	told_is(s, "is d/a u1@3\nlisted\nlisted\n");
	scene_free(s);
}

static void serve_large(void *arg, kube_call *c)
{
	scene *s = arg;

	if (strstr(c->path, "limit=62")) {
		loop_stop(s->loop);
		return;
	}
	fake_broken(c, ERR_LIMIT);
}

Test(follow, asks_for_smaller_pages_when_one_is_too_large)
{
	scene *s = scene_new();

	scene_open(s, serve_large, false);
	loop_run(s->loop);
	cr_expect_eq(s->kube.n_calls, 4);
	scene_free(s);
}

static void serve_silence(void *arg, kube_call *c)
{
	scene *s = arg;

	if (!c->q.on_piece)
		fake_answer(c, 200, S(LIST("7", "")));
	else if (s->n_streams++ == 1)
		loop_stop(s->loop);
}

Test(follow, drops_a_stream_that_says_nothing)
{
	scene *s = scene_new();
	follow_spec q = {.loop = s->loop, .kube = &s->kube, .path = S("/x"), .quiet_ms = 5, .arg = s};

	q.on_object = on_object;
	q.on_gone = on_gone;
	q.on_listed = on_listed;
	q.on_trouble = on_trouble;
	q.first_us = q.last_us = 2;
	s->kube.on_call = serve_silence;
	s->follow = follow_open(&q);
	loop_run(s->loop);
	cr_expect_eq(s->n_streams, 2);
	scene_free(s);
}

static void serve_closing(void *arg, kube_call *c)
{
	scene *s = arg;

	cr_assert_null(c->q.on_piece);
	fake_answer(c, 200, S(LIST("7", POD("a", "u1", "3") "," POD("b", "u2", "4"))));
	loop_stop(s->loop);
}

Test(follow, may_be_closed_from_inside_what_it_tells)
{
	scene *s = scene_new();

	s->close_inside = true;
	scene_open(s, serve_closing, false);
	loop_run(s->loop);
	told_is(s, "is d/a u1@3\n");
	s->follow = NULL;
	scene_free(s);
}
