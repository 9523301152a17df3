/* traits: the labels and taints of a node, and what a pod says about them.
 *
 * Texts are handles (fleet_text_put), so that a match compares numbers. Labels are sorted by key. The rules are those
 * of Kubernetes' node affinity and tolerations; a text that no node ever had has no handle and matches nothing.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum {
	TRAIT_NONE = -1, /* a text that nobody has */
	TRAIT_ANY = -2,  /* of a toleration: every key, or every value */
	TRAITS_MAX = 1024,
};

typedef enum trait_effect {
	TAINT_NO_SCHEDULE = 1,
	TAINT_PREFER_NO_SCHEDULE = 2, /* closes nothing */
	TAINT_NO_EXECUTE = 4,
} trait_effect;

typedef struct trait_label {
	int32_t key, value;
} trait_label;

typedef struct trait_taint {
	int32_t key, value;
	trait_effect effect;
} trait_taint;

typedef struct traits {
	uint16_t n_labels, n_taints;
	const trait_label *labels;
	const trait_taint *taints;
} traits;

typedef enum trait_op { LABEL_IN, LABEL_NOT_IN, LABEL_EXISTS, LABEL_ABSENT } trait_op;

/* LABEL_NOT_IN holds without the label too. */
typedef struct trait_term {
	int32_t key;
	trait_op op;
	const int32_t *values;
	int32_t n_values;
} trait_term;

typedef struct trait_toleration {
	int32_t key;      /* or TRAIT_ANY */
	int32_t value;    /* or TRAIT_ANY: the key is enough */
	uint32_t effects; /* trait_effect bits; 0: all */
} trait_toleration;

/* Whether all terms hold. t may be NULL: no labels. */
bool traits_match(const traits *t, const trait_term *terms, int32_t n);
/* Whether every taint that closes the node is tolerated. t may be NULL. */
bool traits_tolerated(const traits *t, const trait_toleration *tolerations, int32_t n);
/* A taint that closes nodes to pods without tolerations. */
bool traits_close(const traits *t);
