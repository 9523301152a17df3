#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "agents/node/asked.h"
#include "agents/node/command.h"
#include "agents/node/lot.h"
#include "shim/alive.h"
#include "shim/region.h"

enum { EXIT_ASKED_WRONG = 2 };

typedef struct region_options {
	asked asked;
} region_options;

static const setting region_rows[] = {ASKED_ROWS(region_options)};

static const setting_table region_settings = {
	.program = "reeve-node region",
	.usage = "create|set|show PATH [options]",
	.about =
		"create makes a folder with the limits and the books of a share; programs with the shim attach to it by "
		"REEVE_SHIM_REGION=PATH. set changes memory, compute and priority of one that is in use, to what the "
		"options say. show prints what may be used and what is.",
	.rows = region_rows,
	.n = sizeof(region_rows) / sizeof(*region_rows),
};

int command_refuse(const char *program, const char *at, const char *why)
{
	fprintf(stderr, "%s: %s%s%s\n", program, at, at[0] ? ": " : "", why);
	return EXIT_ASKED_WRONG;
}

static int refuse(const fault *f)
{
	return command_refuse("reeve-node region", f->pointer, f->detail);
}

static int region_make(const char *path, const region_options *o)
{
	limits l;
	fault f = {0};

	if (asked_limits(&o->asked, &l, &f))
		return refuse(&f);
	if (region_create(path, &l))
		return EXIT_SUCCESS;
	fprintf(stderr, "reeve-node region: %s: %s\n", path, strerror(errno));
	return EXIT_FAILURE;
}

static int region_set(const char *path, const region_options *o)
{
	lot l;
	fault f = {0};

	if (lot_open(path, &l, &f)) {
		refuse(&f);
		return EXIT_FAILURE;
	}
	err e = asked_change(&o->asked, l.limits, &f);
	lot_close(&l);
	return e ? refuse(&f) : EXIT_SUCCESS;
}

/* Of the living, as far as we can see who lives: in another pid namespace we cannot. */
static uint64_t held_bytes(const books *b, unsigned device)
{
	uint32_t space = alive_space();
	unsigned top = atomic_load(&b->top);
	uint64_t sum = 0;

	for (unsigned i = 0; i < top; i++) {
		uint64_t owner = atomic_load(&b->slots[i].owner);
		bool may_see = atomic_load(&b->slots[i].pid_space) == space;
		if (owner && !(owner & BOOKS_JOINING) && (!may_see || alive_check(books_name(owner), 0)))
			sum += atomic_load(&b->slots[i].bytes[device]);
	}
	return sum;
}

static void print_device(const lot *l, const books *b, unsigned d)
{
	const limits_device *of = &l->limits->devices[d];
	uint64_t most = atomic_load(&of->memory_bytes);

	printf("device %u: memory %" PRIu64 " MiB of ", d, held_bytes(b, d) >> 20);
	if (most == LIMITS_NONE)
		printf("all");
	else
		printf("%" PRIu64 " MiB", most >> 20);
	printf(", compute %u of 1000", atomic_load(&of->compute_milli));
	printf(", lent %u%s\n", atomic_load(&of->lent_milli), atomic_load(&of->hold) ? ", held" : "");
}

static int region_show(const char *path)
{
	lot l;
	fault f = {0};

	if (lot_open(path, &l, &f)) {
		refuse(&f);
		return EXIT_FAILURE;
	}
	books *b = aligned_alloc(64, sizeof(*b));
	bool is_read = b && lot_read(&l, b);
	printf("priority %s\n", atomic_load(&l.limits->priority) == LIMITS_HIGH ? "high" : "low");
	for (unsigned d = 0; is_read && d < l.limits->device_count; d++)
		print_device(&l, b, d);
	lot_close(&l);
	free(b);
	if (!is_read)
		fprintf(stderr, "reeve-node region: %s/books: they are cut or of another version\n", path);
	return is_read ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int region_do(const char *verb, const char *path, const region_options *o)
{
	if (strcmp(verb, "create") == 0)
		return region_make(path, o);
	if (strcmp(verb, "set") == 0)
		return region_set(path, o);
	if (strcmp(verb, "show") == 0)
		return region_show(path);
	return command_refuse("reeve-node region", verb, "is none of create, set and show");
}

/* The path may stand before the flags or after them. */
int command_region(int argc, char **argv)
{
	region_options o;
	fault f = {0};
	bool is_done;
	int operand;
	bool is_path_first = argc > 2 && argv[1][0] != '-' && argv[2][0] != '-';
	int skip = argc > 1 && argv[1][0] != '-' ? is_path_first ? 2 : 1 : 0;

	if (setting_read(&region_settings, &o, NULL, argc - skip, argv + skip, &operand, &is_done, &f))
		return refuse(&f);
	if (is_done)
		return EXIT_SUCCESS;
	if (!is_path_first && skip && operand + skip < argc)
		return region_do(argv[1], argv[operand++ + skip], &o);
	if (operand + skip < argc)
		return command_refuse("reeve-node region", argv[operand + skip], "is one word too many");
	if (!is_path_first)
		return command_refuse("reeve-node region", "", "takes create, set or show, and a PATH; see --help");
	return region_do(argv[1], argv[2], &o);
}
