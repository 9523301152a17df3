/* simulate: the engine on a recorded workload, in this process and without a server. Steps: read the files, decide
 * every pod, count, report. */
#include <stdio.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/simulate/report.h"

enum { REPEAT_MAX = 1000, RATE_MAX = 1000, NAMES_BYTES = 256 };

typedef struct simulate_settings {
	const char *nodes, *pods, *policy, *log, *typical, *prices;
	int64_t clusters, moves, rate, repeat, limit;
	bool json, quiet, policies, known;
} simulate_settings;

#define TEXT(name_, m, initial_, help_)                                                                                \
	{                                                                                                              \
		.name = name_, .kind = SETTING_TEXT, .at = offsetof(simulate_settings, m), .initial = initial_,        \
		.help = help_                                                                                          \
	}
#define NUMBER(name_, m, initial_, lo, hi, help_)                                                                      \
	{                                                                                                              \
		.name = name_, .kind = SETTING_I64, .at = offsetof(simulate_settings, m), .initial = initial_,         \
		.min = lo, .max = hi, .help = help_                                                                    \
	}
#define SWITCH(name_, m, help_)                                                                                        \
	{                                                                                                              \
		.name = name_, .kind = SETTING_BOOL, .at = offsetof(simulate_settings, m), .initial = "false",         \
		.help = help_                                                                                          \
	}

static const setting rows[] = {
	TEXT("nodes", nodes, "",
		"CSV of nodes: the published list, or nodes.csv of an order folder. File order is rank."),
	TEXT("pods", pods, "",
		"CSV of pods: a published list, or pods.csv of an order folder, with or without life times."),
	TEXT("policy", policy, "fragmentation", "How pods are placed; --policies lists the names."),
	TEXT("log", log, "", "Where to write the decisions, in the judge's form."),
	TEXT("typical", typical, "",
		"CSV of the mix that fragmentation is measured against. Empty: typical.csv beside the pods, or counted."),
	TEXT("prices", prices, "",
		"What a thousandth of a GPU costs, for the policy cost: MODEL=NUMBER,.. Models that are not named cost 1."),
	NUMBER("clusters", clusters, "1", 1, STAGE_CLUSTERS_MAX, "Clusters that the nodes are dealt to."),
	NUMBER("moves", moves, "0", 0, MOVER_MOVES_MAX, "How many running pods may move when one does not fit."),
	NUMBER("moves-rate", rate, "9", 0, RATE_MAX,
		"How many moves 1,000 arrivals allow in all; up to 40 that were not made may be made later."),
	NUMBER("limit", limit, "0", 0, 1000000000, "Only the first so many pods. 0: all."),
	NUMBER("repeat", repeat, "1", 1, REPEAT_MAX,
		"Runs of the same; the fastest time of each decision counts, and of the whole."),
	SWITCH("json", json, "One JSON object instead of the table."),
	SWITCH("known", known, "The policy fragmentation knows beforehand what all pods together ask."),
	SWITCH("policies", policies, "Only print the names of the policies."),
	SWITCH("quiet", quiet, "No progress, only the result."),
};
static const setting_table table = {
	.program = "reeve simulate",
	.usage = "--nodes FILE --pods FILE [options]",
	.about =
		"Decides a recorded workload with the engine, in this process, on one thread: no server, no agents. Tells how much of\n"
		"the GPUs could be allocated as demand arrived, what was refused and why, what is left in fragments, how long\n"
		"decisions took, and the memory they needed.",
	.rows = rows,
	.n = sizeof(rows) / sizeof(*rows),
};

static err policy_get(const char *name, const policy **ret, fault *f)
{
	char names[NAMES_BYTES] = "";
	size_t n = 0;

	*ret = policy_find(name);
	if (*ret)
		return ERR_OK;
	for (size_t i = 0; i < policies_n && n < sizeof(names); i++)
		n += (size_t)snprintf(names + n, sizeof(names) - n, " %s", policies[i].name);
	return fault_set(f, ERR_SETTING, NULL, "there is no policy '%s'; there are:%s", name, names);
}

static int print_policies(void)
{
	for (size_t i = 0; i < policies_n; i++)
		printf("%-14s %s\n", policies[i].name, policies[i].about);
	return 0;
}

static err read_all(const simulate_settings *set, arena *a, trace *t, typical *mix, fault *f)
{
	if (!*set->nodes || !*set->pods)
		return fault_set(f, ERR_SETTING, NULL, "needs --nodes FILE and --pods FILE; see reeve simulate --help");
	err e = trace_read(t, a, set->nodes, set->pods, f);
	if (!e)
		e = typical_read(mix, a, t, set->typical, f);
	if (!e && set->limit && set->limit < t->pods.n)
		t->pods.n = (uint32_t)set->limit;
	return e;
}

/* The same once more, on a fresh fleet. */
static err run_again(run *first, const run_terms *terms, fault *f)
{
	AUTO_ARENA a = arena_new((size_t)8 << 30);
	run r;
	err e = run_all(&r, a, first->trace, terms, f);

	if (!e)
		e = run_take_faster(first, &r, f);
	run_done(&r);
	return e;
}

static err run_and_report(const simulate_settings *set, const trace *t, const typical *mix, const policy *how, fault *f)
{
	AUTO_ARENA a = arena_new((size_t)8 << 30);
	run_terms terms = {.policy = how,
		.mix = mix,
		.clusters = set->clusters,
		.moves = set->moves,
		.moves_rate = set->rate,
		.log = set->log,
		.prices = set->prices,
		.is_known = set->known,
		.has_progress = !set->quiet && isatty(STDERR_FILENO)};
	run r;
	figures g;
	report p = {&r, &g, mix, set->clusters, set->log};
	err e = run_all(&r, a, t, &terms, f);

	for (int64_t i = 1; i < set->repeat && !e; i++)
		e = run_again(&r, &terms, f);
	if (!e) {
		figures_make(&g, a, &r, mix);
		(set->json ? report_print_json : report_print)(&p, stdout);
	}
	run_done(&r);
	return e;
}

int command_simulate(int argc, char **argv)
{
	simulate_settings set = {0};
	fault f = {0};
	int operand = 0;
	bool is_done = false;
	const policy *how = NULL;
	trace t = {0};
	typical mix = {0};
	AUTO_ARENA a = arena_new((size_t)4 << 30);

	if (setting_read(&table, &set, NULL, argc, argv, &operand, &is_done, &f))
		return command_fail("simulate", &f, 2);
	if (is_done || set.policies)
		return is_done ? 0 : print_policies();
	if (operand < argc) {
		fault_set(&f, ERR_SETTING, NULL, "takes no '%s'; see reeve simulate --help", argv[operand]);
		return command_fail("simulate", &f, 2);
	}
	err e = policy_get(set.policy, &how, &f);
	if (!e)
		e = read_all(&set, a, &t, &mix, &f);
	bool is_read = !e;
	if (!e)
		e = run_and_report(&set, &t, &mix, how, &f);
	trace_done(&t);
	typical_done(&mix);
	return !e ? 0 : command_fail("simulate", &f, is_read && e != ERR_SETTING ? 1 : 2);
}
