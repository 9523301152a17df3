/* replay: a recorded workload through the front door of a real server, judged. Steps: read the trace, make the fleet,
 * send the pods in order, read everything back, report. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/replay/check.h"

enum {
	PATH_BYTES = 4096,
	JOIN_TIMEOUT_MS = 120000,
	SETTLE_MS = 60000,
	POLL_MS = 20,
	PROGRESS_US = 100000,
	CODES_MAX = 32
};

typedef struct replay_settings {
	client_settings client;
	const char *nodes, *pods, *log, *agent, *folder, *node_policy, *device_policy;
	int64_t chunk, clusters, tenants, limit, give_up_s;
	bool no_wait, quiet;
} replay_settings;

#define TEXT(name_, m, initial_, help_)                                                                                \
	{                                                                                                              \
		.name = name_, .kind = SETTING_TEXT, .at = offsetof(replay_settings, m), .initial = initial_,          \
		.help = help_                                                                                          \
	}
#define NUMBER(name_, m, initial_, lo, hi, help_)                                                                      \
	{                                                                                                              \
		.name = name_, .kind = SETTING_I64, .at = offsetof(replay_settings, m), .initial = initial_,           \
		.min = lo, .max = hi, .help = help_                                                                    \
	}
#define SWITCH(name_, m, help_)                                                                                        \
	{                                                                                                              \
		.name = name_, .kind = SETTING_BOOL, .at = offsetof(replay_settings, m), .initial = "false",           \
		.help = help_                                                                                          \
	}

static const setting rows[] = {
	CLIENT_SETTING_ROWS(replay_settings),
	TEXT("nodes", nodes, "", "CSV of nodes: the published list, or nodes.csv of an order folder."),
	TEXT("pods", pods, "", "CSV of pods: a published list, or pods.csv of an order folder."),
	TEXT("log", log, "", "Where to write the decisions, in the judge's form."),
	TEXT("agent", agent, "", "The reeve-agent program. Empty: the one beside this program."),
	TEXT("folder", folder, "", "Folder for the agents' state. Empty: one under the temporary folder."),
	TEXT("node-policy", node_policy, "fragmentation", "How nodes are chosen: fragmentation, binpack or spread."),
	TEXT("device-policy", device_policy, "fragmentation",
		"How devices are chosen: fragmentation, binpack or spread."),
	NUMBER("batch", chunk, "500", 1, 1000, "Placements per call."),
	NUMBER("clusters", clusters, "3", 1, FLEET_CLUSTERS_MAX, "Simulated clusters the nodes are spread over."),
	NUMBER("tenants", tenants, "5", 1, FLEET_TENANTS_MAX, "Tenants the pods are spread over. They get no limits."),
	NUMBER("limit", limit, "0", 0, 10000000, "Only the first so many pods. 0: all."),
	NUMBER("give-up-s", give_up_s, "300", 1, 86400, "How long one call is repeated while the server is away."),
	SWITCH("no-wait", no_wait,
		"Decide each pod at once, in order, and refuse what does not fit; also writes the order folder beside --log."),
	SWITCH("quiet", quiet, "No progress, only the result."),
};
static const setting_table table = {
	.program = "reeve replay",
	.usage = "--nodes FILE --pods FILE [options]",
	.about =
		"Sends a recorded workload through a running server: makes clusters with simulated agents, tenants and device classes,\n"
		"then every pod as a placement, in order. Checks every decision against its own picture of the nodes, and the\n"
		"server's books against their rows. Exit code 1 when anything is illegal, lost, doubled or unexplained.",
	.rows = rows,
	.n = sizeof(rows) / sizeof(*rows),
};

typedef struct replay {
	replay_settings set;
	trace trace;
	outcomes out;
	replay_fleet fleet;
	sender sender;
	vec(uint32_t) order; /* decisions in the order taken */
	vec(bool) is_free;
	vec(uint32_t) leaving; /* placed pods that will end, by end */
	int64_t begun_us, ended_us, next_progress_us;
} replay;

