/* extender NODES PODS CALLS CERT KEY MODE: what an extender's answers cost, over HTTPS on loopback.
 *
 * A process of its own holds NODES nodes of 8 devices and PODS running pods, of which one ends and one comes every
 * millisecond; this one asks as kube-scheduler does: filter, then prioritize of what passed, for pods of 24 shapes.
 * MODE names: NodeNames of all nodes, in order; workers: in the order in which 16 workers of a scheduler come to them;
 * whole: 420 whole nodes of 2.8 KB, filter alone; crowd: names in order, by CLIENTS thin clients at once, each as fast
 * as it can, while 2,000 pods a second end and come.
 *
 * The client keeps its memory from call to call and takes the time when the last byte is there: what is told is the
 * agent's cost and the connection's, with as little of this program as a client can be.
 */
#include <assert.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>
#include "agents/scheduling/extender/edge.h"
#include "base/clock.h"
#include "net/fetch.h"
#include "net/listen.h"
#include "thin_client.h"

enum {
	DEVICES = 8,
	DEVICE_MIB = 81559,
	SHAPES = 24,
	WHOLE_NODES = 420,
	WHOLE_PADDING = 1900,
	BODY_MAX = 64 << 20,
	WORKERS = 16,
	WORKER_NODES = 70, /* that one takes at a time */
	CLIENTS = 4,
	TICK_US = 1000,
};

static uint64_t dice_state = 42;

static uint32_t dice(uint32_t n)
{
	dice_state = dice_state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(dice_state >> 33) % n;
}

static void node_write(buf *b, uint32_t i, uint32_t padding)
{
	buf_printf(b,
		"{\"metadata\":{\"name\":\"gpu-node-%05u\",\"uid\":\"%u\",\"resourceVersion\":\"1\",\"annotations\":{",
		i, i);
	if (padding)
		buf_printf(b, "\"padding\":\"%0*d\",", (int)padding, 0);
	buf_add_str(b, S("\"hami.io/node-nvidia-register\":\"["));
	for (uint32_t d = 0; d < DEVICES; d++)
		buf_printf(b,
			"%s{\\\"id\\\":\\\"GPU-%05u-%u\\\",\\\"index\\\":%u,\\\"count\\\":10,\\\"devmem\\\":%d,\\\"devcore\\\":100,"
			"\\\"type\\\":\\\"NVIDIA H100 80GB HBM3\\\",\\\"health\\\":true}",
			d ? "," : "", i, d, d, DEVICE_MIB);
	buf_add_str(b, S("]\"}},\"status\":{\"capacity\":{\"nvidia.com/gpu\":\"80\"}}}"));
}

static void stock_fill(stock *s, uint32_t nodes)
{
	for (uint32_t i = 0; i < nodes; i++) {
		AUTO_ARENA a = arena_new(0);
		kube_node n;
		fault f = {0};
		buf b;
		buf_init(&b, 1 << 20);
		node_write(&b, i, 0);
		if (kube_node_read(buf_str(&b), a, &n))
			abort();
		stock_node_put(s, &n, &f);
		buf_done(&b);
	}
}

typedef struct world {
	loop *loop;
	stock *stock;
	loop_timer *tick;
	uint32_t nodes, pods, next, last;
	uint32_t pods_per_tick;
	int64_t begun_us, ticks;
} world;

static void pod_run(world *w)
{
	char uid[32], node[32], device[32];
	uint32_t at = dice(w->nodes);
	stock_share share = {.memory_mib = 4096 * (1 + dice(4)), .compute_milli = 100 * dice(3)};

	(void)snprintf(uid, sizeof(uid), "pod-%u", w->next++);
	(void)snprintf(node, sizeof(node), "gpu-node-%05u", at);
	(void)snprintf(device, sizeof(device), "GPU-%05u-%u", at, dice(DEVICES));
	share.uuid = str_from(device);
	stock_reserve(w->stock, str_from(uid), S("d"), str_from(node), &share, 1);
}

