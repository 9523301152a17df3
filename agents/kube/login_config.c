#include <stdlib.h>
#include "agents/file.h"
#include "base/base64.h"
#include "agents/kube/login.h"
#include "json/js.h"
#include "json/yaml.h"

enum { FILES_MAX = 16 };

typedef struct config_cluster {
	str server, server_name, ca_data, ca_file, proxy;
	bool is_unverified;
} config_cluster;
#define F(...) JS_FIELD_AS(config_cluster, __VA_ARGS__)
static const js_field config_cluster_fields[] = {
	F(server, "server", JS_OPTIONAL, "URL."),
	F(server_name, "tls-server-name", JS_OPTIONAL, "Name in the certificate."),
	F(ca_data, "certificate-authority-data", JS_OPTIONAL, "PEM in base 64.", JS_LEN(0, LOGIN_FILE_MAX)),
	F(ca_file, "certificate-authority", JS_OPTIONAL, "File."),
	F(proxy, "proxy-url", JS_OPTIONAL, "URL."),
	F(is_unverified, "insecure-skip-tls-verify", JS_OPTIONAL, "Take any certificate."),
};
#undef F
static JS_TYPE(config_cluster, "A cluster of a kubeconfig.");

typedef struct config_env {
	str name, value;
} config_env;
#define F(...) JS_FIELD(config_env, __VA_ARGS__)
static const js_field config_env_fields[] = {
	F(name, JS_OPTIONAL, "Name."),
	F(value, JS_OPTIONAL, "Value."),
};
#undef F
static JS_TYPE(config_env, "A variable.");

typedef struct config_exec {
	str command, api_version;
	strs args;
	js_list env;
} config_exec;
#define F(...) JS_FIELD_AS(config_exec, __VA_ARGS__)
static const js_field config_exec_fields[] = {
	F(command, "command", JS_OPTIONAL, "Program."),
	F(api_version, "apiVersion", JS_OPTIONAL, "Form of what it prints."),
	F(args, "args", JS_OPTIONAL, "Arguments."),
	F(env, "env", JS_OPTIONAL, "Variables.", JS_OF(config_env)),
};
#undef F
static JS_TYPE(config_exec, "A program that prints credentials.");

typedef struct config_user {
	str cert_data, cert_file, key_data, key_file, token, token_file, username;
	config_exec exec;
	js_raw provider;
} config_user;
#define F(...) JS_FIELD_AS(config_user, __VA_ARGS__)
static const js_field config_user_fields[] = {
	F(cert_data, "client-certificate-data", JS_OPTIONAL, "PEM in base 64.", JS_LEN(0, LOGIN_FILE_MAX)),
	F(cert_file, "client-certificate", JS_OPTIONAL, "File."),
	F(key_data, "client-key-data", JS_OPTIONAL, "PEM in base 64.", JS_LEN(0, LOGIN_FILE_MAX)),
	F(key_file, "client-key", JS_OPTIONAL, "File."),
	F(token, "token", JS_OPTIONAL, "Bearer token.", JS_LEN(0, LOGIN_FILE_MAX)),
	F(token_file, "tokenFile", JS_OPTIONAL, "File."),
	F(username, "username", JS_OPTIONAL, "Basic authentication."),
	F(exec, "exec", JS_OPTIONAL, "Program.", JS_OF(config_exec)),
	F(provider, "auth-provider", JS_OPTIONAL, "An old way."),
};
#undef F
static JS_TYPE(config_user, "A user of a kubeconfig.");

typedef struct config_context {
	str cluster, user, space;
} config_context;
#define F(...) JS_FIELD_AS(config_context, __VA_ARGS__)
static const js_field config_context_fields[] = {
	F(cluster, "cluster", JS_OPTIONAL, "Cluster."),
	F(user, "user", JS_OPTIONAL, "User."),
	F(space, "namespace", JS_OPTIONAL, "Namespace."),
};
#undef F
static JS_TYPE(config_context, "A context of a kubeconfig.");

typedef struct named_cluster {
	str name;
	config_cluster it;
} named_cluster;
static const js_field named_cluster_fields[] = {
	JS_FIELD(named_cluster, name, JS_OPTIONAL, "Name."),
	JS_FIELD_AS(named_cluster, it, "cluster", JS_OPTIONAL, "Cluster.", JS_OF(config_cluster)),
};
static JS_TYPE(named_cluster, "A cluster and its name.");

