#include <criterion/criterion.h>
#include <errno.h>
#include <nghttp2/nghttp2.h>
#include <sys/socket.h>
#include "agents/file.h"
#include "json/pull.h"
#include "kubelet_scene.h"
#include "net/unix_socket.h"

enum { MANY = 60000, MANY_SLOTS = 3750, CHANGES = 200 };
enum { CHUNKS_MAX = 64, STREAMS_MAX = 64, BYTES_MAX = 1 << 20, FRAME_HEAD = 9, PAUSE_US = 3000 };

/* One chunk of a recording. */
typedef struct chunk {
	bool is_client;
	str bytes;
} chunk;

typedef struct recording {
	chunk v[CHUNKS_MAX];
	uint32_t n;
} recording;

static int digit_of(char c)
{
	return c <= '9' ? c - '0' : c - 'a' + 10;
}

static str hex_read(str hex, arena *a)
{
	char *out = arena_alloc(a, hex.n / 2 + 1);

	for (uint32_t i = 0; i + 1 < hex.n; i += 2)
		out[i / 2] = (char)(digit_of(hex.p[i]) << 4 | digit_of(hex.p[i + 1]));
	return (str){out, hex.n / 2};
}

static str member(str line, const char *key)
{
	str rest = line;
	bool has_escape;
	pull p;
	str k;

	pull_init(&p, rest, 4);
	cr_assert_eq(pull_next(&p), PULL_OBJECT);
	while (pull_key(&p, &k, &has_escape)) {
		if (str_eq(k, str_from(key))) {
			cr_assert_eq(pull_next(&p), PULL_TEXT);
			return p.text;
		}
		cr_assert_eq(pull_skip(&p), ERR_OK);
	}
	return STR_NONE;
}

static void recording_read(const char *path, arena *a, recording *ret)
{
	str text;

	*ret = (recording){0};
	cr_assert_eq(file_read(path, a, &text, NULL), ERR_OK, "%s", path);
	while (text.p && text.n) {
		str line = str_split(&text, '\n');
		if (!line.n)
			continue;
		cr_assert(ret->n < CHUNKS_MAX);
		ret->v[ret->n++] =
			(chunk){str_eq(member(line, "dir"), S("client>server")), hex_read(member(line, "hex"), a)};
	}
	cr_assert(ret->n > 0);
}

/* What one side said on each stream: DATA put together, and the last status. */
typedef struct side {
	buf data[STREAMS_MAX];
	int32_t status[STREAMS_MAX]; /* -1: none yet */
	char path[STREAMS_MAX][96];
	buf rest;
	nghttp2_hd_inflater *headers;
	uint32_t n_goaway, n_reset;
} side;

static void side_open(side *s)
{
	*s = (side){0};
	buf_init(&s->rest, BYTES_MAX);
	for (uint32_t i = 0; i < STREAMS_MAX; i++) {
		buf_init(&s->data[i], BYTES_MAX);
		s->status[i] = -1;
	}
	cr_assert_eq(nghttp2_hd_inflate_new(&s->headers), 0);
}

static void side_close(side *s)
{
	for (uint32_t i = 0; i < STREAMS_MAX; i++)
		buf_done(&s->data[i]);
	buf_done(&s->rest);
	nghttp2_hd_inflate_del(s->headers);
}

static void headers_take(side *s, uint32_t stream, str block)
{
	for (size_t at = 0; at <= block.n;) {
		nghttp2_nv nv;
		int flags = 0;
		ssize_t n =
			nghttp2_hd_inflate_hd2(s->headers, &nv, &flags, (const uint8_t *)block.p + at, block.n - at, 1);
		cr_assert_geq(n, 0);
		at += (size_t)n;
		if (flags & NGHTTP2_HD_INFLATE_EMIT) {
			str name = str_of((char *)nv.name, nv.namelen), value = str_of((char *)nv.value, nv.valuelen);
			int64_t status;
			if (str_eq(name, S("grpc-status")) && str_to_i64(value, &status))
				s->status[stream] = (int32_t)status;
			if (str_eq(name, S(":path")))
				(void)snprintf(s->path[stream], sizeof(s->path[stream]), STR_FMT, STR_ARG(value));
		}
		if (flags & NGHTTP2_HD_INFLATE_FINAL)
			break;
	}
	nghttp2_hd_inflate_end_headers(s->headers);
}

