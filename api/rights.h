/* rights: what a caller may do, as bits, and the roles that bundle them. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "base/str.h"

typedef enum right {
#define RIGHT(id, name, doc) RIGHT_##id,
#include "rights.def"
#undef RIGHT
	RIGHT_COUNT
} right;

typedef struct role_row {
	const char *name;
	const char *doc;
	bool is_platform; /* counts only at the root */
	uint64_t rights;  /* bit per right */
} role_row;

extern const role_row roles[];
extern const uint32_t roles_n;

/* NULL when there is no such role. */
const role_row *role_find(str name);
const char *right_name(right r);
const char *right_doc(right r);

static inline bool rights_hold(uint64_t rights, right r)
{
	return rights >> r & 1;
}

/* Whether everything in `less` is in `more`: nobody grants more than they hold. */
static inline bool rights_cover(uint64_t more, uint64_t less)
{
	return (less & ~more) == 0;
}
