/* process_fuzz SEED TURNS PROCESSES: random calls in many processes that come and go, against a model.
 *
 * Each process makes and ends things of all kinds and keeps a count of what it holds; at random moments it forks, or
 * runs the program anew, or is killed, or stopped for a while. Every turn all that live stand still: then what the
 * simulator holds, what the shim tells each of them and what they have counted must agree to the byte. And each looks
 * after every call whether its own slot of the books says what it has counted, so that the call that went wrong is
 * named. Exit 1 and what was wrong when they do not.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rest.h"
#include "shim/books.h"

#define MIB      (UINT64_C(1) << 20)
#define LIMIT    (1024 * MIB)
#define SEATS    24
#define THINGS   12
#define CONTEXT  (16 * MIB)
#define HEAP     (8 * MIB)
#define AGREE_US 20000000 /* so long the dead may be seen by those who ask */

/* Of one process: its count, and the turns for which it has stood still and found all well. */
typedef struct seat {
	_Alignas(64) _Atomic int pid;
	_Atomic uint64_t held;
	_Atomic uint32_t stands, agrees;
} seat;

typedef struct stage {
	_Atomic uint32_t turn;  /* that is asked for */
	_Atomic uint32_t told;  /* for which `sum` holds */
	_Atomic uint32_t ended; /* from which on they may go on */
	_Atomic uint64_t sum;
	seat seats[SEATS];
} stage;

typedef enum kind {
	NOTHING,
	PLAIN,
	MANAGED,
	PITCH,
	ASYNC,
	POOLED,
	HANDLE,
	MAPPED,
	ARRAY,
	MIPMAP,
	EXTERNAL,
	MODULE,
	LIBRARY,
	NODE,
	OTHER, /* another context */
	KINDS
} kind;

typedef struct thing {
	kind kind;
	uint64_t key, address, bytes;
	CUgraph graph;
	CUgraphExec exec;
} thing;

static stage *all;
static seat *own;
static uint64_t seed, next_address = 0x100000000000;
static CUcontext context;
static CUmemoryPool pool;
static CUfunction function;
static char program[512];
static const books *region;
static const books_slot *slot;
static uint64_t slot_owner;

static uint64_t draw(uint64_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % below;
}

static void fail(const char *what)
{
	printf("%s (pid %d)\n", what, (int)getpid());
	fflush(stdout);
	_exit(1);
}

/* Where a file holds both limits and books, these stand behind the first page. */
static void region_show(void)
{
	if (region)
		return;
	int fd = open(getenv("CUDA_DEVICE_MEMORY_SHARED_CACHE"), O_RDONLY | O_CLOEXEC);
	void *at = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *region, PROT_READ, MAP_SHARED, fd, 4096);
	close(fd);
	if (at == MAP_FAILED)
		fail("there are no books");
	region = at;
}

static void region_print(void)
{
	for (unsigned i = 0; i < region->top && i < BOOKS_SLOTS; i++) {
		const books_slot *s = &region->slots[i];
		printf("slot %u: owner %llx, pid %d, claims %u, image %x, bytes %lld\n", i,
			(unsigned long long)s->owner, (int)(books_name(s->owner) >> 32), s->claims, s->image,
			(long long)s->bytes[0]);
	}
	for (unsigned i = 0; i < SEATS; i++)
		if (all->seats[i].pid)
			printf("seat %u: pid %d, counted %llu\n", i, all->seats[i].pid,
				(unsigned long long)all->seats[i].held);
	fflush(stdout);
}

/* The one slot that is this process's. */
static void slot_find(void)
{
	for (unsigned i = 0; i < region->top && i < BOOKS_SLOTS; i++) {
		uint64_t owner = atomic_load(&region->slots[i].owner);
		if (owner & BOOKS_JOINING || (pid_t)(books_name(owner) >> 32) != getpid())
			continue;
		slot = &region->slots[i];
		slot_owner = owner;
		return;
	}
	region_print();
	fail("this process has no slot");
}

