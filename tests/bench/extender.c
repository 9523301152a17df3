/* extender NODES PODS CALLS CERT KEY MODE: what an extender's answers cost, over HTTPS on loopback.
 *
 * A process of its own holds NODES nodes of 8 devices and PODS running pods, of which one ends and one comes every
 * millisecond; this one asks as kube-scheduler does: filter, then prioritize of what passed, for pods of 24 shapes.
 * MODE names: NodeNames of all nodes; whole: 420 whole nodes of 2.8 KB, filter alone.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>
#include "agents/cluster/extender/edge.h"
#include "base/clock.h"
#include "net/fetch.h"
#include "net/listen.h"

enum { DEVICES = 8, DEVICE_MIB = 81559, SHAPES = 24, WHOLE_NODES = 420, WHOLE_PADDING = 1900, BODY_MAX = 64 << 20 };

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

static void on_tick(void *arg)
{
	world *w = arg;
	char uid[32];

	(void)snprintf(uid, sizeof(uid), "pod-%u", w->last++);
	stock_pod_drop(w->stock, str_from(uid));
	pod_run(w);
	loop_timer_arm(w->tick, 1000);
}

static void serve(int fd, uint32_t nodes, uint32_t pods, const char *cert, const char *key, int ready)
{
	world w = {.loop = loop_new(), .stock = stock_new(), .nodes = nodes};
	extender_spec spec = {.stock = w.stock, .by_default = {POLICY_BINPACK, POLICY_BINPACK}};
	tls_context *tls;
	fault f = {0};

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (tls_server_new(cert, key, NULL, &tls, &f)) {
		(void)fprintf(stderr, "%s\n", f.detail);
		exit(1);
	}
	stock_fill(w.stock, nodes);
	for (uint32_t i = 0; i < pods; i++)
		pod_run(&w);
	w.tick = loop_timer_new(w.loop, on_tick, &w);
	loop_timer_arm(w.tick, 1000);
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

static void names_write(buf *b, uint32_t shape, const strs *names)
{
	buf_clear(b);
	pod_write(b, shape);
	buf_add_str(b, S("\"Nodes\":null,\"NodeNames\":["));
	for (uint32_t i = 0; i < names->n; i++)
		buf_printf(b, "%s\"" STR_FMT "\"", i ? "," : "", STR_ARG(names->v[i]));
	buf_add_str(b, S("]}"));
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
} client;

static int64_t asked(client *c, const char *verb, str body, arena *a, str *ret_answer)
{
	static const char *const headers[] = {"Content-Type: application/json", NULL};
	char url[128];

	(void)snprintf(url, sizeof(url), "%s/%s", c->url, verb);
	fetch_request q = {.method = "POST", .url = url, .headers = headers, .body = body, .body_max = BODY_MAX};
	int64_t begun = clock_mono_us();
	fetch_reply r = fetch_wait(c->fetch, c->loop, a, &q);
	if (r.e || r.status != 200) {
		(void)fprintf(stderr, "%s: %s %ld\n", verb, r.why ? r.why : "", r.status);
		exit(1);
	}
	*ret_answer = r.body;
	return clock_mono_us() - begun;
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

/* The names of an answer's NodeNames, which come first in it. */
static strs passed_of(str answer, arena *a, uint32_t most)
{
	strs all = {ARENA_ARRAY(a, str, most), 0};
	str rest = str_cut(answer, (uint32_t)sizeof("{\"NodeNames\":[") - 1, answer.n);
	int64_t end = str_find(rest, ']', 0);

	for (str list = str_cut(rest, 0, (size_t)end); list.n && all.n < most;) {
		str one = str_split(&list, ',');
		all.v[all.n++] = str_cut(one, 1, one.n - 1);
	}
	return all;
}

static void run_names(client *c, uint32_t nodes, uint32_t calls)
{
	int64_t *filter = calloc(calls, sizeof(*filter)), *rank = calloc(calls, sizeof(*rank));
	int64_t *both = calloc(calls, sizeof(*both));
	AUTO_ARENA kept = arena_new(0);
	strs names = {ARENA_ARRAY(kept, str, nodes), nodes};
	buf body;

	assert(filter && rank && both);
	buf_init(&body, BODY_MAX);
	for (uint32_t i = 0; i < nodes; i++)
		names.v[i] = str_print(kept, "gpu-node-%05u", i);
	for (uint32_t i = 0; i < calls; i++) {
		AUTO_ARENA a = arena_new(256 << 20);
		str answer;
		uint32_t shape = dice(SHAPES);
		names_write(&body, shape, &names);
		filter[i] = asked(c, "filter", buf_str(&body), a, &answer);
		strs passed = passed_of(answer, a, nodes);
		names_write(&body, shape, &passed);
		rank[i] = asked(c, "prioritize", buf_str(&body), a, &answer);
		both[i] = filter[i] + rank[i];
	}
	tell("filter", filter, calls);
	tell("prioritize", rank, calls);
	tell("both", both, calls);
	buf_done(&body);
}

static void run_whole(client *c, uint32_t calls)
{
	int64_t *filter = calloc(calls, sizeof(*filter));
	buf body;

	assert(filter);
	buf_init(&body, BODY_MAX);
	for (uint32_t i = 0; i < calls; i++) {
		AUTO_ARENA a = arena_new(256 << 20);
		str answer;
		whole_write(&body, dice(SHAPES));
		filter[i] = asked(c, "filter", buf_str(&body), a, &answer);
	}
	(void)printf("body of %zu bytes\n", body.n);
	tell("filter whole", filter, calls);
	buf_done(&body);
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

int main(int argc, char **argv)
{
	int fd, ready[2];
	char address[64], byte;
	fault f = {0};

	if (argc != 7 || listen_open("127.0.0.1:0", &fd, &f) || listen_address(fd, address, sizeof(address)) ||
		pipe(ready))
		return 2;
	uint32_t nodes = (uint32_t)strtoul(argv[1], NULL, 10), pods = (uint32_t)strtoul(argv[2], NULL, 10);
	uint32_t calls = (uint32_t)strtoul(argv[3], NULL, 10);
	pid_t pid = fork();
	if (pid == 0)
		serve(fd, nodes, pods, argv[4], argv[5], ready[1]);
	(void)close(fd);
	if (read(ready[0], &byte, 1) != 1)
		return 1;
	client c = {.loop = loop_new()};
	fetch_config config = {.ca_file = argv[4], .user_agent = "Go-http-client/1.1"};
	c.fetch = fetch_new(c.loop, &config);
	(void)snprintf(c.url, sizeof(c.url), "https://%s/extender", address);
	int64_t cpu_before = cpu_of(pid);
	if (strcmp(argv[6], "whole") == 0)
		run_whole(&c, calls);
	else
		run_names(&c, nodes, calls);
	(void)printf("agent: %lld us of CPU for each pod, with what changes meanwhile\n",
		(long long)((cpu_of(pid) - cpu_before) / 1000 / calls));
	memory_tell(pid);
	fetch_free(c.fetch);
	loop_free(c.loop);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	return 0;
}
