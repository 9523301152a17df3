/* The ledger: one record per operation, no gaps, no broken link, one effect per key. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>

#include "chain.h"
#include "db/ledger.h"
#include "work.h"

enum { ID_BYTES = 16 };

typedef struct change {
	ledger_op op; /* first */
	sql_gov_add_in in;
	char name[ID_BYTES];
	int32_t tenant;
	int answers;
	err e;
	int32_t status;
	int64_t revision;
	bool is_replay;
	char body[64];
	bool *done;
	int *left;
} change;

static int32_t shown(ledger_op *op, const db_reply *r, int64_t revision, int64_t at_us, buf *out)
{
	sql_gov_add_row row;
	fault f;
	(void)op;
	cr_assert_eq(db_row(r, 0, &row, &f), ERR_OK);
	cr_assert_eq(row.rev, revision);
	cr_assert_gt(at_us, 0);
	buf_printf(out, "{\"n\":%lld}", (long long)row.n);
	return 201;
}

static void done(ledger_op *op, const ledger_answer *a)
{
	change *c = (change *)op;
	c->answers++;
	c->e = a->e;
	c->status = a->status;
	c->revision = a->revision;
	c->is_replay = a->is_replay;
	snprintf(c->body, sizeof(c->body), STR_FMT, STR_ARG(a->body));
	*c->done = --*c->left == 0;
}

static const str items[] = {{"i1", 2}, {"i2", 2}, {"i3", 2}};

static void change_init(change *c, int i, bool *all_done, int *left)
{
	static const char *const paths[] = {NULL, "", "system", "three"};
	memset(c, 0, sizeof(*c));
	snprintf(c->name, sizeof(c->name), "req_%d", i);
	c->tenant = 1 + i % 3;
	c->in = (sql_gov_add_in){.id = items[i % 3], .add = 1, .rev_null = true};
	c->op = (ledger_op){.scope = db_tenants(&c->tenant, 1),
		.stmt = SQL_GOV_ADD,
		.in = &c->in,
		.actor = S("tok_a"),
		.via = S("token"),
		.action = S("item.add"),
		.object_kind = S("item"),
		.object_id = c->in.id,
		.request_id = str_from(c->name),
		.tenant_key = c->tenant,
		.tenant = str_from(paths[c->tenant]),
		.change = S("{\"add\":1}"),
		.on_row = shown,
		.on_done = done};
	c->done = all_done;
	c->left = left;
}

static ledger *ledger_on(loop *l, const char *dsn, bool is_platform)
{
	ledger_options o = {.db = work_options(dsn, is_platform)};
	return ledger_new(l, &o);
}

static void run_one(ledger *g, loop *l, change *c)
{
	bool all_done = false;
	int left = 1;
	c->done = &all_done;
	c->left = &left;
	c->answers = 0;
	ledger_run(g, &c->op);
	pg_run_until(l, &all_done);
	cr_expect_eq(c->answers, 1);
}

static void send_two(void *arg)
{
	void **v = arg;
	ledger_run(v[0], &((change *)v[1])->op);
	ledger_run(v[0], &((change *)v[2])->op);
}

