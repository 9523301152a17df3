#include "agents/real/door.h"
#include "../net/certs.h"
#include "cluster_fixture.h"
#include "net/fetch.h"

typedef struct stage {
	certs certs;
	loop *loop;
	stock *stock;
	extender *x;
	extender_edge *edge;
	door *door;
	char cert[128], key[128], ca[128];
} stage;

static void answer(void *arg, web_req *r)
{
	(void)arg;
	web_reply(r, 200, S(""), S("routed"));
}

static void stage_open(stage *t, bool asks_clients)
{
	extender_spec spec = {.by_default = {POLICY_BINPACK, POLICY_BINPACK}};
	fault f = {0};

	t->certs = certs_new();
	t->loop = loop_new();
	t->stock = spec.stock = f2x2_new();
	t->x = extender_new(&spec);
	t->edge = extender_edge_new(t->x, NULL);
	strcpy(t->cert, certs_file(&t->certs, "server.pem"));
	strcpy(t->key, certs_file(&t->certs, "server.key"));
	strcpy(t->ca, certs_file(&t->certs, "ca.pem"));
	door_spec d = {
		.loop = t->loop, .address = "127.0.0.1:0", .cert_file = t->cert, .key_file = t->key, .edge = t->edge};
	d.client_ca_file = asks_clients ? t->ca : NULL;
	cr_assert_eq(door_open(&d, &t->door, &f), ERR_OK, "%s", f.detail);
	door_route(t->door, WEB_POST, "/webhook", answer, NULL);
}

static void stage_close(stage *t)
{
	door_close(t->door);
	extender_edge_close(t->edge);
	loop_free(t->loop);
	extender_free(t->x);
	stock_free(t->stock);
	certs_remove(&t->certs);
	arena_trim();
}

#define POD                                                                                                            \
	"{\"metadata\":{\"name\":\"p\",\"namespace\":\"d\",\"uid\":\"p\",\"resourceVersion\":\"1\"},\"spec\":{"        \
	"\"containers\":[" ASK("1", "1000", "0") "]}}"
#define ARGS "{\"Pod\":" POD ",\"Nodes\":null,\"NodeNames\":[\"node1\"]}"

/* The status of a POST by somebody who shows the certificate `who` (NULL: none); 0: no answer came. */
static long status_of(stage *t, const char *who, const char *path)
{
	AUTO_ARENA a = arena_new(0);
	fetch_config c = {
		.user_agent = "Go-http-client/1.1", .ca_file = str_z(a, str_from(certs_file(&t->certs, "ca.pem")))};

	if (who) {
		c.cert_file = str_z(a, str_print(a, "%s/%s.pem", t->certs.folder, who));
		c.key_file = str_z(a, str_print(a, "%s/%s.key", t->certs.folder, who));
	}
	fetch *client = fetch_new(t->loop, &c);
	const char *url = str_z(a, str_print(a, "https://%s%s", door_address(t->door), path));
	fetch_request q = {.method = "POST", .url = url, .body = S(ARGS)};
	fetch_reply r = fetch_wait(client, t->loop, a, &q);
	long status = r.e ? 0 : r.status;
	fetch_free(client);
	return status;
}

Test(door, only_a_scheduler_with_a_certificate_asks_the_extender_where_that_is_wanted)
{
	static const struct {
		bool asks_clients;
		const char *who, *path;
		long status;
	} rows[] = {
		{false, NULL, "/extender/filter", 200}, {false, NULL, "/webhook/mutate", 200},
		{true, "client", "/extender/filter", 200}, {true, "client", "/extender/bind", 404}, /* no binder */
		{true, NULL, "/extender/filter", 403}, {true, NULL, "/extender/bind", 403},
		{true, NULL, "/webhook/mutate", 200}, {true, "other", "/extender/filter", 0}, /* the handshake fails */
	};
	stage t;

	for (int asks = 0; asks < 2; asks++) {
		stage_open(&t, asks);
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			if (rows[i].asks_clients != asks)
				continue;
			long status = status_of(&t, rows[i].who, rows[i].path);
			cr_expect_eq(status, rows[i].status, "%s as %s: %ld", rows[i].path,
				rows[i].who ? rows[i].who : "nobody", status);
		}
		stage_close(&t);
	}
}

static long send_of(stage *t, const char *who, const char *path, uint32_t bytes)
{
	AUTO_ARENA a = arena_new(0);
	fetch_config c = {
		.user_agent = "Go-http-client/1.1", .ca_file = str_z(a, str_from(certs_file(&t->certs, "ca.pem")))};

	if (who) {
		c.cert_file = str_z(a, str_print(a, "%s/%s.pem", t->certs.folder, who));
		c.key_file = str_z(a, str_print(a, "%s/%s.key", t->certs.folder, who));
	}
	fetch *client = fetch_new(t->loop, &c);
	char *body = arena_alloc(a, bytes);
	memset(body, ' ', bytes);
	fetch_request q = {.method = "POST", .body = str_of(body, bytes)};
	q.url = str_z(a, str_print(a, "https://%s%s", door_address(t->door), path));
	fetch_reply r = fetch_wait(client, t->loop, a, &q);
	fetch_free(client);
	return r.e ? 0 : r.status;
}

Test(door, a_long_body_is_taken_of_those_alone_who_may_send_it)
{
	static const struct {
		const char *who, *path;
		uint32_t bytes;
		long status;
	} rows[] = {
		{"client", "/extender/filter", 10 << 20, 200},
		{NULL, "/extender/filter", 100 << 10, 413},
		{"client", "/extender/filter", (32 << 20) + 1, 413},
		{"client", "/extender/bind", 65 << 10, 413},
		{NULL, "/webhook/mutate", 7 << 20, 200},
		{NULL, "/webhook/mutate", 9 << 20, 413},
		{"client", "/webhook/mutate", 9 << 20, 413},
	};
	stage t;

	stage_open(&t, true);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		long status = send_of(&t, rows[i].who, rows[i].path, rows[i].bytes);
		cr_expect_eq(status, rows[i].status, "row %zu: %ld", i, status);
	}
	stage_close(&t);
}

static void file_copy(stage *t, const char *from, FILE *to)
{
	FILE *in = fopen(certs_file(&t->certs, from), "r");
	char text[8192];

	cr_assert_not_null(in);
	size_t n = fread(text, 1, sizeof(text), in);
	cr_assert_eq(fwrite(text, 1, n, to), n);
	(void)fclose(in);
}

/* The authority whose certificate the scheduler shows is another one once a year. */
Test(door, who_may_ask_is_read_again_with_the_certificate)
{
	stage t;

	stage_open(&t, true);
	cr_expect_eq(status_of(&t, "other", "/extender/filter"), 0);
	strcpy(t.ca, certs_file(&t.certs, "both.pem"));
	FILE *f = fopen(t.ca, "w");
	cr_assert_not_null(f);
	file_copy(&t, "ca.pem", f);
	file_copy(&t, "other_ca.pem", f);
	(void)fclose(f);
	door_reload(t.door);
	cr_expect_eq(status_of(&t, "other", "/extender/filter"), 200);
	cr_expect_eq(status_of(&t, "client", "/extender/filter"), 200);
	stage_close(&t);
}
