/* The ledger has one writer: what another one wrote is never overwritten, and an answer that did not come is found out.
 */
#include "agents/file.h"
#include "agents/real/ledger.h"
#include "agents/real/vault.h"
#include "base/base64.h"
#include "fake_kube.h"
#include "json/write.h"

loop *fake_loop;

/* An API server with one Secret. */
typedef struct stage {
	loop *loop;
	kube kube;
	arena *a;
	home home;
	vault *vault;
	char folder[64], body[KUBE_FAKE_BODY_MAX];
	char *secret; /* its data's members, or NULL */
	int64_t version, breaks_at, n_patches;
	bool breaks_before; /* the patch that breaks does not land */
	bool is_open, is_taken;
	const char *lost;
	char taken[256];
	int64_t value; /* what the ledger is to say */
	bool is_late;  /* the one before writes once more after it was read */
	char seen[256];
	int n_seen;
	bool stops_seen;
	int n_more; /* wants that come as soon as a call has failed */
} stage;

static str secret_text(stage *t)
{
	return str_print(t->a,
		"{\"metadata\":{\"name\":\"s\",\"resourceVersion\":\"%lld\",\"uid\":\"u\"},\"data\":{%s}}",
		(long long)t->version, t->secret);
}

static void secret_set(stage *t, str members)
{
	free(t->secret);
	t->secret = calloc(1, members.n + 1);
	memcpy(t->secret, members.p, members.n);
	t->version++;
}

static str data_of(const char *body)
{
	const char *at = strstr(body, "\"data\":{") + 8;

	return str_of(at, strlen(at) - 2);
}

static void patch_serve(stage *t, kube_call *c)
{
	AUTO_ARENA a = arena_new(0);
	str version = str_print(a, "\"resourceVersion\":\"%lld\"%c", (long long)t->version, 0);

	t->n_patches++;
	bool breaks = t->n_patches == t->breaks_at;
	if (breaks && t->breaks_before) {
		fake_broken(c, ERR_TIMEOUT);
		return;
	}
	if (!strstr(t->body, version.p)) {
		fake_answer(c, 409, S("{\"reason\":\"Conflict\"}"));
		return;
	}
	secret_set(t, data_of(t->body));
	if (breaks)
		fake_broken(c, ERR_TIMEOUT);
	else
		fake_answer(c, 200, secret_text(t));
}

static void serve(void *arg, kube_call *c)
{
	stage *t = arg;

	if (strcmp(c->q.method, "PATCH") == 0) {
		patch_serve(t, c);
	} else if (strcmp(c->q.method, "POST") == 0) {
		secret_set(t, data_of(t->body));
		fake_answer(c, 201, secret_text(t));
	} else if (t->secret) {
		fake_answer(c, 200, secret_text(t));
	} else {
		fake_answer(c, 404, S("{}"));
	}
}

static void on_open(void *arg)
{
	stage *t = arg;

	t->is_open = true;
	loop_stop(t->loop);
}

static void other_writes(stage *t, int number)
{
	str text = str_print(t->a, "{\"writer\":\"wrt_other\",\"number\":%d}", number);

	secret_set(t, str_print(t->a, "\"ledger\":\"" STR_FMT "\"", STR_ARG(base64_print(text, t->a))));
}

static void on_taken(void *arg, str text)
{
	stage *t = arg;

	t->is_taken = true;
	(void)snprintf(t->taken, sizeof(t->taken), STR_FMT, STR_ARG(text));
	if (t->is_late)
		other_writes(t, 6);
}

static void on_seen(void *arg, str text)
{
	stage *t = arg;

	t->n_seen++;
	(void)snprintf(t->seen, sizeof(t->seen), STR_FMT, STR_ARG(text));
	if (t->stops_seen)
		loop_stop(t->loop);
}

