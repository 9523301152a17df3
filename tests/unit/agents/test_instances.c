#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "agents/file.h"
#include "agents/node/instances.h"

/* What stands for reeve-node's word: it notes what it is told, and answers what the file `answer-<verb>` says, once,
 * and then as if all went well. */
static const char script[] = "#!/bin/sh\n"
			     "echo \"$4 $5 $6 $7 $8\" >>\"$0.said\"\n"
			     "if [ -e \"$0.$4\" ]; then cat \"$0.$4\"; rm \"$0.$4\"; exit; fi\n"
			     "[ \"$4\" = make ] && echo 'ok 7 0 MIG-a' || echo ok\n";

typedef struct bench {
	loop *loop;
	loop_timer *guard;
	char root[64], program[96];
	instances *all;
	uint32_t changes;
	const char *boot;
} bench;

static void on_change(void *arg)
{
	bench *b = arg;

	b->changes++;
	loop_stop(b->loop);
}

static void on_late(void *arg)
{
	(void)arg;
	cr_assert(false, "the loop ran too long");
}

static err all_open(bench *b, fault *f)
{
	instances_config c = {.loop = b->loop,
		.boot = b->boot,
		.state_dir = b->root,
		.program = b->program,
		.nvml = "nvml",
		.timeout_ms = 30000,
		.again_ms = 10,
		.on_change = on_change,
		.arg = b};

	return instances_open(&c, &b->all, f);
}

static void put(bench *b, const char *name, const char *text)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", b->root, name);
	cr_assert_eq(file_write(path, 0700, str_from(text), NULL), ERR_OK);
}

static void expect_file(bench *b, const char *name, const char *wanted)
{
	AUTO_ARENA a = arena_new(0);
	char path[256];
	str text = S("");

	(void)snprintf(path, sizeof(path), "%s/%s", b->root, name);
	(void)!file_read(path, a, &text, NULL);
	cr_expect(str_eq(text, str_from(wanted)), "%s: \"" STR_FMT "\", \"%s\" was expected", name, STR_ARG(text),
		wanted);
}

static void bench_open(bench *b)
{
	*b = (bench){.loop = loop_new()};
	(void)snprintf(b->root, sizeof(b->root), "/tmp/reeve-instances-XXXXXX");
	cr_assert(mkdtemp(b->root));
	(void)snprintf(b->program, sizeof(b->program), "%s/p", b->root);
	put(b, "p", script);
	b->guard = loop_timer_new(b->loop, on_late, b);
	loop_timer_arm(b->guard, (int64_t)60000000);
}

static void bench_close(bench *b)
{
	static const char *const files[] = {"p", "p.said", "p.make", "p.remove", "instances"};
	char path[256];

	instances_close(b->all);
	loop_timer_free(b->guard);
	loop_free(b->loop);
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", b->root, files[i]);
		(void)unlink(path);
	}
	(void)rmdir(b->root);
	arena_trim();
}

static const instances_want one = {S("pod_main"), S("GPU-a"), S("1g.10gb"), 4};

Test(instances, what_is_wanted_is_made_once_and_goes_with_its_allocation)
{
	instance_found found;
	fault f = {0};
	bench b;

	bench_open(&b);
	cr_assert_eq(all_open(&b, &f), ERR_OK, "%s", f.detail);
	cr_expect_eq(instances_get(b.all, &one, &found, &f), ERR_UNAVAILABLE);
	expect_file(&b, "instances", "making pod_main GPU-a 1g.10gb 4 -1 0 -\n");
	cr_expect_eq(instances_get(b.all, &one, &found, &f), ERR_UNAVAILABLE, "it is not asked for twice");
	loop_run(b.loop);
	cr_expect_eq(instances_get(b.all, &one, &found, &f), ERR_OK, "%s", f.detail);
	cr_expect_str_eq(found.uuid, "MIG-a");
	cr_expect(found.gpu_instance == 7 && found.compute_instance == 0);
	expect_file(&b, "instances", "ready pod_main GPU-a 1g.10gb 4 7 0 MIG-a\n");
	instances_release(b.all, S("pod_other"));
	cr_expect_eq(instances_count(b.all), 1);
	instances_release(b.all, S("pod_main"));
	loop_run(b.loop);
	cr_expect_eq(instances_count(b.all), 0);
	expect_file(&b, "p.said", "make GPU-a 1g.10gb 4 -1\nremove GPU-a 1g.10gb 4 7\n");
	expect_file(&b, "instances", "");
	bench_close(&b);
}

