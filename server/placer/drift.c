#include "server/placer/drift.h"

#include "base/log.h"

bool drift_counts(const booking_state *s)
{
	return s->life == LIFE_ACCEPTED || lifecycle_is_charged(s->life);
}

static void toggle(books *b, const booking *k, const booking_state *s)
{
	site *at = drift_counts(s) ? books_site(b, s->cluster_key) : NULL;

	if (at)
		digest_toggle(&at->digest, k->id, s->fence_incarnation, s->fence_no);
}

void drift_follow(books *b, const touch *x)
{
	if (!x->is_new)
		toggle(b, x->b, &x->before);
	toggle(b, x->b, &x->b->now);
}

void drift_rebuild(books *b)
{
	map_each (slot, &b->bookings) {
		const booking *k = slot->value;
		toggle(b, k, &k->now);
	}
}

void drift_told(turn *t, site *s, str text)
{
	vec_push(&t->digests, ((turn_digest){s, str_dup(t->a, text)}));
}

void drift_overtaken(turn *t, const site *s)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < t->digests.n; i++)
		if (t->digests.v[i].site != s)
			t->digests.v[n++] = t->digests.v[i];
	t->digests.n = n;
}

void drift_compare(turn *t, books *b)
{
	digest told;

	vec_each (d, &t->digests) {
		site *s = d->site;
		if (!digest_read(d->text, &told))
			continue;
		s->n_drifted = digest_compare(&told, &s->digest, s->drifted);
		if (!s->n_drifted)
			continue;
		s->drift_n++;
		b->has_drift = true;
		log_warn("placer.drift", KV("cluster", s->name), KV_I64("buckets", s->n_drifted));
	}
	vec_clear(&t->digests);
}

bool drift_is_due(const books *b)
{
	return b->has_drift;
}

void drift_review(turn *t, books *b)
{
	if (!b->has_drift)
		return;
	b->has_drift = false;
	map_each (slot, &b->sites) {
		site *s = slot->value;
		if (s->n_drifted)
			vec_push(&t->drifted, s);
	}
	t->cannot_undo |= t->drifted.n > 0;
}
