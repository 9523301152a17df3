#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "agents/file.h"
#include "agents/node/cdi.h"

static const cdi_node nodes[] = {{"/dev/nvidia0", "/dev/nvidia0"}, {"/dev/nvidiactl", "/dev/nvidiactl"}};
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
		cdi_node o = {paths[i], "/x"}, q = {"/x", paths[i]};
		cdi_share u = {.name = "x", .nodes = &o, .n_nodes = 1}, v = {.name = "x", .nodes = &q, .n_nodes = 1};
		cr_expect_eq(cdi_print(&s, a, &text, NULL), ERR_BAD_FIELD, "path %zu", i);
		cr_expect_eq(cdi_print(&t, a, &text, NULL), ERR_BAD_FIELD, "path %zu", i);
		cr_expect_eq(cdi_print(&u, a, &text, NULL), ERR_BAD_FIELD, "path %zu", i);
		cr_expect_eq(cdi_print(&v, a, &text, NULL), ERR_BAD_FIELD, "path %zu", i);
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
	char path[160];
	(void)snprintf(path, sizeof(path), "%s/nvidia.json", folder);
	(void)unlink(path);
	(void)rmdir(folder);
	(void)rmdir(root);
}

static const struct {
	const char *what, *file, *text;
	bool has;
} makers[] = {
	{"theirs", "a.json", "{\"kind\":\"nvidia.com/gpu\",\"devices\":[{\"name\":\"GPU-a\"},{\"name\":\"GPU-b\"}]}",
		true},
	{"as their tool writes it", "a.yaml",
		"cdiVersion: 0.5.0\ncontainerEdits:\n  env:\n  - NVIDIA_VISIBLE_DEVICES=void\ndevices:\n- containerEdits:\n"
		"    deviceNodes:\n    - path: /dev/nvidia0\n  name: GPU-a\n- name: \"GPU-b\"\nkind: nvidia.com/gpu\n",
		true},
	{"another kind whose name ends like it", "a.json",
		"{\"kind\":\"management.nvidia.com/gpu\",\"devices\":[{\"name\":\"GPU-a\"},{\"name\":\"GPU-b\"}]}",
		false},
	{"another kind, and theirs in a word of it", "a.yaml",
		"kind: k8s.device-plugin.nvidia.com/gpu\ndevices:\n- name: GPU-a\n- name: GPU-b\n  note: nvidia.com/gpu\n",
		false},
	{"devices by number", "a.json",
		"{\"kind\":\"nvidia.com/gpu\",\"devices\":[{\"name\":\"0\"},{\"name\":\"all\"}]}", false},
	{"one of two", "a.json", "{\"kind\":\"nvidia.com/gpu\",\"devices\":[{\"name\":\"GPU-a\"}]}", false},
	{"not JSON", "a.json", "{\"kind\":\"nvidia.com/gpu\"", false},
	{"ours", "reeve.io-share_x.json",
		"{\"kind\":\"nvidia.com/gpu\",\"devices\":[{\"name\":\"GPU-a\"},{\"name\":\"GPU-b\"}]}", false},
};

Test(cdi, a_makers_file_counts_when_it_is_of_its_kind_and_names_the_devices)
{
	char root[] = "/tmp/reeve-cdi-XXXXXX", folders[64], path[128];
	const str names[] = {S("GPU-a"), S("GPU-b")};

	cr_assert(mkdtemp(root));
	(void)snprintf(folders, sizeof(folders), "/nowhere:%s", root);
	for (size_t i = 0; i < sizeof(makers) / sizeof(*makers); i++) {
		file_make(root, makers[i].file, makers[i].text);
		cr_expect_eq(cdi_has_devices(folders, "nvidia.com/gpu", names, 2), makers[i].has, "%s", makers[i].what);
		(void)snprintf(path, sizeof(path), "%s/%s", root, makers[i].file);
		(void)unlink(path);
	}
	cr_expect(!cdi_has_devices("/nowhere", "nvidia.com/gpu", names, 2));
	(void)rmdir(root);
}
