#include "server/worker/bootstrap.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "db/sql.h"
#include "server/identity/token.h"

enum { PATH_BYTES = 4096, ADMIN_TTL_S = 366 * 86400 };

struct bootstrap {
	const char *data_dir;
	ledger *ledger;
	char path[PATH_BYTES];
	token_parsed token;
	sql_token_create_in in;
	ledger_op op;
	id request_id;
	void (*on_done)(void *arg, err e, const fault *f);
	void *arg;
};

static void finish(bootstrap *b, err e, const fault *f)
{
	b->on_done(b->arg, e, f);
}

static bool file_read(const char *path, token_parsed *ret)
{
	char text[TOKEN_TEXT_MAX + 2] = "";
	FILE *in = fopen(path, "re");
	bool ok = in && fgets(text, sizeof(text), in) &&
		  token_parse(TOKEN_PAT, str_trim(str_of(text, strcspn(text, "\n"))), ret);

	if (in)
		fclose(in);
	return ok;
}

static err file_write(const char *path, const char *text, fault *f)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	size_t n = strlen(text);
	bool ok = fd >= 0 && write(fd, text, n) == (ssize_t)n && write(fd, "\n", 1) == 1 && fsync(fd) == 0;

	if (!ok)
		fault_set(f, ERR_IO, NULL, "cannot write %s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return ok ? ERR_OK : ERR_IO;
}

static err token_prepare(bootstrap *b, fault *f)
{
	if (snprintf(b->path, sizeof(b->path), "%s/admin-token", b->data_dir) >= (int)sizeof(b->path))
		return fault_set(f, ERR_IO, NULL, "the path of the data folder is too long");
	if (file_read(b->path, &b->token))
		return ERR_OK;
	token_made made = token_make(TOKEN_PAT);
	b->token.id = made.id;
	memcpy(b->token.hash, made.hash, sizeof(made.hash));
	return file_write(b->path, made.text, f);
}

static void on_created(ledger_op *op, const ledger_answer *a)
{
	bootstrap *b = op->arg;

	if (!a->e)
		log_info("admin_token.made", KV_Z("file", b->path));
	finish(b, a->e, &a->f);
}

static void token_store(bootstrap *b)
{
	fault f = {0};
	err e = token_prepare(b, &f);

	if (e) {
		finish(b, e, &f);
		return;
	}
	b->request_id = id_make("req");
	b->in = (sql_token_create_in){
		.id = id_str(&b->token.id),
		.name = S("admin"),
		.hash = str_of((const char *)b->token.hash, sizeof(b->token.hash)),
		.role = S("platform_admin"),
		.ttl_s = ADMIN_TTL_S,
		.created_by = S("bootstrap"),
	};
	b->op = (ledger_op){
		.scope = DB_PLATFORM,
		.stmt = SQL_TOKEN_CREATE,
		.in = &b->in,
		.actor = S("bootstrap"),
		.via = S("worker"),
		.action = S("token.create"),
		.object_kind = S("token"),
		.object_id = id_str(&b->token.id),
		.request_id = id_str(&b->request_id),
		.tenant_key = 1,
		.on_done = on_created,
		.arg = b,
	};
	ledger_run(b->ledger, &b->op);
}

static void on_counted(void *arg, db_reply *r)
{
	bootstrap *b = arg;

	if (r->e)
		finish(b, r->e, &r->f);
	else if (db_i64(r, 0, "n") > 0)
		finish(b, ERR_OK, &r->f);
	else
		token_store(b);
}

bootstrap *bootstrap_begin(
	const char *data_dir, db_reader *r, ledger *g, void (*on_done)(void *arg, err e, const fault *f), void *arg)
{
	bootstrap *b = calloc(1, sizeof(*b));

	assert(b);
	b->data_dir = data_dir;
	b->ledger = g;
	b->on_done = on_done;
	b->arg = arg;
	db_read(r, DB_PLATFORM, SQL_TOKEN_COUNT, NULL, on_counted, b);
	return b;
}

void bootstrap_free(bootstrap *b)
{
	free(b);
}
