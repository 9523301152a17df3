/* Real pods through a real kube-scheduler and our extender: see README.md.
 *
 * 50 nodes are made with 8 devices each, as HAMi's plugin registers them, and 200 pods of HAMi's shapes. All must be
 * bound, each with a record of its devices, and no device may be given more than it has. Then pods that cannot be
 * placed, whose conditions must say why.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "agents/scheduling/extender/edge.h"
#include "agents/scheduling/pod_wants.h"
#include "agents/kube/kube_write.h"
#include "base/clock.h"
#include "base/id.h"
#include "net/listen.h"

extern char **environ;

enum { SKIPPED = 77, NODES = 50, DEVICES = 8, DEVICE_MIB = 81559, PODS = 200, HOPELESS = 3, LATE_MS = 150000 };

typedef struct device_sum {
	str uuid;
	int64_t memory_mib, compute_milli, sharers;
} device_sum;

typedef struct world {
	loop *loop;
	kube *kube;
	arena *arena;
	stock *stock;
	mirror *mirror;
	binder *binder;
	extender *extender;
	extender_edge *edge;
	char run[16], address[64], folder[64];
	pid_t scheduler;
	follow *watch;
	uint32_t n_sent, n_made, n_bound, n_told;
	int64_t begun_us, bound_us;
	str conditions[HOPELESS];
	device_sum sums[NODES * DEVICES];
	uint32_t n_sums;
	loop_timer *late;
	int failures;
} world;

#define TEXT(...) str_print(w->arena, __VA_ARGS__)

static void fail(world *w, const char *what, str of)
{
	(void)fprintf(stderr, "%s: " STR_FMT "\n", what, STR_ARG(of));
	w->failures++;
}

static void on_late(void *arg)
{
	world *w = arg;

	(void)fprintf(stderr, "made %u, bound %u, told %u\n", w->n_made, w->n_bound, w->n_told);
	fail(w, "it took too long", STR_NONE);
	loop_stop(w->loop);
}

static void on_made(void *arg, const kube_reply *r)
{
	world *w = arg;

	if (!kube_is_done(r))
		fail(w, "an object was refused", r->message);
	if (++w->n_made == w->n_sent)
		loop_stop(w->loop);
}

static void make(world *w, str path, str body)
{
	kube_request q = {
		.method = "POST", .path = path, .body = body, .timeout_ms = LATE_MS, .on_done = on_made, .arg = w};

	w->n_sent++;
	(void)kube_send(w->kube, &q);
}

static str node_text(world *w, uint32_t i)
{
	buf b;

	buf_init(&b, 1 << 20);
	buf_printf(&b,
		"{\"metadata\":{\"name\":\"%s-n%u\",\"labels\":{\"reeve-test\":\"%s\"},\"annotations\":{"
		"\"hami.io/node-nvidia-register\":\"[",
		w->run, i, w->run);
	for (uint32_t d = 0; d < DEVICES; d++)
		buf_printf(&b,
			"%s{\\\"id\\\":\\\"GPU-%s-%u-%u\\\",\\\"index\\\":%u,\\\"count\\\":10,\\\"devmem\\\":%d,\\\"devcore\\\":100,"
			"\\\"type\\\":\\\"NVIDIA H100 80GB HBM3\\\",\\\"health\\\":true}",
			d ? "," : "", w->run, i, d, d, DEVICE_MIB);
	buf_add_str(&b,
		S("]\"}},\"status\":{\"capacity\":{\"cpu\":\"64\",\"memory\":\"512Gi\",\"pods\":\"110\","
		  "\"nvidia.com/gpu\":\"80\"},\"allocatable\":{\"cpu\":\"64\",\"memory\":\"512Gi\",\"pods\":\"110\","
		  "\"nvidia.com/gpu\":\"80\"},\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\",\"reason\":\"x\","
		  "\"message\":\"y\"}]}}"));
	str text = str_dup(w->arena, buf_str(&b));
	buf_done(&b);
	return text;
}

/* HAMi's examples: a part of one card, parts of two, a percentage, whole cards, two containers, an init container. */
static const char *const shapes[] = {
	"{\"name\":\"c\",\"image\":\"i\",\"resources\":{\"limits\":{\"nvidia.com/gpu\":\"1\",\"nvidia.com/gpumem\":\"3000\","
	"\"nvidia.com/gpucores\":\"30\"}}}",
	"{\"name\":\"c\",\"image\":\"i\",\"resources\":{\"limits\":{\"nvidia.com/gpu\":\"2\",\"nvidia.com/gpumem\":\"8000\"}}}",
	"{\"name\":\"c\",\"image\":\"i\",\"resources\":{\"limits\":{\"nvidia.com/gpu\":\"1\","
	"\"nvidia.com/gpumem-percentage\":\"50\"}}}",
	"{\"name\":\"c\",\"image\":\"i\",\"resources\":{\"limits\":{\"nvidia.com/gpu\":\"1\"}}}",
	"{\"name\":\"a\",\"image\":\"i\",\"resources\":{\"limits\":{\"nvidia.com/gpu\":\"1\",\"nvidia.com/gpumem\":\"20k\"}}},"
	"{\"name\":\"plain\",\"image\":\"i\"},"
	"{\"name\":\"b\",\"image\":\"i\",\"resources\":{\"limits\":{\"nvidia.com/gpu\":\"1\",\"nvidia.com/gpumem\":\"10k\"}}}",
};