static void compose(void *arg, str writer, int64_t number, buf *out)
{
	stage *t = arg;
	AUTO_ARENA a = arena_new(0);
	ledger_line line = {str_print(a, "value %lld", (long long)t->value)};
	ledger l = {.writer = writer, .number = number, .memory = {&line, 1}};

	ledger_write(&l, out);
}

/* Nothing counts as kept that does not stand there. */
static void on_kept(void *arg)
{
	stage *t = arg;
	const char *at = t->secret ? strstr(t->secret, "\"ledger\":\"") : NULL;
	ledger is;
	str text;

	if (!at) {
		cr_assert(!vault_has(t->vault, 1));
		loop_stop(t->loop);
		return;
	}
	cr_assert(base64_read(str_of(at + 10, strcspn(at + 10, "\"")), t->a, &text));
	cr_assert_eq(ledger_read(text, t->a, &is, NULL), ERR_OK);
	cr_assert(!vault_has(t->vault, is.number + 1), "more is said to be kept than %lld", (long long)is.number);

	loop_stop(t->loop);
}

static void on_trouble(void *arg, long status, str why)
{
	stage *t = arg;

	(void)status, (void)why;
	while (t->n_more > 0) {
		t->n_more--;
		t->value++;
		(void)vault_want(t->vault);
	}
}

static void on_lost(void *arg, const char *why)
{
	stage *t = arg;

	t->lost = why;
	loop_stop(t->loop);
}

static void stage_open(stage *t)
{
	fault f;

	*t = (stage){.loop = loop_new(), .a = arena_new(0), .folder = "/tmp/reeve-vault-XXXXXX"};
	fake_loop = t->loop;
	t->kube = (kube){.loop = t->loop, .on_call = serve, .arg = t, .body = t->body};
	cr_assert(mkdtemp(t->folder));
	cr_assert_eq(home_open(t->folder, t->a, &t->home, &f), ERR_OK);
}

static void vault_begin(stage *t)
{
	t->vault = vault_open(&(vault_spec){.loop = t->loop,
		.kube = &t->kube,
		.space = S("d"),
		.name = S("s"),
		.home = &t->home,
		.on_open = on_open,
		.on_seen = on_seen,
		.on_taken = on_taken,
		.compose = compose,
		.on_kept = on_kept,
		.on_lost = on_lost,
		.on_trouble = on_trouble,
		.arg = t});
	loop_run(t->loop);
	cr_assert(t->is_open);
}

static void stage_close(stage *t)
{
	AUTO_ARENA a = arena_new(0);

	vault_close(t->vault);
	loop_free(t->loop);
	fake_free(&t->kube);
	free(t->secret);
	cr_assert_eq(system(str_print(a, "rm -rf %s%c", t->folder, 0).p), 0);
	arena_end(t->a);
	arena_trim();
}

static void take(stage *t)
{
	vault_take(t->vault);
	while (!t->lost && !(t->is_taken && vault_has(t->vault, 1)))
		loop_run(t->loop);
}

static bool says(stage *t, const char *text)
{
	const char *at = strstr(t->secret, "\"ledger\":\"") + 10;
	str decoded;

	cr_assert(base64_read(str_of(at, strcspn(at, "\"")), t->a, &decoded));
	return strstr(str_z(t->a, decoded), text) != NULL;
}

Test(vault, what_is_wanted_is_kept_and_many_wants_are_one_patch)
{
	stage t;

	stage_open(&t);
	vault_begin(&t);
	take(&t);
	int64_t before = t.n_patches, last = 0;
	for (t.value = 1; t.value <= 50; t.value++)
		last = vault_want(t.vault);
	t.value = 50;
	while (!vault_has(t.vault, last))
		loop_run(t.loop);
	cr_assert(says(&t, "value 50"));
	cr_assert_leq(t.n_patches - before, 2, "the first, and all that came meanwhile");
	stage_close(&t);
}

