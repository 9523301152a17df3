#include "server/worker/jobs.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "db/sql.h"

enum {
	MINUTE_MS = 60000,
	OP_KEY_KEPT_S = 86400,
	USAGE_KEPT_S = 3 * 86400,
	ASK_KEPT_S = 3600,
	PLAN_KEPT_S = 30 * 86400,
	LOOK_MS = 1000,
	PURGE_ROWS = 10000,
	SWEEP_MS = 5000,
	SWEEP_ROWS = 2000,
	ROLL_MS = 5 * MINUTE_MS,
	ROLL_STEP_S = 86400,
	ROLL_LAG_S = 600,
	NOTE_MS = 2000,
	NOTE_ROWS = 10000
};

typedef struct job {
	const char *name;
	int64_t every_ms;
	void (*run)(jobs *j);
} job;

static void op_key_purge(jobs *j);
static void usage_purge(jobs *j);
static void identity_purge(jobs *j);
static void ask_purge(jobs *j);
static void plan_purge(jobs *j);
static void policy_sweep(jobs *j);
static void audit_prune(jobs *j);
static void decision_note(jobs *j);
static void usage_roll(jobs *j);
static void usage_summarize(jobs *j);
static void books_tenants(jobs *j);
static void books_inventory(jobs *j);
static void books_streams(jobs *j);
static void books_usage(jobs *j);

static const job table[] = {
	{"op_key_purge", 10 * MINUTE_MS, op_key_purge},
	{"usage_purge", 60 * MINUTE_MS, usage_purge},
	{"identity_purge", 10 * MINUTE_MS, identity_purge},
	{"ask_purge", 10 * MINUTE_MS, ask_purge},
	{"plan_purge", 60 * MINUTE_MS, plan_purge},
	{"policy_sweep", SWEEP_MS, policy_sweep},
	{"audit_prune", 10 * MINUTE_MS, audit_prune},
	{"decision_note", NOTE_MS, decision_note},
	{"usage_roll", ROLL_MS, usage_roll},
	{"usage_summarize", ROLL_MS, usage_summarize},
	{"books_tenants", 5 * MINUTE_MS, books_tenants},
	{"books_inventory", 5 * MINUTE_MS, books_inventory},
	{"books_streams", 5 * MINUTE_MS, books_streams},
	{"books_usage", 60 * MINUTE_MS, books_usage},
};
enum { JOBS = sizeof(table) / sizeof(*table) };

struct jobs {
	lane *write;
	db_reader *read;
	loop_timer *timer;
	bool is_busy;
	size_t now; /* the one that is busy */
	int64_t due_us[JOBS];
	sql_op_key_purge_in op_keys;
	sql_usage_purge_in usage;
	sql_identity_purge_in identities;
	sql_ask_purge_in asks;
	sql_plan_purge_in plans;
	sql_policy_sweep_in sweep;
	sql_audit_prune_in records;
	sql_decision_note_in decisions;
	sql_usage_roll_in roll;
	int64_t audit_keep_days, audit_floor;
	char swept_id[ID_MAX];        /* the last of the page before */
	int64_t swept_rev, sweep_rev; /* of the applies that all was, or is, looked at for; -1: none yet */
};

/* The next one begins at the next look; what is left of this one at once. */
static void job_ended(jobs *j, const db_reply *r, bool has_more)
{
	const job *of = &table[j->now];

	j->is_busy = false;
	if (r->e)
		log_warn("job.failed", KV_Z("job", of->name), KV_ERR(r->e), KV_Z("why", r->f.detail));
	if (!has_more)
		return;
	j->due_us[j->now] = clock_mono_us();
	loop_timer_arm(j->timer, 0);
}

static void on_purged(void *arg, db_reply *r)
{
	job_ended(arg, r, !r->e && r->rows && db_i64(r, 0, "deleted") > 0);
}

/* A device that holds more than it has is how things are, not a mistake in the books. */
static bool is_mistake(const char *column)
{
	return strcmp(column, "device_over") != 0;
}

/* Reality is recorded, never refused: what does not balance is told to whoever watches the log. */
static void on_books(void *arg, db_reply *r)
{
	const sql_stmt *s = &sql_stmts[r->stmt];

	job_ended(arg, r, false);
	for (uint16_t i = 0; !r->e && r->rows && i < s->out_n; i++)
		if (is_mistake(s->out[i].name) && db_i64_at(r, 0, i))
			log_error("books.wrong", KV_Z("what", s->out[i].name), KV_I64("rows", db_i64_at(r, 0, i)));
}

static void op_key_purge(jobs *j)
{
	j->op_keys = (sql_op_key_purge_in){.older_than_s = OP_KEY_KEPT_S, .limit = PURGE_ROWS};
	lane_run(j->write, 0, DB_PLATFORM, SQL_OP_KEY_PURGE, &j->op_keys, on_purged, j);
}

static void usage_purge(jobs *j)
{
	j->usage = (sql_usage_purge_in){.older_than_s = USAGE_KEPT_S, .limit = PURGE_ROWS};
	lane_run(j->write, 0, DB_PLATFORM, SQL_USAGE_PURGE, &j->usage, on_purged, j);
}

static void identity_purge(jobs *j)
{
	j->identities.limit = PURGE_ROWS;
	lane_run(j->write, 0, DB_PLATFORM, SQL_IDENTITY_PURGE, &j->identities, on_purged, j);
}

static void ask_purge(jobs *j)
{
	j->asks = (sql_ask_purge_in){.older_than_s = ASK_KEPT_S, .limit = PURGE_ROWS};
	lane_run(j->write, 0, DB_PLATFORM, SQL_ASK_PURGE, &j->asks, on_purged, j);
}