Test(ledger, three_lanes_leave_one_chain_without_gaps)
{
	enum { OPS = 600 };
	static change cs[OPS];
	loop *l = loop_new();
	const char *dsn = work_database("chain");
	ledger *g[3] = {ledger_on(l, dsn, false), ledger_on(l, dsn, false), ledger_on(l, dsn, false)};
	bool all_done = false;
	int left = OPS, refused = 0;
	for (int i = 0; i < OPS; i++) {
		change_init(&cs[i], i, &all_done, &left);
		if (i % 5 == 4) {
			/* A revision nobody has: refused, and recorded. */
			cs[i].in.rev_null = false;
			cs[i].in.rev = 1000000;
		}
		if (i % 50 == 7)
			cs[i].in.add = 5000000; /* breaks a constraint: no record */
		ledger_run(g[i % 3], &cs[i].op);
	}
	pg_run_until(l, &all_done);
	int failed = 0;
	for (int i = 0; i < OPS; i++) {
		cr_expect_eq(cs[i].answers, 1);
		if (i % 5 == 4) {
			cr_expect_eq(cs[i].e, ERR_ETAG_MISMATCH);
			cr_expect_gt(cs[i].revision, 0);
			refused++;
		} else if (i % 50 == 7) {
			cr_expect_eq(cs[i].e, ERR_INTERNAL);
			failed++;
		} else {
			cr_expect_eq(cs[i].e, ERR_OK, "%d: %s", i, err_code(cs[i].e));
			cr_expect_eq(cs[i].status, 201);
		}
	}
	chain_check c = chain_verify(dsn);
	cr_expect_eq(c.records, OPS - failed);
	cr_expect_eq(c.broken_at, 0, "%s", c.why);
	cr_expect_eq(pg_int(dsn, "SELECT sum(n) FROM item"), OPS - failed - refused);
	cr_expect_eq(pg_int(dsn, "SELECT count(*) FROM audit WHERE outcome = 'refused:etag_mismatch'"), refused);
	cr_expect_eq(pg_int(dsn, "SELECT max(rev) FROM item") > 0, 1);
	cr_expect_eq(
		pg_int(dsn, "SELECT count(*) FROM audit WHERE replace(body, '\"tenant_key\":', '') LIKE '%_key\":%'"),
		0, "but for the row's own tenant_key, keys stay inside");
	for (int i = 0; i < 3; i++)
		ledger_free(g[i]);
	loop_free(l);
}

Test(ledger, a_flipped_byte_is_found)
{
	static const struct {
		const char *sql;
		int64_t at;
	} rows[] = {
		{"UPDATE audit SET body = replace(body, 'item.add', 'item.adD') WHERE n = 3", 3},
		{"UPDATE audit SET actor = 'tok_b' WHERE n = 2", 2},
		{"UPDATE audit SET outcome = 'refused:not_found' WHERE n = 4", 4},
		{"UPDATE audit SET tenant_key = 99 WHERE n = 1", 1},
		{"UPDATE audit SET at = at + interval '1 ms' WHERE n = 5", 5},
		{"UPDATE audit SET hash = set_byte(hash, 31, get_byte(hash, 31) # 1) WHERE n = 2", 2},
		{"DELETE FROM audit WHERE n = 3", 3},
		{"DELETE FROM audit WHERE n = 6", 6},
	};
	loop *l = loop_new();
	const char *dsn = work_database("flip");
	ledger *g = ledger_on(l, dsn, false);
	change c;
	for (int i = 0; i < 6; i++) {
		change_init(&c, i, NULL, NULL);
		run_one(g, l, &c);
	}
	pg_do(dsn, "CREATE TABLE kept AS SELECT * FROM audit");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		cr_expect_eq(chain_verify(dsn).broken_at, 0);
		pg_do(dsn, rows[i].sql);
		chain_check got = chain_verify(dsn);
		cr_expect_eq(got.broken_at, rows[i].at, "%s: %d %s", rows[i].sql, (int)got.broken_at, got.why);
		pg_do(dsn, "DELETE FROM audit; INSERT INTO audit SELECT * FROM kept");
	}
	ledger_free(g);
	loop_free(l);
}

static void key_set(change *c, const char *key, uint8_t fingerprint)
{
	c->op.key = str_from(key);
	memset(c->op.fingerprint, fingerprint, sizeof(c->op.fingerprint));
}

Test(ledger, a_key_has_one_effect_and_one_answer)
{
	loop *l = loop_new();
	const char *dsn = work_database("replay");
	ledger *g = ledger_on(l, dsn, false);
	change c;
	change_init(&c, 0, NULL, NULL);
	key_set(&c, "k1", 1);
	run_one(g, l, &c);
	cr_expect(!c.is_replay && c.status == 201);
	cr_expect_str_eq(c.body, "{\"n\":1}");
	for (int i = 0; i < 2; i++) {
		run_one(g, l, &c);
		cr_expect(c.is_replay && c.e == ERR_OK && c.status == 201);
		cr_expect_str_eq(c.body, "{\"n\":1}");
	}
	key_set(&c, "k1", 2);
	run_one(g, l, &c);
	cr_expect_eq(c.e, ERR_IDEMPOTENCY_KEY_REUSED);
	c.op.actor = S("tok_b");
	run_one(g, l, &c);
	cr_expect(!c.is_replay && c.e == ERR_OK);
	cr_expect_eq(pg_int(dsn, "SELECT n FROM item WHERE id = 'i1'"), 2);
	cr_expect_eq(chain_verify(dsn).records, 2);
	ledger_free(g);
	loop_free(l);
}

