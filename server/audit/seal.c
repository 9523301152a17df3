#include "server/audit/seal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/heap.h"
#include "base/log.h"
#include "db/sql.h"
#include "net/fetch.h"
#include "proof/checkpoint.h"
#include "proof/tile.h"

enum { PATH_BYTES = 4096, LOOK_MS = 1000, LINE_BYTES_MAX = 16 * 1024, POST_MS = 10000 };

struct seal {
	seal_options o;
	char file[PATH_BYTES];
	char url[PATH_BYTES];
	fetch *web; /* NULL: nobody is told */
	signing_key *key;
	loop_timer *timer;
	/* The one that is being made. */
	arena *a;
	checkpoint next;
	int64_t prev_size;
	merkle tree;
	sql_audit_leaves_in leaves;
	sql_checkpoint_add_in add;
};

static err key_path(const char *data_dir, char out[PATH_BYTES], fault *f)
{
	int n = snprintf(out, PATH_BYTES, "%s/audit/key.pem", data_dir);

	return n > 0 && n < PATH_BYTES ? ERR_OK : fault_set(f, ERR_IO, NULL, "the path of the data folder is too long");
}

err seal_ensure(const char *data_dir, fault *f)
{
	char path[PATH_BYTES];
	err e = key_path(data_dir, path, f);

	if (e)
		return e;
	char *slash = strrchr(path, '/');
	*slash = '\0';
	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return fault_set(f, ERR_IO, NULL, "cannot make the folder %s: %s", path, strerror(errno));
	*slash = '/';
	return signing_key_ensure(path, f);
}

static err key_open(const char *data_dir, signing_key **ret, fault *f)
{
	char path[PATH_BYTES];
	err e = key_path(data_dir, path, f);

	return e ? e : signing_key_open(path, ret, f);
}

err seal_public(const char *data_dir, uint8_t ret_key[32], fault *f)
{
	signing_key *key;
	err e = key_open(data_dir, &key, f);

	if (e)
		return e;
	signing_key_public(key, ret_key);
	signing_key_close(key);
	return ERR_OK;
}

/* The next look, soon after one was made: there may be more to do. */
static void over(seal *s, const db_reply *r, const char *why, int64_t rest_ms)
{
	if (r->e)
		log_warn("audit.checkpoint_failed", KV_ERR(r->e), KV_Z("why", r->f.detail));
	else if (why)
		log_error("audit.checkpoint_failed", KV("chain", str_of(&s->next.chain, 1)),
			KV_I64("after", s->prev_size), KV_Z("why", why));
	arena_end(s->a);
	s->a = NULL;
	loop_timer_arm(s->timer, rest_ms * 1000);
}

/* The line that GET /v1/audit/checkpoints gives as NDJSON, for whoever keeps it elsewhere. */
static str line_of(seal *s)
{
	buf out;

	buf_init(&out, LINE_BYTES_MAX);
	buf_printf(&out, "{\"checkpoint\":" STR_FMT ",\"signature\":\"", STR_ARG(s->add.body));
	hex_add(&out, s->add.signature.p, s->add.signature.n);
	buf_add_str(&out, S("\",\"frontier\":\""));
	hex_add(&out, s->add.frontier.p, s->add.frontier.n);
	buf_add_str(&out, S("\"}\n"));
	str line = str_dup(s->a, buf_str(&out));
	buf_done(&out);
	return line;
}

static void file_append(const seal *s, str line)
{
	int fd = open(s->file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, line.p, line.n) != (ssize_t)line.n)
		log_error("audit.checkpoint_file", KV_Z("file", s->file), KV_Z("why", strerror(errno)));
	if (fd >= 0)
		close(fd);
}

/* Its address stays untold: it may hold what lets in. */
static void on_posted(void *arg, const fetch_reply *r)
{
	(void)arg;
	if (r->e ? r->e != ERR_CLOSED : r->status / 100 != 2)
		log_warn("audit.webhook_failed", KV_I64("status", r->e ? 0 : r->status),
			KV_Z("why", r->e ? r->why : ""));
}

static void post(seal *s, str line)
{
	static const char *const headers[] = {"Content-Type: application/json", NULL};

	(void)fetch_send(s->web, &(fetch_request){.method = "POST",
					 .url = s->url,
					 .headers = headers,
					 .body = line,
					 .timeout_ms = POST_MS,
					 .on_done = on_posted,
					 .arg = s});
}

static str hex_text(seal *s, str bytes)
{
	buf out;

	buf_init(&out, LINE_BYTES_MAX);
	hex_add(&out, bytes.p, bytes.n);
	str text = str_dup(s->a, buf_str(&out));
	buf_done(&out);
	return text;
}

/* The log cuts long values; what is signed, and the signature, are short. */
static void publish(seal *s)
{
	log_info("audit.checkpoint", KV("checkpoint", s->add.body), KV("signature", hex_text(s, s->add.signature)));
	if (*s->file)
		file_append(s, line_of(s));
	if (s->web)
		post(s, line_of(s));
}

static void on_added(void *arg, db_reply *r)
{
	seal *s = arg;

	/* Another worker's stands there when ours was not added: the next look finds it. */
	if (!r->e && r->rows && db_bool(r, 0, "is_added"))
		publish(s);
	over(s, r, NULL, s->o.pause_ms);
}

static void tiles_in(seal *s, const tiles *t)
{
	sql_checkpoint_add_in *in = &s->add;

	in->levels = (i64s){ARENA_ARRAY(s->a, int64_t, t->n), t->n};
	in->places = (i64s){ARENA_ARRAY(s->a, int64_t, t->n), t->n};
	in->hashes = (strs){ARENA_ARRAY(s->a, str, t->n), t->n};
	for (uint32_t i = 0; i < t->n; i++) {
		in->levels.v[i] = t->v[i].level;
		in->places.v[i] = t->v[i].place;
		in->hashes.v[i] = str_of((const char *)t->v[i].hashes, t->v[i].n * sizeof(merkle_hash));
	}
}

