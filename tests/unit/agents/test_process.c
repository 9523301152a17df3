#include <criterion/criterion.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include "agents/node/process.h"

static const struct {
	const char *what, *text;
	bool is;
} groups[] = {
	{"systemd's driver",
		"0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod0f3d_11.slice/cri-containerd-9.scope\n",
		true},
	{"cgroupfs' driver", "0::/kubepods/burstable/pod0f3d-11/9a8b\n", true},
	{"version 1", "12:devices:/kubepods/pod0f3d-11/9\n5:cpu:/\n", true},
	{"another pod", "0::/kubepods/pod0f3d-12/9\n", false},
	{"cut off", "0::/kubepods/pod0f3d-1", false},
	{"no pod", "0::/user.slice\n", false},
	{"nothing", "", false},
};

Test(process, a_pod_is_found_in_control_groups_of_all_drivers)
{
	for (size_t i = 0; i < sizeof(groups) / sizeof(*groups); i++)
		cr_expect_eq(
			cgroup_has_pod(str_from(groups[i].text), S("0f3d-11")), groups[i].is, "%s", groups[i].what);
	cr_expect(!cgroup_has_pod(S("0::/kubepods/pod/9"), S("")), "who has no pod is in none");
}

Test(process, a_signal_hits_the_process_that_was_meant_or_nobody)
{
	int status;
	pid_t child = fork();

	if (child == 0)
		for (;;)
			pause();
	uint64_t started = process_started(child);
	cr_assert(started);
	cr_expect_eq(process_parent(child), getpid());
	cr_expect(!process_signal(child, started + 1, SIGKILL), "the number was another's");
	cr_expect_eq(waitpid(child, &status, WNOHANG), 0);
	cr_expect(process_signal(child, started, SIGKILL));
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_expect(WIFSIGNALED(status));
	cr_expect(!process_signal(child, started, SIGKILL), "it is gone");
	cr_expect_eq(process_started(child), 0u);
}

Test(process, its_names_in_its_own_namespace_are_known)
{
	process_names names;

	cr_assert(process_look(getpid(), &names));
	cr_expect(names.space && names.inner && names.started == (uint32_t)process_started(getpid()));
	cr_expect(!process_look(0, &names));
}
