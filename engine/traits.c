#include "engine/traits.h"

#include <stddef.h>

static const trait_label *label_find(const traits *t, int32_t key)
{
	int32_t low = 0, high = t ? t->n_labels : 0;

	while (low < high) {
		int32_t middle = low + (high - low) / 2;
		if (t->labels[middle].key < key)
			low = middle + 1;
		else
			high = middle;
	}
	return t && low < t->n_labels && t->labels[low].key == key ? &t->labels[low] : NULL;
}

static bool has_value(const trait_term *term, int32_t value)
{
	for (int32_t i = 0; i < term->n_values; i++)
		if (term->values[i] == value)
			return true;
	return false;
}

static bool term_holds(const traits *t, const trait_term *term)
{
	const trait_label *label = label_find(t, term->key);

	switch (term->op) {
	case LABEL_IN:
		return label && has_value(term, label->value);
	case LABEL_NOT_IN:
		return !label || !has_value(term, label->value);
	case LABEL_EXISTS:
		return label != NULL;
	case LABEL_ABSENT:
		return !label;
	}
	return false;
}

bool traits_match(const traits *t, const trait_term *terms, int32_t n)
{
	for (int32_t i = 0; i < n; i++)
		if (!term_holds(t, &terms[i]))
			return false;
	return true;
}

static bool closes(const trait_taint *taint)
{
	return taint->effect != TAINT_PREFER_NO_SCHEDULE;
}

static bool is_tolerated(const trait_taint *taint, const trait_toleration *tolerations, int32_t n)
{
	for (int32_t i = 0; i < n; i++) {
		const trait_toleration *l = &tolerations[i];
		bool is_key = l->key == TRAIT_ANY || l->key == taint->key;
		bool is_value = l->value == TRAIT_ANY || l->value == taint->value;
		if (is_key && is_value && (!l->effects || l->effects & (uint32_t)taint->effect))
			return true;
	}
	return false;
}

bool traits_tolerated(const traits *t, const trait_toleration *tolerations, int32_t n)
{
	for (int32_t i = 0; t && i < t->n_taints; i++)
		if (closes(&t->taints[i]) && !is_tolerated(&t->taints[i], tolerations, n))
			return false;
	return true;
}

bool traits_close(const traits *t)
{
	return !traits_tolerated(t, NULL, 0);
}
