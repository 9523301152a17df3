#include "agents/node/pages.h"
#include <assert.h>
#include <stdlib.h>
#include "net/listen.h"

enum { EXPOSITION_BYTES_MAX = 16 << 20, CONNECTIONS_MAX = 64 };

struct pages {
	pages_config c;
	web_server *web;
};

static void metrics_reply(const pages *p, web_req *r)
{
	exposition e = {0};
	buf page; /* hundreds of KiB, for the moment of a reply */
	bool is_open = exposition_wants_openmetrics(web_header_find(r, S("Accept")));

	p->c.fill(p->c.arg, &e);
	buf_init(&page, EXPOSITION_BYTES_MAX);
	exposition_print(&e, is_open, &page);
	web_reply(r, page.over ? 500 : 200,
		is_open ? S("Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n")
			: S("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"),
		page.over ? S("") : buf_str(&page));
	buf_done(&page);
}

static void on_request(void *arg, web_req *r)
{
	const pages *p = arg;
	bool may = r->method == WEB_GET || r->method == WEB_HEAD;
	bool is_ready = p->c.is_ready(p->c.arg);

	if (may && str_eq(r->path, S("/metrics")))
		metrics_reply(p, r);
	else if (may && str_eq(r->path, S("/livez")))
		web_reply(r, 200, S("Content-Type: text/plain\r\n"), S("ok\n"));
	else if (may && str_eq(r->path, S("/readyz")))
		web_reply(r, is_ready ? 200 : 503, S("Content-Type: text/plain\r\n"),
			is_ready ? S("ok\n") : S("no scan yet\n"));
	else
		web_reply(r, 404, S(""), S(""));
}

err pages_open(const pages_config *c, pages **ret, char *ret_listening, size_t size, fault *f)
{
	web_limits bounds = web_limits_default;
	int fd;

	ret_listening[0] = 0;
	*ret = NULL;
	if (!c->listen[0])
		return ERR_OK;
	err e = listen_open(c->listen, &fd, f);
	if (e)
		return e;
	pages *p = calloc(1, sizeof(*p));
	assert(p);
	p->c = *c;
	bounds.body_bytes_max = 0;
	bounds.connections_max = CONNECTIONS_MAX;
	web_hooks hooks = {.on_request = on_request, .arg = p};
	p->web = web_open(c->loop, fd, NULL, &bounds, &hooks);
	if (listen_address(fd, ret_listening, size))
		ret_listening[0] = 0;
	*ret = p;
	return ERR_OK;
}

void pages_close(pages *p)
{
	if (!p)
		return;
	web_close(p->web);
	free(p);
}