Test(instances, one_that_cannot_be_made_is_told_once_and_tried_again)
{
	instance_found found;
	fault f = {0};
	bench b;

	bench_open(&b);
	put(&b, "p.make", "error no room\n");
	cr_assert_eq(all_open(&b, &f), ERR_OK);
	cr_expect_eq(instances_get(b.all, &one, &found, &f), ERR_UNAVAILABLE);
	loop_run(b.loop);
	cr_expect_eq(instances_get(b.all, &one, &found, &f), ERR_CONFLICT);
	cr_expect(strstr(f.detail, "no room"), "%s", f.detail);
	cr_expect_eq(instances_count(b.all), 0);
	cr_expect_eq(instances_get(b.all, &one, &found, &f), ERR_UNAVAILABLE);
	loop_run(b.loop);
	cr_expect_eq(instances_get(b.all, &one, &found, &f), ERR_OK);
	bench_close(&b);
}

/* It may have been made all the same. */
Test(instances, one_that_ended_without_a_word_is_removed)
{
	instance_found found;
	bench b;

	bench_open(&b);
	put(&b, "p.make", "Segmentation fault\n");
	cr_assert_eq(all_open(&b, NULL), ERR_OK);
	cr_expect_eq(instances_get(b.all, &one, &found, NULL), ERR_UNAVAILABLE);
	while (instances_count(b.all))
		loop_run(b.loop);
	expect_file(&b, "p.said", "make GPU-a 1g.10gb 4 -1\nremove GPU-a 1g.10gb 4 -1\n");
	bench_close(&b);
}

Test(instances, removing_is_tried_until_the_device_lets_go_and_holds_up_nobody)
{
	instances_want other = one;
	instance_found found;
	bench b;

	bench_open(&b);
	other.allocation = S("pod_other");
	other.start = 0;
	cr_assert_eq(all_open(&b, NULL), ERR_OK);
	cr_expect_eq(instances_get(b.all, &one, &found, NULL), ERR_UNAVAILABLE);
	loop_run(b.loop);
	put(&b, "p.remove", "error in use\n");
	instances_release(b.all, S("pod_main"));
	loop_run(b.loop);
	cr_expect_eq(instances_get(b.all, &other, &found, NULL), ERR_UNAVAILABLE);
	while (instances_get(b.all, &other, &found, NULL) == ERR_UNAVAILABLE || instances_count(b.all) > 1)
		loop_run(b.loop);
	expect_file(&b, "instances", "ready pod_other GPU-a 1g.10gb 0 7 0 MIG-a\n");
	bench_close(&b);
}

/* The pod before has just ended, and a program of it holds the place still. */
Test(instances, a_place_that_is_being_emptied_is_waited_for)
{
	instances_want next = one;
	instance_found found;
	fault f = {0};
	bench b;

	bench_open(&b);
	next.allocation = S("pod_next");
	cr_assert_eq(all_open(&b, NULL), ERR_OK);
	cr_expect_eq(instances_get(b.all, &one, &found, NULL), ERR_UNAVAILABLE);
	loop_run(b.loop);
	put(&b, "p.remove", "error in use\n");
	put(&b, "p.make", "error occupied\n");
	instances_release(b.all, S("pod_main"));
	err e = instances_get(b.all, &next, &found, &f);
	for (int i = 0; i < 20 && e == ERR_UNAVAILABLE; i++) {
		loop_run(b.loop);
		e = instances_get(b.all, &next, &found, &f);
	}
	cr_expect_eq(e, ERR_OK, "%s", f.detail);
	expect_file(&b, "instances", "ready pod_next GPU-a 1g.10gb 4 7 0 MIG-a\n");
	bench_close(&b);
}

Test(instances, what_could_not_be_made_is_not_removed)
{
	instance_found found;
	bench b;

	bench_open(&b);
	put(&b, "p.make", "error somebody else's stands there\n");
	cr_assert_eq(all_open(&b, NULL), ERR_OK);
	cr_expect_eq(instances_get(b.all, &one, &found, NULL), ERR_UNAVAILABLE);
	loop_run(b.loop);
	instances_release(b.all, S("pod_main"));
	cr_expect_eq(instances_count(b.all), 0);
	expect_file(&b, "p.said", "make GPU-a 1g.10gb 4 -1\n");
	bench_close(&b);
}

