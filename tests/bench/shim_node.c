/* shim_node FOLDER...: settles the shares of a device as the node does, until it is killed. Each folder is one
 * container's. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "agents/node/settle.h"

#define SHARES 64

int main(int argc, char **argv)
{
	static settle_member list[SHARES];
	unsigned count = 0;
	fault f;

	for (int i = 1; i < argc && count < SHARES; i++, count++) {
		lot *l = calloc(1, sizeof(*l));
		if (!l || lot_open(argv[i], l, &f))
			return 1;
		list[count] = (settle_member){"GPU", l, 0};
	}
	settle *s = settle_new();
	settle_set(s, list, count);
	for (;;) {
		struct timespec now, nap = {0, 0};
		clock_gettime(CLOCK_MONOTONIC, &now);
		nap.tv_nsec = settle_turn(s, (int64_t)now.tv_sec * 1000000000 + now.tv_nsec) % 1000000000;
		nanosleep(&nap, NULL);
	}
}
