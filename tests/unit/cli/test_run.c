#include "cli/simulate/figures.h"
#include "files.h"

/* One run, with all that it needs. */
typedef struct scene {
	arena *a;
	trace t;
	typical mix;
	run r;
	figures g;
	const char *log;
} scene;

static void play(scene *s, const char *nodes, const char *pods, const char *policy_name, int64_t clusters)
{
	fault f = {0};

	s->a = arena_new(0);
	s->log = file_of(s->a, "");
	cr_assert_eq(trace_read(&s->t, s->a, file_of(s->a, nodes), file_of(s->a, pods), &f), ERR_OK, "%s", f.detail);
	cr_assert_eq(typical_read(&s->mix, s->a, &s->t, "", &f), ERR_OK, "%s", f.detail);
	static const typical no_mix;
	run_terms terms = {.policy = policy_find(policy_name), .mix = &no_mix, .clusters = clusters, .log = s->log};
	cr_assert_eq(run_all(&s->r, s->a, &s->t, &terms, &f), ERR_OK, "%s", f.detail);
	figures_make(&s->g, s->a, &s->r, &s->mix);
}

static void done(scene *s)
{
	run_done(&s->r);
	typical_done(&s->mix);
	trace_done(&s->t);
	arena_end(s->a);
}

static void expect_log(const scene *s, str expected)
{
	str text = file_text(s->a, s->log);

	cr_assert(str_eq(text, expected), "%s: " STR_FMT, s->r.policy->name, STR_ARG(text));
}

#define NODES "sn,cpu_milli,memory_mib,gpu,model\n"
#define PODS  "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec\n"
#define TIMED "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,arrive_s,life_s\n"

/* Each pod has one place or none, so every policy must decide the same:
 *   0 both GPUs of a; 1 only b is left; 2 nothing has 500; 3 only b has 7 cores; 4 b has 1 core left, 2 are asked;
 *   5 the rest of b; 6 there is no such model. 3 GPUs: each 1000 thousandths are a third. */
static void decide_what_is_forced(const char *policy_name)
{
	scene s;

	play(&s, NODES "a,4000,9000,2,A\nb,8000,9000,1,B\n",
		PODS "0,0,100,2,1000,\n"
		     "1,0,100,1,600,B|A\n"
		     "2,0,100,1,500,\n"
		     "3,7000,100,0,0,\n"
		     "4,2000,100,1,400,B\n"
		     "5,1000,100,1,400,B\n"
		     "6,0,100,1,100,C\n",
		policy_name, 1);
	expect_log(&s, S("op,seq,node,gpus\nplace,0,a,0-1\nplace,1,b,0\nfail,2,,\nplace,3,b,\nfail,4,,\nplace,5,b,0\n"
			 "fail,6,,\n"));
	cr_assert_eq(s.g.placed, 4);
	cr_assert_eq(s.g.refused, 3);
	cr_assert_eq(s.g.refused_for[WHY_NO_FITTING_DEVICE], 1);
	cr_assert_eq(s.g.refused_for[WHY_NODE_CPU], 1);
	cr_assert_eq(s.g.refused_for[WHY_NO_SUCH_CLASS], 1);
	cr_assert_eq(s.g.first_refusal_ppm, 1033333, "2000 + 600 + 500 of 3000 had arrived");
	cr_assert_eq(s.g.curve_ppm[67], 666700, "rounded to hundredths of a per cent");
	cr_assert_eq(s.g.curve_ppm[87], 866700);
	cr_assert_eq(s.g.curve_ppm[103], 866700, "two arrivals at 3100");
	cr_assert_eq(s.g.curve_ppm[117], 866700);
	cr_assert_eq(s.g.curve_ppm[130], 1000000);
	cr_assert_eq(s.g.curve_ppm[133], 1000000);
	cr_assert_eq(s.g.curve_ppm[100], FIGURE_NONE, "nothing arrived there");
	cr_assert_eq(s.g.n_curve, 134);
	cr_assert_eq(s.g.final_ppm, 1000000);
	cr_assert_eq(s.g.time_average_ppm, FIGURE_NONE);
	cr_assert_eq(s.g.idle_milli, 0);
	done(&s);
}

Test(run, decides_what_is_forced_under_every_policy)
{
	for (size_t i = 0; i < policies_n; i++)
		decide_what_is_forced(policies[i].name);
}

