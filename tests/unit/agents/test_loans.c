/* What is lent to a cluster is remembered in one Secret, up to a bound: what there is no room for is left to the
 * server, and nothing of it is ever spent. What was spent of a loan that was forgotten is counted when it is heard of
 * again.
 */
#include "real_stage.h"

loop *fake_loop;

#define NOW_US ((int64_t)1800000000 * 1000000)
#define LOAN                                                                                                           \
	"{\"lease\":\"%d.h100-80g\",\"tenant\":\"acme/team-%d\",\"model\":\"h100-80g\",\"mode\":\"hold\",\"offline_s\":86400,\"seq\":%d,\"device_milli\":%d,\"memory_mib\":%d,\"compute_milli\":%d}"

enum { LOANS = 6000, CARD_MIB = 81559, ANSWER_MAX = 4 << 20, KEPT_LEAST = 1800 };

static agent *agent_stand(stage *t)
{
	agent *a = &t->agent;

	book_init(&a->book);
	borrow_init(&a->borrow);
	a->borrow.kept_max = BORROW_KEPT_BYTES;
	outbox_init(&a->outbox, "test");
	outbox_begin(&a->outbox, S("ses"));
	a->cluster = real_cluster(t->real);
	return a;
}

static void agent_fall(agent *a)
{
	vec_done(&a->drops);
	borrow_done(&a->borrow);
	outbox_done(&a->outbox);
	book_done(&a->book);
}

/* Loans from..until-1 are offered, each of so many devices. */
static agent_news offers(agent *a, int from, int until, int seq, int cards)
{
	agent_news news;
	fault f = {0};
	buf body;

	buf_init(&body, ANSWER_MAX);
	buf_printf(&body,
		"{\"term\":1,\"incarnation\":1,\"rev\":0,\"changes\":[],\"config_rev\":0,\"leases\":{\"session\":\"ses\",\"rev\":%d,\"items\":[",
		seq * LOANS + until);
	for (int i = from; i < until; i++) {
		buf_add_str(&body, i > from ? S(",") : S(""));
		buf_printf(&body, LOAN, i, i, seq, cards * 1000, cards * CARD_MIB, cards * 1000);
	}
	buf_add_str(&body, S("]}}"));
	cr_assert(!body.over);
	agent_asks(a, NOW_US);
	cr_assert_eq(agent_apply(a, buf_str(&body), NOW_US, &news, &f), ERR_OK, "%s %s", f.pointer, f.detail);
	buf_done(&body);
	return news;
}

static str composed(stage *t, arena *a)
{
	buf out;

	buf_init(&out, LEDGER_BYTES_MAX);
	real_compose(t->real, S("w"), 1, &out);
	cr_assert(!out.over, "the ledger has grown past its maximum");
	str text = str_dup(a, buf_str(&out));
	buf_done(&out);
	return text;
}

static agent_purse purse_at(const agent *a, int i, arena *mem)
{
	return agent_look(a, str_print(mem, "acme/team-%d", i), S("h100-80g"), (amounts){{1000, 1000, 1000}}, NOW_US);
}

/* With some 3,000 of them the text was too long, nothing was written any more, and the agent fell silent. */
Test(loans, more_are_lent_than_are_remembered_and_the_rest_is_left_to_the_server)
{
	AUTO_ARENA mem = arena_new(64 << 20);
	stage t;
	int kept = 0, last_kept = -1, last_unkept = -1;
	borrow heir;
	facts k;
	book b;
	str spent;

	stage_open(&t, WAITING("new", "d", "", ASK("1", "1", "0"), ""));
	agent *a = agent_stand(&t);
	cr_expect_eq(offers(a, 0, 1000, 1, 2).n_unkept, 0);
	(void)offers(a, LOANS, LOANS + 1, 1, 0);
	agent_news news = offers(a, 1000, LOANS, 1, 2);
	str text = composed(&t, mem);
	cr_expect_leq(text.n, (uint32_t)LEDGER_BYTES_MAX / 16 * 5, "%u bytes", text.n);
	cr_expect(ledger_fits(t.real, LEDGER_ASKED, 100 << 10), "pods are asked about as before");
	for (int i = 0; i < LOANS; i++) {
		agent_purse is = purse_at(a, i, mem);
		cr_assert(is == PURSE_OPEN || is == PURSE_UNKEPT, "%d: %d", i, is);
		cr_expect(i >= 1000 || is == PURSE_OPEN, "what came first stays: %d", i);
		*(is == PURSE_OPEN ? &last_kept : &last_unkept) = i;
		kept += is == PURSE_OPEN;
	}
	cr_expect(kept >= KEPT_LEAST && news.n_unkept == LOANS - kept, "%d, %lld", kept, (long long)news.n_unkept);
	amounts one = {{1000, 1000, 1000}};
	cr_expect(!agent_spend(a, str_print(mem, "acme/team-%d", last_unkept), S("h100-80g"), one, NOW_US, &spent));
	cr_expect(agent_spend(a, str_print(mem, "acme/team-%d", last_kept), S("h100-80g"), one, NOW_US, &spent));
	/* The next agent knows those, and no others. */
	book_init(&b);
	borrow_init(&heir);
	facts_recall(&k, real_memory(text, mem), &b, &heir);
	cr_expect_eq(heir.by_name.n, (uint32_t)kept);
	cr_expect_eq(k.n_unread, 0);
	map_each (slot, &heir.by_name) {
		const loan *is = slot->value, *was = borrow_named(&a->borrow, slot->key);
		cr_assert(was && was->is_kept && is->hold.seq == 1 && is->offline_s == 86400 &&
			  amounts_eq(is->hold.offered, was->hold.offered) && strcmp(is->tenant, was->tenant) == 0 &&
			  strcmp(is->model, "h100-80g") == 0);
	}
	/* What is taken back leaves its room to others. */
	news = offers(a, 0, 1000, 2, 0);
	cr_expect_eq(purse_at(a, 0, mem), PURSE_EMPTY);
	cr_expect(news.n_unkept >= LOANS - 1000 - kept - 100 && news.n_unkept <= LOANS - 1000 - kept + 100, "%lld",
		(long long)news.n_unkept);
	(void)composed(&t, mem);
	borrow_done(&heir);
	book_done(&b);
	agent_fall(a);
	stage_close(&t);
}

