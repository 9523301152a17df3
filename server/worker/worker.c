#include <signal.h>

#include "base/log.h"
#include "server/audit/seal.h"
#include "server/process.h"
#include "server/worker/bootstrap.h"
#include "server/worker/jobs.h"
#include "server/worker/planner.h"
#include "server/worker/raises.h"
#include "server/worker/simulator.h"

enum { AGAIN_MS = 1000 };
/* The books are read whole, however many there are. */
#define READ_DEADLINE_US (10 * 60 * 1000000LL)

/* The role for what nobody waits for: the first token, purges, second opinions; and for what takes longer than an edge
 * may think: plans, applies, exports, what would be. Roll-ups come here too. */
typedef struct worker {
	process *process;
	lane *lane;
	ledger *ledger;
	db_reader *reader;
	jobs *jobs;
	raises *raises;
	seal *seal; /* NULL: its key cannot be read */
	planner *planner;
	simulator *simulator;
	bootstrap *bootstrap;
	loop_timer *again;
} worker;

static void on_bootstrap(void *arg, err e, const fault *f)
{
	worker *w = arg;

	if (e) {
		log_warn("admin_token.failed", KV_ERR(e), KV_Z("why", f->detail));
		loop_timer_arm(w->again, (int64_t)AGAIN_MS * 1000);
		return;
	}
	notify_send(w->process->notify, NOTIFY_GOVERNANCE);
}

static void bootstrap_try(void *arg)
{
	worker *w = arg;

	bootstrap_free(w->bootstrap);
	w->bootstrap = bootstrap_begin(w->process->settings->data_dir, w->reader, w->ledger, on_bootstrap, w);
}

static void on_stop(void *arg, int signo)
{
	worker *w = arg;

	(void)signo;
	loop_stop(w->process->loop);
}

static void on_look(void *arg, int what)
{
	worker *w = arg;

	if ((what & NOTIFY_ASKS) && w->planner)
		planner_look(w->planner);
	if ((what & NOTIFY_ASKS) && w->simulator)
		simulator_look(w->simulator);
	if ((what & NOTIFY_GOVERNANCE) && w->raises)
		raises_look(w->raises);
}

static void on_governed(void *arg)
{
	worker *w = arg;

	notify_send(w->process->notify, NOTIFY_GOVERNANCE);
}

static db_options options(const process *p, const char *kind, const char *role)
{
	return (db_options){.dsn = p->dsn, .kind = kind, .role = role, .is_platform = true};
}

static void seal_open(worker *w, const server_settings *set)
{
	fault f = {0};
	seal_options o = {.data_dir = set->data_dir,
		.file = set->audit_file,
		.url = set->audit_url,
		.records = SEAL_RECORDS_MAX,
		.every_ms = set->audit_every_s * 1000,
		.pause_ms = SEAL_PAUSE_MS,
		.write = w->lane,
		.read = w->reader};

	if (seal_new(w->process->loop, &o, &w->seal, &f))
		log_error("audit.key", KV_Z("why", f.detail));
}

static void worker_open(worker *w, process *p)
{
	w->process = p;
	p->notify = notify_new(p->loop, p->run_dir, "worker", p->edges, on_look, w);
	w->lane = lane_new(p->loop, &(lane_options){.db = options(p, "worker-jobs", "reeve_jobs")});
	w->ledger = ledger_new(p->loop, &(ledger_options){.db = options(p, "worker-ledger", "reeve_platform")});
	w->reader = reader_new(p->loop, &(reader_options){.platform = options(p, "worker-read", "reeve_jobs"),
						.platform_n = 1,
						.deadline_us = READ_DEADLINE_US});
	w->jobs = jobs_new(p->loop, w->lane, w->reader, p->settings->audit_keep_days);
	w->raises = raises_new(p->loop, w->reader, w->ledger, on_governed, w);
	seal_open(w, p->settings);
	w->planner = planner_new(p->loop, &(planner_options){.dsn = p->dsn, .on_governed = on_governed, .arg = w});
	w->simulator = simulator_new(p->loop, p->dsn);
	w->again = loop_timer_new(p->loop, bootstrap_try, w);
}

static void worker_close(worker *w)
{
	/* These answer what is still asked, so whoever asked goes after them. */
	planner_free(w->planner);
	simulator_free(w->simulator);
	lane_free(w->lane);
	ledger_free(w->ledger);
	reader_free(w->reader);
	jobs_free(w->jobs);
	raises_free(w->raises);
	seal_free(w->seal);
	loop_timer_free(w->again);
	bootstrap_free(w->bootstrap);
	notify_free(w->process->notify);
}

int worker_run(process *p)
{
	worker w = {0};

	worker_open(&w, p);
	loop_on_signal(p->loop, SIGTERM, on_stop, &w);
	loop_on_signal(p->loop, SIGINT, on_stop, &w);
	bootstrap_try(&w);
	loop_run(p->loop);
	worker_close(&w);
	return 0;
}
