/* world: simulated GPUs that all processes of a test share, behind the fake libcuda.so.1 and libnvidia-ml.so.1.
 *
 * A file, named by FAKE_GPU, holds the devices and a place for each process (client). Memory is counted by client with
 * atomics alone, so that no process can hold up another; what the dead held is free. Device time, when the world is
 * timed, is simulated: each client has one queue per device, and the device serves queues in turn, a slice of
 * FAKE_SLICE_NS each. Whoever asks moves the device's clock up to now, under a lock that is taken over from the dead.
 *
 * Without FAKE_GPU each process has a world of its own. A world is made with these variables:
 *     FAKE_DEVICES (1)  FAKE_MEMORY_MIB (81920)  FAKE_CONTEXT_MIB (16)  FAKE_TIMED (0)  FAKE_CONTEXT_US (0)
 * FAKE_NVML_US (0)
 *     FAKE_NEIGHBOUR_MIB (0): so much more a neighbour has each time that somebody asks what is left
 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define FAKE_DEVICES   4
#define FAKE_CLIENTS   160
#define FAKE_QUEUE     1024
#define FAKE_EVENTS    2048
#define FAKE_SAMPLES   32
#define FAKE_SLICE_NS  2000000
#define FAKE_SAMPLE_NS 166000000

typedef struct fake_item {
	int64_t ns; /* left to run; 0: an event */
	uint32_t event;
} fake_item;

typedef struct fake_event {
	atomic_bool pending;
	int64_t at_ns;
} fake_event;

typedef struct fake_sample {
	int64_t at_ns;
	uint32_t percent;
} fake_sample;

typedef struct fake_queue {
	uint32_t head, tail;
	int64_t busy_ns;         /* since the start */
	int64_t sampled_busy_ns; /* at the last sample */
	fake_sample samples[FAKE_SAMPLES];
	uint32_t sample_count;
	fake_item items[FAKE_QUEUE];
} fake_queue;

typedef struct fake_client {
	_Alignas(64) _Atomic int pid;
	uint64_t image; /* another after each exec */
	_Atomic uint64_t bytes[FAKE_DEVICES];
	fake_queue queues[FAKE_DEVICES];
	fake_event events[FAKE_EVENTS];
} fake_client;

typedef struct fake_device {
	_Alignas(64) atomic_int lock; /* pid of who holds it */
	int64_t now_ns;
	uint32_t current; /* client whose slice it is */
	int64_t slice_end_ns;
	int64_t sample_end_ns;
	_Alignas(64) atomic_bool watched;
	_Atomic uint64_t total_bytes; /* of all processes, while watched and while nobody is killed */
	_Atomic uint64_t peak_bytes;  /* the most that ever was */
	/* What is wrong with it, by the will of a test. */
	_Atomic uint32_t is_lost, is_hung, deadly, rows_pending;
	_Atomic uint32_t xid, xids; /* the latest, and how many there were */
	_Atomic uint32_t instances; /* that it is cut into (MIG); 0: it is whole */
	_Atomic uint32_t places[8]; /* of those that were made: profile << 8, and the first slot + 1 */
} fake_device;

typedef struct fake_world {
	_Atomic uint32_t ready;
	uint32_t device_count;
	uint64_t memory_bytes;
	uint64_t context_bytes;
	bool timed;
	int64_t context_ns;
	int64_t nvml_ns;
	uint64_t neighbour_bytes;
	_Atomic uint64_t neighbour_has;
	_Atomic uint32_t client_top;
	fake_device devices[FAKE_DEVICES];
	fake_client clients[FAKE_CLIENTS];
} fake_world;

/* The world, and this process's place in it, which a forked child has for itself. */
fake_world *world_get(void);
fake_client *world_client(void);

/* What the living hold of a device. Booked counts the dead as well, as long as nobody has taken their places, and is
 * quick. */
uint64_t world_held(unsigned device);
uint64_t world_booked(unsigned device);

/* Takes memory; false when the device is full. Gives it back. */
bool world_take(unsigned device, uint64_t bytes);
void world_give(unsigned device, uint64_t bytes);

/* Puts a kernel or an event at the end of this client's queue; waits while the queue is full. */
void world_run(unsigned device, int64_t ns);
void world_record(unsigned device, uint32_t event);

/* Moves a device's clock up to now. */
void world_advance(unsigned device);

/* Whether this client's queue on the device is empty. */
bool world_idle(unsigned device);

/* The client of a pid, or NULL. */
fake_client *world_of(int pid);

bool world_alive(int pid);
int64_t world_now_ns(void);
void world_sleep(int64_t ns);
