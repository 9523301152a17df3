/* held: what a principal holds, as clients are told. */
#pragma once
#include "api/types/permission.h"
#include "server/identity/principal.h"

/* The names of rights, in a. */
strs held_names(arena *a, uint64_t rights);
/* Its grants as a list of held_grant. */
js_list held_grants(arena *a, const principal *p);
/* Each right that is held at the path with each grant that has it: permission_reason. */
js_list held_reasons(arena *a, const principal *p, str path);