static double end_of(const replay *r, uint32_t seq)
{
	return r->trace.pods.v[seq].arrive_s + r->trace.pods.v[seq].life_s;
}

static void progress(replay *r, uint32_t sent)
{
	int64_t now = clock_mono_us();

	if (r->set.quiet || (now < r->next_progress_us && sent < r->trace.pods.n))
		return;
	r->next_progress_us = now + PROGRESS_US;
	fprintf(stderr, "\r%u of %u pods, %.1f %% of the GPUs allocated ", sent, r->trace.pods.n,
		100.0 * (double)r->out.used_gpu_milli / (1000.0 * (double)r->trace.gpus));
}

static void decided(replay *r, uint32_t seq)
{
	vec_push(&r->order, seq);
	vec_push(&r->is_free, false);
	if (r->out.pods[seq].state == POD_PLACED && r->trace.pods.v[seq].life_s > 0)
		vec_push(&r->leaving, seq);
}

/* The placed pod that ends first at or before `at`, or -1. Of equals the earliest, as the judge's heap has it. */
static int64_t leaving_first(const replay *r, double at)
{
	int64_t best = -1;

	for (uint32_t i = 0; i < r->leaving.n; i++) {
		uint32_t seq = r->leaving.v[i];
		if (end_of(r, seq) > at)
			continue;
		if (best < 0 || end_of(r, seq) < end_of(r, r->leaving.v[best]) ||
			(end_of(r, seq) <= end_of(r, r->leaving.v[best]) && seq < r->leaving.v[best]))
			best = i;
	}
	return best;
}

static err leave_until(replay *r, double at, fault *f)
{
	int64_t i;

	while ((i = leaving_first(r, at)) >= 0) {
		uint32_t seq = r->leaving.v[i];
		err e = send_release(&r->sender, seq, f);
		if (e)
			return e;
		vec_remove_fast(&r->leaving, i);
		vec_push(&r->order, seq);
		vec_push(&r->is_free, true);
	}
	return ERR_OK;
}

/* How many pods from `from` on go in one call: none may have to wait for a release before it. */
static uint32_t chunk_end(const replay *r, uint32_t from)
{
	uint32_t to = from + 1;

	while (to < r->trace.pods.n && to - from < (uint32_t)r->set.chunk) {
		double at = r->trace.pods.v[to].arrive_s;
		bool is_due = leaving_first(r, at) >= 0;
		for (uint32_t i = from; i < to && r->trace.is_timed && !is_due; i++)
			is_due = r->trace.pods.v[i].life_s > 0 && end_of(r, i) <= at;
		if (is_due)
			break;
		to++;
	}
	return to;
}

static err run(replay *r, fault *f)
{
	err e = ERR_OK;

	r->begun_us = clock_mono_us();
	for (uint32_t from = 0; from < r->trace.pods.n && !e;) {
		e = leave_until(r, r->trace.pods.v[from].arrive_s, f);
		uint32_t to = chunk_end(r, from);
		if (!e)
			e = send_pods(&r->sender, from, to, f);
		for (uint32_t i = from; i < to && !e; i++)
			decided(r, i);
		from = to;
		progress(r, to);
		replay_fleet_tend(&r->fleet);
	}
	r->ended_us = clock_mono_us();
	if (!r->set.quiet)
		fprintf(stderr, "\r%70s\r", "");
	return e;
}