static const char *const hopeless[HOPELESS] = {
	"{\"name\":\"c\",\"image\":\"i\",\"resources\":{\"limits\":{\"nvidia.com/gpu\":\"1\",\"nvidia.com/gpumem\":\"90k\"}}}",
	"{\"name\":\"c\",\"image\":\"i\",\"resources\":{\"limits\":{\"nvidia.com/gpu\":\"9\"}}}",
	"{\"name\":\"c\",\"image\":\"i\",\"resources\":{\"limits\":{\"nvidia.com/gpu\":\"1\",\"nvidia.com/gpumem\":\"16Gi\"}}}",
};

static void pod_make(world *w, str name, const char *containers)
{
	make(w, TEXT("/api/v1/namespaces/%s/pods", w->run),
		TEXT("{\"metadata\":{\"name\":\"" STR_FMT
		     "\"},\"spec\":{\"schedulerName\":\"reeve-test\",\"nodeSelector\":{"
		     "\"reeve-test\":\"%s\"},\"tolerations\":[{\"operator\":\"Exists\"}],\"containers\":[%s]}}",
			STR_ARG(name), w->run, containers));
}

/* What the scheduler wrote into the pod's condition. */
static str condition_of(str object)
{
	for (uint32_t i = 0; i < object.n; i++)
		if (str_starts(str_cut(object, i, object.n), S("\"type\":\"PodScheduled\"")))
			return str_cut(object, i, i + 400);
	return STR_NONE;
}

static void sums_add(world *w, const stock_share *shares, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		device_sum *s = NULL;
		for (uint32_t k = 0; k < w->n_sums && !s; k++)
			if (str_eq(w->sums[k].uuid, shares[i].uuid))
				s = &w->sums[k];
		if (!s && w->n_sums < NODES * DEVICES) {
			s = &w->sums[w->n_sums++];
			s->uuid = str_dup(w->arena, shares[i].uuid);
		}
		if (!s)
			continue;
		s->memory_mib += shares[i].memory_mib;
		s->compute_milli += shares[i].compute_milli;
		s->sharers++;
	}
}

static void bound_check(world *w, const pod *p, arena *a)
{
	stock_share *shares;
	uint32_t n;
	fault f = {0};

	if (pod_shares_read(p, a, &shares, &n, &f) || !n)
		fail(w, "a pod is bound without a readable record", p->meta.name);
	else
		sums_add(w, shares, n);
	w->n_bound++;
	w->bound_us = clock_mono_us();
}

static void on_pod(void *arg, const object_meta *m, str object)
{
	world *w = arg;
	AUTO_ARENA a = arena_new(0);
	pod p;

	if (pod_read(object, a, &p)) {
		fail(w, "a pod cannot be read", m->name);
		return;
	}
	bool is_hopeless = str_starts(m->name, S("hopeless-"));
	uint32_t at = is_hopeless ? (uint32_t)(m->name.p[m->name.n - 1] - '0') : 0;
	str condition = condition_of(object);
	if (p.node.n && !is_hopeless)
		bound_check(w, &p, a);
	else if (is_hopeless && condition.n && at < HOPELESS && !w->conditions[at].n) {
		w->conditions[at] = str_dup(w->arena, condition);
		w->n_told++;
	}
	if (w->n_bound == PODS && w->n_told == HOPELESS)
		loop_stop(w->loop);
}

static void on_gone(void *arg, const object_meta *m, str object)
{
	(void)arg;
	(void)m;
	(void)object;
}

static void on_listed(void *arg)
{
	(void)arg;
}

static void on_ready(void *arg)
{
	world *w = arg;

	loop_stop(w->loop);
}

