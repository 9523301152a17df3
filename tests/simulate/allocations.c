/* No decision takes memory from the heap: a run of twice the pods calls the allocator as often as one of half of them,
 * up to what a few arrays that double need. Every call goes through the linker's wrappers below. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "cli/simulate/run.h"

enum { NODES = 60, PODS = 1500, PODS_MOVING = 3000, DOUBLINGS_MAX = 64, CASES = 5, TYPICAL_MAX = 40 };

static int64_t calls;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

void *__wrap_malloc(size_t n)
{
	calls++;
	return __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	calls++;
	return __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
	calls++;
	return __real_realloc(p, n);
}

static const char *file_of(arena *a, const buf *text)
{
	int fd = memfd_create("allocations", MFD_CLOEXEC);
	bool is_whole = write(fd, text->p, text->n) == (ssize_t)text->n;

	assert(is_whole);
	return str_print(a, "/proc/self/fd/%d%c", fd, 0).p;
}

static const char *nodes_file(arena *a)
{
	buf b;

	buf_init(&b, 1 << 20);
	buf_add_str(&b, S("sn,cpu_milli,memory_mib,gpu,model\n"));
	for (int i = 0; i < NODES; i++)
		buf_printf(&b, "n%d,64000,262144,8,%c\n", i, 'A' + i % 3);
	const char *path = file_of(a, &b);
	buf_done(&b);
	return path;
}

/* More than fits, so that refusals are among them; distinct: no two ask the same; timed: they end after a while. */
static const char *pods_file(arena *a, int pods, bool is_distinct, bool is_timed)
{
	buf b;

	buf_init(&b, 4 << 20);
	buf_add_str(&b, S("cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,arrive_s,life_s\n"));
	for (int i = 0; i < pods; i++)
		buf_printf(&b, "%d,%d,%d,%d,%s,%d,%d\n", 1000 + (is_distinct ? i : i % 7 * 500), 1024,
			i % 11 == 0 ? 4 : 1, i % 11 == 0 ? 1000 : 100 + i % 9 * 100, i % 5 ? "" : "A|C", i,
			is_timed ? 700 : 0);
	const char *path = file_of(a, &b);
	buf_done(&b);
	return path;
}

static int64_t calls_of(const policy *how, int pods, bool is_distinct, bool is_timed, int moves)
{
	arena *a = arena_new(0);
	fault f = {0};
	typical mix;
	trace t;
	run r;

	err e = trace_read(&t, a, nodes_file(a), pods_file(a, pods, is_distinct, is_timed), &f);
	if (!e)
		e = typical_read(&mix, a, &t, "", &f);
	assert(!e);
	mix.pods.n = mix.pods.n < TYPICAL_MAX ? mix.pods.n : TYPICAL_MAX;
	arena_trim();
	int64_t before = calls;
	run_terms terms = {.policy = how, .mix = &mix, .clusters = 1, .moves = moves, .moves_rate = 500, .log = ""};
	e = run_all(&r, a, &t, &terms, &f);
	int64_t used = calls - before;
	assert(!e && r.pods[0].node >= 0 && (!moves || r.mover.figures.moves > pods / 100));
	run_done(&r);
	typical_done(&mix);
	trace_done(&t);
	arena_end(a);
	return used;
}

int main(void)
{
	int failed = 0;

	for (size_t i = 0; i < policies_n * CASES; i++) {
		const policy *how = &policies[i / CASES];
		/* The last case moves pods. */
		int moves = i % CASES == CASES - 1 ? 2 : 0;
		bool is_distinct = i % CASES & 1, is_timed = moves || i % CASES & 2;
		int pods = moves ? PODS_MOVING : PODS;
		int64_t half = calls_of(how, pods, is_distinct, is_timed, moves);
		int64_t whole = calls_of(how, 2 * pods, is_distinct, is_timed, moves);
		printf("%s%s%s%s: %lld calls for %d pods, %lld for %d\n", how->name, is_distinct ? ", distinct" : "",
			is_timed ? ", ending" : "", moves ? ", moving" : "", (long long)half, pods, (long long)whole,
			2 * pods);
		failed += whole - half > DOUBLINGS_MAX;
	}
	return failed > 0;
}
