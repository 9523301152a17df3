/* Pods that wait: as many are waked as what is lent pays for, and one tenant's leave room for another's. */
#include "real_stage.h"

loop *fake_loop;

#define NOW_US ((int64_t)1800000000 * 1000000)

enum { PODS = 30, PAID = 4, ROOM = 20, ASKED_BYTES = OBJECT_UID_MAX / 2 };

static sync_class classes[] = {{{"NVIDIA", 6}, {"h100-80g", 8}}};

/* So many of acme's, in two namespaces, and one of another tenant's. */
static void stage_make(stage *t, arena *a)
{
	buf pods;

	buf_init(&pods, 1 << 20);
	buf_add_str(&pods, S(WAITING("new", "f", "", ASK("1", "1000", "10"), "")));
	for (int i = 0; i < PODS; i++) {
		buf_printf(&pods, ",{\"metadata\":{\"name\":\"p%d\",\"namespace\":\"%s\",\"uid\":\"p%d\",", i,
			i % 2 ? "d" : "e", i);
		buf_add_str(&pods, S("\"resourceVersion\":\"1\"},\"spec\":{\"containers\":[" ASK(
					   "1", "1000", "10") "]},\"status\":{\"phase\":\"Pending\"}}"));
	}
	stage_open(t, str_z(a, buf_str(&pods)));
	buf_done(&pods);
	cr_assert(models_take(&t->real->models, &(sync_config){.classes = {classes, 1}}));
	for (int i = 0; i < PODS; i++)
		waits_put(t->real, str_print(a, "p%d", i));
}

typedef struct heard {
	arena *mem;
	str request;
} heard;

static void request_heard(void *arg, const cluster_pod *p)
{
	heard *to = arg;

	to->request = str_dup(to->mem, p->request);
}

static void pod_gone(void *arg, str name)
{
	(void)arg;
	(void)name;
}

/* The one pod that waits is asked about: what is said of it. */
static str want_of(const char *spec, arena *mem)
{
	heard is = {mem, STR_NONE};
	cluster_events e = {.on_pod = request_heard, .on_pod_gone = pod_gone, .arg = &is};
	stage t;

	stage_open(&t, str_z(mem, str_print(mem, WAITING("new", "d", "%s", ASK("1", "1000", "10"), ""), spec)));
	cr_assert(models_take(&t.real->models, &(sync_config){.classes = {classes, 1}}));
	t.agent.is_in_touch = true;
	t.real->is_stirred = true;
	do
		(void)waits_look(t.real, &e, NOW_US);
	while (t.real->is_scanning);
	stage_close(&t);
	return is.request;
}

