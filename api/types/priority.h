/* priority: a class of work in the queue: who goes first, who yields to whom, and how much time each gets. */
#pragma once
#include "json/js.h"

typedef struct priority_class {
	str name;
	int64_t value;
	bool preemptible;
	bool may_preempt;
	int64_t reserve_after_s, min_runtime_s, grace_s;
	int64_t revision;
} priority_class;
JS_DECLARE(priority_class);
