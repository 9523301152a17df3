#include "rest.h"
#include "world.h"

uint64_t fake_held(unsigned device)
{
	return world_held(device);
}

uint64_t fake_held_by(int pid, unsigned device)
{
	const fake_client *c = world_of(pid);
	return c ? atomic_load(&c->bytes[device]) : 0;
}

int64_t fake_served_ns(int pid, unsigned device)
{
	world_advance(device);
	const fake_client *c = world_of(pid);
	return c ? c->queues[device].busy_ns : 0;
}

void fake_watch(unsigned device)
{
	atomic_store(&world_get()->devices[device].watched, true);
}

uint64_t fake_peak(unsigned device)
{
	return atomic_load(&world_get()->devices[device].peak_bytes);
}
