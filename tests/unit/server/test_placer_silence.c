/* A grant that nobody answers is told of, once per cluster, and taken back by nobody. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "base/heap.h"
#include "server/placer/silence.h"

enum { ANSWER_US = 10000000 };

static int told;
static int32_t last;

static void tell(const site *s)
{
	told++;
	last = s->key;
}

static booking *granted(books *b, const char *name, int32_t cluster_key, lifecycle life, int64_t at_us)
{
	booking *k = booking_new(&(booking_birth){.id = str_from(name), .tenant_key = 1});

	k->now.life = life;
	k->now.cluster_key = cluster_key;
	k->now.granted_at_us = at_us;
	books_enter(b, k);
	return k;
}

Test(placer_silence, is_told_once_until_all_is_answered)
{
	books b;

	books_init(&b);
	for (int32_t key = 1; key <= 2; key++) {
		site *s = heap_new(1, sizeof *s);
		s->key = key;
		map_put_num(&b.sites, (uint64_t)key, s);
	}
	booking *k = granted(&b, "plc_1", 1, LIFE_GRANTED, 1);
	booking *m = granted(&b, "plc_2", 1, LIFE_DELIVERED, 2);
	(void)granted(&b, "plc_3", 2, LIFE_ACCEPTED, 1);
	(void)granted(&b, "plc_4", 2, LIFE_RUNNING, 1);
	(void)granted(&b, "plc_5", 2, LIFE_GRANTED, ANSWER_US);
	cr_expect_eq(silence_look(&b, 1 + ANSWER_US, ANSWER_US, tell), 0, "the time is not over yet");
	cr_expect_eq(silence_look(&b, 2 + ANSWER_US, ANSWER_US, tell), 1);
	cr_expect(told == 1 && last == 1);
	cr_expect_eq(silence_look(&b, 3 + ANSWER_US, ANSWER_US, tell), 2);
	cr_expect_eq(told, 1, "once");
	cr_expect_eq(k->now.life, LIFE_GRANTED);
	k->now.life = m->now.life = LIFE_ACCEPTED;
	cr_expect_eq(silence_look(&b, 3 + ANSWER_US, ANSWER_US, tell), 0);
	m->now.life = LIFE_DELIVERED;
	cr_expect_eq(silence_look(&b, 3 + ANSWER_US, ANSWER_US, tell), 1);
	cr_expect_eq(told, 2, "it answered, and is silent again");
	books_done(&b);
}
