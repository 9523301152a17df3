#include "agents/real/vault.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include "agents/cluster/credential.h"
#include "agents/file.h"
#include "agents/kube/fields.h"
#include "agents/real/ledger.h"
#include "base/base64.h"
#include "base/id.h"
#include "json/write.h"

enum { BODY_MAX = 3 << 20, FILE_MODE = 0600, WRITER_MAX = 32 };

typedef enum vault_step { STEP_OPEN, STEP_LOOK, STEP_TAKE, STEP_CHECK, STEP_WRITE } vault_step;

struct vault {
	vault_spec spec;
	arena *arena; /* paths */
	str path;     /* of the Secret */
	loop_timer *again;
	kube_call *call;
	vault_step asked; /* what the read under way was for */
	vault_step step;  /* what a read is for; CHECK: nothing is written before it has said what became of a patch */
	char version[OBJECT_VERSION_MAX + 1], writer[WRITER_MAX];
	char before[WRITER_MAX];    /* who wrote the ledger that was taken over */
	int64_t wanted, sent, kept; /* numbers of texts */
	bool is_ours, is_lost, is_closed, has_new_files;
};

static void read_send(void *arg);
static void patch_send(vault *v);

typedef struct vault_file {
	const char *key;
	const char *path;
} vault_file;

enum { VAULT_FILES = 5 };

static void files_of(const vault *v, vault_file out[VAULT_FILES])
{
	const home *h = v->spec.home;

	out[0] = (vault_file){"agent.id", h->id};
	out[1] = (vault_file){"key.pem", h->key};
	out[2] = (vault_file){"cert.pem", h->cert};
	out[3] = (vault_file){"ca.pem", h->ca};
	out[4] = (vault_file){"plan.pem", h->plan_key};
}

static void lose(vault *v, const char *why)
{
	if (v->is_lost || v->is_closed)
		return;
	v->is_lost = true;
	v->is_ours = false;
	loop_timer_disarm(v->again);
	v->spec.on_lost(v->spec.arg, why);
}

static void trouble(vault *v, const kube_reply *r)
{
	if (v->spec.on_trouble)
		v->spec.on_trouble(v->spec.arg, r->status, r->message);
	int64_t again_us = v->step == STEP_LOOK ? VAULT_LOOK_US : VAULT_AGAIN_US;
	loop_timer_arm(v->again, r->retry_after_ms ? r->retry_after_ms * 1000 : again_us);
}

static void version_keep(vault *v, str version)
{
	size_t n = version.n <= OBJECT_VERSION_MAX ? version.n : 0;

	memcpy(v->version, version.p ? version.p : "", n);
	v->version[n] = 0;
}

static void files_write(const vault *v, js_writer *w)
{
	AUTO_ARENA a = arena_new(0);
	vault_file files[VAULT_FILES];

	files_of(v, files);
	for (int i = 0; i < VAULT_FILES; i++) {
		str text;
		if (!file_exists(files[i].path) || file_read(files[i].path, a, &text, NULL))
			continue;
		js_put_text(w, files[i].key, base64_print(text, a));
	}
}

/* Called when the last piece of a body is in. */
static void body_send(vault *v, const char *method, str path, const char *type, const buf *body,
	void (*on_done)(void *arg, const kube_reply *r))
{
	kube_request q = {.method = method, .path = path, .content_type = type, .body = buf_str(body)};

	q.on_done = on_done;
	q.arg = v;
	v->call = kube_send(v->spec.kube, &q);
}

static void vault_free(vault *v)
{
	loop_timer_free(v->again);
	arena_end(v->arena);
	free(v);
}

/* A cancelled call is told from the loop, once; the vault waits for that. */
static bool reply_is_ours(vault *v)
{
	v->call = NULL;
	if (v->is_closed)
		vault_free(v);
	else if (!v->is_lost)
		return true;
	return false;
}

static void on_made(void *arg, const kube_reply *r)
{
	vault *v = arg;

	if (!reply_is_ours(v))
		return;
	/* Whoever made it, it is read now. */
	if (kube_is_done(r) || r->status == 409)
		read_send(v);
	else
		trouble(v, r);
}

static void secret_make(vault *v)
{
	buf body;

	buf_init(&body, BODY_MAX);
	js_writer w = js_writer_on(&body);
	js_object_begin(&w);
	js_key(&w, S("metadata"));
	js_object_begin(&w);
	js_put_text(&w, "name", v->spec.name);
	js_object_end(&w);
	js_key(&w, S("data"));
	js_object_begin(&w);
	files_write(v, &w);
	js_object_end(&w);
	js_object_end(&w);
	str path = str_cut(v->path, 0, v->path.n - v->spec.name.n - 1);
	body_send(v, "POST", path, NULL, &body, on_made);
	buf_done(&body);
}