/* Late ticks are made up for. */
static void on_tick(void *arg)
{
	world *w = arg;
	char uid[32];

	for (; w->ticks < (clock_mono_us() - w->begun_us) / TICK_US; w->ticks++)
		for (uint32_t i = 0; i < w->pods_per_tick; i++) {
			(void)snprintf(uid, sizeof(uid), "pod-%u", w->last++);
			stock_pod_drop(w->stock, str_from(uid));
			pod_run(w);
		}
	loop_timer_arm(w->tick, TICK_US);
}

typedef struct order {
	uint32_t nodes, pods, calls;
	const char *cert, *key, *mode;
	bool is_crowd;
} order;

static void serve(int fd, const order *o, int ready)
{
	world w = {.loop = loop_new(), .stock = stock_new(), .nodes = o->nodes, .pods_per_tick = o->is_crowd ? 2 : 1};
	extender_spec spec = {.stock = w.stock, .by_default = {POLICY_BINPACK, POLICY_BINPACK}};
	tls_context *tls;
	fault f = {0};

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (tls_server_new(o->cert, o->key, NULL, &tls, &f)) {
		(void)fprintf(stderr, "%s\n", f.detail);
		exit(1);
	}
	stock_fill(w.stock, o->nodes);
	for (uint32_t i = 0; i < o->pods; i++)
		pod_run(&w);
	w.begun_us = clock_mono_us();
	w.tick = loop_timer_new(w.loop, on_tick, &w);
	loop_timer_arm(w.tick, TICK_US);
	(void)extender_edge_open(w.loop, fd, tls, extender_new(&spec), NULL);
	if (write(ready, "r", 1) != 1)
		exit(1);
	loop_run(w.loop);
	exit(0);
}

static void pod_write(buf *b, uint32_t shape)
{
	buf_printf(b,
		"{\"Pod\":{\"metadata\":{\"name\":\"p\",\"namespace\":\"d\",\"uid\":\"u\",\"resourceVersion\":\"1\"},\"spec\":{"
		"\"containers\":[{\"name\":\"c\",\"resources\":{\"limits\":{\"nvidia.com/gpu\":\"%u\",\"nvidia.com/gpumem\":\"%u\","
		"\"nvidia.com/gpucores\":\"%u\"}}}]}},",
		1 + shape % 2, 2000 * (1 + shape % 12), 5 * (shape % 4));
}

/* list: of names, as JSON has it. */
static void names_write(buf *b, uint32_t shape, str list)
{
	buf_clear(b);
	pod_write(b, shape);
	buf_add_str(b, S("\"Nodes\":null,\"NodeNames\":"));
	buf_add_str(b, list);
	buf_add_char(b, '}');
}

static void whole_write(buf *b, uint32_t shape)
{
	buf_clear(b);
	pod_write(b, shape);
	buf_add_str(b, S("\"NodeNames\":null,\"Nodes\":{\"metadata\":{},\"items\":["));
	for (uint32_t i = 0; i < WHOLE_NODES; i++) {
		if (i)
			buf_add_char(b, ',');
		node_write(b, i, WHOLE_PADDING);
	}
	buf_add_str(b, S("]}}"));
}

typedef struct client {
	loop *loop;
	fetch *fetch;
	char url[96];
	buf body, answer;
	int64_t ended_us;
} client;

static void on_piece(void *arg, str piece)
{
	client *c = arg;

	buf_add_str(&c->answer, piece);
}

static void on_done(void *arg, const fetch_reply *r)
{
	client *c = arg;

	c->ended_us = clock_mono_us();
	if (r->e || r->status != 200) {
		(void)fprintf(stderr, "%s %ld\n", r->why ? r->why : "", r->status);
		exit(1);
	}
	loop_stop(c->loop);
}

/* The body is asked; the answer is c's until the next call. */
static int64_t asked(client *c, const char *verb)
{
	static const char *const headers[] = {"Content-Type: application/json", NULL};
	char url[128];

	(void)snprintf(url, sizeof(url), "%s/%s", c->url, verb);
	fetch_request q = {.method = "POST", .url = url, .headers = headers, .body = buf_str(&c->body)};
	q.on_piece = on_piece;
	q.on_done = on_done;
	q.arg = c;
	buf_clear(&c->answer);
	int64_t begun = clock_mono_us();
	(void)fetch_send(c->fetch, &q);
	loop_run(c->loop);
	return c->ended_us - begun;
}

