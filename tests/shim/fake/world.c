#include "world.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static fake_world *world;
static fake_client *client;
static int client_pid; /* a cached getpid; fork is noticed by the handler */

int64_t world_now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void world_sleep(int64_t ns)
{
	struct timespec span = {ns / 1000000000, ns % 1000000000};
	nanosleep(&span, NULL);
}

bool world_alive(int pid)
{
	int fd = (int)syscall(434, pid, 0); /* pidfd_open */
	if (fd < 0)
		return errno != ESRCH;
	struct pollfd ask = {fd, POLLIN, 0};
	bool ended = poll(&ask, 1, 0) == 1;
	close(fd);
	return !ended;
}

static uint64_t world_setting(const char *name, uint64_t usual)
{
	const char *text = getenv(name);
	return text ? strtoull(text, NULL, 10) : usual;
}

static void world_make(fake_world *w)
{
	w->device_count = (uint32_t)world_setting("FAKE_DEVICES", 1);
	w->memory_bytes = world_setting("FAKE_MEMORY_MIB", 81920) << 20;
	w->context_bytes = world_setting("FAKE_CONTEXT_MIB", 16) << 20;
	w->timed = world_setting("FAKE_TIMED", 0);
	w->context_ns = (int64_t)world_setting("FAKE_CONTEXT_US", 0) * 1000;
	w->nvml_ns = (int64_t)world_setting("FAKE_NVML_US", 0) * 1000;
	w->neighbour_bytes = world_setting("FAKE_NEIGHBOUR_MIB", 0) << 20;
	for (unsigned d = 0; d < FAKE_DEVICES; d++) {
		w->devices[d].now_ns = world_now_ns();
		w->devices[d].sample_end_ns = w->devices[d].now_ns + FAKE_SAMPLE_NS;
	}
}

static void world_after_fork(void)
{
	client = NULL;
	client_pid = 0;
}

static fake_world *world_open(void)
{
	const char *path = getenv("FAKE_GPU");
	int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666) : -1;
	uint32_t nobody = 0;
	if (path && (fd < 0 || ftruncate(fd, sizeof(fake_world)) != 0))
		abort();
	fake_world *w =
		mmap(NULL, sizeof *w, PROT_READ | PROT_WRITE, path ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS, fd, 0);
	if (w == MAP_FAILED)
		abort();
	if (fd >= 0)
		close(fd);
	if (atomic_compare_exchange_strong(&w->ready, &nobody, 1)) {
		world_make(w);
		atomic_store(&w->ready, 2);
	}
	while (atomic_load(&w->ready) != 2)
		sched_yield();
	return w;
}

fake_world *world_get(void)
{
	static atomic_int opening;
	if (world)
		return world;
	while (atomic_exchange(&opening, 1))
		sched_yield();
	if (!world) {
		world = world_open();
		extern int __register_atfork(void (*)(void), void (*)(void), void (*)(void), void *);
		__register_atfork(NULL, NULL, world_after_fork, NULL);
	}
	atomic_store(&opening, 0);
	return world;
}

static void client_clear(fake_client *c)
{
	for (unsigned d = 0; d < FAKE_DEVICES; d++) {
		atomic_store(&c->bytes[d], 0);
		c->queues[d].head = c->queues[d].tail = 0;
		c->queues[d].busy_ns = c->queues[d].sampled_busy_ns = 0;
		c->queues[d].sample_count = 0;
	}
}

/* Bytes that the kernel draws for each exec. */
static uint64_t image_now(void)
{
	uint64_t drawn;
	memcpy(&drawn, (const void *)getauxval(AT_RANDOM), sizeof drawn);
	return drawn;
}

/* What this process had before an exec is gone. */
static void world_after_exec(fake_world *w, int pid)
{
	for (unsigned i = 0; i < atomic_load(&w->client_top); i++) {
		fake_client *c = &w->clients[i];
		if (atomic_load(&c->pid) != pid || c->image == image_now())
			continue;
		client_clear(c);
		atomic_store(&c->pid, 0);
	}
}

fake_client *world_client(void)
{
	fake_world *w = world_get();
	if (client)
		return client;
	int pid = getpid();
	world_after_exec(w, pid);
	for (unsigned i = 0; i < FAKE_CLIENTS; i++) {
		fake_client *c = &w->clients[i];
		int there = atomic_load(&c->pid);
		if (there && there != pid && world_alive(there))
			continue;
		if (!atomic_compare_exchange_strong(&c->pid, &there, pid))
			continue;
		client_clear(c);
		c->image = image_now();
		unsigned top = atomic_load(&w->client_top);
		while (top <= i && !atomic_compare_exchange_weak(&w->client_top, &top, i + 1))
			;
		client_pid = pid;
		return client = c;
	}
	abort();
}

fake_client *world_of(int pid)
{
	fake_world *w = world_get();
	for (unsigned i = 0; i < atomic_load(&w->client_top); i++)
		if (atomic_load(&w->clients[i].pid) == pid)
			return &w->clients[i];
	return NULL;
}

uint64_t world_held(unsigned device)
{
	fake_world *w = world_get();
	uint64_t sum = 0;
	for (unsigned i = 0; i < atomic_load(&w->client_top); i++) {
		int pid = atomic_load(&w->clients[i].pid);
		if (pid && atomic_load(&w->clients[i].bytes[device]) && world_alive(pid))
			sum += atomic_load(&w->clients[i].bytes[device]);
	}
	return sum;
}

uint64_t world_booked(unsigned device)
{
	uint64_t sum = 0;
	world_get();
	unsigned top = atomic_load_explicit(&world->client_top, memory_order_relaxed);
	for (unsigned i = 0; i < top; i++)
		sum += atomic_load_explicit(&world->clients[i].bytes[device], memory_order_relaxed);
	return sum;
}

