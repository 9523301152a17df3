#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "agents/file.h"
#include "agents/node/command.h"
#include "agents/node/library.h"

static const struct {
	const char *name;
	mode_t mode;
} pieces[] = {
	{"libreeve-shim.so", 0755},
	{"libreeve-shim-cuda.so", 0755},
	{"libreeve-shim-nvml.so", 0755},
	{"reeve-hook", 0755},
	{"ld.so.preload", 0644},
};

/* A file is never written into, since containers that run have it mounted: a new one takes its name. */
static err piece_put(const char *from, const char *into, size_t i, fault *f)
{
	AUTO_ARENA a = arena_new(0);
	const char *source, *target = str_z(a, str_print(a, "%s/%s", into, pieces[i].name));
	str bytes, there;
	err e = library_find(from, pieces[i].name, a, &source, f);

	if (!e)
		e = file_read(source, a, &bytes, f);
	if (e || (file_read(target, a, &there, NULL) == ERR_OK && str_eq(bytes, there)))
		return e;
	return file_write(target, pieces[i].mode, bytes, f);
}

int command_install(int argc, char **argv)
{
	fault f = {0};

	if (argc < 2 || argc > 3 || argv[1][0] != '/')
		return command_refuse("reeve-node install", "usage", "reeve-node install /FOLDER [FROM]");
	err e = file_folder(argv[1], &f);
	if (!e && chmod(argv[1], 0755) != 0)
		e = fault_set(&f, ERR_IO, argv[1], "cannot be opened to containers: %m");
	for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces) && !e; i++)
		e = piece_put(argc > 2 ? argv[2] : NULL, argv[1], i, &f);
	return e ? command_refuse("reeve-node install", f.pointer, f.detail) : EXIT_SUCCESS;
}