/* It stood behind all that was less important, for as long as there was any. */
Test(waits, a_want_says_how_important_its_pod_is)
{
	static const struct {
		const char *spec, *said; /* NULL: nothing */
	} rows[] = {
		{"", NULL},
		{"\"priorityClassName\":\"reeve-high\",\"priority\":1000,", "\"priority\":\"reeve-high\""},
		{"\"priorityClassName\":\"team.one\",", NULL},
		{"\"priorityClassName\":\"\",", NULL},
		{"\"priorityClassName\":\"a234567890123456789012345678901234567890123456789012345678901234\",", NULL},
		{"\"priorityClassName\":\"high\",\"preemptionPolicy\":\"Never\",",
			"\"priority\":\"high\",\"may_preempt\":false"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO_ARENA mem = arena_new(0);
		str said = want_of(rows[i].spec, mem);
		cr_assert(said.n, "row %zu", i);
		const char *at = strstr(str_z(mem, said), rows[i].said ? rows[i].said : "\"priority\"");
		cr_expect((at != NULL) == (rows[i].said != NULL), "row %zu: " STR_FMT, i, STR_ARG(said));
		cr_expect_eq(strstr(str_z(mem, said), "may_preempt") != NULL, strstr(rows[i].spec, "Never") != NULL,
			"row %zu: " STR_FMT, i, STR_ARG(said));
	}
}

static void pod_heard(void *arg, const cluster_pod *p)
{
	((int *)arg)[str_eq(p->tenant, S("acme")) ? 0 : 1]++;
}

/* One scan, from its beginning to its end. */
static int64_t scan(stage *t, int asked[2], int64_t now_us)
{
	cluster_events e = {.on_pod = pod_heard, .on_pod_gone = pod_gone, .arg = asked};
	int64_t next_us;

	do
		next_us = waits_look(t->real, &e, now_us);
	while (t->real->is_scanning);
	return next_us;
}

static int waked(const stage *t)
{
	int n = 0;

	map_each (slot, &t->real->waits)
		n += !((const wait_row *)slot->value)->was_refused;
	return n;
}

/* Every pod that waited was waked whenever one device was free: thousands of patches for one of them. */
Test(waits, as_many_are_waked_as_what_is_lent_pays_for)
{
	AUTO_ARENA a = arena_new(0);
	int asked[2] = {0};
	stage t;
	loan *l = calloc(1, sizeof(*l));

	stage_make(&t, a);
	*l = (loan){.name = "1.h", .tenant = "acme", .model = "h100-80g", .offline_s = 1000};
	l->hold.offered = (amounts){{8000, PAID * 1000 + 500, 8000}};
	l->is_kept = true;
	(void)map_put(&t.agent.borrow.by_name, str_from(l->name), l);
	t.agent.borrow.self.asked_us = NOW_US;
	map_each (slot, &t.real->waits)
		((wait_row *)slot->value)->was_refused = true;
	int64_t at_us = scan(&t, asked, NOW_US);
	cr_expect_eq(waked(&t), PAID);
	cr_expect_eq(at_us, NOW_US + 1000000, "those of the others that it could pay for are looked at later");
	(void)scan(&t, asked, NOW_US + 200000);
	cr_expect_eq(waked(&t), PAID);
	for (int i = 1; i <= PODS / PAID + 1; i++)
		(void)scan(&t, asked, NOW_US + i * (int64_t)1000000);
	cr_expect_eq(waked(&t), PODS, "all but the one of who was lent nothing: in turn, for the first may not fit");
	stage_close(&t);
	borrow_done(&t.agent.borrow);
	arena_trim();
}

static loan *loan_make(stage *t, const char *name, const char *tenant, int64_t devices)
{
	loan *l = calloc(1, sizeof(*l));

	(void)snprintf(l->name, sizeof(l->name), "%s", name);
	(void)snprintf(l->tenant, sizeof(l->tenant), "%s", tenant);
	(void)snprintf(l->model, sizeof(l->model), "h100-80g");
	l->offline_s = 1000;
	l->hold.offered = (amounts){{devices * 1000, devices * 80000, devices * 1000}};
	l->is_kept = true;
	(void)map_put(&t->agent.borrow.by_name, str_from(l->name), l);
	t->agent.borrow.self.asked_us = NOW_US;
	return l;
}

/* With thousands that wait, all were looked at ten times a second, whatever had happened to whom. */
Test(waits, are_looked_at_when_something_happens_to_them_and_seldom_else)
{
	AUTO_ARENA a = arena_new(0);
	int asked[2] = {0};
	stage t;

	stage_make(&t, a);
	loan *mine = loan_make(&t, "1.h", "acme", 0), *theirs = loan_make(&t, "2.h", "other", 0);
	mirror_ear ear = real_ear(t.real);
	kube_node n;
	cr_assert_eq(kube_node_read(S(NODE("n", CARD("G", "8000", "10"))), a, &n), ERR_OK);
	ear.on_node(ear.arg, &n);
	(void)scan(&t, asked, NOW_US);
	(void)scan(&t, asked, NOW_US + 200000);
	uint64_t before = t.real->looks;
	for (int i = 1; i <= 20; i++) {
		ear.on_node(ear.arg, &n);
		(void)scan(&t, asked, NOW_US + 200000 + i * (int64_t)1000000);
	}
	cr_expect_eq(t.real->looks, before, "nothing happened to them: %d", (int)(t.real->looks - before));
	waits_put(t.real, S("p3"));
	(void)scan(&t, asked, NOW_US + 21000000);
	cr_expect_eq(t.real->looks, before + 1, "one changed");
	theirs->hold.offered = (amounts){{8000, 8000, 8000}};
	(void)scan(&t, asked, NOW_US + 22000000);
	cr_expect_eq(t.real->looks, before + 2, "the other tenant's one was lent something");
	mine->hold.used.v[AXIS_MEMORY_MIB] = -1;
	(void)scan(&t, asked, NOW_US + 23000000);
	cr_expect_eq(t.real->looks, before + 2 + PODS, "acme's");
	(void)scan(&t, asked, NOW_US + 24000000);
	cr_expect_eq(t.real->looks, before + 2 + PODS);
	cr_expect_eq(scan(&t, asked, NOW_US + 60000000), NOW_US + 90000000);
	cr_expect_eq(t.real->looks, before + 2 + PODS + PODS + 1, "whatever no event tells");
	/* All: namespaces may be another tenant's now. */
	real_look_again(t.real);
	(void)scan(&t, asked, NOW_US + 61000000);
	cr_expect_eq(t.real->looks, before + 2 + 2 * (PODS + PODS + 1) - PODS);
	/* Whom the server was asked about waits for its word alone. */
	t.agent.is_in_touch = true;
	(void)scan(&t, asked, NOW_US + 62000000);
	cr_expect_eq(asked[0], PODS);
	before = t.real->looks;
	real_look_again(t.real);
	(void)scan(&t, asked, NOW_US + 63000000);
	cr_expect_eq(t.real->looks, before + 1, "the other tenant's, out of what is lent");
	stage_close(&t);
	borrow_done(&t.agent.borrow);
	arena_trim();
}

/* More than are looked at in one round: none of them is passed over, though none of the first can be paid. */
Test(waits, those_behind_many_that_are_held_come_in_their_turn)
{
	AUTO_ARENA a = arena_new(0);
	int asked[2] = {0}, rounds = 0;
	stage t;
	buf pods;

	buf_init(&pods, 1 << 20);
	buf_add_str(&pods, S(WAITING("new", "d", "", ASK("1", "100", "1"), "")));
	for (int i = 0; i < 200; i++) {
		buf_printf(&pods, ",{\"metadata\":{\"name\":\"p%d\",\"namespace\":\"d\",\"uid\":\"p%d\",", i, i);
		buf_add_str(&pods, S("\"resourceVersion\":\"1\"},\"spec\":{\"containers\":[" ASK(
					   "1", "5000", "10") "]},\"status\":{\"phase\":\"Pending\"}}"));
	}
	stage_open(&t, str_z(a, buf_str(&pods)));
	buf_done(&pods);
	waits_drop(t.real, S("new"));
	cr_assert(models_take(&t.real->models, &(sync_config){.classes = {classes, 1}}));
	loan *l = loan_make(&t, "1.h", "acme", 1);
	/* Each alone is paid for, two are not; whoever was waked is refused again: there is no room for it. */
	l->hold.offered = (amounts){{1000, 5500, 1000}};
	for (int i = 0; i < 200; i++)
		waits_put(t.real, str_print(a, "p%d", i));
	waits_put(t.real, S("new"));
	wait_row *last = map_find(&t.real->waits, S("new"));
	(void)scan(&t, asked, NOW_US);
	cr_assert_eq(t.real->fresh.n, 0);
	map_each (slot, &t.real->waits)
		((wait_row *)slot->value)->was_refused = true;
	l->hold.offered.v[AXIS_MEMORY_MIB]++;
	for (; rounds < 20 && last->was_refused; rounds++) {
		(void)scan(&t, asked, NOW_US + (rounds + 1) * (int64_t)1000000);
		map_each (slot, &t.real->waits)
			if (slot->value != last)
				((wait_row *)slot->value)->was_refused = true;
	}
	cr_expect(!last->was_refused);
	uint64_t before = t.real->looks;
	(void)scan(&t, asked, NOW_US + (rounds + 1) * (int64_t)1000000);
	cr_expect_leq(t.real->looks - before, 64 + 2, "a second's: %d", (int)(t.real->looks - before));
	stage_close(&t);
	borrow_done(&t.agent.borrow);
	arena_trim();
}

/* One that made thousands of pods took all of the ledger's room, and nobody else's was asked about. */
Test(waits, a_tenants_pods_leave_room_for_those_of_others)
{
	AUTO_ARENA a = arena_new(0);
	int asked[2] = {0};
	stage t;

	stage_make(&t, a);
	t.agent.is_in_touch = true;
	t.real->room.written = (size_t)LEDGER_BYTES_MAX / 2 - (size_t)ROOM * ASKED_BYTES;
	waits_drop(t.real, S("new"));
	(void)scan(&t, asked, NOW_US);
	cr_expect(asked[0] >= ROOM / 2 && asked[0] <= ROOM / 2 + 1, "%d", asked[0]);
	waits_put(t.real, S("new"));
	(void)scan(&t, asked, NOW_US + 200000);
	cr_expect_eq(asked[1], 1, "the other tenant's");
	/* What goes leaves its place to the next. */
	int before = asked[0];
	for (int i = 0; i < 2; i++) {
		map_slot *of_acme = NULL;
		map_each (slot, &t.real->waits)
			if (((const wait_row *)slot->value)->asked_of && str_starts(slot->key, S("p")))
				of_acme = slot;
		cr_assert_not_null(of_acme);
		waits_drop(t.real, str_dup(a, of_acme->key));
		t.real->room.added -= ASKED_BYTES;
	}
	t.real->is_stirred = true;
	(void)scan(&t, asked, NOW_US + 400000);
	cr_expect_eq(asked[0], before + 1);
	stage_close(&t);
}

/* After a takeover nobody's pods were counted: half of what was left was the same tenant's again, each time. */
Test(waits, what_an_agent_before_asked_about_counts_for_its_tenant)
{
	AUTO_ARENA a = arena_new(0);
	int asked[2] = {0};
	stage t;

	stage_make(&t, a);
	for (int i = 0; i < ROOM; i++)
		waits_inherit(t.real, str_print(a, "p%d", i));
	t.agent.is_in_touch = true;
	t.real->room.written = (size_t)LEDGER_BYTES_MAX / 2 - (size_t)ROOM * ASKED_BYTES;
	map_each (slot, &t.real->waits)
		((wait_row *)slot->value)->is_told = ((const wait_row *)slot->value)->is_asked;
	(void)scan(&t, asked, NOW_US);
	cr_expect(asked[0] <= 1, "it has as much as it leaves: %d", asked[0]);
	cr_expect_eq(asked[1], 1, "the other tenant's");
	for (int i = 0; i < ROOM; i++)
		waits_drop(t.real, str_print(a, "p%d", i));
	t.real->is_stirred = true;
	(void)scan(&t, asked, NOW_US + 200000);
	cr_expect(asked[0] > 5, "their places are free: %d", asked[0]);
	stage_close(&t);
}