static void on_trouble(void *arg, str what, str why)
{
	(void)arg;
	(void)fprintf(stderr, "trouble: " STR_FMT ": " STR_FMT "\n", STR_ARG(what), STR_ARG(why));
}

static void agent_open(world *w)
{
	mirror_spec ms = {.loop = w->loop, .kube = w->kube, .on_ready = on_ready, .on_trouble = on_trouble, .arg = w};
	pod_policies policies = {POLICY_HAMI_BINPACK, POLICY_HAMI_SPREAD};
	int fd;
	fault f = {0};

	w->stock = ms.stock = stock_new();
	w->mirror = mirror_open(&ms);
	loop_run(w->loop);
	extender_spec xs = {.stock = w->stock, .by_default = policies};
	w->extender = extender_new(&xs);
	binder_spec bs = {
		.loop = w->loop, .kube = w->kube, .stock = w->stock, .mirror = w->mirror, .by_default = policies};
	w->binder = binder_new(&bs);
	if (listen_open("127.0.0.1:0", &fd, &f) || listen_address(fd, w->address, sizeof(w->address)))
		fail(w, f.detail, STR_NONE);
	else
		w->edge = extender_edge_open(w->loop, fd, NULL, w->extender, w->binder);
}

static void config_write(world *w, const char *kubeconfig)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/scheduler.yaml", w->folder);
	FILE *f = fopen(path, "w");
	if (!f) {
		fail(w, "cannot write", str_from(path));
		return;
	}
	(void)fprintf(f,
		"apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n"
		"clientConnection: {kubeconfig: \"%s\", qps: 500, burst: 500}\nleaderElection: {leaderElect: false}\n"
		"percentageOfNodesToScore: 100\nprofiles:\n- schedulerName: reeve-test\nextenders:\n"
		"- urlPrefix: http://%s/extender\n  filterVerb: filter\n  prioritizeVerb: prioritize\n  preemptVerb: preempt\n"
		"  bindVerb: bind\n  weight: 1\n  httpTimeout: 10s\n  nodeCacheCapable: true\n  managedResources:\n"
		"  - {name: nvidia.com/gpu, ignoredByScheduler: false}\n"
		"  - {name: nvidia.com/gpumem, ignoredByScheduler: true}\n"
		"  - {name: nvidia.com/gpumem-percentage, ignoredByScheduler: true}\n"
		"  - {name: nvidia.com/gpucores, ignoredByScheduler: true}\n",
		kubeconfig, w->address);
	(void)fclose(f);
}

