#include "server/placer/silence.h"

static bool is_unanswered(const booking *k, int64_t before_us)
{
	return (k->now.life == LIFE_GRANTED || k->now.life == LIFE_DELIVERED) && k->now.granted_at_us < before_us;
}

int64_t silence_look(books *b, int64_t now_us, int64_t answer_us, void (*on_silent)(const site *s))
{
	int64_t n = 0;

	map_each (slot, &b->sites)
		((site *)slot->value)->unanswered = 0;
	map_each (slot, &b->bookings) {
		const booking *k = slot->value;
		site *s = is_unanswered(k, now_us - answer_us) ? books_site(b, k->now.cluster_key) : NULL;
		if (!s)
			continue;
		s->unanswered++;
		n++;
	}
	map_each (slot, &b->sites) {
		site *s = slot->value;
		if (s->unanswered && !s->is_silent)
			on_silent(s);
		s->is_silent = s->unanswered > 0;
	}
	return n;
}
