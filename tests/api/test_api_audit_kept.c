/* What is kept of the chains elsewhere, and what is kept of them here when old records go. */
#include "audit_scene.h"
#include "net/listen.h"
#include "net/web.h"

/* The lines from .. to, counted from 0. */
static str lines_of(str text, int from, int to)
{
	uint32_t at = 0, begin = 0;

	for (int n = 0; n < to; n++) {
		if (n == from)
			begin = at;
		int64_t end = str_find(text, '\n', at);
		if (end < 0)
			break;
		at = (uint32_t)end + 1;
	}
	return str_cut(text, begin, at);
}

static void prune(int64_t keep_s)
{
	char sql[SQL_BYTES];

	snprintf(sql, sizeof(sql),
		"SET ROLE reeve_jobs; PREPARE m (int8, int8) AS %s; EXECUTE m(%lld, 3); EXECUTE m(%lld, 3); EXECUTE m(%lld, 3)",
		sql_stmts[SQL_AUDIT_PRUNE].text, (long long)keep_s, (long long)keep_s, (long long)keep_s);
	pg_do(served_dsn(), sql);
}

Test(api_audit_kept, old_records_go_behind_a_checkpoint_and_what_is_left_holds)
{
	AUTO_ARENA a = arena_new(0);
	named got;

	begin("audit_pruned");
	seal_all();
	str archive[] = {export_of(a, ADMIN, "/checkpoints"), export_of(a, ADMIN, "")};
	int64_t records = pg_int(served_dsn(), "SELECT count(*) FROM audit");
	/* Nothing is old enough, whatever the worker asks for; and nothing else goes. */
	pg_do(served_dsn(),
		"DO $$ BEGIN BEGIN UPDATE audit_floor SET n = 4; EXCEPTION WHEN OTHERS THEN RETURN; END; RAISE EXCEPTION 'it rose'; END $$");
	prune(86400 * 30);
	pg_do(served_dsn(), "SET ROLE reeve_jobs; DELETE FROM audit");
	cr_assert_eq(pg_int(served_dsn(), "SELECT count(*) FROM audit"), records);
	/* A day later. */
	pg_do(served_dsn(), "ALTER TABLE audit_floor DISABLE TRIGGER audit_floor_rises; UPDATE audit_floor SET n = 4");
	prune(86400 * 30);
	cr_assert_eq(pg_int(served_dsn(), "SELECT min(n) FROM audit"), 5);
	cr_assert_eq(pg_int(served_dsn(), "SELECT count(*) FROM audit"), records - 4);
	online(a, &got);
	cr_expect_eq(got.n, 0, "%c %d %s", got.chain, (int)got.n, got.why);
	answer r = served_call(a, served_token(ADMIN), "GET", "/v1/audit:verify", NULL, NULL);
	cr_expect_eq(json_integer_value(json_object_get(r.doc, "governance_pruned")), 4);
	got = offline(a);
	cr_expect_eq(got.times, 0, "%c %d %s", got.chain, (int)got.n, got.why);
	got = verified(a, archive, 2);
	cr_expect_eq(got.times, 0, "the archive holds by itself: %d %s", (int)got.n, got.why);
	str joined[] = {archive[0], lines_of(archive[1], 0, 4), export_of(a, ADMIN, "")};
	got = verified(a, joined, 3);
	cr_expect_eq(got.times, 0, "and goes on in what is left: %d %s", (int)got.n, got.why);
	/* What goes beyond that is missed. */
	pg_do(served_dsn(), "CREATE TABLE kept AS SELECT * FROM audit; DELETE FROM audit WHERE n = 5");
	online(a, &got);
	cr_expect(got.n == 5 && strcmp(got.why, "number") == 0, "%d %s", (int)got.n, got.why);
	pg_do(served_dsn(), "DELETE FROM audit; INSERT INTO audit SELECT * FROM kept; UPDATE audit_floor SET n = 5");
	online(a, &got);
	cr_expect_neq(got.n, 0, "the floor is a checkpoint's size, or nothing is below it");
	pg_do(served_dsn(), "UPDATE audit_floor SET n = 4");
	/* Who followed changes from before that begins anew. */
	served_restart();
	r = served_call(a, served_token(ADMIN), "GET", "/v1/watch?since=g2.p0", LINES, NULL);
	cr_expect(strstr(str_z(a, r.body), "cursor_compacted"), STR_FMT, STR_ARG(r.body));
}

/* Somebody who collects checkpoints. */
typedef struct collector {
	arena *a;
	str body;
	int times;
} collector;

static void on_collect(void *arg, web_req *r)
{
	collector *c = arg;

	c->body = str_dup(c->a, r->body);
	c->times++;
	web_reply(r, 204, S(""), S(""));
}

Test(api_audit_kept, a_checkpoint_is_told_to_the_file_and_the_url_that_the_settings_name)
{
	AUTO_ARENA a = arena_new(0);
	collector c = {.a = a};
	char url[SQL_BYTES], file[SQL_BYTES], one[SQL_BYTES * 2];
	fault f = {0};
	char address[64];
	int fd = -1;

	begin("audit_told");
	loop *l = loop_new();
	cr_assert_eq(listen_open("127.0.0.1:0", &fd, &f), ERR_OK, "%s", f.detail);
	web_server *w = web_open(l, fd, NULL, &web_limits_default, &(web_hooks){.on_request = on_collect, .arg = &c});
	db_options jobs = {.dsn = served_dsn(), .kind = "seal", .role = "reeve_jobs", .is_platform = true};
	lane *write = lane_new(l, &(lane_options){.db = jobs});
	db_reader *read = reader_new(l, &(reader_options){.platform = jobs, .platform_n = 1});
	cr_assert_eq(listen_address(fd, address, sizeof(address)), ERR_OK);
	snprintf(url, sizeof(url), "http://%s/kept", address);
	snprintf(file, sizeof(file), "%s/kept", served_folder());
	seal_options o = {.data_dir = served_folder(),
		.file = file,
		.url = url,
		.records = SEAL_RECORDS_MAX,
		.write = write,
		.read = read};
	seal *s;
	cr_assert_eq(seal_new(l, &o, &s, &f), ERR_OK, "%s", f.detail);
	for (int i = 0; i < WAIT_MS / 10 && c.times < 2; i++)
		run_for(l, 10000);
	cr_assert_eq(c.times, 2);
	FILE *in = fopen(file, "re");
	str last = S("");
	while (fgets(one, sizeof(one), in))
		last = str_dup(a, str_from(one));
	fclose(in);
	cr_expect(str_eq(last, c.body), "the file and the URL hear the same");
	str texts[] = {c.body};
	cr_expect_eq(verified(a, texts, 1).times, 0);
	lane_free(write);
	reader_free(read);
	seal_free(s);
	web_close(w);
	loop_free(l);
}