static void slot_check(const char *after, int what)
{
	uint64_t owner = atomic_load(&slot->owner);
	long long told = (long long)atomic_load(&slot->bytes[0]), counted = (long long)atomic_load(&own->held);
	if (owner == slot_owner && told == counted)
		return;
	printf("after %s %d: slot %d of %llx says %lld of %llx, counted %lld\n", after, what,
		(int)(slot - region->slots), (unsigned long long)owner, told, (unsigned long long)slot_owner, counted);
	region_print();
	fail("the own slot says something else than is held");
}

static CUresult make_physical(thing *t)
{
	CUmemAllocationProp prop = {.type = 1, .location = {1, 0}};
	CUmemGenericAllocationHandle handle;
	CUresult answer = cuMemCreate(&handle, t->bytes, &prop, 0);
	if (answer != CUDA_SUCCESS)
		return answer;
	t->key = handle;
	if (t->kind == HANDLE)
		return answer;
	t->address = next_address += t->bytes;
	if (cuMemMap(t->address, t->bytes, 0, handle, 0) != CUDA_SUCCESS || cuMemRelease(handle) != CUDA_SUCCESS)
		fail("it could not be mapped");
	return answer;
}

static CUresult make_described(thing *t, uint64_t side)
{
	CUDA_ARRAY_DESCRIPTOR plane = {side * 256, 256, 0x20, 1};
	CUDA_ARRAY3D_DESCRIPTOR levels = {side * 256, 256, 0, 0x20, 1, 0};
	CUDA_EXTERNAL_MEMORY_HANDLE_DESC desc = {.type = 1, .size = side * MIB / 4};
	t->bytes = side * MIB / 4 + (t->kind == MIPMAP ? side * MIB / 16 : 0);
	if (t->kind == ARRAY)
		return cuArrayCreate_v2((CUarray *)&t->key, &plane);
	if (t->kind == MIPMAP)
		return cuMipmappedArrayCreate((CUmipmappedArray *)&t->key, &levels, 2);
	return cuImportExternalMemory((CUexternalMemory *)&t->key, &desc);
}

static CUresult make_code(thing *t, uint64_t mib)
{
	char image[32];
	t->bytes = mib * MIB;
	snprintf(image, sizeof image, "%llu", (unsigned long long)mib);
	if (t->kind == MODULE)
		return cuModuleLoadData((CUmodule *)&t->key, image);
	return cuLibraryLoadData((CUlibrary *)&t->key, image, NULL, NULL, 0, NULL, NULL, 0);
}

static CUresult make_node(thing *t)
{
	CUgraphNode node;
	CUDA_MEM_ALLOC_NODE_PARAMS params = {.poolProps = {.allocType = 1, .location = {1, 0}}, .bytesize = t->bytes};
	bool made = false;
	if (cuGraphCreate(&t->graph, 0) != CUDA_SUCCESS)
		fail("a graph could not be made");
	CUresult answer = cuGraphAddMemAllocNode(&node, t->graph, NULL, 0, &params);
	if (answer == CUDA_SUCCESS) {
		answer = cuGraphInstantiateWithFlags(&t->exec, t->graph, 0);
		made = answer == CUDA_SUCCESS;
	}
	t->key = params.dptr;
	if (made)
		answer = draw(2) ? cuGraphLaunch(t->exec, NULL) : cuGraphUpload(t->exec, NULL);
	if (answer != CUDA_SUCCESS &&
		((made && cuGraphExecDestroy(t->exec) != CUDA_SUCCESS) || cuGraphDestroy(t->graph) != CUDA_SUCCESS))
		fail("a graph could not be ended");
	return answer;
}

static CUresult make_context(thing *t)
{
	CUcontext made;
	t->bytes = CONTEXT;
	CUresult answer = cuCtxCreate_v2(&made, 0, 0);
	t->key = (uint64_t)(uintptr_t)made;
	return cuCtxSetCurrent(context) == CUDA_SUCCESS ? answer : CUDA_ERROR_INVALID_CONTEXT;
}

