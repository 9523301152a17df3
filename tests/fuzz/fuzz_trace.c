/* Any bytes as a node file and, behind a line of three dashes, a pod file. Held: what is refused says where; what is
 * read keeps the ranges of trace.h; and a run on it, with moves, gives no GPU, core or MiB twice. */
#include <assert.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli/simulate/run.h"

enum { PODS_MAX = 200, NODES_MAX = 100 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

/* Where the word begins; -1: nowhere. */
static int64_t word_find(str s, str word)
{
	const char *at = s.n ? memmem(s.p, s.n, word.p, word.n) : NULL;

	return at ? at - s.p : -1;
}

/* A file in memory; the descriptor is the caller's to close. */
static int file_of(str text)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	bool is_whole = write(fd, text.p, text.n) == (ssize_t)text.n;

	assert(is_whole);
	return fd;
}

static void trace_hold(const trace *t)
{
	int64_t gpus = 0;

	assert(t->nodes.n && t->pods.n && t->n_models && t->n_models <= TRACE_MODELS_MAX);
	for (uint32_t i = 0; i < t->nodes.n; i++) {
		const trace_node *n = &t->nodes.v[i];
		assert(n->gpus >= 1 && n->gpus <= TRACE_NODE_GPUS_MAX && n->name.n >= 1 && n->name.n <= TRACE_NAME_MAX);
		assert(n->cpu_milli >= 0 && n->cpu_milli <= TRACE_AMOUNT_MAX);
		assert(n->memory_mib >= 0 && n->memory_mib <= TRACE_AMOUNT_MAX);
		gpus += n->gpus;
	}
	assert(gpus == t->gpus);
	for (uint32_t i = 0; i < t->pods.n; i++) {
		const trace_pod *p = &t->pods.v[i];
		assert(p->gpus >= 0 && p->gpus <= TRACE_POD_GPUS_MAX);
		assert(p->gpus ? p->gpu_milli >= 1 && p->gpu_milli <= TRACE_GPU_MILLI : p->gpu_milli == 0);
		assert(p->life_s >= 0 && (i == 0 || p->arrive_s >= t->pods.v[i - 1].arrive_s));
		assert(p->cpu_milli >= 0 && p->cpu_milli <= TRACE_AMOUNT_MAX);
	}
}

/* What is placed and has not ended, counted from the decisions. */
static void run_hold(const run *r)
{
	static int64_t cpu[NODES_MAX], memory[NODES_MAX], gpu[NODES_MAX][TRACE_NODE_GPUS_MAX];
	const trace *t = r->trace;

	memset(cpu, 0, sizeof cpu);
	memset(memory, 0, sizeof memory);
	memset(gpu, 0, sizeof gpu);
	for (uint32_t i = 0; i < t->pods.n; i++) {
		const trace_pod *p = &t->pods.v[i];
		const decision *d = &r->pods[i];
		if (d->node < 0 || d->is_ended)
			continue;
		const trace_node *n = &t->nodes.v[d->node];
		cpu[d->node] += p->cpu_milli;
		memory[d->node] += p->memory_mib;
		assert(cpu[d->node] <= n->cpu_milli && memory[d->node] <= n->memory_mib);
		assert(!p->gpus || trace_spec_allows(p->spec, n->model));
		for (int64_t k = 0; k < p->gpus; k++) {
			uint8_t at = r->gpus[d->first + k];
			assert(at < n->gpus);
			gpu[d->node][at] += p->gpu_milli;
			assert(gpu[d->node][at] <= TRACE_GPU_MILLI);
		}
	}
}

static void run_try(arena *a, trace *t)
{
	run_terms terms = {.policy = policy_find("binpack"),
		.clusters = 1 + t->nodes.n % 2,
		.moves = 2,
		.moves_rate = 500,
		.log = ""};
	fault f = {0};
	typical mix;
	run r;

	t->pods.n = t->pods.n < PODS_MAX ? t->pods.n : PODS_MAX;
	err e = typical_read(&mix, a, t, "", &f);
	terms.mix = &mix;
	if (!e) {
		e = run_all(&r, a, t, &terms, &f);
		if (!e)
			run_hold(&r);
		run_done(&r);
	}
	assert(!e || f.detail[0]);
	typical_done(&mix);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	AUTO_ARENA a = arena_new((size_t)256 << 20);
	str text = str_of((const char *)bytes, n);
	int64_t at = word_find(text, S("---\n"));
	char paths[2][64];
	int fds[2];
	fault f = {0};
	trace t;

	if (at < 0)
		return 0;
	fds[0] = file_of(str_cut(text, 0, (size_t)at));
	fds[1] = file_of(str_cut(text, (size_t)at + 4, n));
	for (int i = 0; i < 2; i++)
		snprintf(paths[i], sizeof paths[i], "/proc/self/fd/%d", fds[i]);
	err e = trace_read(&t, a, paths[0], paths[1], &f);
	assert(!e || (f.detail[0] && word_find(str_from(f.detail), S("/proc/self/fd/")) >= 0) || e == ERR_LIMIT);
	if (!e)
		trace_hold(&t);
	if (!e && t.nodes.n <= NODES_MAX)
		run_try(a, &t);
	trace_done(&t);
	close(fds[0]);
	close(fds[1]);
	return 0;
}
