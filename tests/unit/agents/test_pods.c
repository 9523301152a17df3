/* Pods that come to a cluster: let in out of what was lent, for as long as that may be, whether or not the server is
 * there; told when it is back, and nothing is stopped for it. Time is an argument: a day takes no time.
 */
#include "agents/cluster/agent.h"
#include "agents/cluster/borrow.h"
#include "engine/digest.h"
#include "fixture.h"

#define HOUR_US ((int64_t)3600 * 1000000)
#define MIN_US  ((int64_t)60 * 1000000)

enum { CARD_MIB = 80000 };

/* Two cards on each of two nodes; a pod of one card every ten minutes for two days, each for half an hour. */
#define WORLD                                                                                                          \
	"{\"cluster_uid\":\"sim\",\"nodes\":[{\"name\":\"n1\",\"cpu_milli\":64000,\"memory_mib\":500000,\"devices\":[" \
	"{\"product\":\"H100\",\"class\":\"h100-80g\",\"memory_mib\":80000,\"count\":4}]}],"                           \
	"\"pods\":{\"usage_interval_ms\":0},\"arrivals\":[{\"tenant\":\"acme\",\"class\":\"h100-80g\","                \
	"\"every_ms\":600000,\"pods\":288,\"runtime_ms\":1800000}]}"

typedef struct site {
	folder at;
	arena *mem;
	scene *scene;
	simulate *sim;
	agent *agent;
	int64_t now_us;
} site;

static void site_start(site *s)
{
	MUST(simulate_open(s->scene, s->at.reality, s->now_us, &s->sim, &must));
	MUST(agent_open(simulate_cluster(s->sim), s->at.facts, "1", s->now_us, &s->agent, &must));
}

static void site_stop(site *s)
{
	agent_close(s->agent);
	simulate_close(s->sim);
}

static site site_open(void)
{
	site s = {.at = folder_new(), .mem = arena_new(0), .now_us = T0};

	s.scene = ARENA_NEW(s.mem, scene);
	MUST(scene_read(S(WORLD), s.mem, s.scene, &must));
	site_start(&s);
	return s;
}

static void site_close(site *s)
{
	site_stop(s);
	arena_end(s->mem);
	folder_free(&s->at);
}

static void turn_at(site *s, int64_t at_us)
{
	int64_t next_us;

	s->now_us = at_us;
	MUST(agent_turn(s->agent, at_us, &next_us, &must));
}

/* All that is to be told is stored; what it says, one line per item. */
static str told(site *s)
{
	buf all;
	str body;

	buf_init(&all, 64 << 20);
	while ((body = agent_report(s->agent)).p) {
		bool is_restarted;
		report r;
		buf_add_str(&all, report_tell(s->mem, body, &r));
		str ack = str_print(s->mem, "{\"acked_seq\":%lld}", (long long)r.seq);
		MUST(agent_answered(s->agent, ack, s->now_us, &is_restarted, &must));
	}
	str text = str_dup(s->mem, buf_str(&all));
	buf_done(&all);
	return text;
}

/* An answer that lends so many cards with offer seq; 0: it says nothing of loans. */
static void hear_as(site *s, int64_t incarnation, int64_t seq, int64_t cards, const char *mode, int64_t offline_s)
{
	agent_news news;
	str leases = STR_NONE;

	if (seq)
		leases = str_print(s->mem,
			",\"leases\":{\"session\":\"%s\",\"rev\":%lld,\"items\":[{\"lease\":\"7.h100-80g\",\"tenant\":\"acme\",\"model\":\"h100-80g\","
			"\"mode\":\"%s\",\"offline_s\":%lld,\"seq\":%lld,\"device_milli\":%lld,\"memory_mib\":%lld,\"compute_milli\":%lld}]}",
			agent_session_id(s->agent), (long long)seq, mode, (long long)offline_s, (long long)seq,
			(long long)cards * 1000, (long long)cards * CARD_MIB, (long long)cards * 1000);
	str body = str_print(s->mem,
		"{\"term\":1,\"incarnation\":%lld,\"rev\":0,\"changes\":[],\"config_rev\":0" STR_FMT "}",
		(long long)incarnation, STR_ARG(leases));
	agent_asks(s->agent, s->now_us);
	MUST(agent_apply(s->agent, body, s->now_us, &news, &must));
}

static void hear(site *s, int64_t incarnation, int64_t seq, int64_t cards)
{
	hear_as(s, incarnation, seq, cards, "hold", 86400);
}

