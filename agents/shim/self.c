#include "shim/self.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

#include "shim/alive.h"
#include "shim/driver.h"
#include "shim/gate.h"
#include "shim/origin.h"
#include "shim/region.h"
#include "shim/tick.h"
#include "shim/wrap.h"

#define SELF_JOIN_TICKS ((uint64_t)300000000) /* about 100 ms, between two searches for a slot */

_Static_assert(sizeof(self_page) == 4096, "it is wiped by pages");

_Static_assert(sizeof(self_gates) == 4096, "a file's first page takes its place");

_Alignas(4096) self_page self_here;
_Alignas(4096) self_gates self_gates_here = {.limits = {.gates = 1}};

static THREAD self_thread here;

static void self_wipe(void)
{
	memset(&self_here, 0, sizeof self_here);
}

/* Before any lock of the page is taken, which a child that is made meanwhile would never see released. On a kernel that
 * cannot (or with larger pages) at least fork() is noticed.
 */
static void self_watch_forks(void)
{
	static atomic_bool watched;
	if (atomic_load(&watched))
		return;
	if (madvise(&self_here, sizeof self_here, MADV_WIPEONFORK) != 0)
		pthread_atfork(NULL, NULL, self_wipe);
	atomic_store(&watched, true);
}

static size_t self_pages(size_t bytes)
{
	return (bytes + 4095) & ~(size_t)4095;
}

