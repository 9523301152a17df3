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
		{NULL, PODS "p0,1,1,1,500,\np1,1,1,1025,500,\n", "line 3: a pod asks 0 to 1024 GPUs"},
		{NULL, PODS "p0,1,1,2,0,\n", "line 2: a pod that asks GPUs asks gpu_milli of each"},
		{NULL, PODS "p0,1,9999999999999,1,500,\n", "line 2: memory_mib is out of range"},
		{NULL, TIMED "p0,1,1,1,500,5,1\np1,1,1,1,500,4,1\n", "line 3: the pod arrives (arrive_s) before"},
		{NULL, TIMED "p0,1,1,1,500,0,-1\n", "line 2: life_s is below 0"},
		{NULL, TIMED "p0,1,1,1,500,0,long\n", "line 2: life_s is not a number: long"},
		{NULL, PODS, "has no pod"},
		{NODES "\"a,b\",8000,1024,2,A\n", good_pods, "line 2: a node's name (sn) has no comma and no quote"},
		{NODES "n0,8000,1024,2\n", good_pods, "line 2: it has 4 values, and there are 5 columns"},
		{NULL, PODS "p0,1,1,1,500,\np1,1,1\n", "line 3: it has 3 values, and there are 6 columns"},
		{NULL, PODS "p0,1,1,1,500,\"A\n", "line 2: a quote is not closed"},
		{NULL, "cpu_milli,memory_mib,num_gpu,gpu_milli,life_s\n1,1,1,500,1\n",
			"line 1: there is no column arrive_s, without which life_s says nothing"},
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
	cr_assert(trace_spec_allows(S(" A | B "), S("B")), "blanks around a model are none of it");
	cr_assert(trace_spec_allows(S(" | "), S("B")), "a list without a model allows all");
}

/* Whoever was read from quotes is written so that he is read again. */
Test(trace, is_written_as_it_is_read)
{
	AUTO_ARENA a = arena_new(0);
	fault f = {0};
	trace t, again;
	char folder[] = "/tmp/reeve-trace-XXXXXX";
	const char *nodes = file_of(a, "model,gpu,sn,memory_mib,cpu_milli\r\n\"A, \"\"B\"\"\",2,n0,7,9\r\n");
	const char *pods = file_of(
		a, "gpu_spec,name,gpu_milli,num_gpu,memory_mib,cpu_milli\n\n\"A, \"\"B\"\"|T4\",\"p,0\",500,1,3,4\n");

	cr_assert_eq(trace_read(&t, a, nodes, pods, &f), ERR_OK, "%s", f.detail);
	cr_assert(mkdtemp(folder));
	cr_assert_eq(trace_write(&t, folder, &f), ERR_OK, "%s", f.detail);
	const char *files[] = {str_print(a, "%s/nodes.csv%c", folder, 0).p, str_print(a, "%s/pods.csv%c", folder, 0).p,
		str_print(a, "%s/typical.csv%c", folder, 0).p};
	cr_assert_eq(trace_read(&again, a, files[0], files[1], &f), ERR_OK, "%s", f.detail);
	cr_expect(str_eq(again.nodes.v[0].model, S("A, \"B\"")));
	cr_expect(str_eq(again.pods.v[0].spec, t.pods.v[0].spec));
	cr_expect(str_eq(again.pods.v[0].name, S("p,0")));
	cr_expect(trace_spec_allows(again.pods.v[0].spec, again.nodes.v[0].model));
	trace_done(&t);
	trace_done(&again);
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		cr_expect_eq(unlink(files[i]), 0);
	cr_expect_eq(rmdir(folder), 0);
}

/* Through the server models are told apart by their class names. */
Test(trace, models_that_would_have_one_class_name_are_told)
{
	AUTO_ARENA a = arena_new(0);
	fault f = {0};
	trace t = {.models = {S("A100"), S("T4")}, .n_models = 2};

	cr_assert_eq(trace_classes_check(&t, &f), ERR_OK);
	cr_expect(str_eq(trace_class_of(&t, a, S("A100")), S("a100")));
	cr_expect(str_eq(trace_class_of(&t, a, S("a100")), S("a100.other")), "no node has it");
	cr_expect(str_eq(trace_class_of(&t, a, S("H100")), S("h100")));
	t.models[2] = S("a100");
	t.n_models = 3;
	cr_assert_eq(trace_classes_check(&t, &f), ERR_BAD_FIELD);
	cr_expect(strstr(f.detail, "'A100' and 'a100' would have one class name, a100"), "%s", f.detail);
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
	const char *many = "share,cpu_milli,gpu_milli,num_gpu,gpu_spec\n0.25,1,1000,1,\n0.25,1,1000,4294967296,\n";

	cr_assert_eq(trace_read(&t, a, file_of(a, good_nodes), file_of(a, good_pods), &f), ERR_OK);
	cr_assert_eq(typical_read(&mix, a, &t, file_of(a, good), &f), ERR_OK, "%s", f.detail);
	cr_assert_not(mix.is_counted);
	cr_assert_eq(mix.pods.n, 2);
	cr_assert_eq(mix.pods.v[0].gpus, 3);
	typical_done(&mix);
	cr_assert_eq(typical_read(&mix, a, &t, file_of(a, bad), &f), ERR_BAD_FIELD);
	cr_assert(strstr(f.detail, "line 2: a value is out of range"), "%s", f.detail);
	typical_done(&mix);
	cr_assert_eq(typical_read(&mix, a, &t, file_of(a, many), &f), ERR_BAD_FIELD);
	cr_assert(strstr(f.detail, "line 3: a value is out of range"), "%s", f.detail);
	typical_done(&mix);
	trace_done(&t);
}
