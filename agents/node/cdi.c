#include "agents/node/cdi.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "agents/file.h"
#include "json/doc.h"
#include "json/write.h"

enum { PATH_BYTES = 4096 };

static const char prefix[] = "reeve.io-share_", ending[] = ".json";

static bool is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool name_is_sound(const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < n; i++)
		if (!is_plain(name[i]) && (i == 0 || !strchr("._-", name[i])))
			return false;
	return n > 0 && n <= CDI_NAME_MAX;
}

static bool path_is_sound(const char *path)
{
	for (const char *p = path; *p; p++)
		if (*p < ' ' || *p > '~')
			return false;
	return path[0] == '/' && strlen(path) < PATH_BYTES && !strstr(path, "/../");
}

static bool share_is_sound(const cdi_share *s)
{
	bool ok = name_is_sound(s->name);

	for (uint32_t i = 0; i < s->n_nodes; i++)
		ok = ok && path_is_sound(s->nodes[i].host) && path_is_sound(s->nodes[i].container);
	for (uint32_t i = 0; i < s->n_mounts; i++)
		ok = ok && path_is_sound(s->mounts[i].host) && path_is_sound(s->mounts[i].container);
	for (uint32_t i = 0; i < s->n_hooks; i++)
		ok = ok && path_is_sound(s->hooks[i].path);
	return ok;
}

static void nodes_write(js_writer *w, const cdi_share *s)
{
	if (s->n_nodes == 0)
		return;
	js_key(w, S("deviceNodes"));
	js_array_begin(w);
	for (uint32_t i = 0; i < s->n_nodes; i++) {
		js_object_begin(w);
		js_put_text(w, "path", str_from(s->nodes[i].container));
		if (strcmp(s->nodes[i].host, s->nodes[i].container) != 0)
			js_put_text(w, "hostPath", str_from(s->nodes[i].host));
		js_put_text(w, "permissions", S("rw"));
		js_object_end(w);
	}
	js_array_end(w);
}

static void mounts_write(js_writer *w, const cdi_share *s)
{
	if (s->n_mounts == 0)
		return;
	js_key(w, S("mounts"));
	js_array_begin(w);
	for (uint32_t i = 0; i < s->n_mounts; i++) {
		const cdi_mount *m = &s->mounts[i];
		js_object_begin(w);
		js_put_text(w, "hostPath", str_from(m->host));
		js_put_text(w, "containerPath", str_from(m->container));
		js_key(w, S("options"));
		js_array_begin(w);
		js_text(w, m->is_read_only ? S("ro") : S("rw"));
		js_text(w, S("nosuid"));
		js_text(w, S("nodev"));
		if (!m->may_execute)
			js_text(w, S("noexec"));
		js_text(w, S("bind"));
		js_array_end(w);
		js_object_end(w);
	}
	js_array_end(w);
}

static void variables_write(js_writer *w, const cdi_share *s, arena *a)
{
	if (s->n_variables == 0)
		return;
	js_key(w, S("env"));
	js_array_begin(w);
	for (uint32_t i = 0; i < s->n_variables; i++)
		js_text(w, str_print(a, "%s=%s", s->variables[i].name, s->variables[i].value));
	js_array_end(w);
}

static void hooks_write(js_writer *w, const cdi_share *s)
{
	if (s->n_hooks == 0)
		return;
	js_key(w, S("hooks"));
	js_array_begin(w);
	for (uint32_t i = 0; i < s->n_hooks; i++) {
		js_object_begin(w);
		js_put_text(w, "hookName", str_from(s->hooks[i].stage));
		js_put_text(w, "path", str_from(s->hooks[i].path));
		js_key(w, S("args"));
		js_array_begin(w);
		for (const char *const *word = s->hooks[i].arguments; *word; word++)
			js_text(w, str_from(*word));
		js_array_end(w);
		js_object_end(w);
	}
	js_array_end(w);
}

err cdi_print(const cdi_share *s, arena *a, str *ret_text, fault *f)
{
	buf out;

	if (!share_is_sound(s))
		return fault_set(
			f, ERR_BAD_FIELD, NULL, "%.200s: a name or path that no CDI file of ours may have", s->name);
	buf_init(&out, CDI_FILE_MAX);
	js_writer w = js_writer_on(&out);
	js_object_begin(&w);
	js_put_text(&w, "cdiVersion", S("0.5.0"));
	js_put_text(&w, "kind", S(CDI_KIND));
	js_key(&w, S("devices"));
	js_array_begin(&w);
	js_object_begin(&w);
	js_put_text(&w, "name", str_from(s->name));
	js_key(&w, S("containerEdits"));
	js_object_begin(&w);
	variables_write(&w, s, a);
	nodes_write(&w, s);
	mounts_write(&w, s);
	hooks_write(&w, s);
	js_object_end(&w);
	js_object_end(&w);
	js_array_end(&w);
	js_object_end(&w);
	err e = out.over ? fault_set(f, ERR_LIMIT, NULL, "%s: its CDI file would be too long", s->name) : ERR_OK;
	if (!e)
		*ret_text = str_dup(a, buf_str(&out));
	buf_done(&out);
	return e;
}

static bool path_print(const char *folder, const char *name, char out[PATH_BYTES])
{
	int n = snprintf(out, PATH_BYTES, "%s/%s%s%s", folder, prefix, name, ending);

	return n > 0 && n < PATH_BYTES;
}