static void plan_purge(jobs *j)
{
	j->plans = (sql_plan_purge_in){.older_than_s = PLAN_KEPT_S, .limit = PURGE_ROWS};
	lane_run(j->write, 0, DB_PLATFORM, SQL_PLAN_PURGE, &j->plans, on_purged, j);
}

/* What goes is told, with the checkpoint that is left of it. */
static void on_pruned(void *arg, db_reply *r)
{
	jobs *j = arg;
	int64_t floor = !r->e && r->rows ? db_i64(r, 0, "floor") : j->audit_floor;

	if (floor > j->audit_floor)
		log_info("audit.pruned", KV_I64("up_to", floor), KV_I64("keep_days", j->audit_keep_days));
	j->audit_floor = floor;
	on_purged(j, r);
}

static void audit_prune(jobs *j)
{
	j->records = (sql_audit_prune_in){.keep_s = j->audit_keep_days * 86400, .limit = PURGE_ROWS};
	if (j->audit_keep_days)
		lane_run(j->write, 0, DB_PLATFORM, SQL_AUDIT_PRUNE, &j->records, on_pruned, j);
	else
		j->is_busy = false;
}

static void on_noted(void *arg, db_reply *r)
{
	job_ended(arg, r, !r->e && r->rows && db_i64(r, 0, "rows") == NOTE_ROWS);
}

static void decision_note(jobs *j)
{
	j->decisions.limit = NOTE_ROWS;
	lane_run(j->write, 0, DB_PLATFORM, SQL_DECISION_NOTE, &j->decisions, on_noted, j);
}

static void on_rolled(void *arg, db_reply *r)
{
	job_ended(arg, r, !r->e && r->rows && db_bool(r, 0, "has_more"));
}

static void on_summarized(void *arg, db_reply *r)
{
	job_ended(arg, r, false);
}

static void usage_summarize(jobs *j)
{
	lane_run(j->write, 0, DB_PLATFORM, SQL_USAGE_SUMMARIZE, NULL, on_summarized, j);
}

static void usage_roll(jobs *j)
{
	j->roll = (sql_usage_roll_in){.step_s = ROLL_STEP_S, .lag_s = ROLL_LAG_S};
	lane_run(j->write, 0, DB_PLATFORM, SQL_USAGE_ROLL, &j->roll, on_rolled, j);
}

static void on_swept(void *arg, db_reply *r);

static void page_sweep(jobs *j)
{
	j->sweep = (sql_policy_sweep_in){str_from(j->swept_id), SWEEP_ROWS};
	lane_run(j->write, 0, DB_PLATFORM, SQL_POLICY_SWEEP, &j->sweep, on_swept, j);
}

static void on_swept(void *arg, db_reply *r)
{
	jobs *j = arg;
	bool is_page = !r->e && r->rows;

	if (is_page && db_i64(r, 0, "seen") == SWEEP_ROWS) {
		snprintf(j->swept_id, sizeof(j->swept_id), STR_FMT, STR_ARG(db_text(r, 0, "last")));
		page_sweep(j);
		return;
	}
	if (is_page)
		j->swept_rev = j->sweep_rev;
	job_ended(j, r, false);
}

static void on_policy_head(void *arg, db_reply *r)
{
	jobs *j = arg;

	if (r->e || !r->rows || db_i64(r, 0, "rev") == j->swept_rev) {
		job_ended(j, r, false);
		return;
	}
	j->sweep_rev = db_i64(r, 0, "rev");
	j->swept_id[0] = '\0';
	page_sweep(j);
}

/* What runs is looked at when another policy was applied, and when the worker starts. */
static void policy_sweep(jobs *j)
{
	db_read(j->read, DB_PLATFORM, SQL_POLICY_HEAD, NULL, on_policy_head, j);
}

static void books_tenants(jobs *j)
{
	db_read(j->read, DB_PLATFORM, SQL_BOOKS_TENANTS, NULL, on_books, j);
}

static void books_inventory(jobs *j)
{
	db_read(j->read, DB_PLATFORM, SQL_BOOKS_INVENTORY, NULL, on_books, j);
}

static void books_streams(jobs *j)
{
	db_read(j->read, DB_PLATFORM, SQL_BOOKS_STREAMS, NULL, on_books, j);
}

static void books_usage(jobs *j)
{
	db_read(j->read, DB_PLATFORM, SQL_BOOKS_USAGE, NULL, on_books, j);
}

static void on_look(void *arg)
{
	jobs *j = arg;
	int64_t now = clock_mono_us();

	for (size_t i = 0; i < JOBS && !j->is_busy; i++) {
		if (j->due_us[i] > now)
			continue;
		j->due_us[i] = now + table[i].every_ms * 1000;
		j->is_busy = true;
		j->now = i;
		table[i].run(j);
	}
	loop_timer_arm(j->timer, (int64_t)LOOK_MS * 1000);
}

jobs *jobs_new(loop *l, lane *write, db_reader *read, int64_t audit_keep_days)
{
	jobs *j = calloc(1, sizeof(*j));

	assert(j);
	j->write = write;
	j->swept_rev = -1;
	j->read = read;
	j->audit_keep_days = audit_keep_days;
	for (size_t i = 0; i < JOBS; i++)
		j->due_us[i] = clock_mono_us() + table[i].every_ms * 1000;
	j->timer = loop_timer_new(l, on_look, j);
	loop_timer_arm(j->timer, (int64_t)LOOK_MS * 1000);
	return j;
}

void jobs_free(jobs *j)
{
	if (!j)
		return;
	loop_timer_free(j->timer);
	free(j);
}