typedef struct named_user {
	str name;
	config_user it;
} named_user;
static const js_field named_user_fields[] = {
	JS_FIELD(named_user, name, JS_OPTIONAL, "Name."),
	JS_FIELD_AS(named_user, it, "user", JS_OPTIONAL, "User.", JS_OF(config_user)),
};
static JS_TYPE(named_user, "A user and its name.");

typedef struct named_context {
	str name;
	config_context it;
} named_context;
static const js_field named_context_fields[] = {
	JS_FIELD(named_context, name, JS_OPTIONAL, "Name."),
	JS_FIELD_AS(named_context, it, "context", JS_OPTIONAL, "Context.", JS_OF(config_context)),
};
static JS_TYPE(named_context, "A context and its name.");

typedef struct config_file {
	str current;
	js_list clusters, users, contexts;
} config_file;
#define F(...) JS_FIELD_AS(config_file, __VA_ARGS__)
static const js_field config_file_fields[] = {
	F(current, "current-context", JS_OPTIONAL, "Name."),
	F(clusters, "clusters", JS_OPTIONAL, "Clusters.", JS_OF(named_cluster)),
	F(users, "users", JS_OPTIONAL, "Users.", JS_OF(named_user)),
	F(contexts, "contexts", JS_OPTIONAL, "Contexts.", JS_OF(named_context)),
};
#undef F
static JS_TYPE(config_file, "A kubeconfig.");

typedef struct configs {
	arena *a;
	fault *f;
	struct {
		config_file it;
		str folder;
	} files[FILES_MAX];
	uint32_t n;
} configs;

static str folder_of(str path)
{
	uint32_t n = path.n;

	while (n && path.p[n - 1] != '/')
		n--;
	return str_cut(path, 0, n);
}

static err config_parse(configs *c, str path)
{
	str text;
	buf json;
	err e = file_read(str_z(c->a, path), c->a, &text, c->f);

	if (e)
		return e;
	buf_init(&json, LOGIN_FILE_MAX * 2);
	e = yaml_to_json(text, &json, c->f);
	if (!e)
		e = js_read_output(&config_file_type, str_dup(c->a, buf_str(&json)), c->a, &c->files[c->n].it, c->f);
	buf_done(&json);
	c->files[c->n++].folder = folder_of(path);
	return e;
}

/* All files of the list that are there. */
static err configs_read(configs *c, const char *paths)
{
	for (str rest = str_from(paths); rest.p;) {
		str path = str_split(&rest, ':');
		if (!path.n || !file_exists(str_z(c->a, path)))
			continue;
		if (c->n == FILES_MAX)
			return fault_set(c->f, ERR_LIMIT, NULL, "more than %d kubeconfigs", FILES_MAX);
		err e = config_parse(c, path);
		if (e)
			return e;
	}
	return c->n ? ERR_OK : fault_set(c->f, ERR_NOT_FOUND, NULL, "there is no kubeconfig at %s", paths);
}

/* Every named_ struct begins with its name. *ret_at: the file it came from. */
static const void *named_find(const configs *c, size_t list_at, size_t size, str name, uint32_t *ret_at)
{
	for (uint32_t i = 0; i < c->n; i++) {
		const js_list *l = (const js_list *)(const void *)((const char *)&c->files[i].it + list_at);
		for (uint32_t k = 0; k < l->n; k++) {
			const char *one = (const char *)l->v + k * size;
			if (!str_eq(*(const str *)(const void *)one, name))
				continue;
			*ret_at = i;
			return one;
		}
	}
	return NULL;
}
#define NAMED(c, list, T, name, at) ((const T *)named_find((c), offsetof(config_file, list), sizeof(T), (name), (at)))

static str file_name(const configs *c, uint32_t at, str name)
{
	if (!name.n || name.p[0] == '/')
		return name.n ? name : STR_NONE;
	return str_print(c->a, STR_FMT STR_FMT, STR_ARG(c->files[at].folder), STR_ARG(name));
}

