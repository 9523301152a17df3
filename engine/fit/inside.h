/* inside: what the parts of fit share. */
#pragma once
#include "engine/fit.h"

/* Position of a class in the entry's list; -1: not in it. */
int32_t fit_rank_of(const ask_entry *e, int32_t class_id);
bool fit_is_blocked(const fit_need *need, int32_t class_id);
bool fit_may_use(const fleet *f, const ask_entry *e, int32_t device);

/* What entry e would book on a device that looks like this cell. */
score_slice fit_slice_of(const fleet *f, const ask_entry *e, const fleet_cell *cell);
/* Whether the cell takes the slice now. */
bool fit_has_room(const fleet_cell *cell, const score_slice *s);

/* The device with these slices on it beside what is booked. */
fleet_device fit_device_with(const fleet *f, int32_t device, const score_slice *slices, int32_t n);

/* The choice by the need's device policy, else the tightest. False: *ret_entry found nothing. */
bool fit_serve(const fleet *f, const fit_need *need, int32_t node, fit_choice *chosen, int32_t *ret_entry);