/* With its tables behind it, all of them zeros. */
static self *self_new(void)
{
	size_t pieces_at = self_pages(sizeof(self));
	size_t holdings_at = pieces_at + self_pages(pieces_bytes());
	size_t gate_at = holdings_at + self_pages(holdings_bytes());
	char *at = mmap(NULL, gate_at + gate_bytes(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED)
		__builtin_trap(); /* the kernel has no page left: nothing else would run either */
	self *s = (void *)at;
	s->pieces = (void *)(at + pieces_at);
	s->holdings = (void *)(at + holdings_at);
	s->gate = (void *)(at + gate_at);
	return s;
}

static self *self_make(void)
{
	self *s = self_new();
	region r;
	if (!region_open(&r))
		__builtin_trap();
	s->limits = r.limits;
	s->books = r.books;
	s->by_variables = r.by_variables;
	s->pid_space = alive_space();
	s->name = alive_self();
	/* Beside the driver's shim NVML's books nothing, and needs no slot. */
	if (!origin_replaces("libnvidia-ml.so.1"))
		s->slot = books_join(s->books, s->name, s->pid_space);
	atomic_init(&s->epoch, 1);
	return s;
}

static self *self_base_locked(void)
{
	self *s = atomic_load(&self_here.base);
	if (!s) {
		s = self_make();
		atomic_store(&self_here.epoch, s->name);
		atomic_store(&self_here.base, s);
	}
	return s;
}

self *self_base(void)
{
	self *s = atomic_load_explicit(&self_here.base, memory_order_acquire);
	if (s)
		return s;
	int kept = errno;
	self_watch_forks();
	spin_lock(&self_here.setting_up);
	s = self_base_locked();
	spin_unlock(&self_here.setting_up);
	errno = kept;
	return s;
}

/* A second mapping of the same page takes the place of the first content. Where the kernel cannot do that, all launches
 * go the longer way.
 */
static void self_show_gates(self *s)
{
	(void)!mremap((void *)(uintptr_t)s->limits, 0, sizeof self_gates_here, MREMAP_MAYMOVE | MREMAP_FIXED,
		&self_gates_here);
}

self *self_setup(void)
{
	int kept = errno;
	self *s = self_base();
	driver_open(s->limits->driver_path);
	spin_lock(&self_here.setting_up);
	if (!atomic_load(&self_here.self)) {
		self_show_gates(s);
		atomic_store(&self_here.self, s);
	}
	spin_unlock(&self_here.setting_up);
	errno = kept;
	return s;
}

books_slot *self_slot(self *s)
{
	books_slot *slot = atomic_load(&s->slot);
	uint64_t before = atomic_load(&s->joined_at);
	uint64_t now = tick_now();
	if (slot || atomic_load(&s->unbooked) || now - before < SELF_JOIN_TICKS ||
		!atomic_compare_exchange_strong(&s->joined_at, &before, now))
		return slot;
	slot = books_join(s->books, s->name, s->pid_space);
	atomic_store(&s->slot, slot);
	return slot;
}

void self_go_unbooked(self *s)
{
	atomic_store(&s->unbooked, true);
}

static bool self_uuid_known(const limits *l)
{
	static const uint8_t none[16];
	return memcmp(l->devices[0].uuid, none, sizeof none) != 0;
}

/* False: the driver, which may not have been started yet, does not say which device it is. */
static bool self_match(const self *s, int ordinal, unsigned *ret_device)
{
	CUuuid uuid;
	*ret_device = ordinal < LIMITS_DEVICES ? (unsigned)ordinal : LIMITS_DEVICES - 1;
	if (!self_uuid_known(s->limits))
		return true;
	CUresult answer = driver_has(AT_cuDeviceGetUuid_v2) ? DRIVER(cuDeviceGetUuid_v2)(&uuid, ordinal)
							    : DRIVER(cuDeviceGetUuid)(&uuid, ordinal);
	for (unsigned d = 0; answer == CUDA_SUCCESS && d < s->limits->device_count; d++)
		if (memcmp(s->limits->devices[d].uuid, uuid.bytes, sizeof uuid.bytes) == 0)
			return *ret_device = d, true;
	return answer == CUDA_SUCCESS;
}

unsigned self_ordinal(self *s, int ordinal)
{
	if (ordinal < 0 || ordinal >= SELF_ORDINALS)
		return LIMITS_DEVICES - 1;
	signed char known = atomic_load_explicit(&s->index_of[ordinal], memory_order_relaxed);
	if (known)
		return (unsigned)known - 1;
	unsigned found;
	if (self_match(s, ordinal, &found))
		atomic_store(&s->index_of[ordinal], (signed char)(found + 1));
	return found;
}

/* Its number, made when it is new; 0 when there are too many. Two threads may make one each: both count. */
static unsigned self_number(self *s, CUcontext context)
{
	unsigned top = atomic_load(&s->context_top);
	for (unsigned i = 1; i <= top && i < PIECE_CONTEXTS; i++)
		if (atomic_load(&s->contexts[i]) == context)
			return i;
	for (unsigned i = 1; i < PIECE_CONTEXTS; i++) {
		CUcontext nobody = NULL;
		if (!atomic_compare_exchange_strong(&s->contexts[i], &nobody, context))
			continue;
		for (top = atomic_load(&s->context_top); top < i;)
			if (atomic_compare_exchange_weak(&s->context_top, &top, i))
				break;
		return i;
	}
	return 0;
}

void self_forget_context(self *s, CUcontext context, void (*on_number)(self *, unsigned))
{
	unsigned top = atomic_load(&s->context_top);
	for (unsigned i = 1; i <= top && i < PIECE_CONTEXTS; i++) {
		if (atomic_load(&s->contexts[i]) != context)
			continue;
		on_number(s, i);
		atomic_store(&s->contexts[i], NULL);
	}
}

/* A driver that cannot tell the device has one. */
static bool self_device_ask(self *s, CUcontext context, uint32_t epoch, unsigned *ret_device)
{
	CUdevice ordinal = 0;
	if (DRIVER(cuCtxGetDevice)(&ordinal) != CUDA_SUCCESS && driver_has(AT_cuCtxGetDevice))
		return false;
	here = (self_thread){context, epoch, (uint16_t)self_ordinal(s, ordinal), (uint16_t)self_number(s, context)};
	*ret_device = here.device;
	return true;
}

bool self_device(self *s, unsigned *ret_device)
{
	CUcontext context = NULL;
	uint32_t epoch = atomic_load_explicit(&s->epoch, memory_order_relaxed);
	if (UNLIKELY(DRIVER(cuCtxGetCurrent)(&context) != CUDA_SUCCESS || !context))
		return !driver_has(AT_cuCtxGetCurrent) && self_device_ask(s, NULL, epoch, ret_device);
	if (context != here.context || epoch != here.epoch)
		return self_device_ask(s, context, epoch, ret_device);
	*ret_device = here.device;
	return true;
}

CUcontext self_context(void)
{
	return here.context;
}

unsigned self_context_number(void)
{
	return here.number;
}