/* The members of `data`, decoded. */
static bool data_read(str object, arena *a, fields_pairs *ret)
{
	str key;
	bool has_escape;
	pull p;
	err e;

	*ret = (fields_pairs){0};
	pull_init(&p, object, OBJECT_DEPTH_MAX);
	if (!fields_object(&p, &e))
		return false;
	while (!e && pull_key(&p, &key, &has_escape))
		e = str_eq(key, S("data")) ? fields_pairs_read(&p, a, ret) : pull_skip(&p);
	for (uint32_t i = 0; !e && i < ret->n; i++)
		if (!base64_read(ret->v[i].value, a, &ret->v[i].value))
			e = ERR_BAD_FIELD;
	return !e && !p.e && !ret->is_cut;
}

static str data_find(const fields_pairs *all, const char *key)
{
	for (uint32_t i = 0; i < all->n; i++)
		if (str_eq(all->v[i].key, str_from(key)))
			return all->v[i].value;
	return STR_NONE;
}

/* A file that is as the Secret says is left alone. */
static err file_settle(const char *path, str text, arena *a, fault *f)
{
	str is;

	if (!text.n || (file_exists(path) && !file_read(path, a, &is, NULL) && str_eq(is, text)))
		return ERR_OK;
	return file_write(path, FILE_MODE, text, f);
}

static err files_settle(vault *v, const fields_pairs *data, arena *a, fault *f)
{
	vault_file files[VAULT_FILES];
	err e = ERR_OK;

	files_of(v, files);
	for (int i = 0; i < VAULT_FILES && !e; i++)
		e = file_settle(files[i].path, data_find(data, files[i].key), a, f);
	return e;
}

static void taken(vault *v, const fields_pairs *data)
{
	AUTO_ARENA a = arena_new(0);
	ledger is;

	if (ledger_read(data_find(data, "ledger"), a, &is, NULL)) {
		lose(v, "the ledger cannot be read");
		return;
	}
	(void)snprintf(v->before, sizeof(v->before), STR_FMT, STR_ARG(is.writer));
	v->is_ours = v->has_new_files = true;
	v->step = STEP_WRITE;
	v->spec.on_taken(v->spec.arg, data_find(data, "ledger"));
	if (v->is_ours)
		(void)vault_want(v);
}

/* A patch whose answer did not come: it was taken if the text is ours. What the one before us wrote after it was read
 * here holds binds that we do not know of. */
static void checked(vault *v, const fields_pairs *data, bool has_moved, arena *a)
{
	ledger is;

	bool is_read = ledger_read(data_find(data, "ledger"), a, &is, NULL) == ERR_OK;
	str writer = str_of(is.writer.p ? is.writer.p : "", is.writer.n);
	bool is_own = is_read && str_eq(writer, str_from(v->writer));
	if (!is_own && (!is_read || v->kept || has_moved || !str_eq(writer, str_from(v->before)))) {
		lose(v, "another agent writes the ledger");
		return;
	}
	if (is_own && is.number > v->kept)
		v->kept = is.number;
	v->sent = v->kept;
	v->step = STEP_WRITE;
	v->spec.on_kept(v->spec.arg);
	patch_send(v);
}

/* Nothing of what stands there binds who does not write. */
static void looked(vault *v, const fields_pairs *data, bool has_moved)
{
	loop_timer_arm(v->again, VAULT_LOOK_US);
	if (has_moved && v->spec.on_seen)
		v->spec.on_seen(v->spec.arg, data_find(data, "ledger"));
}

static void secret_take(vault *v, str object)
{
	AUTO_ARENA a = arena_new(0);
	fields_pairs data;
	object_meta m;
	fault f = {0};

	if (object_meta_read(object, &m) || !data_read(object, a, &data)) {
		lose(v, "the Secret cannot be read");
		return;
	}
	bool has_moved = !str_eq(m.version, str_from(v->version));
	version_keep(v, m.version);
	if (v->step == STEP_CHECK) {
		checked(v, &data, has_moved, a);
		return;
	}
	if (v->step == STEP_LOOK) {
		looked(v, &data, has_moved);
		return;
	}
	if (files_settle(v, &data, a, &f)) {
		lose(v, f.detail);
		return;
	}
	if (v->step == STEP_TAKE) {
		taken(v, &data);
		return;
	}
	v->step = STEP_LOOK;
	version_keep(v, S("")); /* whatever stands there is news */
	loop_timer_arm(v->again, 0);
	v->spec.on_open(v->spec.arg);
}

