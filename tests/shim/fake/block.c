#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "fake.h"

#define BLOCKS (1u << 18)

static atomic_int block_lock;
static fake_block *blocks;

static void lock(void)
{
	while (atomic_exchange_explicit(&block_lock, 1, memory_order_acquire))
		sched_yield();
	if (!blocks) {
		blocks =
			mmap(NULL, BLOCKS * sizeof *blocks, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (blocks == MAP_FAILED)
			abort();
	}
}

static void unlock(void)
{
	atomic_store_explicit(&block_lock, 0, memory_order_release);
}

static unsigned block_home(uint64_t key)
{
	return (unsigned)(key >> 9) % BLOCKS; /* addresses go up: neighbours stay near each other */
}

static fake_block *block_at(uint64_t key)
{
	unsigned at = block_home(key);
	while (blocks[at].key && blocks[at].key != key)
		at = (at + 1) % BLOCKS;
	return &blocks[at];
}

void fake_put(uint64_t key, uint64_t bytes, unsigned device, uint64_t mark)
{
	lock();
	*block_at(key) = (fake_block){key, bytes, mark, device};
	unlock();
}

bool fake_find(uint64_t key, fake_block *ret_block)
{
	lock();
	const fake_block *b = block_at(key);
	bool found = key && b->key == key;
	if (found)
		*ret_block = *b;
	unlock();
	return found;
}

static void block_remove(fake_block *b)
{
	unsigned hole = (unsigned)(b - blocks);
	for (unsigned at = (hole + 1) % BLOCKS; blocks[at].key; at = (at + 1) % BLOCKS) {
		unsigned home = block_home(blocks[at].key);
		if ((at - home) % BLOCKS < (at - hole) % BLOCKS)
			continue;
		blocks[hole] = blocks[at];
		hole = at;
	}
	blocks[hole].key = 0;
}

bool fake_take(uint64_t key, fake_block *ret_block)
{
	lock();
	fake_block *b = block_at(key);
	bool found = key && b->key == key;
	if (found) {
		*ret_block = *b;
		block_remove(b);
	}
	unlock();
	return found;
}

uint64_t fake_address(uint64_t bytes)
{
	static _Atomic uint64_t next = 0x700000000000;
	return atomic_fetch_add(&next, (bytes + 511) & ~(uint64_t)511);
}
