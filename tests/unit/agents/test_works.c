/* How far a placement is follows from the pods that have its seats. */
#include <criterion/criterion.h>
#include "agents/real/works.h"

enum { SEATS = 3, NOTHING = -1 };

typedef struct row {
	const char *name;
	seat_state seats[SEATS];
	uint32_t n;
	bool is_stopping, is_cut;
	int phase; /* NOTHING: not bound yet */
} row;

static const row rows[] = {
	{"nobody came", {SEAT_AWAITED}, 1, false, false, NOTHING},
	{"one of two came", {SEAT_BOUND, SEAT_AWAITED}, 2, false, false, NOTHING},
	{"all came", {SEAT_BOUND, SEAT_BOUND}, 2, false, false, CLUSTER_BOUND},
	{"one of two runs", {SEAT_RUNNING, SEAT_BOUND}, 2, false, false, CLUSTER_BOUND},
	{"all run", {SEAT_RUNNING, SEAT_RUNNING}, 2, false, false, CLUSTER_RUNNING},
	{"one is done", {SEAT_DONE, SEAT_RUNNING}, 2, false, false, CLUSTER_RUNNING},
	{"all are done", {SEAT_DONE, SEAT_DONE}, 2, false, false, CLUSTER_DONE},
	{"one failed, the others go", {SEAT_FAILED, SEAT_GONE, SEAT_GONE}, 3, false, false, CLUSTER_FAILED},
	{"it was deleted", {SEAT_GONE}, 1, false, false, CLUSTER_DONE},
	{"it ran for as long as it may", {SEAT_FAILED}, 1, false, true, CLUSTER_DONE},
	{"it is to stop, and runs still", {SEAT_RUNNING}, 1, true, false, CLUSTER_RUNNING},
	{"it is to stop, and nobody came", {SEAT_AWAITED}, 1, true, false, CLUSTER_STOPPED},
	{"it is to stop, and has", {SEAT_GONE, SEAT_DONE}, 2, true, false, CLUSTER_STOPPED},
};

static void row_check(const row *r)
{
	works all = {0};
	work *w = works_add(&all, S("plc_1"), S("1.1"), S("acme"), S(""), r->n);
	cluster_phase phase;

	for (uint32_t i = 0; i < r->n; i++)
		w->seats[i].state = r->seats[i];
	w->is_stopping = r->is_stopping;
	w->is_cut = r->is_cut;
	int is = work_phase(w, &phase) ? (int)phase : NOTHING;
	cr_assert_eq(is, r->phase, "%s: %d", r->name, is);
	works_done(&all);
}

Test(works, the_phase_follows_from_the_seats)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		row_check(&rows[i]);
}

Test(works, what_may_run_for_so_long_counts_from_the_pods_own_start)
{
	static const struct {
		const char *rule;
		int64_t started_us, running_us, max_runtime_s, now_us;
		bool is_due;
	} cases[] = {
		{"it has begun just now", 10000000, 10000000, 5, 14999999, false},
		{"it has had its time", 10000000, 10000000, 5, 15000000, true},
		{"an agent that came later saw it running at 14 s", 10000000, 14000000, 5, 15000000, true},
		{"its kubelet does not say when it began", 0, 14000000, 5, 15000000, false},
		{"it has not run", 10000000, 0, 5, 99000000, false},
		{"it may run on", 10000000, 10000000, 0, 99000000, false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const work w = {.started_us = cases[i].started_us,
			.running_us = cases[i].running_us,
			.max_runtime_s = cases[i].max_runtime_s};
		cr_expect_eq(work_is_due(&w, cases[i].now_us), cases[i].is_due, "%s", cases[i].rule);
	}
}

Test(works, a_bind_under_way_keeps_a_stop_from_being_told)
{
	works all = {0};
	work *w = works_add(&all, S("plc_1"), S("1.1"), S("acme"), S(""), 1);
	cluster_phase phase;

	seat_take(&all, w, &w->seats[0], S("uid"), S("d"), S("p"), S("n1"));
	w->is_stopping = true;
	cr_assert(!work_phase(w, &phase));
	seat_leave(&all, w, &w->seats[0]);
	cr_assert(work_phase(w, &phase) && phase == CLUSTER_STOPPED);
	works_done(&all);
}

Test(works, a_pod_leads_to_its_seat_until_it_leaves)
{
	works all = {0};
	work *w = works_add(&all, S("plc_1"), S("1.1"), S("acme"), S(""), 2);
	seat *s;

	seat_take(&all, w, &w->seats[1], S("uid"), S("d"), S("p"), S("n1"));
	cr_assert(works_of_pod(&all, S("uid"), &s) == w && s == &w->seats[1]);
	seat_move(&all, w, s, SEAT_RUNNING, 5);
	seat_move(&all, w, s, SEAT_BOUND, 6);
	cr_assert_eq(s->state, SEAT_RUNNING, "nothing goes back");
	seat_leave(&all, w, s);
	cr_assert(!works_of_pod(&all, S("uid"), &s));
	cr_assert(!works_of_pod(&all, S(""), &s), "no uid is nobody's");
	works_drop(&all, w);
	cr_assert_eq(all.news.n, 0);
	works_done(&all);
}

static void ordered_note(void *arg, work *w)
{
	(void)strcat(arg, w->id);
}

Test(works, those_that_are_ordered_are_found_until_they_are_seated)
{
	static const char *const ids[] = {"a", "b", "c"};
	works all = {0};
	work *v[3];
	char seen[64] = "";

	for (int i = 0; i < 3; i++) {
		v[i] = works_add(&all, str_from(ids[i]), S("1.1"), S("acme"), S(""), 1);
		work_text(&v[i]->placed, S("[]"));
		works_order(&all, v[i]);
		works_order(&all, v[i]);
	}
	works_each_ordered(&all, ordered_note, seen);
	cr_expect_str_eq(seen, "abc");
	seat_take(&all, v[0], &v[0]->seats[0], S("uid"), S("d"), S("p"), S("n1"));
	works_each_ordered(&all, ordered_note, seen);
	cr_expect_str_eq(seen, "abcabc", "its bind is under way");
	seat_move(&all, v[0], &v[0]->seats[0], SEAT_BOUND, 5);
	works_drop(&all, v[1]);
	works_each_ordered(&all, ordered_note, seen);
	cr_expect_str_eq(seen, "abcabcc");
	cr_expect_eq(all.ordered.n, 1);
	works_done(&all);
}
