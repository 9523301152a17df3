/* silence: clusters whose agents do not answer what was granted to them.
 *
 * Silence is no release: what was granted stays booked, whatever the agent does not say (architecture, section 4). A
 * person is told of it.
 */
#pragma once
#include "server/placer/books.h"

/* Counts the placements granted longer than answer_us ago that no agent has answered, and notes on each site whether it
 * has such ones; a site that became silent is told through on_silent, once until it has answered all. O(bookings). */
int64_t silence_look(books *b, int64_t now_us, int64_t answer_us, void (*on_silent)(const site *s));