static CUresult make_plain(thing *t, uint64_t n)
{
	CUdeviceptr at = 0;
	size_t pitch = 0;
	CUresult answer;
	if (t->kind == PITCH) {
		answer = cuMemAllocPitch_v2(&at, &pitch, 700, n * 16, 4);
		t->bytes = pitch * n * 16;
	} else if (t->kind == MANAGED) {
		answer = cuMemAllocManaged(&at, t->bytes, 1);
	} else if (t->kind == ASYNC) {
		answer = cuMemAllocAsync(&at, t->bytes, NULL);
	} else if (t->kind == POOLED) {
		answer = cuMemAllocFromPoolAsync(&at, t->bytes, pool, NULL);
	} else {
		answer = cuMemAlloc_v2(&at, t->bytes);
	}
	t->key = at;
	return answer;
}

static CUresult make(thing *t, uint64_t n)
{
	t->bytes = n * 12345;
	switch (t->kind) {
	case HANDLE:
	case MAPPED:
		return make_physical(t);
	case ARRAY:
	case MIPMAP:
	case EXTERNAL:
		return make_described(t, n / 32 + 1);
	case MODULE:
	case LIBRARY:
		return make_code(t, n / 100 + 1);
	case NODE:
		return make_node(t);
	case OTHER:
		return make_context(t);
	default:
		return make_plain(t, n);
	}
}

static CUresult end_node(const thing *t)
{
	CUresult answer = draw(2) ? cuMemFree_v2(t->key) : cuMemFreeAsync(t->key, NULL);
	if (answer == CUDA_SUCCESS)
		answer = cuGraphExecDestroy(t->exec);
	return answer == CUDA_SUCCESS ? cuGraphDestroy(t->graph) : answer;
}

static CUresult end(const thing *t)
{
	void *handle = (void *)(uintptr_t)t->key;
	switch (t->kind) {
	case ASYNC:
	case POOLED:
		return cuMemFreeAsync(t->key, NULL);
	case HANDLE:
		return cuMemRelease(t->key);
	case MAPPED:
		return cuMemUnmap(t->address, t->bytes);
	case ARRAY:
		return cuArrayDestroy(handle);
	case MIPMAP:
		return cuMipmappedArrayDestroy(handle);
	case EXTERNAL:
		return cuDestroyExternalMemory(handle);
	case MODULE:
		return cuModuleUnload(handle);
	case LIBRARY:
		return cuLibraryUnload(handle);
	case NODE:
		return end_node(t);
	case OTHER:
		return cuCtxDestroy_v2(handle);
	default:
		return cuMemFree_v2(t->key);
	}
}

static void step_thing(thing *t)
{
	if (t->kind != NOTHING) {
		if (end(t) != CUDA_SUCCESS)
			fail("what was made could not be ended");
		atomic_fetch_sub(&own->held, t->bytes);
		slot_check("ending", t->kind);
		t->kind = NOTHING;
		return;
	}
	t->kind = (kind)(1 + draw(KINDS - 1));
	CUresult answer = make(t, 1 + draw(3000));
	if (answer == CUDA_SUCCESS)
		atomic_fetch_add(&own->held, t->bytes);
	else if (answer != CUDA_ERROR_OUT_OF_MEMORY)
		fail("neither made nor refused");
	slot_check(answer == CUDA_SUCCESS ? "making" : "refusing", t->kind);
	if (answer != CUDA_SUCCESS)
		t->kind = NOTHING;
}

/* What a context keeps for its kernels. */
static void step_heap(uint64_t *heap)
{
	uint64_t wanted = HEAP + draw(30) * MIB;
	CUresult answer = cuCtxSetLimit(CU_LIMIT_MALLOC_HEAP_SIZE, wanted);
	if (answer == CUDA_ERROR_OUT_OF_MEMORY)
		return;
	if (answer != CUDA_SUCCESS)
		fail("the heap could not be set");
	atomic_fetch_add(&own->held, wanted - *heap);
	*heap = wanted;
}

