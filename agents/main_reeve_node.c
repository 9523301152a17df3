/* reeve-node: what governs the GPUs of one machine. Without a word it is the daemon; words do one thing and end. */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include "agents/node/command.h"
#include "agents/node/daemon.h"
#include "agents/node/instance.h"
#include "agents/node/vnpu.h"
#include "agents/node/probe_message.h"

enum { LARGE_BYTES = 64 << 10 };

/* What the daemon starts for itself (probe.h). */
static int probe_main(int argc, char **argv)
{
	return argc == 2 ? probe_serve(PROBE_FD, argv[1]) : EXIT_FAILURE;
}

static const struct word {
	const char *name;
	int (*run)(int argc, char **argv);
} words[] = {
	{"run", command_run},
	{"region", command_region},
	{"install", command_install},
	{"probe", probe_main},
	{"instance", instance_main},
	{"vnpu", vnpu_main},
};

/* libcurl brings GnuTLS along, for protocols that nobody speaks here. It would set itself up when it is loaded, which
 * takes more than a megabyte of memory on every node; it asks the program first.
 */
int _gnutls_global_init_skip(void);

__attribute__((visibility("default"))) int _gnutls_global_init_skip(void)
{
	return 1;
}

/* The daemon is one thread that now and then needs much at once (a page of metrics, a copy of a container's books):
 * that goes back to the system when it is done with.
 */
static void memory_begin(void)
{
	(void)mallopt(M_ARENA_MAX, 1);
	(void)mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
	(void)mallopt(M_TRIM_THRESHOLD, LARGE_BYTES);
}

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(words) / sizeof(*words); i++)
		if (strcmp(argv[1], words[i].name) == 0)
			return words[i].run(argc - 1, argv + 1);
	memory_begin();
	return daemon_main(argc, argv);
}