static void client_open(client *c, const char *address, const char *ca_file)
{
	fetch_config config = {.ca_file = ca_file, .user_agent = "Go-http-client/1.1"};

	(void)mallopt(M_MMAP_THRESHOLD, BODY_MAX);
	(void)mallopt(M_TRIM_THRESHOLD, BODY_MAX);
	c->loop = loop_new();
	c->fetch = fetch_new(c->loop, &config);
	(void)snprintf(c->url, sizeof(c->url), "https://%s/extender", address);
	buf_init(&c->body, BODY_MAX);
	buf_init(&c->answer, BODY_MAX);
}

static void client_close(client *c)
{
	fetch_free(c->fetch);
	loop_free(c->loop);
	buf_done(&c->body);
	buf_done(&c->answer);
}

static int by_time(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void tell(const char *what, int64_t *v, uint32_t n)
{
	int64_t sum = 0;

	qsort(v, n, sizeof(*v), by_time);
	for (uint32_t i = 0; i < n; i++)
		sum += v[i];
	(void)printf("%s: mean %lld us, p50 %lld us, p99 %lld us, most %lld us of %u\n", what, (long long)(sum / n),
		(long long)v[n / 2], (long long)v[n * 99 / 100], (long long)v[n - 1], n);
}

/* An answer's NodeNames, which come first in it, as they stand there. */
static str passed_of(str answer)
{
	uint32_t from = (uint32_t)sizeof("{\"NodeNames\":") - 1;
	const char *end = memchr(answer.p, ']', answer.n);

	assert(end);
	return str_cut(answer, from, (size_t)(end - answer.p) + 1);
}

static void name_add(buf *b, uint32_t node)
{
	buf_printf(b, "%c\"gpu-node-%05u\"", b->n ? ',' : '[', node);
}

static void names_list(buf *b, uint32_t nodes)
{
	buf_clear(b);
	for (uint32_t i = 0; i < nodes; i++)
		name_add(b, i);
	buf_add_char(b, ']');
}

static void names_of_workers(buf *b, uint32_t nodes)
{
	uint32_t at[WORKERS] = {0}, end[WORKERS] = {0}, taken = 0;

	buf_clear(b);
	for (uint32_t n = 0; n < nodes;) {
		uint32_t w = dice(WORKERS);
		if (at[w] == end[w]) {
			at[w] = taken;
			taken = end[w] = taken + WORKER_NODES < nodes ? taken + WORKER_NODES : nodes;
		}
		if (at[w] == end[w])
			continue;
		name_add(b, at[w]++);
		n++;
	}
	buf_add_char(b, ']');
}

/* One pod, as kube-scheduler asks about it. */
static void pod_ask_both(client *c, str names, int64_t *ret_filter_us, int64_t *ret_rank_us)
{
	uint32_t shape = dice(SHAPES);

	names_write(&c->body, shape, names);
	*ret_filter_us = asked(c, "filter");
	names_write(&c->body, shape, passed_of(buf_str(&c->answer)));
	*ret_rank_us = asked(c, "prioritize");
}

static void run_names(client *c, const order *o)
{
	uint32_t calls = o->calls;
	int64_t *filter = calloc(calls, sizeof(*filter)), *rank = calloc(calls, sizeof(*rank));
	int64_t *both = calloc(calls, sizeof(*both));
	bool by_workers = strcmp(o->mode, "workers") == 0;
	buf names;

	assert(filter && rank && both);
	buf_init(&names, BODY_MAX);
	names_list(&names, o->nodes);
	for (uint32_t i = 0; i < calls; i++) {
		if (by_workers)
			names_of_workers(&names, o->nodes);
		pod_ask_both(c, buf_str(&names), &filter[i], &rank[i]);
		both[i] = filter[i] + rank[i];
	}
	tell("filter", filter, calls);
	tell("prioritize", rank, calls);
	tell("both", both, calls);
	buf_done(&names);
	free(filter);
	free(rank);
	free(both);
}

static void run_whole(client *c, const order *o)
{
	uint32_t calls = o->calls;
	int64_t *filter = calloc(calls, sizeof(*filter));

	assert(filter);
	for (uint32_t i = 0; i < calls; i++) {
		whole_write(&c->body, dice(SHAPES));
		filter[i] = asked(c, "filter");
	}
	(void)printf("body of %zu bytes\n", c->body.n);
	tell("filter whole", filter, calls);
	free(filter);
}

static void crowd_member(const char *address, const order *o)
{
	thin_client c;
	buf names, body;

	thin_open(&c, address, o->cert);
	buf_init(&names, BODY_MAX);
	buf_init(&body, BODY_MAX);
	names_list(&names, o->nodes);
	for (uint32_t i = 0; i < o->calls / CLIENTS; i++) {
		uint32_t shape = dice(SHAPES);
		names_write(&body, shape, buf_str(&names));
		str passed = passed_of(thin_ask(&c, "/extender/filter", buf_str(&body)));
		names_write(&body, shape, passed);
		(void)thin_ask(&c, "/extender/prioritize", buf_str(&body));
	}
	exit(0);
}

static void run_crowd(const char *address, const order *o)
{
	pid_t pids[CLIENTS];
	int64_t begun = clock_mono_us();

	for (int i = 0; i < CLIENTS; i++) {
		pids[i] = fork();
		dice_state++;
		if (!pids[i])
			crowd_member(address, o);
	}
	for (int i = 0; i < CLIENTS; i++) {
		int status;
		if (waitpid(pids[i], &status, 0) != pids[i] || status)
			exit(1);
	}
	int64_t took_us = clock_mono_us() - begun;
	(void)printf("%d clients: %lld pods/s\n", CLIENTS, (long long)(o->calls * 1000000ll / took_us));
}

/* What the agent itself has taken, whoever else uses the machine: nanoseconds of CPU. */
static int64_t cpu_of(pid_t pid)
{
	char path[64], line[256] = "0";

	(void)snprintf(path, sizeof(path), "/proc/%d/schedstat", (int)pid);
	FILE *f = fopen(path, "r");
	if (f && !fgets(line, sizeof(line), f))
		line[0] = '\0';
	if (f)
		(void)fclose(f);
	return strtoll(line, NULL, 10);
}

static void memory_tell(pid_t pid)
{
	char path[64], line[256];

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	FILE *f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, "VmRSS", 5) == 0 || strncmp(line, "VmHWM", 5) == 0)
			(void)printf("agent %s", line);
	if (f)
		(void)fclose(f);
}