static loan *loan_of(const site *s)
{
	return borrow_named(agent_borrow(s->agent), S("7.h100-80g"));
}

static int64_t used(const site *s)
{
	return loan_of(s)->hold.used.v[AXIS_DEVICE_MILLI];
}

static uint32_t running(const site *s)
{
	uint32_t n = 0;

	map_each (slot, &agent_book(s->agent)->by_id)
		n += ((const holding *)slot->value)->is_booked;
	return n;
}

static uint32_t lines_with(str text, const char *word)
{
	uint32_t n = 0;

	for (str line = str_split(&text, '\n'); line.p; line = str_split(&text, '\n'))
		n += str_ends(line, str_from(word));
	return n;
}

Test(pods, the_cluster_goes_on_for_a_day_and_uses_no_more_than_it_was_lent)
{
	site s = site_open();
	uint32_t late = 0;

	(void)told(&s);
	hear(&s, 1, 1, 2);
	agent_lost(s.agent);
	for (int64_t m = 0; m < 24 * 60; m++) {
		turn_at(&s, T0 + m * MIN_US);
		cr_assert_leq(used(&s), 2000, "minute %ld", m);
		cr_assert_eq(used(&s), (int64_t)running(&s) * 1000);
		late += m > 23 * 60 && running(&s) == 2;
	}
	cr_expect_gt(late, 50, "the last hour is as busy as the first");
	turn_at(&s, T0 + 24 * HOUR_US + MIN_US);
	uint32_t over = agent_waiting(s.agent);
	turn_at(&s, T0 + 26 * HOUR_US);
	cr_expect_eq(running(&s), 0, "after a day nothing more is let in; what ran has ended by itself");
	cr_expect_gt(agent_waiting(s.agent), over);
	site_close(&s);
}

Test(pods, on_return_all_is_told_and_nothing_is_stopped)
{
	site s = site_open();

	(void)told(&s);
	hear(&s, 1, 1, 2);
	agent_lost(s.agent);
	for (int64_t m = 0; m < 95; m++)
		turn_at(&s, T0 + m * MIN_US);
	uint32_t before = running(&s), waited = agent_waiting(s.agent);
	cr_assert_eq(before, 2);
	cr_assert_gt(waited, 0);
	hear(&s, 1, 0, 0);
	turn_at(&s, s.now_us + 1000);
	str said = told(&s);
	cr_expect_eq(running(&s), before);
	cr_expect_eq(lines_with(said, "revoked"), 0);
	cr_expect_geq(lines_with(said, "admitted"), 5, STR_FMT, STR_ARG(said));
	cr_expect_eq(lines_with(said, "running") + lines_with(said, "done"), lines_with(said, "admitted") * 2 - before,
		STR_FMT, STR_ARG(said));
	cr_expect_eq(lines_with(said, "want"), waited, "what found no room is the server's to decide");
	hear(&s, 1, 0, 0);
	turn_at(&s, s.now_us + 1000);
	cr_expect_eq(told(&s).n, 0, "once");
	site_close(&s);
}

Test(pods, without_a_loan_a_pod_is_wanted_of_the_server)
{
	site s = site_open();

	(void)told(&s);
	hear(&s, 1, 0, 0);
	turn_at(&s, T0);
	cr_expect_eq(running(&s), 0);
	cr_expect_eq(lines_with(told(&s), "want"), 1);
	site_close(&s);
}

Test(pods, a_smaller_offer_stops_nothing_and_is_acked_as_pods_end)
{
	site s = site_open();

	(void)told(&s);
	hear(&s, 1, 1, 2);
	turn_at(&s, T0);
	turn_at(&s, T0 + 10 * MIN_US);
	(void)told(&s);
	cr_assert_eq(running(&s), 2);
	hear(&s, 1, 2, 0);
	report r;
	str body = str_dup(s.mem, agent_report(s.agent));
	(void)report_tell(s.mem, body, &r);
	const report_lease *said = ((const report_item *)r.items.v)[0].leases.v;
	cr_expect_eq(said->seq, 2);
	cr_expect_eq(said->device_milli, 2000);
	(void)told(&s);
	turn_at(&s, T0 + 31 * MIN_US);
	cr_expect_eq(running(&s), 1);
	cr_expect_geq(lines_with(told(&s), "lease"), 1, "it falls with what is used");
	cr_expect_eq(used(&s), 1000);
	site_close(&s);
}