Test(ledger, a_refusal_is_replayed_as_it_was)
{
	loop *l = loop_new();
	const char *dsn = work_database("refusal");
	ledger *g = ledger_on(l, dsn, false);
	change c;
	change_init(&c, 0, NULL, NULL);
	key_set(&c, "k", 1);
	c.in.id = S("none");
	run_one(g, l, &c);
	cr_expect(c.e == ERR_NOT_FOUND && c.status == 404 && c.revision == 1);
	run_one(g, l, &c);
	cr_expect(c.e == ERR_NOT_FOUND && c.status == 404 && c.is_replay);
	cr_expect_eq(chain_verify(dsn).records, 1);
	ledger_free(g);
	loop_free(l);
}

/* Whoever reads anew and comes back with the right revision is heard. */
Test(ledger, a_stale_revision_uses_no_key_up)
{
	loop *l = loop_new();
	const char *dsn = work_database("stale");
	ledger *g = ledger_on(l, dsn, false);
	change c;
	change_init(&c, 0, NULL, NULL);
	key_set(&c, "k", 1);
	c.in.rev_null = false;
	c.in.rev = 1;
	run_one(g, l, &c);
	cr_expect(c.e == ERR_ETAG_MISMATCH && !c.is_replay);
	c.in.rev_null = true;
	run_one(g, l, &c);
	cr_expect(c.e == ERR_OK && !c.is_replay);
	run_one(g, l, &c);
	cr_expect(c.e == ERR_OK && c.is_replay);
	ledger_free(g);
	loop_free(l);
}

static void item_shown(ledger_op *op, const db_reply *r, buf *out)
{
	(void)op;
	buf_printf(out, "[%lld]", (long long)db_i64(r, 0, "n"));
}

Test(ledger, a_dry_operation_leaves_nothing_and_hinders_nobody)
{
	enum { N = 30 };
	static change cs[N];
	loop *l = loop_new();
	const char *dsn = work_database("dry");
	ledger *g = ledger_on(l, dsn, false);
	bool all_done = false;
	int left = N;
	const sql_item_n_in show_in = {.id = items[0]};
	for (int i = 0; i < N; i++) {
		change_init(&cs[i], 0, &all_done, &left);
		cs[i].op.is_dry = i % 3 == 1;
		cs[i].op.show = i % 2 ? SQL_ITEM_N : SQL_NONE;
		cs[i].op.show_in = &show_in;
		cs[i].op.on_show = item_shown;
		if (cs[i].op.is_dry)
			key_set(&cs[i], "k", 1);
		ledger_run(g, &cs[i].op);
	}
	pg_run_until(l, &all_done);
	for (int i = 0, n = 0; i < N; i++) {
		char body[16];
		bool is_dry = i % 3 == 1;
		n += !is_dry;
		snprintf(body, sizeof(body), i % 2 ? "[%d]" : "{\"n\":%d}", is_dry ? n + 1 : n);
		cr_expect_str_eq(cs[i].body, body, "%d", i);
		cr_expect(cs[i].e == ERR_OK && cs[i].status == 201 && !cs[i].is_replay);
		cr_expect_eq(cs[i].revision, is_dry ? 0 : n);
	}
	cr_expect_eq(pg_int(dsn, "SELECT n FROM item WHERE id = 'i1'"), N - N / 3);
	cr_expect_eq(pg_int(dsn, "SELECT count(*) FROM op_key"), 0);
	cr_expect_eq(chain_verify(dsn).records, N - N / 3);
	ledger_free(g);
	loop_free(l);
}

