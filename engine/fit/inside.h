/* inside: what the parts of fit share. */
#pragma once
#include "engine/fit.h"

/* Position of a class in the entry's list; -1: not in it. */
int32_t fit_rank_of(const ask_entry *e, int32_t class_id);
bool fit_is_blocked(const fit_need *need, int32_t class_id);
bool fit_may_use(const fleet *f, const ask_entry *e, int32_t device);

bool fit_is_whole(const ask_entry *e);
/* Whether the entry wants less than a device of this size. */
bool fit_is_part(const ask_entry *e, int64_t device_memory_mib);
/* How many devices of the class the entry is given; 0: it is not given in this number. */
int32_t fit_count(const fleet *f, const ask_entry *e, int32_t class_id, int64_t device_memory_mib);

/* Whether devices of the class serve the entry only without others beside them: they have a say in numbers. */
bool fit_stands_alone(const fleet *f, const ask_entry *e, int32_t class_id, int64_t device_memory_mib);

/* What entry e would book on a device that looks like this cell and is not cut into instances. */
score_slice fit_slice_of(const fleet *f, const ask_entry *e, const fleet_cell *cell);
/* The profile that serves the entry on d, which is cut into instances: in this state, or (NULL) in an empty device. */
int32_t fit_profile_of(
	const fleet *f, const fit_need *need, const ask_entry *e, const fleet_device *d, const geometry_state *state);
/* Whether the device, which looks like `cell`, takes the entry now, and what it would book: a share or an instance. */
bool fit_offer(const fleet *f, const fit_need *need, const ask_entry *e, const fleet_device *d, const fleet_cell *cell,
	score_slice *ret_slice);
/* Whether the cell takes the slice now. A slice without a reservation still needs some compute that nobody has
 * reserved: else it would never run. */
static inline bool fit_has_room(const fleet_cell *cell, const score_slice *s)
{
	if (!cell->has_slot || cell->free_memory_mib < s->memory_mib)
		return false;
	if (s->compute_milli >= SHARE_WHOLE_MILLI)
		return cell->is_idle;
	return cell->free_compute_milli >= (s->compute_milli > 0 ? s->compute_milli : 1);
}

/* The same, and of what is free only that which is for the ask's priority. */
static inline bool fit_has_room_for(const fleet *f, const fit_need *need, const fleet_cell *cell, const score_slice *s)
{
	const fleet_class *c = &f->classes.v[cell->class_id];

	return fit_has_room(cell, s) &&
	       (!c->bands.n || s->compute_milli >= SHARE_WHOLE_MILLI || s->compute_milli == 0 ||
		       cell->free_compute_milli - fleet_withheld_milli(c, need->a->priority) >= s->compute_milli);
}

/* The device with these slices on it beside what is booked. */
fleet_device fit_device_with(const fleet *f, int32_t device, const score_slice *slices, int32_t n);

/* The devices of a node that one entry may look at, in the order of cells. */
typedef struct fit_candidates {
	int32_t node, n;
	uint64_t looked_at, fits; /* by position: cell - first_cell */
	score_slice v[FLEET_NODE_DEVICES_MAX];
	int64_t ratings[FLEET_NODE_DEVICES_MAX]; /* by position */
} fit_candidates;

/* Whether the devices of the entry are chosen as a set: they must or should belong together. */
bool fit_wants_set(const fit_need *need, const ask_entry *e, const class_cut *cut, ask_policy policy);
/* The best set of `count` devices, as positions. False: there is none that is bound and linked as it must be. */
bool fit_choose_set(const fleet *f, const fit_need *need, const ask_entry *e, const class_cut *cut, ask_policy policy,
	const fit_candidates *c, int32_t count, uint64_t *ret_set);

/* The devices of the node for the entry, beside what was chosen before; class_id FLEET_NONE: any. */
void fit_gather(const fleet *f, const fit_need *need, int32_t entry, int32_t class_id, int32_t node, ask_policy policy,
	const fit_choice *chosen, fit_candidates *ret);

/* A better choice of class counts more than any score. */
static inline int32_t fit_rating(int32_t score, int32_t class_rank)
{
	enum { RANK_MAX = 127 };

	return (RANK_MAX - (class_rank < RANK_MAX ? class_rank : RANK_MAX)) * SCORE_LIMIT + score;
}

/* Nodes of one class, all devices open and large enough for the need's one entry: what is missing there can only be
 * free devices. */
bool fit_is_plain(const fleet_view *v, const fit_need *need);
/* Whether no device of a plain node can have room: told without a look at them. */
bool fit_is_hopeless(const fleet *f, const fleet_view *v, const ask_entry *e);

/* Whether no device of the node could ever serve the entry, for its class or because others are named. */
bool fit_is_elsewhere(const fleet *f, const ask_entry *e, int32_t node);

/* WHY_NONE, or what the node's labels and taints say against the group. */
why_code fit_traits_code(const fleet_node *n, const ask_group *g);

/* The choice by the need's device policy, else the tightest. False: *ret_entry found nothing. */
bool fit_serve(const fleet *f, const fit_need *need, int32_t node, fit_choice *chosen, int32_t *ret_entry);