static void step_wrong(void)
{
	CUdeviceptr at;
	CUcontext again;
	size_t left, total;
	if (cuMemFree_v2(3) == CUDA_SUCCESS || cuMemRelease(5) == CUDA_SUCCESS || cuMemAlloc_v2(&at, 0) == CUDA_SUCCESS)
		fail("the driver refuses this");
	if (cuMemAlloc_v2(&at, LIMIT + 1) != CUDA_ERROR_OUT_OF_MEMORY)
		fail("this is over any limit");
	if (cuMemGetInfo_v2(&left, &total) != CUDA_SUCCESS || total != LIMIT || left > LIMIT)
		fail("more is free than there is");
	if (cuDevicePrimaryCtxRetain(&again, 0) != CUDA_SUCCESS || again != context ||
		cuDevicePrimaryCtxRelease_v2(0) != CUDA_SUCCESS)
		fail("the primary context is another");
}

/* A child that ends in one way or another is none of the parent's business. */
static void step_fork(void)
{
	CUdeviceptr at;
	pid_t pid = draw(3) ? fork() : vfork();
	if (pid == 0)
		_exit(0);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	pid = fork();
	if (pid == 0)
		_exit(cuMemAlloc_v2(&at, MIB) == -1); /* whatever it is told */
	int status = 0;
	if (pid > 0 && (waitpid(pid, &status, 0) != pid || status != 0))
		fail("a forked child does not come to its end");
}

static void wait_for(const _Atomic uint32_t *word, uint32_t turn)
{
	while (atomic_load(word) < turn)
		usleep(500);
}

/* The dead are looked for now and then, so it may take a moment until they are missed. */
static void stand_still(uint32_t turn)
{
	size_t left = 0, total;
	atomic_store(&own->stands, turn);
	wait_for(&all->told, turn);
	for (int us = 0; us < AGREE_US && cuMemGetInfo_v2(&left, &total) == CUDA_SUCCESS; us += 1000) {
		if (total - left == atomic_load(&all->sum))
			break;
		usleep(1000);
	}
	if (LIMIT - left != atomic_load(&all->sum)) {
		printf("turn %u: told %llu, held %llu\n", turn, (unsigned long long)(LIMIT - left),
			(unsigned long long)atomic_load(&all->sum));
		region_print();
		fail("the books say something else than is held");
	}
	atomic_store(&own->agrees, turn);
	wait_for(&all->ended, turn);
}

static void run_anew(void)
{
	char from[32], place[32];
	snprintf(from, sizeof from, "%llu", (unsigned long long)draw(UINT64_MAX) | 1);
	snprintf(place, sizeof place, "%d", (int)(own - all->seats));
	execl(program, program, from, "seat", place, NULL);
	fail("the program could not be run anew");
}

static void begin(void)
{
	CUmemPoolProps props = {.allocType = 1, .location = {1, 0}};
	CUresult answer;
	atomic_store(&own->held, 0);
	if (cuInit(0) != CUDA_SUCCESS)
		fail("the driver does not start");
	while ((answer = cuDevicePrimaryCtxRetain(&context, 0)) == CUDA_ERROR_OUT_OF_MEMORY) {
		uint32_t turn = atomic_load(&all->turn);
		if (turn > atomic_load(&own->stands)) { /* with nothing, and without a context to ask by */
			atomic_store(&own->stands, turn);
			atomic_store(&own->agrees, turn);
			wait_for(&all->ended, turn);
		}
		usleep(1000);
	}
	if (answer != CUDA_SUCCESS || cuCtxSetCurrent(context) != CUDA_SUCCESS ||
		cuMemPoolCreate(&pool, &props) != CUDA_SUCCESS ||
		cuModuleGetFunction(&function, NULL, "k0") != CUDA_SUCCESS)
		fail("there is no context");
	atomic_store(&own->held, CONTEXT);
	region_show();
	slot_find();
	slot_check("begin", 0);
}