Test(pods, a_restart_knows_what_is_lent_and_used)
{
	site s = site_open();

	(void)told(&s);
	hear(&s, 1, 3, 2);
	turn_at(&s, T0);
	turn_at(&s, T0 + 10 * MIN_US);
	cr_assert_eq(running(&s), 2);
	MUST(agent_flush(s.agent, &must));
	site_stop(&s);
	site_start(&s);
	cr_assert(loan_of(&s));
	cr_expect_eq(loan_of(&s)->hold.seq, 3);
	cr_expect_eq(used(&s), 2000);
	cr_expect_eq(running(&s), 2);
	cr_expect_eq(lines_with(told(&s), "admitted"), 2, "told again, under the same names");
	turn_at(&s, s.now_us + 40 * MIN_US);
	cr_expect_eq(used(&s), 0);
	site_close(&s);
}

Test(pods, an_older_offer_and_one_to_another_session_are_not_taken)
{
	site s = site_open();

	(void)told(&s);
	hear(&s, 1, 5, 2);
	hear(&s, 1, 4, 4);
	cr_expect_eq(loan_of(&s)->hold.offered.v[AXIS_DEVICE_MILLI], 2000);
	agent_news news;
	str other = S(
		"{\"term\":1,\"incarnation\":1,\"rev\":0,\"changes\":[],\"config_rev\":0,\"leases\":{\"session\":\"ses_other\",\"rev\":9,\"items\":["
		"{\"lease\":\"7.h100-80g\",\"tenant\":\"acme\",\"model\":\"h100-80g\",\"mode\":\"hold\",\"offline_s\":86400,\"seq\":9,\"device_milli\":4000}]}}");
	MUST(agent_apply(s.agent, other, s.now_us, &news, &must));
	cr_expect_eq(loan_of(&s)->hold.offered.v[AXIS_DEVICE_MILLI], 2000);
	site_close(&s);
}

Test(pods, another_database_is_told_what_is_held_before_it_lends)
{
	site s = site_open();

	(void)told(&s);
	hear(&s, 1, 5, 2);
	(void)told(&s);
	hear(&s, 2, 0, 0);
	str said = told(&s);
	cr_expect_eq(lines_with(said, "lease"), 1, STR_FMT, STR_ARG(said));
	cr_expect_eq(loan_of(&s)->hold.seq, 0, "its offers count from the beginning");
	cr_expect_eq(loan_of(&s)->hold.offered.v[AXIS_DEVICE_MILLI], 2000);
	hear(&s, 2, 1, 1);
	cr_expect_eq(loan_of(&s)->hold.offered.v[AXIS_DEVICE_MILLI], 1000);
	site_close(&s);
}

Test(pods, under_self_fence_what_the_server_never_stored_ends_at_the_deadline)
{
	site s = site_open();

	(void)told(&s);
	hear_as(&s, 1, 1, 2, "self-fence", 1200);
	turn_at(&s, T0);
	(void)told(&s);
	agent_lost(s.agent);
	turn_at(&s, T0 + 10 * MIN_US);
	turn_at(&s, T0 + 19 * MIN_US);
	cr_assert_eq(running(&s), 2);
	turn_at(&s, T0 + 20 * MIN_US);
	turn_at(&s, T0 + 20 * MIN_US + 1000);
	cr_expect_eq(running(&s), 1, "what is stored goes on");
	cr_expect_eq(used(&s), 1000);
	cr_expect_eq(loan_of(&s)->hold.offered.v[AXIS_DEVICE_MILLI], 1000, "nothing is left to let others in");
	cr_expect_eq(lines_with(told(&s), "revoked"), 1);
	site_close(&s);
}

/* The server places one on the third card, which is to end when this agent is cut off for so long; 0: never. */
static void order(site *s, const char *id, int64_t rev, int64_t self_fence_s)
{
	str uuid = agent_book(s->agent)->fleet.device_uuids.v[2];
	agent_news news;
	str body = str_print(s->mem,
		"{\"term\":1,\"incarnation\":1,\"rev\":%lld,\"config_rev\":0,\"changes\":[{\"rev\":%lld,\"action\":\"grant\",\"placement\":{\"id\":\"%s\","
		"\"tenant\":\"acme\",\"origin\":\"api\",\"state\":\"granted\",\"fence\":\"1.1\",\"self_fence_s\":%lld,\"speak_s\":30,\"blockers\":[],\"placed\":[{\"group\":\"main\","
		"\"index\":0,\"node\":\"n1\",\"devices\":[{\"uuid\":\"" STR_FMT
		"\",\"memory_mib\":1000,\"compute_milli\":0}]}]}}]}",
		(long long)rev, (long long)rev, id, (long long)self_fence_s, STR_ARG(uuid));

	agent_asks(s->agent, s->now_us);
	MUST(agent_apply(s->agent, body, s->now_us, &news, &must));
	cr_assert_eq(news.n_accepted, 1);
}

