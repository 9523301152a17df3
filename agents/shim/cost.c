#include "shim/cost.h"

#define COST_PROBES 8

cost *cost_find(cost *table, uint64_t key)
{
	uint64_t hash = key * UINT64_C(0x9e3779b97f4a7c15) >> 40;
	for (unsigned i = 0; i < COST_PROBES; i++) {
		cost *entry = &table[(hash + i) % COST_ENTRIES];
		uint64_t known = atomic_load_explicit(&entry->key, memory_order_relaxed);
		if (known == key)
			return entry;
		if (known == 0 && (atomic_compare_exchange_strong(&entry->key, &known, key) || known == key))
			return entry;
	}
	return &table[hash % COST_ENTRIES];
}

void cost_learn(cost *entry, int64_t sample_ns)
{
	int64_t known = atomic_load_explicit(&entry->ns, memory_order_relaxed);
	if (sample_ns < 1)
		sample_ns = 1;
	if (known == 0)
		known = sample_ns;
	else if (sample_ns < known)
		known -= (known - sample_ns + 3) / 4;
	else
		known += ((sample_ns > known + known / 2 ? known / 2 : sample_ns - known) + 31) / 32;
	atomic_store_explicit(&entry->ns, known, memory_order_relaxed);
}
