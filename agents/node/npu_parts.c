#include "agents/node/npu_parts.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PATH_BYTES = 512 };

static const char *const common[] = {"davinci_manager", "devmm_svm", "hisi_hdc"};

/* Of the driver, where they are. */
static const struct {
	const char *path;
	bool may_execute;
} driver[] = {
	{"/usr/local/Ascend/driver/lib64", true},
	{"/usr/local/Ascend/driver/version.info", false},
	{"/usr/local/dcmi", true},
	{"/usr/local/bin/npu-smi", true},
	{"/etc/ascend_install.info", false},
};

static err node_check(const char *path, fault *f)
{
	return access(path, F_OK) == 0
		       ? ERR_OK
		       : fault_set(f, ERR_UNAVAILABLE, NULL, "the device node %s is not there yet", path);
}

static void path_of(const char *devices, npu_part one, char out[PATH_BYTES])
{
	(void)snprintf(out, PATH_BYTES, "%s/%sdavinci%lld", devices, one.is_virtual ? "v" : "", (long long)one.id);
}

err npu_parts_check(const char *devices, npu_part one, fault *f)
{
	char path[PATH_BYTES];
	err e = ERR_OK;

	for (size_t i = 0; i < sizeof(common) / sizeof(*common) && !e; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", devices, common[i]);
		e = node_check(path, f);
	}
	path_of(devices, one, path);
	return e ? e : node_check(path, f);
}

void npu_parts_add(const char *devices, npu_part one, parts *p, arena *a)
{
	char path[PATH_BYTES];

	path_of(devices, one, path);
	parts_node(p, str_z(a, str_from(path)), str_z(a, str_print(a, "%s/davinci%lld", devices, (long long)one.id)));
}

void npu_parts_common(const char *devices, parts *p, arena *a)
{
	for (size_t i = 0; i < sizeof(common) / sizeof(*common); i++) {
		const char *path = str_z(a, str_print(a, "%s/%s", devices, common[i]));
		parts_node(p, path, path);
	}
	for (size_t i = 0; i < sizeof(driver) / sizeof(*driver); i++)
		if (access(driver[i].path, R_OK) == 0)
			parts_mount(p, driver[i].path, driver[i].path, true, driver[i].may_execute);
	/* Its maker's runtime adds devices by this variable; there is nothing for it to add. */
	parts_variable(p, "ASCEND_VISIBLE_DEVICES", "");
}
