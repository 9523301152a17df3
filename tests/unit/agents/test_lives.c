#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "agents/node/lives.h"
#include "agents/node/process.h"

static const struct {
	const char *what;
	bool has_folder;
	lives_word word;
	allocation_life life;
} rows[] = {
	{"it runs", true, LIVES_HERE, ALLOCATION_LIVES},
	{"it has come to its end, and its object is still there", true, LIVES_OVER, ALLOCATION_OVER},
	{"it was deleted by force, and the kubelet has not seen it", true, LIVES_DELETED, ALLOCATION_UNSEEN},
	{"the API server has not told yet", true, LIVES_UNKNOWN, ALLOCATION_LIVES},
	{"its folder is gone", false, LIVES_HERE, ALLOCATION_UNSEEN},
};

static lives_word on_ask(void *arg, str uid)
{
	(void)uid;
	return *(const lives_word *)arg;
}

Test(lives, a_pod_that_is_over_holds_nothing_though_its_folder_stays)
{
	char folder[] = "/tmp/lives-XXXXXX", pods[64], pod[192];
	lives_word word;
	allocation of = {.pod_uid = "0f3d-none-such"};

	cr_assert(mkdtemp(folder));
	snprintf(pods, sizeof(pods), "%s/pods", folder);
	snprintf(pod, sizeof(pod), "%s/%s", pods, of.pod_uid);
	cr_assert_eq(mkdir(pods, 0700), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		lives l = {.kubelet_dir = folder, .ask = on_ask, .arg = &word};
		word = rows[i].word;
		(void)(rows[i].has_folder ? mkdir(pod, 0700) : rmdir(pod));
		cr_expect_eq(lives_look(&l, &of), rows[i].life, "%s", rows[i].what);
		lives_done(&l);
	}
	rmdir(pods);
	rmdir(folder);
}

/* Failed, says the API server, of a node that it did not hear of for a while: the container runs on. */
Test(lives, who_has_a_process_lives_whatever_is_said)
{
	lives_word word = LIVES_OVER;
	allocation of = {.pod_uid = "0f3d-11"};
	lives l = {.kubelet_dir = "/none", .ask = on_ask, .arg = &word, .is_read = true, .can_see = true};

	l.groups = S("0::/kubepods/burstable/pod0f3d-11/9a8b\n0::/init.scope\n");
	cr_expect_eq(lives_look(&l, &of), ALLOCATION_LIVES);
	l.groups = S("0::/kubepods/burstable/pod0f3d-12/9a8b\n");
	cr_expect_eq(lives_look(&l, &of), ALLOCATION_OVER);
	l.can_see = false;
	cr_expect_eq(lives_look(&l, &of), ALLOCATION_LIVES, "in doubt");
	l.ask = NULL;
	cr_expect_eq(lives_look(&l, &of), ALLOCATION_LIVES);
}

Test(lives, the_groups_of_all_processes_are_seen)
{
	AUTO_ARENA a = arena_new(0);
	str all;

	cr_assert(process_groups(a, &all));
	cr_expect(str_find(all, '\n', 0) > 0);
}