Test(loans, what_an_agent_before_wrote_of_them_is_read)
{
	static const char *const lines[] = {
		"{\"kind\":\"loan\",\"loan\":\"7.h\",\"tenant\":\"acme\",\"model\":\"h\",\"mode\":\"soft\",\"offline_s\":600,"
		"\"seq\":3,\"device_milli\":2000,\"memory_mib\":5,\"compute_milli\":6}",
		"loan 7.h acme h soft 600 3 2000 5 6",
	};
	static const char *const wrong[] = {"loan", "loan 7.h acme h soft 600 3 2000 5",
		"loan 7.h acme h soft 600 3 2000 5 6 7", "loan 7.h acme h soft x 3 2 5 6"};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		borrow all;
		facts k;
		borrow_init(&all);
		facts_recall(&k, str_from(lines[i]), NULL, &all);
		const loan *l = borrow_named(&all, S("7.h"));
		cr_assert_not_null(l, "%s", lines[i]);
		cr_expect(strcmp(l->tenant, "acme") == 0 && l->mode == LEASE_SOFT && l->offline_s == 600 &&
			  l->is_kept && l->hold.seq == 3 && amounts_eq(l->hold.offered, (amounts){{2000, 5, 6}}));
		borrow_done(&all);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		borrow all;
		facts k;
		borrow_init(&all);
		facts_recall(&k, str_from(wrong[i]), NULL, &all);
		cr_expect(all.by_name.n == 0 && k.n_unread == 1, "%s", wrong[i]);
		borrow_done(&all);
	}
}

/* It was lent again as if nobody used it; and when its pod ended, the agent. */
Test(loans, what_uses_a_loan_that_is_heard_of_late_is_counted)
{
	AUTO_ARENA mem = arena_new(0);
	stage t;
	agent_entry e = {.id = S("plc_01JD0Z6T9X3V5Q7R8S9T0V1W2X"), .fence = S("1.1")};

	stage_open(&t, WAITING("new", "d", "", ASK("1", "1", "0"), ""));
	agent *a = agent_stand(&t);
	e.let_in = (cluster_let_in){.tenant = S("acme/team-5"),
		.request = S("{}"),
		.loan = S("5.h100-80g"),
		.charge = {{1000, CARD_MIB, 1000}},
		.at_us = 1};
	agent_let_in(a, &e, NOW_US);
	(void)offers(a, 5, 6, 1, 2);
	loan *l = borrow_named(&a->borrow, S("5.h100-80g"));
	cr_assert_not_null(l);
	cr_expect_eq(l->hold.used.v[AXIS_DEVICE_MILLI], 1000);
	(void)offers(a, 4, 6, 2, 2);
	cr_expect_eq(l->hold.used.v[AXIS_DEVICE_MILLI], 1000, "once");
	holding *h = book_find(&a->book, e.id);
	book_state(&a->book, h, LIFE_DONE, STR_NONE, NOW_US);
	agent_over(a, h);
	cr_expect_eq(l->hold.used.v[AXIS_DEVICE_MILLI], 0);
	agent_fall(a);
	stage_close(&t);
}
