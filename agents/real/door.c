#include "agents/real/door.h"
#include <assert.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "net/listen.h"

enum { ADDRESS_MAX = 128 };

typedef struct door_row {
	web_method method;
	str path;
	void (*answer)(void *arg, web_req *r);
	void *arg;
} door_row;

struct door {
	door_spec spec;
	web_server *web;
	tls_context *tls;
	loop_timer *look;
	struct timespec changed; /* the certificate's file, as it was read */
	char address[ADDRESS_MAX];
	door_row rows[DOOR_ROUTES_MAX];
	uint32_t n;
};

static const door_row *row_of(const door *d, web_method m, str path)
{
	const door_row *best = NULL;

	for (uint32_t i = 0; i < d->n; i++)
		if (d->rows[i].method == m && str_starts(path, d->rows[i].path) &&
			(!best || d->rows[i].path.n > best->path.n))
			best = &d->rows[i];
	return best;
}

static bool is_scheduler(const door *d, const tls_peer *tls)
{
	return !d->spec.client_ca_file || (tls && tls->is_verified && !tls->is_expired);
}

static void on_request(void *arg, web_req *r)
{
	door *d = arg;
	const door_row *row = row_of(d, r->method, r->path);

	if (row)
		row->answer(row->arg, r);
	else if (!is_scheduler(d, r->tls))
		web_reply(r, 403, S("Content-Type: text/plain\r\n"),
			S("the extender answers those alone who show a certificate of --client-ca\n"));
	else if (!extender_edge_take(d->spec.edge, r))
		web_reply(r, 404, S(""), S(""));
}

/* A long body is taken of those alone who may send one. */
static int64_t body_max(void *arg, web_method m, str path, const tls_peer *tls)
{
	const door *d = arg;

	if (row_of(d, m, path))
		return DOOR_BODY_MAX;
	return is_scheduler(d, tls) ? extender_edge_body_max(path) : DOOR_STRANGER_MAX;
}

static struct timespec file_time(const char *path)
{
	struct stat s;

	return stat(path, &s) == 0 ? s.st_mtim : (struct timespec){0, 0};
}

void door_reload(door *d)
{
	fault f = {0};

	if (!d->tls)
		return;
	d->changed = file_time(d->spec.cert_file);
	err e = tls_server_renew(d->tls, d->spec.cert_file, d->spec.key_file, &f);
	if (!e && d->spec.client_ca_file)
		e = tls_server_trust(d->tls, d->spec.client_ca_file, &f);
	if (e && d->spec.on_trouble)
		d->spec.on_trouble(d->spec.arg, f.detail);
}

static void on_look(void *arg)
{
	door *d = arg;
	struct timespec is = file_time(d->spec.cert_file);

	if (is.tv_sec != d->changed.tv_sec || is.tv_nsec != d->changed.tv_nsec)
		door_reload(d);
	loop_timer_arm(d->look, DOOR_LOOK_US);
}

static bool is_loopback(const char *address)
{
	str a = str_from(address);

	return str_starts(a, S("127.")) || str_starts(a, S("[::1]")) || str_starts(a, S("localhost:"));
}

static err listen_begin(door *d, fault *f)
{
	web_hooks hooks = {.on_request = on_request, .body_max = body_max, .arg = d};
	err e = ERR_OK;
	int fd;

	if (!d->spec.cert_file && !is_loopback(d->spec.address))
		return fault_set(f, ERR_SETTING, "--tls-cert", "is needed where others than this machine may connect");
	if (d->spec.cert_file)
		e = tls_server_new(d->spec.cert_file, d->spec.key_file, d->spec.client_ca_file, &d->tls, f);
	if (!e)
		e = listen_open(d->spec.address, &fd, f);
	if (e)
		return e;
	e = listen_address(fd, d->address, sizeof(d->address));
	d->web = web_open(d->spec.loop, fd, d->tls, &extender_limits, &hooks);
	return e;
}

err door_open(const door_spec *s, door **ret, fault *f)
{
	door *d = calloc(1, sizeof(*d));

	assert(d);
	d->spec = *s;
	d->look = loop_timer_new(s->loop, on_look, d);
	err e = listen_begin(d, f);
	if (e) {
		door_close(d);
		return e;
	}
	if (d->tls) {
		d->changed = file_time(s->cert_file);
		loop_timer_arm(d->look, DOOR_LOOK_US);
	}
	*ret = d;
	return ERR_OK;
}

void door_close(door *d)
{
	if (!d)
		return;
	if (d->web)
		web_close(d->web);
	tls_context_free(d->tls);
	loop_timer_free(d->look);
	free(d);
}

const char *door_address(const door *d)
{
	return d->address;
}

void door_route(door *d, web_method m, const char *path, void (*answer)(void *arg, web_req *r), void *arg)
{
	assert(d->n < DOOR_ROUTES_MAX);
	d->rows[d->n++] = (door_row){m, str_from(path), answer, arg};
}