err cdi_put(const char *folder, const cdi_share *s, fault *f)
{
	AUTO_ARENA a = arena_new(0);
	char path[PATH_BYTES];
	str text, there;
	err e = cdi_print(s, a, &text, f);

	if (e)
		return e;
	if (!path_print(folder, s->name, path))
		return fault_set(f, ERR_BAD_FIELD, NULL, "the path of %s is too long", folder);
	if (mkdir(folder, 0755) && errno != EEXIST)
		return fault_set(f, ERR_IO, NULL, "%s: %s", folder, strerror(errno));
	if (file_read(path, a, &there, NULL) == ERR_OK && str_eq(there, text))
		return ERR_OK;
	return file_write(path, 0644, text, f);
}

err cdi_remove(const char *folder, const char *name, fault *f)
{
	char path[PATH_BYTES];

	if (!name_is_sound(name) || !path_print(folder, name, path))
		return fault_set(f, ERR_BAD_FIELD, NULL, "%.200s is no name of a CDI device", name);
	if (unlink(path) && errno != ENOENT)
		return fault_set(f, ERR_IO, NULL, "%s: %s", path, strerror(errno));
	return ERR_OK;
}

/* Ours are the files that begin as ours do; what does not end as they do was never finished. */
static bool is_left_over(const char *file, bool (*is_used)(void *arg, const char *name), void *arg)
{
	char name[CDI_NAME_MAX + sizeof(ending)];
	str all = str_from(file);

	if (!str_starts(all, str_from(prefix)))
		return false;
	if (!str_ends(all, str_from(ending)))
		return true;
	str middle = str_cut(all, sizeof(prefix) - 1, all.n - (sizeof(ending) - 1));
	if (middle.n > CDI_NAME_MAX)
		return true;
	(void)snprintf(name, sizeof(name), STR_FMT, STR_ARG(middle));
	return !is_used(arg, name);
}

uint32_t cdi_sweep(const char *folder, bool (*is_used)(void *arg, const char *name), void *arg)
{
	DIR *d = opendir(folder);
	uint32_t n = 0;

	if (!d)
		return 0;
	for (struct dirent *one = readdir(d); one; one = readdir(d))
		if (is_left_over(one->d_name, is_used, arg) && unlinkat(dirfd(d), one->d_name, 0) == 0)
			n++;
	(void)closedir(d);
	return n;
}

/* What is looked for in other makers' files, and what of it was found. */
typedef struct search {
	str kind;
	const str *names;
	uint32_t n;
	bool *is_found;
} search;

static void name_found(search *q, str name)
{
	for (uint32_t i = 0; i < q->n; i++)
		q->is_found[i] |= str_eq(q->names[i], name);
}

static void json_look(search *q, str text, arena *a)
{
	json_t *doc, *device;
	size_t i;

	if (doc_read(text, a, &doc, NULL) ||
		!str_eq(str_from(json_string_value(json_object_get(doc, "kind"))), q->kind))
		return;
	json_array_foreach(json_object_get(doc, "devices"), i, device)
		name_found(q, str_from(json_string_value(json_object_get(device, "name"))));
}

/* The value of a line "key: value", with or without quotes and the dash of a list; absent: it is another key's. */
static str line_value(str line, str key)
{
	line = str_trim(line);
	if (str_starts(line, S("- ")))
		line = str_trim(str_cut(line, 2, line.n));
	if (!str_starts(line, key) || line.n <= key.n || line.p[key.n] != ':')
		return STR_NONE;
	str value = str_trim(str_cut(line, key.n + 1, line.n));
	bool is_quoted =
		value.n >= 2 && (value.p[0] == '"' || value.p[0] == '\'') && value.p[value.n - 1] == value.p[0];
	return is_quoted ? str_cut(value, 1, value.n - 1) : value;
}

/* Makers write more of YAML than we read elsewhere; of it two kinds of lines matter, the first at the left edge. */
static void yaml_look(search *q, str text)
{
	bool is_kind = false;

	for (str rest = text; rest.p && !is_kind;) {
		str line = str_split(&rest, '\n');
		is_kind = str_starts(line, S("kind:")) && str_eq(line_value(line, S("kind")), q->kind);
	}
	while (is_kind && text.p)
		name_found(q, line_value(str_split(&text, '\n'), S("name")));
}

static void file_look(search *q, const char *folder, const char *file)
{
	AUTO_ARENA a = arena_new(0);
	const char *path = str_z(a, str_print(a, "%s/%s", folder, file));
	str text, name = str_from(file);

	if (str_starts(name, str_from(prefix)))
		return;
	bool is_json = str_ends(name, S(".json")), is_yaml = str_ends(name, S(".yaml")) || str_ends(name, S(".yml"));
	if ((!is_json && !is_yaml) || file_read(path, a, &text, NULL))
		return;
	if (is_json)
		json_look(q, text, a);
	else
		yaml_look(q, text);
}

static void folder_look(search *q, const char *folder)
{
	DIR *d = opendir(folder);

	if (!d)
		return;
	for (struct dirent *one = readdir(d); one; one = readdir(d))
		file_look(q, folder, one->d_name);
	(void)closedir(d);
}

bool cdi_has_devices(const char *folders, const char *kind, const str *names, uint32_t n)
{
	AUTO_ARENA a = arena_new(0);
	search q = {str_from(kind), names, n, ARENA_ARRAY(a, bool, n + 1)};
	str rest = str_from(folders);
	bool has_all = n > 0;

	while (rest.p)
		folder_look(&q, str_z(a, str_split(&rest, ':')));
	for (uint32_t i = 0; i < n; i++)
		has_all = has_all && q.is_found[i];
	return has_all;
}