Test(vault, another_writer_ends_it_and_stays_unharmed)
{
	stage t;

	stage_open(&t);
	vault_begin(&t);
	take(&t);
	str other = base64_print(S("{\"writer\":\"wrt_other\",\"number\":1}"), t.a);
	secret_set(&t, str_print(t.a, "\"ledger\":\"" STR_FMT "\"", STR_ARG(other)));
	int64_t n = vault_want(t.vault);
	while (!t.lost)
		loop_run(t.loop);
	cr_assert(!vault_has(t.vault, n) && !vault_is_ours(t.vault));
	cr_assert(says(&t, "wrt_other"));
	stage_close(&t);
}

/* What it paid for then would be lost with its text. */
Test(vault, what_the_last_one_wrote_after_it_was_read_is_not_overwritten)
{
	for (int is_late = 0; is_late < 2; is_late++) {
		stage t;
		stage_open(&t);
		other_writes(&t, 5);
		t.is_late = is_late;
		vault_begin(&t);
		take(&t);
		cr_expect_eq(t.lost != NULL, is_late);
		cr_expect_eq(says(&t, "wrt_other"), is_late);
		stage_close(&t);
	}
}

static void broken_check(bool is_before, int64_t at)
{
	stage t;

	stage_open(&t);
	t.breaks_at = at;
	t.breaks_before = is_before;
	vault_begin(&t);
	take(&t);
	t.value = 7;
	int64_t n = vault_want(t.vault);
	while (!t.lost && !vault_has(t.vault, n))
		loop_run(t.loop);
	cr_assert(!t.lost, "%s", t.lost);
	cr_assert(says(&t, "value 7"));
	stage_close(&t);
}

Test(vault, a_patch_whose_answer_did_not_come_is_found_out)
{
	for (int64_t at = 1; at <= 2; at++) {
		broken_check(false, at);
		broken_check(true, at);
	}
}

/* A bind is paid by what is known to stand there. */
Test(vault, what_is_wanted_while_a_patch_is_looked_into_waits_for_that)
{
	for (int is_before = 0; is_before < 2; is_before++) {
		stage t;
		stage_open(&t);
		vault_begin(&t);
		take(&t);
		t.breaks_at = t.n_patches + 1;
		t.breaks_before = is_before;
		t.n_more = 2;
		t.value = 7;
		int64_t n = vault_want(t.vault);
		while (!t.lost && !vault_has(t.vault, n + 2))
			loop_run(t.loop);
		cr_assert(!t.lost, "%s", t.lost);
		cr_assert(says(&t, "value 9"));
		cr_expect_eq(t.n_patches, t.breaks_at + 1, "one that broke, one for all the others");
		stage_close(&t);
	}
}

Test(vault, the_identity_in_the_secret_is_everybodys)
{
	stage one, two;
	fault f;

	stage_open(&one);
	vault_begin(&one);
	stage_open(&two);
	secret_set(&two, str_from(one.secret));
	vault_begin(&two);
	cr_assert_str_neq(one.home.agent_id, two.home.agent_id);
	cr_assert_eq(home_reread(&two.home, &f), ERR_OK);
	cr_assert_str_eq(one.home.agent_id, two.home.agent_id);
	fake_loop = two.loop;
	stage_close(&two);
	fake_loop = one.loop;
	stage_close(&one);
}

/* An agent that stood by knew nothing of what the server had said: whose a namespace is, for one. */
Test(vault, who_stands_by_sees_what_is_written_and_writes_nothing)
{
	stage t;

	stage_open(&t);
	other_writes(&t, 1);
	t.stops_seen = true;
	vault_begin(&t);
	loop_run(t.loop);
	cr_expect(t.n_seen == 1 && strstr(t.seen, "\"number\":1"), "%d: %s", t.n_seen, t.seen);
	t.stops_seen = false;
	int64_t version = t.version;
	take(&t);
	cr_expect(strstr(t.taken, "\"number\":1"), "%s", t.taken);
	cr_expect_eq(t.n_seen, 1, "it acts: what stands there is its own");
	cr_expect_gt(t.version, version);
	stage_close(&t);
}
