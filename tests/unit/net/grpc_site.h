/* grpc_site: a service and a client of it on one loop. */
#pragma once
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/vec.h"
#include "net/grpc_client.h"
#include "net/grpc_server.h"
#include "net/unix_socket.h"

typedef struct grpc_site {
	loop *loop;
	char folder[64], path[96];
	grpc_server *server;
	grpc_client *client;
	loop_timer *guard;
	/* What the last call came to. */
	bool is_done;
	grpc_status status;
	char text[256];
	buf message;
	/* What the handlers saw. */
	vec(grpc_call *) kept;
	uint32_t n_calls, n_gone, n_fills, n_messages, n_done;
	size_t state_bytes;
	uint64_t state;
	int connections;
} grpc_site;

static inline void site_echo(void *arg, grpc_call *c, str message)
{
	((grpc_site *)arg)->n_calls++;
	grpc_answer(c, message);
}

static inline void site_refuse(void *arg, grpc_call *c, str message)
{
	(void)message;
	((grpc_site *)arg)->n_calls++;
	grpc_refuse(c, GRPC_NOT_FOUND, "100 % of \xc3\xa9t\xc3\xa9\n");
}

static inline void site_gone(void *arg, grpc_call *c)
{
	grpc_site *s = arg;

	s->n_gone++;
	for (uint32_t i = 0; i < s->kept.n; i++)
		if (s->kept.v[i] == c)
			vec_remove_fast(&s->kept, i);
}

static inline void site_keep(void *arg, grpc_call *c, str message)
{
	grpc_site *s = arg;

	(void)message;
	s->n_calls++;
	vec_push(&s->kept, c);
	grpc_call_on_gone(c, site_gone, s);
}

/* A state: its number, and as many bytes as the test wants it to have. */
static inline void site_fill(void *arg, grpc_call *c, buf *out)
{
	grpc_site *s = arg;

	(void)c;
	s->n_fills++;
	buf_add(out, &s->state, sizeof(s->state));
	char *room = buf_room(out, s->state_bytes);
	cr_assert(room);
	memset(room, 'x', s->state_bytes);
	out->n += s->state_bytes;
}

static inline void site_watch(void *arg, grpc_call *c, str message)
{
	grpc_site *s = arg;

	(void)message;
	s->n_calls++;
	vec_push(&s->kept, c);
	grpc_stream_open(c, site_fill, site_gone, s);
}

static inline void site_connection(void *arg, int change)
{
	((grpc_site *)arg)->connections += change;
}

static const grpc_method site_methods[] = {
	{"/test.Service/Echo", site_echo},
	{"/test.Service/Refuse", site_refuse},
	{"/test.Service/Keep", site_keep},
	{"/test.Service/Watch", site_watch},
};

static inline void site_late(void *arg)
{
	(void)arg;
	cr_assert(false, "the loop ran too long");
}

static inline void site_serve(grpc_site *s)
{
	grpc_service service = {
		s->loop, s->path, site_methods, sizeof(site_methods) / sizeof(*site_methods), s, site_connection};
	fault f = {0};

	cr_assert_eq(grpc_server_open(&service, &s->server, &f), ERR_OK, "%s", f.detail);
}

static inline void site_open(grpc_site *s)
{
	*s = (grpc_site){.loop = loop_new()};
	(void)snprintf(s->folder, sizeof(s->folder), "/tmp/reeve-grpc-XXXXXX");
	cr_assert(mkdtemp(s->folder));
	(void)snprintf(s->path, sizeof(s->path), "%s/socket", s->folder);
	buf_init(&s->message, 32 << 20);
	site_serve(s);
	s->client = grpc_client_new(s->loop, s->path);
	s->guard = loop_timer_new(s->loop, site_late, s);
	loop_timer_arm(s->guard, (int64_t)120000000);
}

static inline void site_close(grpc_site *s)
{
	grpc_client_free(s->client);
	grpc_server_close(s->server);
	loop_timer_free(s->guard);
	loop_free(s->loop);
	buf_done(&s->message);
	vec_done(&s->kept);
	cr_expect_eq(access(s->path, F_OK), -1, "the socket is removed");
	(void)rmdir(s->folder);
	arena_trim();
}

static inline void site_done(void *arg, const grpc_reply *r)
{
	grpc_site *s = arg;

	s->is_done = true;
	s->n_done++;
	s->status = r->status;
	(void)snprintf(s->text, sizeof(s->text), STR_FMT, STR_ARG(r->text));
	buf_clear(&s->message);
	buf_add_str(&s->message, r->message);
	loop_stop(s->loop);
}

static inline grpc_ask *site_send(grpc_site *s, const char *path, str message, int64_t timeout_us)
{
	grpc_request q = {path, message, timeout_us, 0, NULL, site_done, s};

	s->is_done = false;
	return grpc_send(s->client, &q);
}

static inline grpc_status site_call(grpc_site *s, const char *path, str message)
{
	(void)site_send(s, path, message, 60000000);
	loop_run(s->loop);
	cr_assert(s->is_done);
	return s->status;
}

static inline void site_stop(void *arg)
{
	loop_stop(((grpc_site *)arg)->loop);
}

/* Lets the loop run for a while: for what should not happen, or has no end of its own. */
static inline void site_rest(grpc_site *s, int64_t us)
{
	loop_timer *t = loop_timer_new(s->loop, site_stop, s);

	loop_timer_arm(t, us);
	loop_run(s->loop);
	loop_timer_free(t);
}