static void frame_take(side *s, const uint8_t *head, str payload)
{
	uint32_t stream = head[8];

	cr_assert(stream < STREAMS_MAX);
	if (head[3] == NGHTTP2_DATA)
		buf_add_str(&s->data[stream], payload);
	else if (head[3] == NGHTTP2_HEADERS)
		headers_take(s, stream, payload);
	s->n_goaway += head[3] == NGHTTP2_GOAWAY;
	s->n_reset += head[3] == NGHTTP2_RST_STREAM;
}

static void side_take(side *s, str bytes)
{
	static const char hello[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

	if (str_starts(bytes, str_from(hello)))
		bytes = str_cut(bytes, sizeof(hello) - 1, bytes.n);
	buf_add_str(&s->rest, bytes);
	for (;;) {
		const uint8_t *p = (const uint8_t *)s->rest.p;
		if (s->rest.n < FRAME_HEAD)
			return;
		size_t n = (size_t)p[0] << 16 | (size_t)p[1] << 8 | p[2];
		if (s->rest.n < FRAME_HEAD + n)
			return;
		frame_take(s, p, str_of((const char *)p + FRAME_HEAD, n));
		buf_drop(&s->rest, FRAME_HEAD + n);
	}
}

/* Every message that the kubelet sent is read by our types, and written by them byte for byte. */
Test(kubelet_bytes, our_types_write_what_the_kubelet_wrote)
{
	static const struct {
		const char *path;
		const ProtobufCMessageDescriptor *type;
	} types[] = {
		{"/v1beta1.DevicePlugin/GetPreferredAllocation", &v1beta1__preferred_allocation_request__descriptor},
		{"/v1beta1.DevicePlugin/Allocate", &v1beta1__allocate_request__descriptor},
		{"/v1beta1.DevicePlugin/PreStartContainer", &v1beta1__pre_start_container_request__descriptor},
	};
	AUTO_ARENA a = arena_new(0);
	uint32_t n = 0;
	recording r;
	side s;

	recording_read(RECORDED "/kubelet/wire-deviceplugin.jsonl", a, &r);
	side_open(&s);
	for (uint32_t i = 0; i < r.n; i++)
		if (r.v[i].is_client)
			side_take(&s, r.v[i].bytes);
	for (uint32_t stream = 1; stream < STREAMS_MAX; stream += 2) {
		for (size_t t = 0; t < sizeof(types) / sizeof(*types); t++) {
			if (strcmp(s.path[stream], types[t].path) != 0)
				continue;
			str sent = str_cut(buf_str(&s.data[stream]), GRPC_PREFIX, s.data[stream].n);
			ProtobufCMessage *m = message_read(types[t].type, sent, a);
			buf out;
			cr_assert(m, "stream %u", stream);
			cr_expect_eq(protobuf_c_message_check(m), 1);
			str again = double_pack(m, &out);
			cr_expect(str_eq(again, sent), "stream %u", stream);
			buf_done(&out);
			n++;
		}
	}
	cr_expect_eq(n, 8, "%u messages", n);
	side_close(&s);
}

/* The recorded client speaks to what we serve. */
typedef struct replay {
	loop *loop;
	int fd;
	loop_watch *watch;
	side *heard;
	bool is_closed;
} replay;

static void replay_read(void *arg, int what)
{
	replay *p = arg;
	char bytes[65536];
	ssize_t n = read(p->fd, bytes, sizeof(bytes));

	(void)what;
	if (n > 0) {
		side_take(p->heard, str_of(bytes, (size_t)n));
	} else if (n == 0 || errno != EAGAIN) {
		p->is_closed = true;
		loop_watch_set(p->watch, 0);
	}
}

static void replay_open(replay *p, loop *l, const char *path, side *heard)
{
	fault f = {0};

	*p = (replay){.loop = l, .heard = heard};
	cr_assert_eq(unix_socket_connect(path, &p->fd, &f), ERR_OK, "%s", f.detail);
	p->watch = loop_watch_new(l, p->fd, LOOP_READ, replay_read, p);
}

static void replay_close(replay *p)
{
	loop_watch_free(p->watch);
	(void)close(p->fd);
}

/* Whole chunks, or cut anywhere. */
static void replay_play(kubelet_scene *s, replay *p, const recording *r, uint32_t piece)
{
	for (uint32_t i = 0; i < r->n; i++) {
		str rest = r->v[i].bytes;
		for (; r->v[i].is_client && rest.n; rest = str_cut(rest, piece, rest.n)) {
			str now = str_cut(rest, 0, piece);
			cr_assert_eq(send(p->fd, now.p, now.n, MSG_NOSIGNAL), (ssize_t)now.n);
			if (piece > 1 || rest.n % 32 == 0)
				scene_rest(s, PAUSE_US / 10);
		}
	}
	scene_rest(s, 20 * PAUSE_US);
}

Test(kubelet_bytes, a_plugin_answers_every_recorded_call)
{
	static const struct {
		uint32_t stream;
		int32_t status; /* the recorded ids are none of ours: that is said, and the talk goes on */
	} answers[] = {{1, 0}, {3, -1}, {5, 0}, {7, GRPC_INVALID_ARGUMENT}, {9, GRPC_INVALID_ARGUMENT}, {11, 0},
		{13, GRPC_INVALID_ARGUMENT}, {15, 0}, {17, 0}, {19, 0}};
	static const uint32_t pieces[] = {1 << 16, 1, 7};
	AUTO_ARENA a = arena_new(0);
	recording r;

	recording_read(RECORDED "/kubelet/wire-deviceplugin.jsonl", a, &r);
	for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
		kubelet_scene s;
		side heard;
		replay p;
		char path[256];
		scene_open(&s, 1);
		scene_devices(&s, 1, 4, -1);
		scene_until_healthy(&s, 4);
		side_open(&heard);
		(void)snprintf(path, sizeof(path), "%s/%s", s.d.plugins, s.d.endpoint);
		replay_open(&p, s.loop, path, &heard);
		replay_play(&s, &p, &r, pieces[i]);
		cr_expect(!p.is_closed && !heard.n_goaway && !heard.n_reset, "the connection goes on");
		cr_expect_gt(heard.data[3].n, 0, "the devices are told");
		for (size_t j = 0; j < sizeof(answers) / sizeof(*answers); j++)
			cr_expect_eq(heard.status[answers[j].stream], answers[j].status, "pieces of %u: stream %u: %d",
				pieces[i], answers[j].stream, heard.status[answers[j].stream]);
		replay_close(&p);
		side_close(&heard);
		scene_close(&s);
	}
}