static err data_read(const configs *c, str data, const char *what, str *ret)
{
	if (!data.n)
		return ERR_OK;
	if (!base64_read(data, c->a, ret))
		return fault_set(c->f, ERR_BAD_FIELD, what, "%s is not base 64", what);
	return ERR_OK;
}

static err cluster_take(const configs *c, str name, login *l)
{
	uint32_t at = 0;
	const named_cluster *found = NAMED(c, clusters, named_cluster, name, &at);

	if (!found || !found->it.server.n)
		return fault_set(c->f, ERR_NOT_FOUND, "clusters",
			"the kubeconfig has no cluster " STR_FMT " with a server", STR_ARG(name));
	const config_cluster *from = &found->it;
	if (!str_starts(from->server, S("https://")) && !str_starts(from->server, S("http://")))
		return fault_set(c->f, ERR_BAD_FIELD, "server", STR_FMT " is no URL", STR_ARG(from->server));
	l->server = str_ends(from->server, S("/")) ? str_cut(from->server, 0, from->server.n - 1) : from->server;
	l->server_name = from->server_name.n ? from->server_name : STR_NONE;
	l->proxy = from->proxy.n ? from->proxy : STR_NONE;
	l->is_unverified = from->is_unverified;
	l->ca_file = file_name(c, at, from->ca_file);
	return data_read(c, from->ca_data, "certificate-authority-data", &l->ca_pem);
}

static void exec_take(const configs *c, uint32_t at, const config_exec *from, login_exec *ret)
{
	const config_env *env = from->env.v;
	bool is_path = str_find(from->command, '/', 0) >= 0;

	ret->command = is_path ? file_name(c, at, from->command) : from->command;
	ret->args = from->args;
	ret->api_version = from->api_version;
	ret->env = (strs){ARENA_ARRAY(c->a, str, from->env.n), from->env.n};
	for (uint32_t i = 0; i < from->env.n; i++)
		ret->env.v[i] = str_print(c->a, STR_FMT "=" STR_FMT, STR_ARG(env[i].name), STR_ARG(env[i].value));
}

static err user_take(const configs *c, str name, login *l)
{
	uint32_t at = 0;
	const named_user *found = NAMED(c, users, named_user, name, &at);

	if (!found)
		return fault_set(c->f, ERR_NOT_FOUND, "users", "the kubeconfig has no user " STR_FMT, STR_ARG(name));
	const config_user *from = &found->it;
	if (from->username.n || from->provider.json.n)
		return fault_set(c->f, ERR_BAD_FIELD, "users",
			"user " STR_FMT
			" signs in with a password or an auth-provider, which API servers no longer take",
			STR_ARG(name));
	l->cert_file = file_name(c, at, from->cert_file);
	l->key_file = file_name(c, at, from->key_file);
	l->token = from->token.n ? from->token : STR_NONE;
	l->token_file = file_name(c, at, from->token_file);
	if (from->exec.command.n)
		exec_take(c, at, &from->exec, &l->exec);
	err e = data_read(c, from->cert_data, "client-certificate-data", &l->cert_pem);
	return e ? e : data_read(c, from->key_data, "client-key-data", &l->key_pem);
}

static str current_of(const configs *c)
{
	for (uint32_t i = 0; i < c->n; i++)
		if (c->files[i].it.current.n)
			return c->files[i].it.current;
	return STR_NONE;
}

err login_config(const char *paths, const char *context, arena *a, login *ret, fault *f)
{
	configs *c = ARENA_NEW(a, configs);
	login l = {.space = S("default")};
	uint32_t at;

	c->a = a;
	c->f = f;
	err e = configs_read(c, paths);
	if (e)
		return e;
	str name = context ? str_from(context) : current_of(c);
	const named_context *found = NAMED(c, contexts, named_context, name, &at);
	if (!found)
		return fault_set(f, ERR_NOT_FOUND, "contexts", "the kubeconfig has no context %s" STR_FMT,
			name.n ? "" : "that is the current one", STR_ARG(name));
	if (found->it.space.n)
		l.space = found->it.space;
	e = cluster_take(c, found->it.cluster, &l);
	if (!e && found->it.user.n)
		e = user_take(c, found->it.user, &l);
	if (!e)
		*ret = l;
	return e;
}
