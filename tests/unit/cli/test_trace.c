#include "cli/trace/typical.h"
#include "files.h"

#define NODES "sn,cpu_milli,memory_mib,gpu,model\n"
#define PODS  "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec\n"
#define TIMED "name,cpu_milli,memory_mib,num_gpu,gpu_milli,arrive_s,life_s\n"

static const char *const good_nodes = NODES "n0,8000,1024,2,A\n";
static const char *const good_pods = PODS "p0,1,1,1,500,\n";

Test(trace, reads_nodes_with_gpus_and_pods_in_file_order)
{
	AUTO_ARENA a = arena_new(0);
	fault f = {0};
	trace t;
	const char *nodes = file_of(a, NODES "n1,8000,1024,2,A\nhost,8000,1024,0,\nn0,4000,512,8,B\n");
	const char *pods = file_of(a, "num_gpu,gpu_milli,memory_mib,cpu_milli\n2,1500,7,9\n0,300,7,9\n");

	cr_assert_eq(trace_read(&t, a, nodes, pods, &f), ERR_OK, "%s", f.detail);
	cr_assert_eq(t.nodes.n, 2, "a node without GPUs is left out");
	cr_assert_eq(t.gpus, 10);
	cr_assert(str_eq(t.nodes.v[0].name, S("n1")) && str_eq(t.nodes.v[1].model, S("B")));
	cr_assert_eq(t.pods.n, 2);
	cr_assert_eq(t.pods.v[0].gpu_milli, 1000, "no GPU has more than 1000 thousandths");
	cr_assert_eq(t.pods.v[0].cpu_milli, 9);
	cr_assert_eq(t.pods.v[1].gpu_milli, 0, "without GPUs there is nothing to share");
	cr_assert_not(t.is_timed);
	trace_done(&t);
}

typedef struct bad_file {
	const char *nodes, *pods, *says;
} bad_file;

Test(trace, says_file_and_line_of_what_is_wrong)
{
	static const bad_file table[] = {
		{"sn,cpu_milli,memory_mib,gpu\nn0,1,1,1\n", good_pods, "line 1: there is no column model"},
		{NODES "n0,8000,x,2,A\n", good_pods, "line 2: memory_mib is not a number: x"},
		{NODES "n0,8000,1024,2,A\nn0,1,1,1,A\n", good_pods, "line 3: the node's name (sn) stands there twice"},
		{NODES ",8000,1024,2,A\n", good_pods, "line 2: a node's name (sn) has 1 to 253 bytes"},
		{NODES "n0,8000,1024,2,\n", good_pods, "line 2: a node with GPUs has a model"},
		{NODES "n0,8000,1024,65,A\n", good_pods, "line 2: a node has 0 to 64 GPUs"},
		{NODES "n0,-1,1024,2,A\n", good_pods, "line 2: cpu_milli is out of range"},
		{"rank,sn,cpu_milli,memory_mib,gpu,model\n1,a,1,1,1,A\n0,b,1,1,1,A\n", good_pods,
			"line 3: nodes stand by rising rank"},
		{NODES "n0,8000,1024,0,\n", good_pods, "has no node with GPUs"},
		{NULL, "name,cpu_milli,memory_mib,num_gpu\np,1,1,1\n", "line 1: there is no column gpu_milli"},
		{NULL, PODS "p0,1,1,1,500,\np1,1,1,65,500,\n", "line 3: a pod asks 0 to 64 GPUs"},
		{NULL, PODS "p0,1,1,2,0,\n", "line 2: a pod that asks GPUs asks gpu_milli of each"},
		{NULL, PODS "p0,1,9999999999999,1,500,\n", "line 2: memory_mib is out of range"},
		{NULL, TIMED "p0,1,1,1,500,5,1\np1,1,1,1,500,4,1\n", "line 3: the pod arrives (arrive_s) before"},
		{NULL, TIMED "p0,1,1,1,500,0,-1\n", "line 2: life_s is below 0"},
		{NULL, TIMED "p0,1,1,1,500,0,long\n", "line 2: life_s is not a number: long"},
		{NULL, PODS, "has no pod"},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		AUTO_ARENA a = arena_new(0);
		const bad_file *b = &table[i];
		const char *nodes = file_of(a, b->nodes ? b->nodes : good_nodes), *pods = file_of(a, b->pods);
		fault f = {0};
		trace t;
		cr_assert_eq(trace_read(&t, a, nodes, pods, &f), ERR_BAD_FIELD, "row %zu", i);
		cr_assert(strstr(f.detail, b->nodes ? nodes : pods), "row %zu names the file: %s", i, f.detail);
		cr_assert(strstr(f.detail, b->says), "row %zu: %s", i, f.detail);
		trace_done(&t);
	}
}

