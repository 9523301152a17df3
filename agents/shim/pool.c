#include "shim/pool.h"

#include "shim/driver.h"
#include "shim/memory.h"
#include "shim/wrap.h"

#define POOL_SHRUNK 32 /* pools that one call makes smaller */

/* One change of a pool's entry, and what came of it. */
typedef struct pool_change {
	self *self;
	unsigned device;
	uint64_t bytes;
	uint64_t reserved;
	uint64_t need;
	uint64_t given;
} pool_change;

static uint64_t pool_key(CUmemoryPool pool)
{
	return (uint64_t)(uintptr_t)pool;
}

static void pool_on_enter(holding *entry, void *arg)
{
	entry->device = (uint8_t)((pool_change *)arg)->device;
}

void pool_enter(self *s, CUmemoryPool pool, unsigned device)
{
	pool_change change = {.self = s, .device = device};
	holding_change(s->holdings, HOLDING_POOL, pool_key(pool), true, pool_on_enter, &change);
}

bool pool_device(self *s, CUmemoryPool pool, unsigned *ret_device)
{
	holding found;
	if (!holding_find(s->holdings, HOLDING_POOL, pool_key(pool), &found))
		return false;
	*ret_device = found.device;
	return true;
}

static void pool_on_take(holding *entry, void *arg)
{
	pool_change *change = arg;
	entry->device = (uint8_t)change->device;
	uint64_t room = entry->bytes > entry->of ? entry->bytes - entry->of : 0;
	change->need = change->bytes > room ? change->bytes - room : 0;
	entry->of += change->bytes;
	entry->bytes += change->need;
}

static void pool_on_undo(holding *entry, void *arg)
{
	pool_change *change = arg;
	entry->of -= change->bytes;
	entry->bytes -= change->need;
}

bool pool_take(self *s, CUmemoryPool pool, unsigned device, uint64_t bytes)
{
	pool_change change = {.self = s, .device = device, .bytes = bytes};
	if (bytes > MEMORY_MOST ||
		!holding_change(s->holdings, HOLDING_POOL, pool_key(pool), true, pool_on_take, &change))
		return false;
	if (change.need == 0 || memory_take(s, device, change.need))
		return true;
	holding_change(s->holdings, HOLDING_POOL, pool_key(pool), false, pool_on_undo, &change);
	return false;
}

static void pool_on_settle(holding *entry, void *arg)
{
	pool_change *change = arg;
	entry->of -= change->bytes < entry->of ? change->bytes : entry->of;
	uint64_t wanted = change->reserved > entry->of ? change->reserved : entry->of;
	if (wanted < entry->bytes) {
		change->given = entry->bytes - wanted;
		memory_give(change->self, entry->device, change->given);
	} else {
		memory_put(change->self, entry->device, wanted - entry->bytes);
	}
	entry->bytes = wanted;
}

/* Their addresses are no handle of the driver's, whatever its handles are like. */
static char pool_stands[LIMITS_DEVICES];

CUmemoryPool pool_unnamed(unsigned device)
{
	return (CUmemoryPool)(void *)&pool_stands[device < LIMITS_DEVICES ? device : 0];
}

static bool pool_is_named(CUmemoryPool pool)
{
	return (uintptr_t)pool - (uintptr_t)pool_stands >= sizeof pool_stands;
}

static uint64_t pool_settle_freed(self *s, CUmemoryPool pool, uint64_t freed)
{
	uint64_t reserved = 0;
	if (!pool_is_named(pool) ||
		DRIVER(cuMemPoolGetAttribute)(pool, CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT, &reserved) != CUDA_SUCCESS)
		reserved = 0;
	pool_change change = {.self = s, .bytes = freed, .reserved = reserved};
	holding_change(s->holdings, HOLDING_POOL, pool_key(pool), false, pool_on_settle, &change);
	return change.given;
}

void pool_give(self *s, CUmemoryPool pool, uint64_t bytes)
{
	pool_settle_freed(s, pool, bytes);
}

void pool_settle(self *s, CUmemoryPool pool)
{
	pool_settle_freed(s, pool, 0);
}

void pool_end(self *s, CUmemoryPool pool)
{
	holding entry;
	if (holding_take(s->holdings, HOLDING_POOL, pool_key(pool), &entry))
		memory_give(s, entry.device, entry.bytes);
}

typedef struct pool_list {
	unsigned device;
	unsigned count;
	CUmemoryPool pools[POOL_SHRUNK];
} pool_list;

static bool pool_on_list(holding *entry, void *arg)
{
	pool_list *list = arg;
	if (entry->kind == HOLDING_POOL && entry->device == list->device && entry->bytes > 0 &&
		list->count < POOL_SHRUNK)
		list->pools[list->count++] = (CUmemoryPool)(uintptr_t)entry->key;
	return false;
}

bool pool_shrink(self *s, unsigned device)
{
	pool_list list = {.device = device};
	uint64_t given = 0;
	holdings_sift(s->holdings, pool_on_list, &list);
	for (unsigned i = 0; i < list.count; i++) {
		if (pool_is_named(list.pools[i]))
			DRIVER(cuMemPoolTrimTo)(list.pools[i], 0);
		given += pool_settle_freed(s, list.pools[i], 0);
	}
	return given > 0;
}
