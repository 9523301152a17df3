#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include "agents/file.h"
#include "agents/kube/login.h"
#include "fixture.h"

#define CLUSTERS "apiVersion: v1\nkind: Config\npreferences: {}\nclusters:\n"
#define CONTEXTS                                                                                                       \
	"contexts:\n- name: c\n  context:\n    cluster: k\n    user: u\n    namespace: gpus\ncurrent-context: c\n"
#define SERVER "- name: k\n  cluster:\n    server: https://10.0.0.1:6443/\n"

static err config_read(const char *text, const char *context, arena *a, login *ret, fault *f)
{
	folder d = folder_new();
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/config", d.path);
	MUST(file_write(path, 0600, str_from(text), &must));
	err e = login_config(path, context, a, ret, f);
	folder_free(&d);
	return e;
}

Test(login, reads_certificates_as_data_and_as_files)
{
	AUTO_ARENA a = arena_new(0);
	login l;
	fault f = {0};

	cr_assert_eq(
		config_read(CLUSTERS SERVER
			"    certificate-authority-data: Zm9v\n    tls-server-name: api.example\n"
			"users:\n- name: u\n  user:\n    client-certificate-data: YmFy\n    client-key: keys/k.pem\n" CONTEXTS,
			NULL, a, &l, &f),
		ERR_OK, "%s %s", f.pointer, f.detail);
	cr_expect(str_eq(l.server, S("https://10.0.0.1:6443")), STR_FMT, STR_ARG(l.server));
	cr_expect(
		str_eq(l.ca_pem, S("foo")) && str_eq(l.cert_pem, S("bar")) && str_eq(l.server_name, S("api.example")));
	cr_expect(
		str_ends(l.key_file, S("/keys/k.pem")) && str_starts(l.key_file, S("/tmp/")), "beside its kubeconfig");
	cr_expect(str_eq(l.space, S("gpus")));
}

Test(login, reads_tokens_and_programs)
{
	AUTO_ARENA a = arena_new(0);
	login l;
	fault f = {0};

	cr_assert_eq(
		config_read(CLUSTERS SERVER
			"    insecure-skip-tls-verify: true\n    proxy-url: http://proxy:3128\nusers:\n- name: u\n  user:\n"
			"    token: abc\n    exec:\n      apiVersion: client.authentication.k8s.io/v1\n      command: aws\n"
			"      args: [eks, get-token]\n      env:\n      - name: A\n        value: b\n      provideClusterInfo: "
			"false\n" CONTEXTS,
			NULL, a, &l, &f),
		ERR_OK, "%s %s", f.pointer, f.detail);
	cr_expect(l.is_unverified && str_eq(l.proxy, S("http://proxy:3128")) && str_eq(l.token, S("abc")));
	cr_expect(str_eq(l.exec.command, S("aws")) && l.exec.args.n == 2 && str_eq(l.exec.args.v[1], S("get-token")));
	cr_expect(l.exec.env.n == 1 && str_eq(l.exec.env.v[0], S("A=b")));
}

typedef struct bad_config {
	const char *text, *context;
	err e;
} bad_config;

Test(login, refuses_what_leads_nowhere)
{
	static const bad_config rows[] = {
		{CLUSTERS SERVER "users: []\n" CONTEXTS, NULL, ERR_NOT_FOUND},
		{CLUSTERS SERVER "users:\n- name: u\n  user: {}\n" CONTEXTS, "other", ERR_NOT_FOUND},
		{"clusters: []\nusers:\n- name: u\n  user: {}\n" CONTEXTS, NULL, ERR_NOT_FOUND},
		{"clusters:\n- name: k\n  cluster: {server: \"10.0.0.1\"}\nusers:\n- name: u\n  user: {}\n" CONTEXTS,
			NULL, ERR_BAD_FIELD},
		{CLUSTERS SERVER "    certificate-authority-data: '*'\nusers:\n- name: u\n  user: {}\n" CONTEXTS, NULL,
			ERR_BAD_FIELD},
		{CLUSTERS SERVER "users:\n- name: u\n  user: {username: x, password: z}\n" CONTEXTS, NULL,
			ERR_BAD_FIELD},
		{CLUSTERS SERVER "users:\n- name: u\n  user: {auth-provider: {name: gcp}}\n" CONTEXTS, NULL,
			ERR_BAD_FIELD},
		{"clusters: [\n", NULL, ERR_MALFORMED_YAML},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO_ARENA a = arena_new(0);
		login l;
		fault f = {0};
		err e = config_read(rows[i].text, rows[i].context, a, &l, &f);
		cr_expect_eq(e, rows[i].e, "row %zu: %s %s", i, err_code(e), f.detail);
		cr_expect(f.detail[0], "row %zu says nothing", i);
	}
	AUTO_ARENA a = arena_new(0);
	login l;
	cr_expect_eq(login_config("/nowhere/a:/nowhere/b", NULL, a, &l, NULL), ERR_NOT_FOUND);
}

Test(login, looks_names_up_in_the_order_of_the_files)
{
	AUTO_ARENA a = arena_new(0);
	folder d = folder_new();
	char one[96], two[96], both[256];
	login l;
	fault f = {0};

	(void)snprintf(one, sizeof(one), "%s/one", d.path);
	(void)snprintf(two, sizeof(two), "%s/two", d.path);
	(void)snprintf(both, sizeof(both), "/nowhere:%s:%s", one, two);
	MUST(file_write(one, 0600, S(CLUSTERS SERVER), &must));
	MUST(file_write(two, 0600,
		S("clusters:\n- name: k\n  cluster: {server: \"https://other\"}\nusers:\n- name: u\n  user: {token: t}\n" CONTEXTS),
		&must));
	cr_assert_eq(login_config(both, NULL, a, &l, &f), ERR_OK, "%s", f.detail);
	cr_expect(str_eq(l.server, S("https://10.0.0.1:6443")) && str_eq(l.token, S("t")));
	folder_free(&d);
}

Test(login, finds_the_account_of_its_pod)
{
	AUTO_ARENA a = arena_new(0);
	folder d = folder_new();
	char path[128];
	login l;
	fault f = {0};

	(void)unsetenv("KUBERNETES_SERVICE_HOST");
	cr_expect_eq(login_account(d.path, a, &l, &f), ERR_NOT_FOUND);
	(void)setenv("KUBERNETES_SERVICE_HOST", "fd00::1", 1);
	(void)setenv("KUBERNETES_SERVICE_PORT", "443", 1);
	cr_expect_eq(login_account(d.path, a, &l, &f), ERR_NOT_FOUND, "no token");
	(void)snprintf(path, sizeof(path), "%s/token", d.path);
	MUST(file_write(path, 0600, S("t\n"), &must));
	(void)snprintf(path, sizeof(path), "%s/namespace", d.path);
	MUST(file_write(path, 0600, S("reeve\n"), &must));
	cr_assert_eq(login_account(d.path, a, &l, &f), ERR_OK, "%s", f.detail);
	cr_expect(str_eq(l.server, S("https://[fd00::1]:443")), STR_FMT, STR_ARG(l.server));
	cr_expect(str_eq(l.space, S("reeve")), STR_FMT, STR_ARG(l.space));
	cr_expect(str_ends(l.token_file, S("/token")) && str_ends(l.ca_file, S("/ca.crt")));
	folder_free(&d);
}