static void body_sign(seal *s)
{
	checkpoint *c = &s->next;
	int64_t now_us = clock_now_us();
	uint8_t *signature = ARENA_ARRAY(s->a, uint8_t, SIGNATURE_BYTES);
	merkle_hash *frontier = ARENA_ARRAY(s->a, merkle_hash, MERKLE_LEVELS);
	buf out;

	c->at_us = now_us - now_us % 1000;
	c->size = s->tree.size;
	merkle_root(&s->tree, &c->root);
	signing_key_public(s->key, c->key);
	buf_init(&out, CHECKPOINT_BYTES_MAX);
	checkpoint_write(c, &out);
	assert(!out.over);
	str body = str_dup(s->a, buf_str(&out));
	buf_done(&out);
	signing_key_sign(s->key, body, signature);
	uint32_t n = merkle_frontier(&s->tree, frontier);
	s->add = (sql_checkpoint_add_in){.chain = str_of(&c->chain, 1),
		.size = c->size,
		.prev_size = s->prev_size,
		.at = c->at_us,
		.body = body,
		.signature = str_of((const char *)signature, SIGNATURE_BYTES),
		.frontier = str_of((const char *)frontier, n * sizeof(*frontier))};
}

static void on_leaves(void *arg, db_reply *r)
{
	seal *s = arg;
	tiles grown = {.arena = s->a};

	if (r->e) {
		over(s, r, NULL, LOOK_MS);
		return;
	}
	int64_t n = db_i64(r, 0, "records");
	str leaves = db_text(r, 0, "leaves"), hash = db_text(r, 0, "hash");
	if (!n || leaves.n != (uint64_t)n * MERKLE_HASH || hash.n != MERKLE_HASH ||
		db_i64(r, 0, "last") != s->prev_size + n) {
		over(s, r, "records are missing or were moved; GET /v1/audit:verify names them", LOOK_MS);
		return;
	}
	for (int64_t i = 0; i < n; i++) {
		merkle_hash leaf;
		memcpy(leaf.v, leaves.p + i * MERKLE_HASH, MERKLE_HASH);
		merkle_grow(&s->tree, &leaf, tiles_grow, &grown);
	}
	memcpy(s->next.hash.v, hash.p, MERKLE_HASH);
	body_sign(s);
	tiles_in(s, &grown);
	lane_run(s->o.write, 0, DB_PLATFORM, SQL_CHECKPOINT_ADD, &s->add, on_added, s);
}

static bool is_due(const seal *s, const sql_checkpoint_due_row *row)
{
	int64_t behind = row->head - row->size;

	return behind >= s->o.records || (behind > 0 && row->age_ms >= s->o.every_ms);
}

/* Goes on from the newest checkpoint; false when its row is not what a checkpoint's is. */
static bool begin(seal *s, const sql_checkpoint_due_row *row)
{
	checkpoint last = {0};

	s->prev_size = row->size;
	s->next = (checkpoint){.chain = *row->chain.p, .has_prev = row->size > 0};
	if (row->size) {
		if (!checkpoint_read(row->body, &last) || last.size != row->size)
			return false;
		checkpoint_digest(row->body, &s->next.prev);
	}
	return row->frontier.n % MERKLE_HASH == 0 &&
	       merkle_resume(&s->tree, row->size, (const void *)row->frontier.p, row->frontier.n / MERKLE_HASH);
}

static void on_due(void *arg, db_reply *r)
{
	seal *s = arg;
	sql_checkpoint_due_row row, found = {0};
	fault f = {0};

	for (uint32_t i = 0; !r->e && i < r->rows; i++) {
		if (db_row(r, i, &row, &f) || !is_due(s, &row))
			continue;
		/* The one that is further behind: a busy chain does not keep the other one waiting for ever. */
		if (!found.chain.p || row.head - row.size > found.head - found.size)
			found = row;
	}
	if (r->e || !found.chain.p) {
		over(s, r, NULL, LOOK_MS);
		return;
	}
	if (!begin(s, &found)) {
		over(s, r, "the newest checkpoint cannot be read", LOOK_MS);
		return;
	}
	s->leaves = (sql_audit_leaves_in){.after = s->prev_size, .limit = s->o.records};
	db_read(s->o.read, DB_PLATFORM, s->next.chain == 'g' ? SQL_AUDIT_LEAVES : SQL_DECISION_LEAVES, &s->leaves,
		on_leaves, s);
}

static void look(void *arg)
{
	seal *s = arg;

	s->a = arena_new(0);
	db_read(s->o.read, DB_PLATFORM, SQL_CHECKPOINT_DUE, NULL, on_due, s);
}

err seal_new(loop *l, const seal_options *o, seal **ret, fault *f)
{
	signing_key *key;
	err e = key_open(o->data_dir, &key, f);

	if (e)
		return e;
	seal *s = heap_new(1, sizeof(*s));
	s->o = *o;
	s->key = key;
	snprintf(s->file, sizeof(s->file), "%s", o->file ? o->file : "");
	snprintf(s->url, sizeof(s->url), "%s", o->url ? o->url : "");
	if (*s->url)
		s->web = fetch_new(l, &(fetch_config){.user_agent = "reeved"});
	s->timer = loop_timer_new(l, look, s);
	loop_timer_arm(s->timer, 0);
	*ret = s;
	return ERR_OK;
}

void seal_free(seal *s)
{
	if (!s)
		return;
	fetch_free(s->web);
	loop_timer_free(s->timer);
	signing_key_close(s->key);
	arena_end(s->a);
	free(s);
}
