#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "agents/file.h"
#include "agents/node/cdi.h"

static const char *const nodes[] = {"/dev/nvidia0", "/dev/nvidiactl"};
static const cdi_mount mounts[] = {
	{"/var/lib/reeve/node/allocations/a", "/.reeve", true, false},
	{"/var/lib/reeve/node/allocations/a/books", "/.reeve/books", false, false},
	{"/usr/lib/reeve/libreeve-shim.so", "/.reeve-shim.so", true, true},
};
static const cdi_variable variables[] = {{"NVIDIA_VISIBLE_DEVICES", "void"}};
static const char *const words[] = {"reeve-hook", "createContainer", "--libraries", "/usr/lib/reeve", NULL};
static const cdi_hook hooks[] = {{"createContainer", "/usr/lib/reeve/reeve-hook", words}};

static cdi_share sample(const char *name)
{
	return (cdi_share){name, nodes, 2, mounts, 3, variables, 1, hooks, 1};
}

Test(cdi, a_share_is_this_file)
{
	static const char expected[] =
		"{\"cdiVersion\":\"0.5.0\",\"kind\":\"reeve.io/share\",\"devices\":[{\"name\":\"uid_main\",\"containerEdits\":{"
		"\"env\":[\"NVIDIA_VISIBLE_DEVICES=void\"],"
		"\"deviceNodes\":[{\"path\":\"/dev/nvidia0\",\"permissions\":\"rw\"},"
		"{\"path\":\"/dev/nvidiactl\",\"permissions\":\"rw\"}],"
		"\"mounts\":[{\"hostPath\":\"/var/lib/reeve/node/allocations/a\",\"containerPath\":\"/.reeve\","
		"\"options\":[\"ro\",\"nosuid\",\"nodev\",\"noexec\",\"bind\"]},"
		"{\"hostPath\":\"/var/lib/reeve/node/allocations/a/books\",\"containerPath\":\"/.reeve/books\","
		"\"options\":[\"rw\",\"nosuid\",\"nodev\",\"noexec\",\"bind\"]},"
		"{\"hostPath\":\"/usr/lib/reeve/libreeve-shim.so\",\"containerPath\":\"/.reeve-shim.so\","
		"\"options\":[\"ro\",\"nosuid\",\"nodev\",\"bind\"]}],"
		"\"hooks\":[{\"hookName\":\"createContainer\",\"path\":\"/usr/lib/reeve/reeve-hook\","
		"\"args\":[\"reeve-hook\",\"createContainer\",\"--libraries\",\"/usr/lib/reeve\"]}]}}]}";
	AUTO_ARENA a = arena_new(0);
	cdi_share s = sample("uid_main");
	str text;
	fault f = {0};

	cr_assert_eq(cdi_print(&s, a, &text, &f), ERR_OK, "%s", f.detail);
	cr_expect_str_eq(str_z(a, text), expected);
}

Test(cdi, an_edit_that_is_empty_is_left_out)
{
	AUTO_ARENA a = arena_new(0);
	cdi_share s = {.name = "x"};
	str text;

	cr_assert_eq(cdi_print(&s, a, &text, NULL), ERR_OK);
	cr_expect_str_eq(str_z(a, text),
		"{\"cdiVersion\":\"0.5.0\",\"kind\":\"reeve.io/share\",\"devices\":[{\"name\":\"x\",\"containerEdits\":{}}]}");
}

Test(cdi, names_and_paths_that_lead_elsewhere_are_refused)
{
	static const char *const names[] = {"", "../x", "a/b", ".x", "-x", "a b", "a\n", "a\"b"};
	static const char *const paths[] = {"relative", "/a/../etc/shadow", "/a\nb", "/a\x80"};
	AUTO_ARENA a = arena_new(0);
	str text;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		cdi_share s = sample(names[i]);
		cr_expect_eq(cdi_print(&s, a, &text, NULL), ERR_BAD_FIELD, "name %zu", i);
		cr_expect_eq(cdi_remove("/tmp", names[i], NULL), ERR_BAD_FIELD, "name %zu", i);
	}
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		cdi_mount m = {paths[i], "/x", true, false}, n = {"/x", paths[i], true, false};
		cdi_share s = {.name = "x", .mounts = &m, .n_mounts = 1},
			  t = {.name = "x", .mounts = &n, .n_mounts = 1};
		cdi_share u = {.name = "x", .nodes = &paths[i], .n_nodes = 1};
		cr_expect_eq(cdi_print(&s, a, &text, NULL), ERR_BAD_FIELD, "path %zu", i);
		cr_expect_eq(cdi_print(&t, a, &text, NULL), ERR_BAD_FIELD, "path %zu", i);
		cr_expect_eq(cdi_print(&u, a, &text, NULL), ERR_BAD_FIELD, "path %zu", i);
	}
}

static bool is_kept(void *arg, const char *name)
{
	return strcmp(name, arg) == 0;
}

static void file_make(const char *folder, const char *name, const char *text)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	cr_assert_eq(file_write(path, 0644, str_from(text), NULL), ERR_OK);
}

static bool is_there(const char *folder, const char *name)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	return access(path, F_OK) == 0;
}

Test(cdi, files_go_with_what_they_are_of)
{
	char root[] = "/tmp/reeve-cdi-XXXXXX", folder[64];
	cdi_share s = sample("one"), t = sample("two");

	cr_assert(mkdtemp(root));
	(void)snprintf(folder, sizeof(folder), "%s/cdi", root);
	cr_assert_eq(cdi_put(folder, &s, NULL), ERR_OK, "the folder is made");
	cr_assert_eq(cdi_put(folder, &t, NULL), ERR_OK);
	cr_assert_eq(cdi_put(folder, &t, NULL), ERR_OK, "again");
	cr_expect(is_there(folder, "reeve.io-share_one.json") && is_there(folder, "reeve.io-share_two.json"));
	file_make(folder, "reeve.io-share_three.json.new", "half");
	file_make(folder, "nvidia.json", "{\"kind\":\"nvidia.com/gpu\"}");
	cr_expect_eq(cdi_sweep(folder, is_kept, "one"), 2);
	cr_expect(is_there(folder, "reeve.io-share_one.json"));
	cr_expect(!is_there(folder, "reeve.io-share_two.json") && !is_there(folder, "reeve.io-share_three.json.new"));
	cr_expect(is_there(folder, "nvidia.json"), "another's stays");
	cr_expect_eq(cdi_remove(folder, "one", NULL), ERR_OK);
	cr_expect_eq(cdi_remove(folder, "one", NULL), ERR_OK, "again");
	cr_expect(!is_there(folder, "reeve.io-share_one.json"));

	char folders[160];
	(void)snprintf(folders, sizeof(folders), "/nowhere:%s", folder);
	cr_expect(cdi_has_kind(folders, "nvidia.com/gpu"));
	cr_expect(!cdi_has_kind(folders, "amd.com/gpu"));
	cr_expect(!cdi_has_kind("/nowhere", "nvidia.com/gpu"));
	(void)snprintf(folders, sizeof(folders), "%s/nvidia.json", folder);
	(void)unlink(folders);
	(void)rmdir(folder);
	(void)rmdir(root);
}
