#include <fcntl.h>
#include <unistd.h>
#include "agents/simulate/arrive.h"
#include "fixture.h"

#define SECOND ((int64_t)1000000)

static void on_pod(void *arg, const cluster_pod *p)
{
	(void)p;
	++*(int *)arg;
}

Test(arrive, those_that_wait_for_a_file_come_when_it_is_there_and_count_from_then)
{
	arena *a = arena_new(0);
	char path[] = "/tmp/reeve-arrive-XXXXXX", json[512];
	int came = 0, fd = mkstemp(path);
	cluster_events e = {.on_pod = on_pod, .arg = &came};
	scene s;
	arrive all;

	cr_assert(fd >= 0 && unlink(path) == 0);
	snprintf(json, sizeof(json),
		"{\"cluster_uid\":\"u\",\"speed\":10,\"arrivals\":[{\"tenant\":\"t\",\"class\":\"c\",\"after_file\":\"%s\","
		"\"first_ms\":2000,\"every_ms\":1000,\"pods\":2}]}",
		path);
	MUST(scene_read(str_from(json), a, &s, &must));
	arrive_begin(&all, &s, SECOND);
	int64_t next_us = arrive_turn(&all, &s, &e, 100 * SECOND);
	cr_expect(came == 0 && next_us > 100 * SECOND && next_us <= 101 * SECOND, "it is looked for again soon");
	close(open(path, O_CREAT | O_WRONLY, 0600));
	cr_expect_eq(arrive_turn(&all, &s, &e, 200 * SECOND), 202 * SECOND);
	cr_expect_eq(came, 0);
	unlink(path);
	cr_expect_eq(arrive_turn(&all, &s, &e, 202 * SECOND), 203 * SECOND, "that it was there is remembered");
	cr_expect_eq(came, 1);
	cr_expect_eq(arrive_turn(&all, &s, &e, 300 * SECOND), CLUSTER_NEVER);
	cr_expect_eq(came, 2);
	close(fd);
	arrive_done(&all);
	arena_end(a);
}