static void live(void)
{
	thing list[THINGS] = {0};
	uint64_t heap = HEAP;
	uint64_t what = 0;
	begin();
	for (;;) {
		uint32_t turn = atomic_load(&all->turn);
		if (turn > atomic_load(&own->stands))
			stand_still(turn);
		slot_check("step", (int)what);
		what = draw(400);
		if (what == 0)
			run_anew();
		else if (what < 3)
			step_fork();
		else if (what < 8)
			step_wrong();
		else if (what < 20)
			step_heap(&heap);
		else if (what < 60)
			cuLaunchKernel(function, 1 + (unsigned)draw(1000), 1, 1, 1, 1, 1, 0, NULL, NULL, NULL);
		else
			step_thing(&list[draw(THINGS)]);
	}
}

static void seat_fill(seat *s)
{
	uint64_t from = draw(UINT64_MAX) | 1;
	atomic_store(&s->held, 0);
	atomic_store(&s->stands, atomic_load(&all->turn));
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		seed = from;
		own = s;
		live();
	}
	atomic_store(&s->pid, pid);
}

static void seat_kill(seat *s)
{
	int status;
	pid_t pid = atomic_load(&s->pid);
	kill(pid, SIGKILL);
	if (waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status))
		fail("a process ended by itself");
	atomic_store(&s->pid, 0);
	atomic_store(&s->held, 0);
}

static void disturb(long count)
{
	for (uint64_t n = draw(6); n > 0; n--) {
		seat *s = &all->seats[draw((uint64_t)count)];
		usleep((useconds_t)draw(4000));
		if (draw(3)) {
			seat_kill(s);
			seat_fill(s);
			continue;
		}
		kill(atomic_load(&s->pid), SIGSTOP);
		usleep((useconds_t)draw(3000));
		kill(atomic_load(&s->pid), SIGCONT);
	}
}

static void await(const seat *s, const _Atomic uint32_t *word, uint32_t turn)
{
	while (atomic_load(word) < turn) {
		int status;
		if (waitpid(atomic_load(&s->pid), &status, WNOHANG) != 0)
			fail("a process ended by itself");
		usleep(300);
	}
}

static void agree(uint32_t turn, long count)
{
	uint64_t sum = 0;
	atomic_store(&all->turn, turn);
	for (long i = 0; i < count; i++)
		await(&all->seats[i], &all->seats[i].stands, turn);
	for (long i = 0; i < count; i++)
		sum += atomic_load(&all->seats[i].held);
	/* A child of one that was killed may be about to end. */
	for (int us = 0; us < AGREE_US && fake_held(0) != sum; us += 1000)
		usleep(1000);
	if (fake_held(0) != sum) {
		printf("turn %u: the simulator %llu, counted %llu\n", turn, (unsigned long long)fake_held(0),
			(unsigned long long)sum);
		fail("the simulator holds something else than was made");
	}
	if (sum > LIMIT) {
		region_show();
		region_print();
		fail("more is held than the limit allows");
	}
	atomic_store(&all->sum, sum);
	atomic_store(&all->told, turn);
	for (long i = 0; i < count; i++)
		await(&all->seats[i], &all->seats[i].agrees, turn);
	atomic_store(&all->ended, turn);
}

static bool stage_open(void)
{
	int fd = open(getenv("FUZZ_STAGE"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, sizeof *all) != 0)
		return false;
	all = mmap(NULL, sizeof *all, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return all != MAP_FAILED;
}

int main(int argc, char **argv)
{
	ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
	if (argc != 4 || n <= 0 || !getenv("FUZZ_STAGE") || !stage_open())
		return 2;
	seed = strtoull(argv[1], NULL, 10) * 2654435761u | 1;
	if (strcmp(argv[2], "seat") == 0) {
		own = &all->seats[strtol(argv[3], NULL, 10) % SEATS];
		live();
	}
	long turns = strtol(argv[2], NULL, 10), count = strtol(argv[3], NULL, 10);
	if (count < 1 || count > SEATS)
		return 2;
	for (long i = 0; i < count; i++)
		seat_fill(&all->seats[i]);
	for (uint32_t turn = 1; turn <= (uint32_t)turns; turn++) {
		disturb(count);
		agree(turn, count);
	}
	for (long i = 0; i < count; i++)
		seat_kill(&all->seats[i]);
	printf("%ld turns of %ld processes\n", turns, count);
	return 0;
}