/* 1 finds the GPU taken; 0 ends at 10, in time for 2, and 3 finds 2 there. From 5 on the GPU is always in use. */
Test(run, ends_pods_before_the_next_arrival)
{
	scene s;

	play(&s, NODES "a,4000,9000,1,A\n",
		TIMED "0,1,1,1,1000,,0,10\n"
		      "1,1,1,1,1000,,5,10\n"
		      "2,1,1,1,600,,10,3\n"
		      "3,1,1,1,1000,,12.5,3\n",
		"binpack", 1);
	expect_log(&s, S("op,seq,node,gpus\nplace,0,a,0\nfail,1,,\nfree,0,,\nplace,2,a,0\nfail,3,,\n"));
	cr_assert_eq(s.g.ended, 1);
	cr_assert_eq(s.g.time_average_ppm, 866667, "(5 s of 1000 + 2.5 s of 600) / 7.5 s, from the second arrival on");
	cr_assert_eq(s.g.final_ppm, 600000);
	done(&s);
}

/* Equal models leave the choice to the policy, and its ties to the rank, however the pod writes them. */
Test(run, takes_any_of_the_models_as_equally_good)
{
	static const char *const specs[] = {"A|B", "B|A", "C|B|A", "|B||A|"};

	for (size_t i = 0; i < sizeof(specs) / sizeof(*specs); i++) {
		AUTO_ARENA a = arena_new(0);
		scene s;
		play(&s, NODES "x,4000,9000,2,B\ny,4000,9000,2,A\n",
			str_print(a, PODS "0,1,1,1,500,%s\n%c", specs[i], 0).p, "binpack", 1);
		expect_log(&s, S("op,seq,node,gpus\nplace,0,x,0\n"));
		done(&s);
	}
}

Test(run, deals_nodes_to_clusters_and_uses_all_of_them)
{
	scene s;

	play(&s, NODES "x,4000,9000,1,A\ny,4000,9000,1,A\nz,4000,9000,1,A\n",
		PODS "0,1,1,1,1000,\n1,1,1,1,1000,\n2,1,1,1,1000,\n3,1,1,1,1000,\n", "binpack", 3);
	cr_assert_eq(s.g.placed, 3);
	cr_assert_eq(s.g.final_ppm, 1000000);
	done(&s);
}

/* The mix is the one pod: 600 of a GPU and 3 cores. On a 400 are left of one GPU and the other is whole, but 1 core is
 * left: all 1400 are no use. */
Test(run, counts_what_the_mix_cannot_use)
{
	scene s;

	play(&s, NODES "a,4000,9000,2,A\nb,4000,9000,1,A\n", PODS "0,3000,1,1,600,\n1,3000,1,1,600,\n", "binpack", 1);
	cr_assert_eq(s.g.placed, 2);
	cr_assert_eq(s.g.idle_milli, 1800);
	cr_assert_eq(s.g.fragment_milli, 1800);
	done(&s);
	play(&s, NODES "a,9000,9000,2,A\n", PODS "0,3000,1,1,600,\n", "binpack", 1);
	cr_assert_eq(s.g.fragment_milli, 400, "the whole GPU would do");
	done(&s);
}

Test(run, takes_the_faster_time_of_each_decision_and_refuses_other_decisions)
{
	static const char *const nodes = NODES "a,4000,9000,2,A\n", *const pods = PODS "0,1,1,1,600,\n1,1,1,1,600,\n";
	fault f = {0};
	scene s, other;

	play(&s, nodes, pods, "binpack", 1);
	play(&other, nodes, pods, "binpack", 1);
	s.r.pods[0].ns = other.r.pods[1].ns = 7;
	other.r.pods[0].ns = s.r.pods[1].ns = 9;
	cr_assert_eq(run_take_faster(&s.r, &other.r, &f), ERR_OK, "%s", f.detail);
	cr_assert_eq(s.r.pods[0].ns, 7);
	cr_assert_eq(s.r.pods[1].ns, 7);
	other.r.gpus[other.r.pods[1].first] ^= 1;
	cr_assert_eq(run_take_faster(&s.r, &other.r, &f), ERR_CONFLICT);
	cr_assert(strstr(f.detail, "pod 1"), "%s", f.detail);
	done(&other);
	done(&s);
}
