/* Whatever bytes stand behind a kubelet's sockets: the first byte says where. Frames to a plugin of ours, frames as the
 * kubelet's answer to a call of ours, messages. Held: every connection ends when the peer is through, every call ends
 * once, and messages that are read are written again and read as the same. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include "agents/node/kubelet/message.h"
#include "agents/node/kubelet/slots.h"
#include "agents/plan_record.h"
#include "net/grpc_client.h"
#include "net/grpc_server.h"
#include "net/unix_socket.h"
#include "proto/deviceplugin.pb-c.h"
#include "proto/podresources.pb-c.h"

enum { OUT_MAX = 64 << 20 };

typedef struct bench {
	loop *loop;
	grpc_server *server;
	char path[64];
	int connections;
	uint32_t n_done;
} bench;

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void on_call(void *arg, grpc_call *c, str message)
{
	AUTO_ARENA a = arena_new(0);

	(void)arg;
	if (message_read(&v1beta1__allocate_request__descriptor, message, a))
		grpc_answer(c, message);
	else
		grpc_refuse(c, GRPC_INVALID_ARGUMENT, "no such message");
}

static void on_fill(void *arg, grpc_call *c, buf *out)
{
	(void)arg, (void)c;
	buf_add_str(out, S("state"));
}

static void on_watch(void *arg, grpc_call *c, str message)
{
	(void)arg, (void)message;
	grpc_stream_open(c, on_fill, NULL, NULL);
}

static const grpc_method methods[] = {
	{"/v1beta1.DevicePlugin/Allocate", on_call},
	{"/v1beta1.DevicePlugin/GetPreferredAllocation", on_call},
	{"/v1beta1.DevicePlugin/PreStartContainer", on_call},
	{"/v1beta1.DevicePlugin/GetDevicePluginOptions", on_call},
	{"/v1beta1.DevicePlugin/ListAndWatch", on_watch},
};

static void on_connection(void *arg, int change)
{
	bench *b = arg;

	b->connections += change;
	if (b->connections == 0)
		loop_stop(b->loop);
}

static void bench_open(bench *b)
{
	b->loop = loop_new();
	(void)snprintf(b->path, sizeof(b->path), "/tmp/reeve-fuzz-%d", (int)getpid());
}

static void all_send(int fd, const uint8_t *bytes, size_t n)
{
	while (n > 0) {
		ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);
		if (sent <= 0)
			break;
		bytes += sent;
		n -= (size_t)sent;
	}
}

/* Reads what comes until the other side ends, so that nobody waits for us. */
static void on_bytes(void *arg, int what)
{
	char bytes[65536];

	(void)what;
	if (read(*(int *)arg, bytes, sizeof(bytes)) < 0 && errno != EAGAIN)
		return;
}

static void frames_to_plugin(bench *b, const uint8_t *bytes, size_t n)
{
	grpc_service s = {b->loop, b->path, methods, sizeof(methods) / sizeof(*methods), b, on_connection};
	err e = grpc_server_open(&s, &b->server, NULL);
	int fd;

	assert(e == ERR_OK);
	e = unix_socket_connect(b->path, &fd, NULL);
	assert(e == ERR_OK);
	loop_watch *w = loop_watch_new(b->loop, fd, LOOP_READ, on_bytes, &fd);
	all_send(fd, bytes, n);
	(void)shutdown(fd, SHUT_WR);
	loop_run(b->loop);
	assert(b->connections == 0);
	loop_watch_free(w);
	(void)close(fd);
	grpc_server_close(b->server);
}

static void on_message(void *arg, str message)
{
	(void)arg, (void)message;
}

static void on_done(void *arg, const grpc_reply *r)
{
	bench *b = arg;

	assert(r->status == GRPC_OK || r->message.n == 0);
	if (++b->n_done == 2)
		loop_stop(b->loop);
}

typedef struct answerer {
	int fd;
	const uint8_t *bytes;
	size_t n;
} answerer;

static void on_accept(void *arg, int what)
{
	answerer *v = arg;
	int peer = accept4(v->fd, NULL, NULL, SOCK_CLOEXEC);

	(void)what;
	if (peer < 0)
		return;
	all_send(peer, v->bytes, v->n);
	(void)close(peer);
}

static void frames_to_client(bench *b, const uint8_t *bytes, size_t n)
{
	answerer v = {.bytes = bytes, .n = n};
	unix_socket_mark mark;
	err e = unix_socket_listen(b->path, &v.fd, &mark, NULL);

	assert(e == ERR_OK);
	loop_watch *w = loop_watch_new(b->loop, v.fd, LOOP_READ, on_accept, &v);
	grpc_client *c = grpc_client_new(b->loop, b->path);
	grpc_request one = {"/v1.PodResourcesLister/List", S("x"), 1000000, 1000, NULL, on_done, b};
	grpc_request all = {"/v1.PodResourcesLister/List", S("x"), 1000000, 1000, on_message, on_done, b};
	(void)grpc_send(c, &one);
	(void)grpc_send(c, &all);
	loop_run(b->loop);
	grpc_client_free(c);
	assert(b->n_done == 2);
	loop_watch_free(w);
	(void)close(v.fd);
	(void)unlink(b->path);
}

static void message_check(const ProtobufCMessageDescriptor *type, str bytes)
{
	AUTO_ARENA a = arena_new(0);
	const ProtobufCMessage *m = message_read(type, bytes, a), *again;
	buf out, twice;

	if (!m)
		return;
	buf_init(&out, OUT_MAX);
	buf_init(&twice, OUT_MAX);
	message_write(m, &out);
	again = message_read(type, buf_str(&out), a);
	assert(again);
	message_write(again, &twice);
	assert(str_eq(buf_str(&out), buf_str(&twice)));
	buf_done(&out);
	buf_done(&twice);
}

static const ProtobufCMessageDescriptor *const types[] = {
	&v1beta1__register_request__descriptor,
	&v1beta1__list_and_watch_response__descriptor,
	&v1beta1__preferred_allocation_request__descriptor,
	&v1beta1__preferred_allocation_response__descriptor,
	&v1beta1__allocate_request__descriptor,
	&v1beta1__allocate_response__descriptor,
	&v1beta1__pre_start_container_request__descriptor,
	&v1__list_pod_resources_response__descriptor,
};
enum { TYPES = sizeof(types) / sizeof(*types) };

static void plan_check(str text)
{
	AUTO_ARENA a = arena_new(0);
	plan_keys keys = {.n = 1};
	plan_record r;
	err e = plan_record_open(text, &keys, a, &r, NULL);

	assert(e != ERR_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	bench b = {0};

	if (n < 1)
		return 0;
	str rest = str_of((const char *)bytes + 1, n - 1);
	if (bytes[0] == 'p') {
		plan_check(rest);
	} else if (bytes[0] >= '0' && bytes[0] < '0' + TYPES) {
		message_check(types[bytes[0] - '0'], rest);
	} else {
		bench_open(&b);
		if (bytes[0] == 'a')
			frames_to_client(&b, bytes + 1, n - 1);
		else
			frames_to_plugin(&b, bytes + 1, n - 1);
		loop_free(b.loop);
	}
	arena_trim();
	return 0;
}