static int by_number(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void latencies(const replay *r, double *ret_p50_ms, double *ret_p99_ms)
{
	AUTO_ARENA a = arena_new(0);
	uint32_t n = r->trace.pods.n;
	int64_t *v = ARENA_ARRAY(a, int64_t, n);

	for (uint32_t i = 0; i < n; i++)
		v[i] = r->out.pods[i].latency_us;
	qsort(v, n, sizeof(*v), by_number);
	*ret_p50_ms = (double)v[n / 2] / 1000;
	*ret_p99_ms = (double)v[(uint64_t)n * 99 / 100] / 1000;
}

static void report_blockers(const replay *r)
{
	str codes[CODES_MAX];
	int64_t counts[CODES_MAX] = {0};
	uint32_t n = 0;

	for (uint32_t i = 0; i < r->trace.pods.n; i++) {
		const pod_outcome *p = &r->out.pods[i];
		uint32_t k = 0;
		if (p->state != POD_WAITING)
			continue;
		while (k < n && !str_eq(codes[k], p->blocker))
			k++;
		if (k == n && n < CODES_MAX)
			codes[n++] = p->blocker;
		counts[k < CODES_MAX ? k : CODES_MAX - 1]++;
	}
	for (uint32_t k = 0; k < n; k++)
		printf("  blocked by %-28.*s %lld\n", (int)codes[k].n, codes[k].p ? codes[k].p : "(nothing named)",
			(long long)counts[k]);
}

static void report(const replay *r, const replay_check *c)
{
	double seconds = (double)(r->ended_us - r->begun_us) / 1e6;
	double p50, p99;

	latencies(r, &p50, &p99);
	printf("pods sent              %u\n", r->trace.pods.n);
	printf("placed                 %lld\n", (long long)c->placed);
	printf("waiting                %lld\n", (long long)c->waiting);
	report_blockers(r);
	printf("refused                %lld\n", (long long)c->refused);
	printf("ended                  %lld\n", (long long)c->ended);
	printf("GPU allocation         %.3f %% of %lld GPUs\n",
		100.0 * (double)c->used_gpu_milli / (1000.0 * (double)r->trace.gpus), (long long)r->trace.gpus);
	printf("time                   %.2f s, %lld calls, %lld repeated\n", seconds, (long long)r->sender.calls,
		(long long)r->sender.repeats);
	printf("decisions per second   %.0f\n", seconds > 0 ? r->trace.pods.n / seconds : 0);
	printf("latency p50, p99       %.1f ms, %.1f ms (one call of up to %lld)\n", p50, p99, (long long)r->set.chunk);
	printf("illegal decisions      %lld %s\n", (long long)(c->illegal + r->out.illegal),
		r->out.illegal ? r->out.first_illegal : c->first_illegal);
	printf("lost, doubled          %lld, %lld\n", (long long)c->lost, (long long)c->doubled);
	printf("waiting without number %lld\n", (long long)c->without_number);
	printf("books                  %s\n", !c->has_books  ? "not asked (the token may not)"
					      : c->is_intact ? "equal to their rows, both chains intact"
							     : "WRONG");
	if (c->has_books && !c->is_intact)
		printf("  " STR_FMT "\n", STR_ARG(c->books));
}

static err log_write(replay *r, fault *f)
{
	char folder[PATH_BYTES];

	if (!*r->set.log)
		return ERR_OK;
	err e = outcomes_write_log(&r->out, r->set.log, r->order.v, r->is_free.v, r->order.n, f);
	if (e || !r->set.no_wait)
		return e;
	snprintf(folder, sizeof(folder), "%s", r->set.log);
	char *slash = strrchr(folder, '/');
	if (slash)
		*slash = 0;
	return trace_write(&r->trace, slash ? folder : ".", f);
}

static void agent_beside(char out[PATH_BYTES])
{
	ssize_t n = readlink("/proc/self/exe", out, PATH_BYTES - 1);

	out[n > 0 ? n : 0] = 0;
	char *slash = strrchr(out, '/');
	snprintf(slash ? slash + 1 : out, (size_t)(PATH_BYTES - (slash ? slash + 1 - out : 0)), "reeve-agent");
}

static err prepare(replay *r, arena *a, char agent[PATH_BYTES], char folder[PATH_BYTES], fault *f)
{
	const char *temporary = getenv("TMPDIR");

	if (!*r->set.nodes || !*r->set.pods)
		return fault_set(f, ERR_SETTING, NULL, "needs --nodes FILE and --pods FILE; see reeve replay --help");
	err e = trace_read(&r->trace, a, r->set.nodes, r->set.pods, f);
	if (!e)
		e = trace_classes_check(&r->trace, f);
	if (e)
		return e;
	if (r->set.limit && r->set.limit < r->trace.pods.n)
		r->trace.pods.n = (uint32_t)r->set.limit;
	agent_beside(agent);
	if (*r->set.agent)
		snprintf(agent, PATH_BYTES, "%s", r->set.agent);
	if (access(agent, X_OK) != 0)
		return fault_set(f, ERR_IO, NULL, "there is no agent program %s (--agent)", agent);
	snprintf(folder, PATH_BYTES, "%s", r->set.folder);
	if (*folder)
		return mkdir(folder, 0700) == 0 || errno == EEXIST
			       ? ERR_OK
			       : fault_set(f, ERR_IO, NULL, "cannot make %s: %s", folder, strerror(errno));
	snprintf(folder, PATH_BYTES, "%s/reeve-replay-XXXXXX", temporary && *temporary ? temporary : "/tmp");
	return mkdtemp(folder) ? ERR_OK : fault_set(f, ERR_IO, NULL, "cannot make %s: %s", folder, strerror(errno));
}

/* Agents have taken what was granted when nothing is on its way any more. */
static void settle_agents(replay *r)
{
	int64_t deadline_us = clock_mono_us() + (int64_t)SETTLE_MS * 1000;
	fault ignored;

	while (clock_mono_us() < deadline_us) {
		AUTO_ARENA a = arena_new(0);
		str body = STR_NONE;
		const char *path = str_print(a,
			"/v1/placements?tenant=%s&subtree=true&state=granted,delivered,accepted,bound&limit=1%c",
			r->fleet.root, 0)
					   .p;
		if (client_get(r->fleet.client, a, path, &body, &ignored) == ERR_OK &&
			str_eq(json_member(body, "items", a), S("[]")))
			return;
		replay_fleet_tend(&r->fleet);
		clock_sleep_ms(POLL_MS);
	}
}

static err play(replay *r, arena *a, bool *ret_held, fault *f)
{
	replay_check c;
	err e = replay_fleet_open(&r->fleet, JOIN_TIMEOUT_MS, f);

	if (!e)
		e = run(r, f);
	if (!e)
		settle_agents(r);
	if (!e && !r->set.no_wait)
		e = send_look_again(&r->sender, f);
	if (!e)
		e = replay_check_run(&r->sender, a, &c, f);
	if (!e)
		e = log_write(r, f);
	if (!e) {
		report(r, &c);
		*ret_held = replay_check_held(&c) && !r->out.illegal;
	}
	replay_fleet_close(&r->fleet);
	return e;
}

static void replay_done(replay *r)
{
	outcomes_done(&r->out);
	trace_done(&r->trace);
	vec_done(&r->order);
	vec_done(&r->is_free);
	vec_done(&r->leaving);
	client_close(r->fleet.client);
}

int command_replay(int argc, char **argv)
{
	replay r = {0};
	fault f = {0};
	int operand = 0;
	bool is_done = false, held = false;
	char agent[PATH_BYTES], folder[PATH_BYTES];
	AUTO_ARENA a = arena_new((size_t)1 << 30);

	if (setting_read(&table, &r.set, NULL, argc, argv, &operand, &is_done, &f))
		return command_fail("replay", &f, 2);
	if (is_done)
		return 0;
	if (prepare(&r, a, agent, folder, &f))
		return command_fail("replay", &f, 2);
	outcomes_init(&r.out, &r.trace);
	r.fleet = (replay_fleet){.client = client_open(&r.set.client),
		.server = &r.set.client,
		.trace = &r.trace,
		.agent = agent,
		.folder = folder,
		.clusters = r.set.clusters,
		.tenants = r.set.tenants};
	r.sender = (sender){.fleet = &r.fleet,
		.out = &r.out,
		.node_policy = r.set.node_policy,
		.device_policy = r.set.device_policy,
		.may_wait = !r.set.no_wait,
		.give_up_ms = r.set.give_up_s * 1000,
		.kept = a};
	err e = play(&r, a, &held, &f);
	replay_done(&r);
	if (e)
		return command_fail("replay", &f, 1);
	return held ? 0 : 1;
}
