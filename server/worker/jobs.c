#include "server/worker/jobs.h"

#include <assert.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "db/sql.h"

enum { MINUTE_MS = 60000, OP_KEY_KEPT_S = 86400, USAGE_KEPT_S = 3 * 86400, LOOK_MS = 1000 };

typedef struct job {
	const char *name;
	int64_t every_ms;
	void (*run)(jobs *j);
} job;

struct jobs {
	lane *write;
	db_reader *read;
	loop_timer *timer;
	bool is_busy;
	int64_t due_us[8];
	sql_op_key_purge_in op_keys;
	sql_usage_purge_in usage;
};

static void job_ended(jobs *j, const db_reply *r, const char *name)
{
	j->is_busy = false;
	if (r->e)
		log_warn("job.failed", KV_Z("job", name), KV_ERR(r->e), KV_Z("why", r->f.detail));
}

static void on_op_keys(void *arg, db_reply *r)
{
	job_ended(arg, r, "op_key_purge");
}

static void on_usage(void *arg, db_reply *r)
{
	job_ended(arg, r, "usage_purge");
}

/* Reality is recorded, never refused: what does not balance is told to whoever watches the log. */
static void on_books(void *arg, db_reply *r)
{
	job_ended(arg, r, "books_check");
	if (r->e || r->rows != 1)
		return;
	int64_t tenants = db_i64(r, 0, "tenant_use_wrong"), devices = db_i64(r, 0, "device_use_wrong");
	int64_t nodes = db_i64(r, 0, "node_use_wrong"), gaps = db_i64(r, 0, "stream_gaps");
	if (tenants || devices || nodes || gaps)
		log_error("books.wrong", KV_I64("tenant_rows", tenants), KV_I64("device_rows", devices),
			KV_I64("node_rows", nodes), KV_I64("stream_gaps", gaps));
}

static void op_key_purge(jobs *j)
{
	j->op_keys = (sql_op_key_purge_in){.older_than_s = OP_KEY_KEPT_S};
	lane_run(j->write, 0, DB_PLATFORM, SQL_OP_KEY_PURGE, &j->op_keys, on_op_keys, j);
}

static void usage_purge(jobs *j)
{
	j->usage = (sql_usage_purge_in){.older_than_s = USAGE_KEPT_S};
	lane_run(j->write, 0, DB_PLATFORM, SQL_USAGE_PURGE, &j->usage, on_usage, j);
}

static void books_check(jobs *j)
{
	db_read(j->read, DB_PLATFORM, SQL_BOOKS_CHECK, NULL, on_books, j);
}

static const job table[] = {
	{"op_key_purge", 10 * MINUTE_MS, op_key_purge},
	{"usage_purge", 60 * MINUTE_MS, usage_purge},
	{"books_check", 5 * MINUTE_MS, books_check},
};
enum { JOBS = sizeof(table) / sizeof(*table) };

static void on_look(void *arg)
{
	jobs *j = arg;
	int64_t now = clock_mono_us();

	for (size_t i = 0; i < JOBS && !j->is_busy; i++) {
		if (j->due_us[i] > now)
			continue;
		j->due_us[i] = now + table[i].every_ms * 1000;
		j->is_busy = true;
		table[i].run(j);
	}
	loop_timer_arm(j->timer, (int64_t)LOOK_MS * 1000);
}

jobs *jobs_new(loop *l, lane *write, db_reader *read)
{
	jobs *j = calloc(1, sizeof(*j));

	assert(j && JOBS <= sizeof(j->due_us) / sizeof(*j->due_us));
	j->write = write;
	j->read = read;
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
