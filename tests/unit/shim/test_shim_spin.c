#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <time.h>

#include "shim/spin.h"

#define MOST_NS                                                                                                        \
	100000000 /* of its own processor time; one that never lets go of it takes what the kernel allows, 950 ms of a \
		     second */

static spin lock;
static int64_t took_ns;

static int64_t own_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void *wait_for_it(void *arg)
{
	(void)arg;
	int64_t from = own_ns();
	errno = ENOENT;
	spin_lock(&lock);
	cr_expect_eq(errno, ENOENT);
	spin_unlock(&lock);
	took_ns = own_ns() - from;
	return NULL;
}

static void stay_on_one_processor(void)
{
	cpu_set_t may, one;
	size_t cpu = 0;
	cr_assert_eq(sched_getaffinity(0, sizeof may, &may), 0);
	while (!CPU_ISSET(cpu, &may))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	cr_assert_eq(sched_setaffinity(0, sizeof one, &one), 0);
}

/* A thread of real time takes the processor from the one that holds the lock, which must get it back to let go. */
Test(spin, who_waits_lets_one_of_lower_priority_run)
{
	struct sched_param first = {.sched_priority = 1};
	pthread_attr_t attr;
	pthread_t thread;

	stay_on_one_processor();
	pthread_attr_init(&attr);
	pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
	pthread_attr_setschedpolicy(&attr, SCHED_FIFO);
	pthread_attr_setschedparam(&attr, &first);
	spin_lock(&lock);
	if (pthread_create(&thread, &attr, wait_for_it, NULL))
		cr_skip_test("needs the right to run threads of real time");
	spin_unlock(&lock);
	pthread_join(thread, NULL);
	cr_expect_lt(took_ns, MOST_NS, "%lld ns", (long long)took_ns);
}