Test(trace, allows_only_models_of_the_list)
{
	cr_assert(trace_spec_allows(S(""), S("A")));
	cr_assert(trace_spec_allows(S("A|B"), S("B")));
	cr_assert_not(trace_spec_allows(S("A|B"), S("AB")));
}

/* 20 pods: 10 x, 9 y, 1 z. x and y cover the 95 %. */
Test(typical, is_counted_until_it_covers_most_pods)
{
	AUTO_ARENA a = arena_new(0);
	fault f = {0};
	trace t;
	typical mix;
	buf text;

	buf_init(&text, 4096);
	buf_printf(&text, PODS "z,3,9,1,100,\n");
	for (int i = 0; i < 19; i++)
		buf_printf(&text, i % 2 ? "y,2,%d,1,500,A\n" : "x,1,%d,0,0,\n", i);
	buf_add_char(&text, 0);
	cr_assert_eq(trace_read(&t, a, file_of(a, good_nodes), file_of(a, text.p), &f), ERR_OK, "%s", f.detail);
	cr_assert_eq(typical_read(&mix, a, &t, "", &f), ERR_OK, "%s", f.detail);
	cr_assert(mix.is_counted);
	cr_assert_eq(mix.pods.n, 2, "memory makes no group of its own, and the rest is left out");
	cr_assert_eq(mix.pods.v[0].cpu_milli, 1);
	cr_assert_float_eq(mix.pods.v[0].share, 10.0 / 19, 1e-12);
	cr_assert_float_eq(mix.pods.v[1].share, 9.0 / 19, 1e-12);
	cr_assert(str_eq(mix.pods.v[1].spec, S("A")));
	typical_done(&mix);
	trace_done(&t);
	buf_done(&text);
}

Test(typical, stays_small_when_every_pod_is_another)
{
	AUTO_ARENA a = arena_new(0);
	fault f = {0};
	trace t;
	typical mix;
	double sum = 0;
	buf text;

	buf_init(&text, 1 << 20);
	buf_printf(&text, PODS);
	for (int i = 0; i < 3 * TYPICAL_COUNTED_MAX; i++)
		buf_printf(&text, "x,%d,1,1,500,\n", i);
	buf_add_char(&text, 0);
	cr_assert_eq(trace_read(&t, a, file_of(a, good_nodes), file_of(a, text.p), &f), ERR_OK, "%s", f.detail);
	cr_assert_eq(typical_read(&mix, a, &t, "", &f), ERR_OK, "%s", f.detail);
	cr_assert_eq(mix.pods.n, TYPICAL_COUNTED_MAX);
	vec_each (pod, &mix.pods)
		sum += pod->share;
	cr_assert_float_eq(sum, 1, 1e-9);
	typical_done(&mix);
	trace_done(&t);
	buf_done(&text);
}

Test(typical, is_read_when_there_is_a_file)
{
	AUTO_ARENA a = arena_new(0);
	fault f = {0};
	trace t;
	typical mix;
	const char *good = "share,cpu_milli,gpu_milli,num_gpu,gpu_spec\n0.25,1,2,3,A|B\n0.75,4,0,0,\n";
	const char *bad = "share,cpu_milli,gpu_milli,num_gpu,gpu_spec\n0.25,1,2000,3,\n";

	cr_assert_eq(trace_read(&t, a, file_of(a, good_nodes), file_of(a, good_pods), &f), ERR_OK);
	cr_assert_eq(typical_read(&mix, a, &t, file_of(a, good), &f), ERR_OK, "%s", f.detail);
	cr_assert_not(mix.is_counted);
	cr_assert_eq(mix.pods.n, 2);
	cr_assert_eq(mix.pods.v[0].gpus, 3);
	typical_done(&mix);
	cr_assert_eq(typical_read(&mix, a, &t, file_of(a, bad), &f), ERR_BAD_FIELD);
	cr_assert(strstr(f.detail, "line 2: a value is out of range"), "%s", f.detail);
	typical_done(&mix);
	trace_done(&t);
}
