#include "agents/node/library.h"
#include <limits.h>
#include <unistd.h>

static const char *const library_folders[] = {"../lib/reeve", "../lib", "../../lib/reeve"};

static str own_folder(arena *a)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path));

	while (n > 0 && path[n - 1] != '/')
		n--;
	return n > 1 ? str_dup(a, str_of(path, (size_t)n - 1)) : S("/usr/bin");
}

err library_find(const char *folder, const char *name, arena *a, const char **ret_path, fault *f)
{
	str own = own_folder(a);

	if (folder) {
		*ret_path = str_z(a, str_print(a, "%s/%s", folder, name));
		return access(*ret_path, R_OK) == 0 ? ERR_OK : fault_set(f, ERR_NOT_FOUND, *ret_path, "%m");
	}
	for (size_t i = 0; i < sizeof(library_folders) / sizeof(*library_folders); i++) {
		*ret_path = str_z(a, str_print(a, STR_FMT "/%s/%s", STR_ARG(own), library_folders[i], name));
		if (access(*ret_path, R_OK) == 0)
			return ERR_OK;
	}
	return fault_set(
		f, ERR_NOT_FOUND, name, "is not beside " STR_FMT ": name its folder with --libraries", STR_ARG(own));
}

err library_link(const char *folder, const char *name, const char *into, const char *as, arena *a, fault *f)
{
	const char *path;
	err e = library_find(folder, name, a, &path, f);

	if (e)
		return e;
	const char *link = str_z(a, str_print(a, "%s/%s", into, as));
	return symlink(path, link) == 0 ? ERR_OK : fault_set(f, ERR_IO, link, "it cannot be made: %m");
}