static void run(const char *address, const order *o)
{
	client c;

	if (o->is_crowd) {
		run_crowd(address, o);
		return;
	}
	client_open(&c, address, o->cert);
	if (strcmp(o->mode, "whole") == 0)
		run_whole(&c, o);
	else
		run_names(&c, o);
	client_close(&c);
}

int main(int argc, char **argv)
{
	int fd, ready[2];
	char address[64], byte;
	fault f = {0};

	if (argc != 7 || listen_open("127.0.0.1:0", &fd, &f) || listen_address(fd, address, sizeof(address)) ||
		pipe(ready))
		return 2;
	order o = {.cert = argv[4], .key = argv[5], .mode = argv[6], .is_crowd = strcmp(argv[6], "crowd") == 0};
	o.nodes = (uint32_t)strtoul(argv[1], NULL, 10);
	o.pods = (uint32_t)strtoul(argv[2], NULL, 10);
	o.calls = (uint32_t)strtoul(argv[3], NULL, 10);
	pid_t pid = fork();
	if (pid == 0)
		serve(fd, &o, ready[1]);
	(void)close(fd);
	if (read(ready[0], &byte, 1) != 1)
		return 1;
	int64_t cpu_before = cpu_of(pid);
	run(address, &o);
	(void)printf("agent: %lld us of CPU for each pod, with what changes meanwhile\n",
		(long long)((cpu_of(pid) - cpu_before) / 1000 / o.calls));
	memory_tell(pid);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	return 0;
}
