/* node_allocate STATE ID UUID MEMORY_MIB COMPUTE_MILLI PID [PLACEMENT POD_UID]: an allocation as the device plugin
 * makes one, for a daemon that is not running; PID is its first process, 0: a container's.
 */
#include <stdio.h>
#include <stdlib.h>

#include "agents/node/allocation.h"

int main(int argc, char **argv)
{
	fault f = {0};
	allocations *all;
	const allocation *of;

	if (argc != 7 && argc != 9)
		return 2;
	allocation_ask ask = {
		.id = argv[2],
		.owner = {.namespace = S("ml"), .pod = str_from(argv[2]), .container = S("main")},
		.share = {.devices = {{argv[3], strtol(argv[4], NULL, 10), strtol(argv[5], NULL, 10)}}, .n = 1},
		.pid = strtol(argv[6], NULL, 10),
	};
	if (argc == 9) {
		ask.owner.placement = str_from(argv[7]);
		ask.owner.pod_uid = str_from(argv[8]);
	}
	err e = allocations_open(argv[1], NULL, NULL, &all, &f);
	if (!e)
		e = allocation_make(all, &ask, &of, &f);
	if (e)
		fprintf(stderr, "%s: %s\n", f.pointer, f.detail);
	else
		allocations_close(all);
	arena_trim();
	return e != ERR_OK;
}