static lifecycle state_of(const site *s, const char *id)
{
	return book_find(agent_book(s->agent), str_from(id))->state;
}

Test(pods, what_may_begin_elsewhere_ends_when_the_server_has_not_heard_of_its_agent_for_too_long)
{
	site s = site_open();

	(void)told(&s);
	order(&s, "plc_fenced", 1, 600);
	order(&s, "plc_stays", 2, 0);
	turn_at(&s, T0);
	(void)told(&s);
	for (int i = 1; i <= 20; i++) {
		turn_at(&s, T0 + i * MIN_US);
		cr_assert(told(&s).n, "with such work it speaks at least once a minute");
	}
	cr_expect_eq(state_of(&s, "plc_fenced"), LIFE_RUNNING, "it was heard all the time");
	agent_lost(s.agent);
	turn_at(&s, T0 + 29 * MIN_US);
	cr_expect_eq(state_of(&s, "plc_fenced"), LIFE_RUNNING);
	/* a restart begins nothing anew: what it remembers is at most an eighth older */
	site_stop(&s);
	site_start(&s);
	turn_at(&s, T0 + 31 * MIN_US);
	turn_at(&s, T0 + 31 * MIN_US + 1000000);
	cr_expect_eq(state_of(&s, "plc_fenced"), LIFE_REVOKED);
	cr_expect_eq(state_of(&s, "plc_stays"), LIFE_RUNNING);
	site_close(&s);
}

Test(pods, with_loans_an_agent_speaks_once_a_minute)
{
	site s = site_open();

	(void)told(&s);
	hear(&s, 1, 1, 1);
	turn_at(&s, T0);
	turn_at(&s, T0 + 1000000);
	(void)told(&s);
	turn_at(&s, T0 + MIN_US / 2);
	cr_expect_eq(told(&s).n, 0);
	turn_at(&s, T0 + MIN_US);
	cr_expect_eq(lines_with(told(&s), "lease"), 1);
	agent_lost(s.agent);
	turn_at(&s, T0 + 3 * MIN_US);
	cr_expect_eq(lines_with(told(&s), "lease"), 0, "to nobody it says nothing");
	site_close(&s);
}

Test(pods, a_digest_is_told_once_a_minute_and_a_part_that_differs_is_told_whole)
{
	site s = site_open();
	agent_news news;
	report r;

	(void)told(&s);
	hear(&s, 1, 1, 2);
	turn_at(&s, T0);
	turn_at(&s, T0 + 10 * MIN_US);
	(void)told(&s);
	turn_at(&s, T0 + 11 * MIN_US);
	str body = str_dup(s.mem, agent_report(s.agent));
	(void)report_tell(s.mem, body, &r);
	const report_item *said = r.items.v;
	digest sum = {0}, is;
	map_each (slot, &agent_book(s.agent)->by_id)
		digest_toggle(&sum, slot->key, 1, 1);
	str text = STR_NONE;
	for (uint32_t i = 0; i < r.items.n; i++)
		text = said[i].digest.n ? said[i].digest : text;
	cr_assert(digest_read(text, &is) && memcmp(&sum, &is, sizeof sum) == 0);
	(void)told(&s);
	const holding *h = NULL;
	map_each (slot, &agent_book(s.agent)->by_id)
		h = slot->value;
	str ask = str_print(s.mem,
		"{\"term\":1,\"incarnation\":1,\"rev\":0,\"changes\":[],\"config_rev\":0,\"drift\":{\"n\":4,\"buckets\":[%u]}}",
		digest_bucket(str_from(h->id)));
	MUST(agent_apply(s.agent, ask, s.now_us, &news, &must));
	body = str_dup(s.mem, agent_report(s.agent));
	(void)report_tell(s.mem, body, &r);
	said = r.items.v;
	cr_expect(str_eq(said[0].kind, S("running")) && !said[0].is_whole && said[0].buckets.n == 1);
	cr_expect_geq(said[0].placements.n, 1u);
	site_close(&s);
}
