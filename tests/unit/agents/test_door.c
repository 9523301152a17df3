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
} stage;

static void answer(void *arg, web_req *r)
{
	(void)arg;
	web_reply(r, 200, S(""), S("routed"));
}

static void stage_open(stage *t, bool asks_clients)
{
	extender_spec spec = {.by_default = {POLICY_BINPACK, POLICY_BINPACK}};
	char cert[128], key[128];
	fault f = {0};

	t->certs = certs_new();
	t->loop = loop_new();
	t->stock = spec.stock = f2x2_new();
	t->x = extender_new(&spec);
	t->edge = extender_edge_new(t->x, NULL);
	strcpy(cert, certs_file(&t->certs, "server.pem"));
	strcpy(key, certs_file(&t->certs, "server.key"));
	door_spec d = {.loop = t->loop, .address = "127.0.0.1:0", .cert_file = cert, .key_file = key, .edge = t->edge};
	d.client_ca_file = asks_clients ? certs_file(&t->certs, "ca.pem") : NULL;
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