Test(instances, after_a_reboot_none_is_there_any_more)
{
	instances_want kept = {S("kept_main"), S("GPU-a"), S("3g.40gb"), 0};
	instance_found found;
	bench b;

	bench_open(&b);
	b.boot = "boot-2";
	put(&b, "instances", "boot boot-1\nready kept_main GPU-a 3g.40gb 0 1 0 MIG-k\n");
	cr_assert_eq(all_open(&b, NULL), ERR_OK);
	cr_expect_eq(instances_get(b.all, &kept, &found, NULL), ERR_UNAVAILABLE, "it is made again");
	loop_run(b.loop);
	cr_expect_eq(instances_get(b.all, &kept, &found, NULL), ERR_OK);
	expect_file(&b, "instances", "boot boot-2\nready kept_main GPU-a 3g.40gb 0 7 0 MIG-a\n");
	instances_close(b.all);
	cr_assert_eq(all_open(&b, NULL), ERR_OK);
	cr_expect_eq(instances_get(b.all, &kept, &found, NULL), ERR_OK, "in the same boot it is");
	bench_close(&b);
}

static bool is_kept(void *arg, str of)
{
	(void)arg;
	return str_eq(of, S("kept_main"));
}

Test(instances, after_a_crash_what_was_not_finished_is_undone)
{
	instances_want kept = {S("kept_main"), S("GPU-a"), S("3g.40gb"), 0};
	instance_found found;
	bench b;

	bench_open(&b);
	put(&b, "instances",
		"making half_main GPU-a 1g.10gb 4 -1 0 -\nready kept_main GPU-a 3g.40gb 0 1 0 MIG-k\n"
		"ready lost_main GPU-b 1g.10gb 2 8 0 MIG-l\nremoving gone_main GPU-b 1g.10gb 3 0 0 MIG-g\n");
	cr_assert_eq(all_open(&b, NULL), ERR_OK);
	instances_sweep(b.all, is_kept, NULL);
	while (instances_count(b.all) > 1)
		loop_run(b.loop);
	cr_expect_eq(instances_get(b.all, &kept, &found, NULL), ERR_OK);
	cr_expect_str_eq(found.uuid, "MIG-k");
	expect_file(&b, "instances", "ready kept_main GPU-a 3g.40gb 0 1 0 MIG-k\n");
	bench_close(&b);
}

Test(instances, a_file_of_another_form_is_not_guessed_at)
{
	fault f = {0};
	bench b;

	bench_open(&b);
	put(&b, "instances", "making half_main\n");
	cr_expect_eq(all_open(&b, &f), ERR_BAD_FIELD);
	cr_expect(strstr(f.detail, "instances"), "%s", f.detail);
	bench_close(&b);
}

Test(instances, a_look_that_was_broken_off_misses_none)
{
	card c = {.uuid = "GPU-a"};
	instance_found found;
	bench b;

	bench_open(&b);
	put(&b, "instances", "ready pod_main GPU-a 1g.10gb 4 7 0 MIG-a\n");
	cr_assert_eq(all_open(&b, NULL), ERR_OK);
	for (int i = 0; i < 3; i++)
		instances_seen(b.all, &c);
	cr_expect_eq(instances_get(b.all, &one, &found, NULL), ERR_OK, "it may stand there all the same");
	bench_close(&b);
}

Test(instances, one_that_somebody_has_removed_is_missed_twice_and_made_again)
{
	card c = {.uuid = "GPU-a", .is_listed = true, .n_instances = 1, .instances = {{.uuid = "MIG-a"}}},
	     other = {.uuid = "GPU-b", .is_listed = true};
	instance_found found;
	bench b;

	bench_open(&b);
	put(&b, "instances", "ready pod_main GPU-a 1g.10gb 4 7 0 MIG-a\n");
	cr_assert_eq(all_open(&b, NULL), ERR_OK);
	for (int i = 0; i < 3; i++) {
		instances_seen(b.all, &c);
		instances_seen(b.all, &other);
	}
	c.n_instances = 0;
	instances_seen(b.all, &c);
	c.n_instances = 1;
	instances_seen(b.all, &c);
	c.n_instances = 0;
	instances_seen(b.all, &c);
	cr_expect_eq(instances_get(b.all, &one, &found, NULL), ERR_OK, "it may be made while the device is looked at");
	instances_seen(b.all, &c);
	cr_expect_eq(b.changes, 1u);
	while (instances_get(b.all, &one, &found, NULL) == ERR_UNAVAILABLE)
		loop_run(b.loop);
	cr_expect_str_eq(found.uuid, "MIG-a");
	expect_file(&b, "p.said", "make GPU-a 1g.10gb 4 -1\n");
	bench_close(&b);
}
