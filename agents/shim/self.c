#include "shim/self.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

#include "shim/alive.h"
#include "shim/driver.h"
#include "shim/gate.h"
#include "shim/region.h"
#include "shim/wrap.h"

_Static_assert(sizeof(self_page) == 4096, "it is wiped by pages");

_Alignas(4096) self_page self_here;

static THREAD self_thread here;

static void self_wipe(void)
{
	memset(&self_here, 0, sizeof self_here);
}

/* On a kernel that cannot (or with larger pages) at least fork() is noticed. */
static void self_watch_forks(void)
{
	if (madvise(&self_here, sizeof self_here, MADV_WIPEONFORK) != 0)
		pthread_atfork(NULL, NULL, self_wipe);
}

static self *self_make(void)
{
	self *s = mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	region r;
	if (s == MAP_FAILED || !region_open(&r))
		__builtin_trap(); /* the kernel has no page left: nothing else would run either */
	s->limits = r.limits;
	s->books = r.books;
	s->by_variables = r.by_variables;
	s->pid_space = alive_space();
	s->slot = books_join(s->books, alive_self(), s->pid_space);
	s->holdings = holdings_new();
	s->gate = gate_new();
	atomic_init(&s->epoch, 1);
	if (!s->holdings || !s->gate)
		__builtin_trap();
	return s;
}

static self *self_base_locked(void)
{
	self *s = atomic_load(&self_here.base);
	if (!s) {
		s = self_make();
		self_watch_forks();
		atomic_store(&self_here.epoch, alive_self());
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
	spin_lock(&self_here.setting_up);
	s = self_base_locked();
	spin_unlock(&self_here.setting_up);
	errno = kept;
	return s;
}

self *self_setup(void)
{
	int kept = errno;
	spin_lock(&self_here.setting_up);
	self *s = self_base_locked();
	if (!atomic_load(&self_here.self)) {
		driver_open(s->limits->driver_path);
		atomic_store(&self_here.gates, s->limits);
		atomic_store(&self_here.self, s);
	}
	spin_unlock(&self_here.setting_up);
	errno = kept;
	return s;
}

static bool self_uuid_known(const limits *l)
{
	static const uint8_t none[16];
	return memcmp(l->devices[0].uuid, none, sizeof none) != 0;
}

static unsigned self_match(const self *s, int ordinal)
{
	CUuuid uuid;
	unsigned plain = ordinal < LIMITS_DEVICES ? (unsigned)ordinal : LIMITS_DEVICES - 1;
	if (!self_uuid_known(s->limits))
		return plain;
	CUresult answer = driver_has(AT_cuDeviceGetUuid_v2) ? DRIVER(cuDeviceGetUuid_v2)(&uuid, ordinal)
							    : DRIVER(cuDeviceGetUuid)(&uuid, ordinal);
	for (unsigned d = 0; answer == CUDA_SUCCESS && d < s->limits->device_count; d++)
		if (memcmp(s->limits->devices[d].uuid, uuid.bytes, sizeof uuid.bytes) == 0)
			return d;
	return plain;
}

unsigned self_ordinal(self *s, int ordinal)
{
	if (ordinal < 0 || ordinal >= SELF_ORDINALS)
		return LIMITS_DEVICES - 1;
	signed char known = atomic_load_explicit(&s->index_of[ordinal], memory_order_relaxed);
	if (known)
		return (unsigned)known - 1;
	unsigned found = self_match(s, ordinal);
	atomic_store(&s->index_of[ordinal], (signed char)(found + 1));
	return found;
}

static bool self_device_ask(self *s, CUcontext context, uint32_t epoch, unsigned *ret_device)
{
	CUdevice ordinal;
	if (DRIVER(cuCtxGetDevice)(&ordinal) != CUDA_SUCCESS)
		return false;
	here = (self_thread){context, epoch, self_ordinal(s, ordinal)};
	*ret_device = here.device;
	return true;
}

bool self_device(self *s, unsigned *ret_device)
{
	CUcontext context = NULL;
	uint32_t epoch = atomic_load_explicit(&s->epoch, memory_order_relaxed);
	if (DRIVER(cuCtxGetCurrent)(&context) != CUDA_SUCCESS || !context)
		return false;
	if (context != here.context || epoch != here.epoch)
		return self_device_ask(s, context, epoch, ret_device);
	*ret_device = here.device;
	return true;
}

CUcontext self_context(void)
{
	return here.context;
}