bool world_take(unsigned device, uint64_t bytes)
{
	fake_client *c = world_client();
	fake_device *d = &world->devices[device];
	atomic_fetch_add(&c->bytes[device], bytes);
	uint64_t sum = world_booked(device);
	if (atomic_load_explicit(&d->watched, memory_order_relaxed)) {
		uint64_t total = atomic_fetch_add(&d->total_bytes, bytes) + bytes;
		uint64_t peak = atomic_load(&d->peak_bytes);
		while (peak < total && !atomic_compare_exchange_weak(&d->peak_bytes, &peak, total))
			;
	}
	if (sum <= world->memory_bytes || world_held(device) <= world->memory_bytes)
		return true;
	atomic_fetch_sub(&c->bytes[device], bytes);
	return false;
}

void world_give(unsigned device, uint64_t bytes)
{
	if (atomic_load_explicit(&world->devices[device].watched, memory_order_relaxed))
		atomic_fetch_sub(&world->devices[device].total_bytes, bytes);
	atomic_fetch_sub(&world_client()->bytes[device], bytes);
}

static void device_lock(fake_device *d)
{
	int me = client_pid ? client_pid : getpid();
	int holder = 0;
	for (unsigned tries = 0; !atomic_compare_exchange_strong(&d->lock, &holder, me); tries++) {
		if (tries % 1000 == 999 && holder && !world_alive(holder))
			atomic_compare_exchange_strong(&d->lock, &holder, 0);
		if (tries > 20)
			sched_yield();
		holder = 0;
	}
}

static void device_unlock(fake_device *d)
{
	atomic_store(&d->lock, 0);
}

static bool queue_waits(unsigned device, unsigned i)
{
	const fake_queue *q = &world->clients[i].queues[device];
	return atomic_load(&world->clients[i].pid) && q->head != q->tail;
}

/* Events at the front of a queue happen now. */
static void queue_settle(fake_device *d, unsigned device, unsigned i)
{
	fake_client *c = &world->clients[i];
	fake_queue *q = &c->queues[device];
	while (q->head != q->tail && q->items[q->head % FAKE_QUEUE].ns == 0) {
		fake_event *e = &c->events[q->items[q->head % FAKE_QUEUE].event];
		e->at_ns = d->now_ns;
		atomic_store(&e->pending, false);
		q->head++;
	}
}

static bool device_choose(fake_device *d, unsigned device)
{
	unsigned top = atomic_load(&world->client_top);
	for (unsigned i = 0; i < top; i++)
		queue_settle(d, device, i);
	if (d->now_ns < d->slice_end_ns && d->current < top && queue_waits(device, d->current))
		return true;
	for (unsigned i = 1; i <= top; i++) {
		unsigned next = (d->current + i) % top;
		if (!queue_waits(device, next))
			continue;
		d->current = next;
		d->slice_end_ns = d->now_ns + FAKE_SLICE_NS;
		return true;
	}
	return false;
}

static void device_sample(fake_device *d, unsigned device)
{
	for (unsigned i = 0; i < atomic_load(&world->client_top); i++) {
		fake_queue *q = &world->clients[i].queues[device];
		int pid = atomic_load(&world->clients[i].pid);
		if (pid && q->head != q->tail && !world_alive(pid))
			q->head = q->tail;
		int64_t busy = q->busy_ns - q->sampled_busy_ns;
		q->sampled_busy_ns = q->busy_ns;
		fake_sample *s = &q->samples[q->sample_count++ % FAKE_SAMPLES];
		*s = (fake_sample){d->sample_end_ns, (uint32_t)((busy * 100 + FAKE_SAMPLE_NS / 2) / FAKE_SAMPLE_NS)};
	}
	d->sample_end_ns += FAKE_SAMPLE_NS;
}

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static void device_advance(fake_device *d, unsigned device, int64_t now)
{
	while (d->now_ns < now) {
		int64_t until = least(now, d->sample_end_ns);
		if (device_choose(d, device)) {
			fake_queue *q = &world->clients[d->current].queues[device];
			fake_item *item = &q->items[q->head % FAKE_QUEUE];
			until = least(least(until, d->slice_end_ns), d->now_ns + item->ns);
			int64_t ran = until - d->now_ns;
			item->ns -= ran;
			q->busy_ns += ran;
			q->head += item->ns == 0;
		}
		d->now_ns = until;
		if (d->now_ns >= d->sample_end_ns)
			device_sample(d, device);
	}
	device_choose(d, device);
}

void world_advance(unsigned device)
{
	fake_device *d = &world_get()->devices[device];
	device_lock(d);
	device_advance(d, device, world_now_ns());
	device_unlock(d);
}

static void queue_put(unsigned device, fake_item item)
{
	fake_device *d = &world_get()->devices[device];
	fake_queue *q = &world_client()->queues[device];
	for (;;) {
		device_lock(d);
		device_advance(d, device, world_now_ns());
		if (q->tail - q->head < FAKE_QUEUE)
			break;
		device_unlock(d);
		world_sleep(50000);
	}
	q->items[q->tail++ % FAKE_QUEUE] = item;
	device_unlock(d);
}

void world_run(unsigned device, int64_t ns)
{
	if (world_get()->timed && ns > 0)
		queue_put(device, (fake_item){.ns = ns});
}

void world_record(unsigned device, uint32_t event)
{
	fake_event *e = &world_client()->events[event];
	if (!world->timed) {
		e->at_ns = 0;
		return;
	}
	atomic_store(&e->pending, true);
	queue_put(device, (fake_item){.event = event});
}

bool world_idle(unsigned device)
{
	const fake_queue *q = &world_client()->queues[device];
	world_advance(device);
	return q->head == q->tail;
}
