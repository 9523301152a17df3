/* region: the limits and books that this process goes by, found once.
 *
 *   1. the folder that the node mounted. Where it exists nothing else counts: no variable, and no other file.
 *   2. REEVE_SHIM_REGION, a folder made by `reeve-node region create`.
 *   3. HAMi's variables. The first process makes a file for all of the container; for later ones it is the file that
 * counts.
 *   4. such a file in its usual place, for a process that was started without the variables; or what another process of
 *      the container uses (beside.h).
 *
 * With none of these there is no limit. A folder or a file that is named and cannot be used limits memory to nothing:
 * it was removed or damaged, and what it said is not known.
 */
#pragma once
#include "shim/books.h"
#include "shim/limits.h"

typedef struct region {
	const limits *limits;
	books *books;
	bool by_variables; /* 3 or 4: devices have no uuids, and count as the program sees them */
} region;

/* Always gives both; with no memory left for them, false. */
bool region_open(region *ret_region);

/* Where the node mounts; LIMITS_FOLDER, and another in the builds that tests make. */
extern const char region_mount[];

/* Makes what region_open attaches to: a folder with `limits` as given and fresh `books`. False with errno. */
bool region_create(const char *folder, const limits *l);
