/* record: an allocation as it is remembered over a restart of the daemon: <id>.json. */
#pragma once
#include "agents/node/allocation.h"

/* Its bytes, in a. boot names the machine's boot. */
str record_write(const allocation *of, str boot, arena *a);
/* Fills *ret but for its lot. ret_boot lives in a. ERR_BAD_FIELD and other codes of js_read. */
err record_read(str text, arena *a, allocation *ret, str *ret_boot, fault *f) MUST_CHECK;
/* Copies of the ask's texts. ERR_BAD_FIELD: an id that is no name, a text that is too long. */
err record_take(const allocation_ask *ask, allocation *ret, fault *f) MUST_CHECK;