static bool scheduler_start(world *w)
{
	char config[160], log[160];
	char *argv[] = {"kube-scheduler", config, "--secure-port=0", "-v=1", NULL};
	posix_spawn_file_actions_t files;

	(void)snprintf(config, sizeof(config), "--config=%s/scheduler.yaml", w->folder);
	(void)snprintf(log, sizeof(log), "%s/scheduler.log", w->folder);
	(void)posix_spawn_file_actions_init(&files);
	(void)posix_spawn_file_actions_addopen(&files, 1, log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	(void)posix_spawn_file_actions_adddup2(&files, 1, 2);
	int error = posix_spawnp(&w->scheduler, argv[0], &files, NULL, argv, environ);
	(void)posix_spawn_file_actions_destroy(&files);
	return error == 0;
}

static void check_sums(world *w)
{
	for (uint32_t i = 0; i < w->n_sums; i++) {
		const device_sum *s = &w->sums[i];
		if (s->memory_mib > DEVICE_MIB || s->compute_milli > 1000 || s->sharers > 10)
			fail(w, "a device is given more than it has", s->uuid);
	}
}

static void check_conditions(world *w)
{
	static const char *const says[HOPELESS] = {"50 devices too few or too small", "50 devices too few or too small",
		"if bytes were meant, write 16384"};

	for (uint32_t i = 0; i < HOPELESS; i++) {
		(void)printf("condition of hopeless-%u: " STR_FMT "\n", i, STR_ARG(w->conditions[i]));
		if (!w->conditions[i].n || !strstr(str_z(w->arena, w->conditions[i]), says[i]))
			fail(w, "a reason is not told", str_from(says[i]));
	}
}

static void pods_run(world *w)
{
	follow_spec fs = {
		.loop = w->loop, .kube = w->kube, .on_object = on_pod, .on_gone = on_gone, .on_listed = on_listed};

	w->begun_us = clock_mono_us();
	for (uint32_t i = 0; i < PODS; i++)
		pod_make(w, TEXT("pod-%u", i), shapes[i % (sizeof(shapes) / sizeof(shapes[0]))]);
	for (uint32_t i = 0; i < HOPELESS; i++)
		pod_make(w, TEXT("hopeless-%u", i), hopeless[i]);
	fs.path = TEXT("/api/v1/namespaces/%s/pods", w->run);
	fs.arg = w;
	w->watch = follow_open(&fs);
	while (!w->failures && !(w->n_bound == PODS && w->n_told == HOPELESS))
		loop_run(w->loop);
	(void)printf("%u pods bound in %lld ms\n", w->n_bound, (long long)(w->bound_us - w->begun_us) / 1000);
	check_sums(w);
	check_conditions(w);
}

static void world_close(world *w)
{
	char line[256];

	if (w->scheduler > 0) {
		(void)kill(w->scheduler, SIGKILL);
		(void)waitpid(w->scheduler, NULL, 0);
	}
	kube_request q = {
		.method = "DELETE", .path = TEXT("/api/v1/namespaces/%s", w->run), .on_done = on_made, .arg = w};
	int failures = w->failures;
	w->n_sent = w->n_made = 0;
	w->n_sent = 2;
	(void)kube_send(w->kube, &q);
	q.path = TEXT("/api/v1/nodes?labelSelector=reeve-test%%3D%s", w->run);
	(void)kube_send(w->kube, &q);
	loop_run(w->loop);
	w->failures = failures;
	follow_close(w->watch);
	extender_edge_close(w->edge);
	binder_free(w->binder);
	mirror_close(w->mirror);
	kube_close(w->kube);
	extender_free(w->extender);
	loop_timer_free(w->late);
	loop_free(w->loop);
	stock_free(w->stock);
	(void)snprintf(line, sizeof(line), "%s/scheduler.yaml", w->folder);
	(void)unlink(line);
	(void)snprintf(line, sizeof(line), "%s/scheduler.log", w->folder);
	if (!w->failures)
		(void)unlink(line);
	(void)rmdir(w->folder);
	arena_end(w->arena);
	arena_trim();
}

static bool has_scheduler(void)
{
	AUTO_ARENA a = arena_new(0);
	str path = str_from(getenv("PATH"));

	while (path.p) {
		str folder = str_split(&path, ':');
		if (folder.n && access(str_print(a, STR_FMT "/kube-scheduler%c", STR_ARG(folder), '\0').p, X_OK) == 0)
			return true;
	}
	return false;
}

static void world_run(world *w, const char *config)
{
	w->late = loop_timer_new(w->loop, on_late, w);
	loop_timer_arm(w->late, (int64_t)LATE_MS * 1000);
	make(w, S("/api/v1/namespaces"), TEXT("{\"metadata\":{\"name\":\"%s\"}}", w->run));
	loop_run(w->loop);
	make(w, TEXT("/api/v1/namespaces/%s/serviceaccounts", w->run), S("{\"metadata\":{\"name\":\"default\"}}"));
	for (uint32_t i = 0; i < NODES; i++)
		make(w, S("/api/v1/nodes"), node_text(w, i));
	loop_run(w->loop);
	agent_open(w);
	config_write(w, config);
	if (!w->failures && !scheduler_start(w))
		fail(w, "kube-scheduler cannot be started", STR_NONE);
	if (!w->failures)
		pods_run(w);
}

int main(void)
{
	const char *config = getenv("KUBECONFIG");
	world *w = calloc(1, sizeof(*w));
	fault f = {0};
	login who;

	if (!w || !config || !*config || !has_scheduler()) {
		(void)fprintf(stderr, "skipped: %s\n",
			!config || !*config ? "KUBECONFIG names no cluster to test against"
					    : "no kube-scheduler on the path");
		free(w);
		return SKIPPED;
	}
	w->loop = loop_new();
	w->arena = arena_new(1 << 30);
	(void)snprintf(w->run, sizeof(w->run), "rt%u", (unsigned)getpid());
	(void)snprintf(w->folder, sizeof(w->folder), "/tmp/reeve-scheduler-XXXXXX");
	if (login_config(config, NULL, w->arena, &who, &f) || !mkdtemp(w->folder)) {
		(void)fprintf(stderr, "%s: %s %s\n", config, f.pointer, f.detail);
		return 1;
	}
	w->kube = kube_open(w->loop, &who, "reeve-test");
	world_run(w, config);
	bool is_fine = w->failures == 0;
	world_close(w);
	free(w);
	return is_fine ? 0 : 1;
}