static void frame_send(int fd, uint8_t type, uint8_t flags, uint8_t stream, str payload)
{
	uint8_t head[FRAME_HEAD] = {(uint8_t)(payload.n >> 16), (uint8_t)(payload.n >> 8), (uint8_t)payload.n, type,
		flags, 0, 0, 0, stream};

	cr_assert_eq(send(fd, head, sizeof(head), MSG_NOSIGNAL), (ssize_t)sizeof(head));
	cr_assert_eq(send(fd, payload.p, payload.n, MSG_NOSIGNAL), (ssize_t)payload.n);
}

static void window_send(int fd, uint8_t stream, uint32_t n)
{
	uint8_t bytes[4] = {(uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};

	frame_send(fd, NGHTTP2_WINDOW_UPDATE, 0, stream, (str){(const char *)bytes, sizeof(bytes)});
}

static size_t resident_bytes(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	unsigned long all = 0, resident = 0;

	cr_assert(f);
	cr_assert_eq(fscanf(f, "%lu %lu", &all, &resident), 2);
	(void)fclose(f);
	return resident * (size_t)sysconf(_SC_PAGESIZE);
}

/* How many devices of the last message of a stream are sick; *ret_n: messages there are. */
static uint32_t sick_of_last(const buf *data, uint32_t *ret_n)
{
	AUTO_ARENA a = arena_new(0);
	str rest = buf_str(data), message = STR_NONE, one;
	grpc_status why;
	uint32_t sick = 0;

	for (*ret_n = 0; grpc_message_read(rest, 64 << 20, &one, &why) == GRPC_WHOLE; (*ret_n)++) {
		message = one;
		rest = str_cut(rest, GRPC_PREFIX + one.n, rest.n);
	}
	cr_assert(message.p && rest.n == 0, "%u bytes are left", rest.n);
	V1beta1__ListAndWatchResponse *m = message_read(&v1beta1__list_and_watch_response__descriptor, message, a);
	cr_assert(m);
	cr_expect_eq(m->n_devices, (size_t)MANY);
	for (size_t i = 0; i < m->n_devices; i++)
		sick += strcmp(m->devices[i]->health, "Healthy") != 0;
	return sick;
}

/* It reads what its window lets through, gives no more, and wakes up some hundred changes later. */
Test(kubelet_bytes, a_kubelet_that_reads_slowly_sees_the_latest_of_60000_devices)
{
	AUTO_ARENA a = arena_new(0);
	kubelet_scene s;
	recording r;
	replay p;
	side heard;
	char path[256];
	uint32_t n;

	recording_read(RECORDED "/kubelet/wire-deviceplugin.jsonl", a, &r);
	scene_open(&s, 1);
	scene_devices(&s, MANY / MANY_SLOTS, MANY_SLOTS, -1);
	scene_until_healthy(&s, MANY);
	side_open(&heard);
	for (uint32_t i = 0; i < STREAMS_MAX; i++)
		heard.data[i].max = 64 << 20;
	heard.rest.max = 64 << 20;
	(void)snprintf(path, sizeof(path), "%s/%s", s.d.plugins, s.d.endpoint);
	replay_open(&p, s.loop, path, &heard);
	/* The recorded beginning, up to the request of ListAndWatch on stream 3. */
	for (uint32_t i = 0, sent = 0; sent < 6 && i < r.n; i++)
		if (r.v[i].is_client && ++sent)
			cr_assert_eq(send(p.fd, r.v[i].bytes.p, r.v[i].bytes.n, MSG_NOSIGNAL), (ssize_t)r.v[i].bytes.n);
	scene_rest(&s, 50 * PAUSE_US);
	cr_expect_gt(heard.data[3].n + heard.rest.n, 0, "the devices are told");
	cr_expect_leq(heard.data[3].n, 65535 + 16384);
	size_t before = resident_bytes();
	grpc_cancel(s.d.watching);
	scene_rest(&s, PAUSE_US);
	for (int32_t i = 0; i < CHANGES; i++)
		scene_devices(&s, MANY / MANY_SLOTS, MANY_SLOTS, i % (MANY / MANY_SLOTS));
	scene_devices(&s, MANY / MANY_SLOTS, MANY_SLOTS, 1);
	cr_expect_leq(resident_bytes(), before + (32 << 20), "%zu bytes more", resident_bytes() - before);
	window_send(p.fd, 0, 1 << 30);
	window_send(p.fd, 3, 1 << 30);
	for (int i = 0; i < 200 && (heard.rest.n || heard.data[3].n < 2 * MANY * 20); i++)
		scene_rest(&s, 10 * PAUSE_US);
	cr_expect_eq(sick_of_last(&heard.data[3], &n), (uint32_t)MANY_SLOTS);
	cr_expect_eq(n, 2, "%u messages", n);
	replay_close(&p);
	side_close(&heard);
	scene_close(&s);
}

/* A recorded kubelet takes our registration. */
typedef struct recorded_server {
	kubelet_scene *s;
	const recording *r;
	int fd, peer;
	loop_watch *watch;
	buf heard;
	char why[256];
	bool is_registered;
} recorded_server;

static void server_accept(void *arg, int what)
{
	recorded_server *v = arg;

	(void)what;
	v->peer = accept4(v->fd, NULL, NULL, SOCK_CLOEXEC);
	cr_assert_geq(v->peer, 0);
	for (uint32_t i = 0; i < v->r->n; i++)
		if (!v->r->v[i].is_client)
			cr_assert_eq(send(v->peer, v->r->v[i].bytes.p, v->r->v[i].bytes.n, MSG_NOSIGNAL),
				(ssize_t)v->r->v[i].bytes.n);
	loop_watch_set(v->watch, 0);
}

static void server_done(void *arg, const grpc_reply *r)
{
	recorded_server *v = arg;

	v->is_registered = r->status == GRPC_OK;
	(void)snprintf(v->why, sizeof(v->why), "%d " STR_FMT, r->status, STR_ARG(r->text));
	loop_stop(v->s->loop);
}

Test(kubelet_bytes, a_recorded_kubelet_answers_our_registration)
{
	AUTO_ARENA a = arena_new(0);
	kubelet_scene s = {.loop = loop_new()};
	recorded_server v = {.s = &s, .peer = -1};
	unix_socket_mark mark;
	recording r;
	char folder[] = "/tmp/reeve-recorded-XXXXXX", path[64];

	recording_read(RECORDED "/kubelet/wire-register.jsonl", a, &r);
	v.r = &r;
	cr_assert(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/s", folder);
	cr_assert_eq(unix_socket_listen(path, &v.fd, &mark, NULL), ERR_OK);
	v.watch = loop_watch_new(s.loop, v.fd, LOOP_READ, server_accept, &v);
	grpc_client *c = grpc_client_new(s.loop, path);
	grpc_request q = {"/v1beta1.Registration/Register", S("x"), 10000000, 0, NULL, server_done, &v};
	(void)grpc_send(c, &q);
	loop_run(s.loop);
	cr_expect(v.is_registered, "%s", v.why);
	grpc_client_free(c);
	loop_watch_free(v.watch);
	(void)close(v.fd);
	(void)close(v.peer);
	(void)unlink(path);
	(void)rmdir(folder);
	loop_free(s.loop);
	arena_trim();
}

/* The double asks in the order in which the kubelet asked. */
typedef struct talk {
	char text[1024];
	size_t n;
} talk;

static talk said;

static void on_sent(void *arg, const char *method, str message)
{
	AUTO_ARENA a = arena_new(0);
	const char *name = strrchr(method, '/') + 1;
	uint32_t n = 0;

	(void)arg;
	if (strcmp(name, "Allocate") == 0) {
		V1beta1__AllocateRequest *q = message_read(&v1beta1__allocate_request__descriptor, message, a);
		n = (uint32_t)q->container_requests[0]->n_devices_ids;
	} else if (strcmp(name, "GetPreferredAllocation") == 0) {
		V1beta1__PreferredAllocationRequest *q =
			message_read(&v1beta1__preferred_allocation_request__descriptor, message, a);
		n = (uint32_t)q->container_requests[0]->allocation_size;
	}
	said.n += (size_t)snprintf(said.text + said.n, sizeof(said.text) - said.n, "%s %u, ", name, n);
}

Test(kubelet_bytes, the_double_asks_in_the_recorded_order)
{
	kubelet_scene s;

	scene_open(&s, 0);
	scene_devices(&s, 1, 4, -1);
	scene_until_healthy(&s, 4);
	s.d.on_sent = on_sent;
	scene_pod p = scene_pod_make("k2", "i1 1 2", 0, 1000), *one[] = {&p};
	scene_tell(&s, &p);
	scene_admit(&s, one, 1);
	cr_expect_str_eq(
		said.text, "GetPreferredAllocation 1, Allocate 1, Allocate 1, GetPreferredAllocation 2, Allocate 2, ");
	cr_expect_str_eq(p.d.c[0].ids[0], p.d.c[1].ids[0], "the init container's device is taken over");
	scene_close(&s);
}