static void on_read(void *arg, const kube_reply *r)
{
	vault *v = arg;

	if (!reply_is_ours(v))
		return;
	if (v->asked != v->step)
		read_send(v);
	else if (kube_is_done(r))
		secret_take(v, r->body);
	else if (r->status == 404 && v->step == STEP_OPEN)
		secret_make(v);
	else if (r->status == 404 && v->step != STEP_LOOK)
		lose(v, "the Secret is gone");
	else
		trouble(v, r);
}

static void read_send(void *arg)
{
	vault *v = arg;
	buf none = {0};

	loop_timer_disarm(v->again);
	assert(!v->call);
	v->asked = v->step;
	body_send(v, "GET", v->path, NULL, &none, on_read);
}

static void on_patched(void *arg, const kube_reply *r)
{
	vault *v = arg;
	object_meta m;

	if (!reply_is_ours(v))
		return;
	if (kube_is_done(r) && object_meta_read(r->body, &m) == ERR_OK) {
		version_keep(v, m.version);
		v->kept = v->sent;
		v->spec.on_kept(v->spec.arg);
		patch_send(v);
		return;
	}
	/* Refused for the version: by a patch of ours whose answer broke, or somebody else's. */
	v->step = STEP_CHECK;
	v->has_new_files = true;
	if (r->status == 409)
		read_send(v);
	else
		trouble(v, r);
}

static bool ledger_put(vault *v, js_writer *w)
{
	AUTO_ARENA a = arena_new(0);
	buf text;

	buf_init(&text, VAULT_TEXT_MAX);
	v->spec.compose(v->spec.arg, str_from(v->writer), v->wanted, &text);
	bool fits = !text.over;
	if (fits)
		js_put_text(w, "ledger", base64_print(buf_str(&text), a));
	buf_done(&text);
	return fits;
}

static void patch_send(vault *v)
{
	buf body;

	if (!v->is_ours || v->call || v->is_lost || v->step != STEP_WRITE ||
		(v->kept == v->wanted && !v->has_new_files))
		return;
	buf_init(&body, BODY_MAX);
	js_writer w = js_writer_on(&body);
	js_object_begin(&w);
	js_key(&w, S("metadata"));
	js_object_begin(&w);
	js_put_text(&w, "resourceVersion", str_from(v->version));
	js_object_end(&w);
	js_key(&w, S("data"));
	js_object_begin(&w);
	bool fits = ledger_put(v, &w);
	if (v->has_new_files)
		files_write(v, &w);
	js_object_end(&w);
	js_object_end(&w);
	v->has_new_files = v->has_new_files && !fits;
	v->sent = v->wanted;
	if (fits)
		body_send(v, "PATCH", v->path, KUBE_MERGE, &body, on_patched);
	else if (v->spec.on_trouble)
		v->spec.on_trouble(v->spec.arg, 0, S("the ledger has grown past its maximum"));
	buf_done(&body);
}

vault *vault_open(const vault_spec *s)
{
	vault *v = calloc(1, sizeof(*v));
	id writer = id_make("wrt");

	assert(v);
	v->spec = *s;
	v->arena = arena_new(0);
	v->spec.space = str_dup(v->arena, s->space);
	v->spec.name = str_dup(v->arena, s->name);
	memcpy(v->writer, writer.p, sizeof(v->writer));
	v->path = str_print(
		v->arena, "/api/v1/namespaces/" STR_FMT "/secrets/" STR_FMT, STR_ARG(s->space), STR_ARG(s->name));
	v->again = loop_timer_new(s->loop, read_send, v);
	v->step = STEP_OPEN;
	loop_timer_arm(v->again, 0);
	return v;
}

void vault_close(vault *v)
{
	if (!v)
		return;
	v->is_closed = true;
	loop_timer_disarm(v->again);
	if (v->call)
		kube_cancel(v->call);
	else
		vault_free(v);
}

void vault_take(vault *v)
{
	assert(!v->is_ours);
	v->step = STEP_TAKE;
	if (!v->call)
		read_send(v);
}

bool vault_is_ours(const vault *v)
{
	return v->is_ours;
}

int64_t vault_want(vault *v)
{
	v->wanted++;
	patch_send(v);
	return v->wanted;
}

bool vault_has(const vault *v, int64_t number)
{
	return v->kept >= number;
}

void vault_renew(vault *v)
{
	v->has_new_files = true;
	patch_send(v);
}
