#include <criterion/criterion.h>
#include "kubelet_scene.h"

/* What a plugin knows of before: what an earlier one gave, and whom the kubelet listed in earlier calls. */

enum { WAIT_MS = 300 };

/* Whichever a new plugin learns first: the pods, or the devices. */
Test(kubelet_memory, a_plan_that_changed_while_the_plugin_was_away_changes_what_was_given)
{
	for (int order = 0; order < 2; order++) {
		kubelet_scene s;
		scene_open(&s, 0);
		scene_devices(&s, 2, 10, -1);
		scene_until_healthy(&s, 20);
		scene_pod p = scene_pod_make("p", "1 1", 0, 1000), *one[] = {&p};
		scene_tell(&s, &p);
		scene_admit(&s, one, 1);
		kubelet_close(s.k);
		s.remembers = true;
		scene_kubelet_open(&s);
		if (order)
			scene_devices(&s, 2, 10, -1);
		p.phase = "Running";
		p.memory_mib = 5000;
		p.fence = 2;
		scene_tell(&s, &p);
		if (!order)
			scene_devices(&s, 2, 10, -1);
		cr_expect_eq(scene_gift_find(&s, "p", S("c1"))->memory_mib, 5001, "order %d", order);
		p.memory_mib = 6000;
		p.fence = 3;
		scene_tell(&s, &p);
		cr_expect_eq(scene_gift_find(&s, "p", S("c0"))->memory_mib, 6000, "and so does each later one");
		scene_close(&s);
	}
}

/* Its object cannot be read, or it is a static pod without a mirror. */
Test(kubelet_memory, a_pod_that_is_never_told_keeps_no_later_one_from_its_devices)
{
	kubelet_scene s;

	scene_open(&s, WAIT_MS);
	scene_devices(&s, 4, 10, -1);
	scene_until_healthy(&s, 40);
	scene_pod odd = scene_pod_make("odd", "0", 1, 1111);
	scene_pod first = scene_pod_make("first", "1", 1, 1111), p = scene_pod_make("p", "1", 2, 2222);
	scene_pod *one[] = {&first}, *two[] = {&p};
	double_reject(&s.d, &odd.d);
	scene_tell(&s, &first);
	scene_admit(&s, one, 1);
	cr_expect(first.d.is_failed, "it may have been that one");
	scene_gone(&s, &first);
	scene_tell(&s, &p);
	scene_admit(&s, two, 1);
	scene_expect_own(&p);
	scene_close(&s);
}