/* The head is held by somebody else, so the first call cannot end. */
Test(ledger, a_repeat_of_a_call_that_does_not_end_is_told_so)
{
	loop *l = loop_new();
	const char *dsn = work_database("inflight");
	ledger_options o = {.db = work_options(dsn, false), .deadline_us = 300 * 1000};
	ledger *g = ledger_new(l, &o);
	static change cs[3];
	bool two_done = false, one_done = false;
	int two = 2, one = 1;
	PGconn *other = PQconnectdb(dsn);
	PQclear(PQexec(other, "BEGIN; SELECT FROM chain FOR UPDATE"));
	for (int i = 0; i < 3; i++) {
		change_init(&cs[i], 0, i ? &two_done : &one_done, i ? &two : &one);
		key_set(&cs[i], i < 2 ? "k" : "other", 1);
	}
	ledger_run(g, &cs[0].op);
	loop_timer *later = loop_timer_new(l, send_two, (void *[]){g, &cs[1], &cs[2]});
	loop_timer_arm(later, 100 * 1000);
	pg_run_until(l, &two_done);
	cr_expect_eq(cs[1].e, ERR_IDEMPOTENCY_IN_FLIGHT);
	cr_expect_eq(cs[2].e, ERR_UNAVAILABLE);
	PQfinish(other);
	pg_run_until(l, &one_done);
	loop_timer_free(later);
	ledger_free(g);
	loop_free(l);
}

Test(ledger, equal_keys_sent_together_have_one_effect)
{
	enum { N = 40 };
	static change cs[N];
	static char keys[4][4] = {"k0", "k1", "k2", "k3"};
	loop *l = loop_new();
	const char *dsn = work_database("together");
	ledger *g = ledger_on(l, dsn, false);
	bool all_done = false;
	int left = N, replays = 0;
	for (int i = 0; i < N; i++) {
		change_init(&cs[i], 0, &all_done, &left);
		key_set(&cs[i], keys[i % 4], (uint8_t)(i % 4));
		ledger_run(g, &cs[i].op);
	}
	pg_run_until(l, &all_done);
	for (int i = 0; i < N; i++) {
		cr_expect_eq(cs[i].e, ERR_OK, "%s", err_code(cs[i].e));
		replays += cs[i].is_replay;
	}
	cr_expect_eq(replays, N - 4);
	cr_expect_eq(pg_int(dsn, "SELECT n FROM item WHERE id = 'i1'"), 4);
	ledger_free(g);
	loop_free(l);
}

Test(ledger, a_denial_is_a_record_without_a_statement)
{
	loop *l = loop_new();
	const char *dsn = work_database("denied");
	ledger *g = ledger_on(l, dsn, false);
	change c;
	change_init(&c, 0, NULL, NULL);
	c.op.stmt = 0;
	c.op.in = NULL;
	c.op.outcome = S("refused:permission_denied");
	run_one(g, l, &c);
	cr_expect_eq(c.e, ERR_PERMISSION_DENIED);
	cr_expect_eq(c.revision, 1);
	cr_expect_eq(chain_verify(dsn).records, 1);
	ledger_free(g);
	loop_free(l);
}

Test(ledger, an_identifier_that_is_not_text_harms_nobody_else)
{
	static change cs[3];
	loop *l = loop_new();
	const char *dsn = work_database("nul");
	ledger *g = ledger_on(l, dsn, false);
	bool all_done = false;
	int left = 3;
	for (int i = 0; i < 3; i++)
		change_init(&cs[i], i, &all_done, &left);
	cs[1].op.request_id = str_of("a\0b", 3);
	for (int i = 0; i < 3; i++)
		ledger_run(g, &cs[i].op);
	pg_run_until(l, &all_done);
	cr_expect(cs[0].e == ERR_OK && cs[1].e == ERR_BAD_REQUEST && cs[2].e == ERR_OK);
	cr_expect_eq(chain_verify(dsn).records, 2);
	ledger_free(g);
	loop_free(l);
}

Test(ledger, sees_only_its_scope)
{
	loop *l = loop_new();
	const char *dsn = work_database("scope");
	ledger *g = ledger_on(l, dsn, false);
	change c;
	change_init(&c, 0, NULL, NULL);
	c.in.id = S("i2");
	run_one(g, l, &c);
	cr_expect_eq(c.e, ERR_NOT_FOUND);
	cr_expect_eq(pg_int(dsn, "SELECT n FROM item WHERE id = 'i2'"), 0);
	ledger_free(g);
	loop_free(l);
}
