/* evacuate: clusters that are emptied because a person drains them, or has declared them lost.
 *
 * What runs on a draining cluster is told to end and leaves when its agent says so: until then it holds what it holds.
 * A frozen cluster is left alone. Of a lost one nobody will say so: its work is told to end, for the agent that comes
 * back after all, and has left one turn later; only a person's word lets another attempt begin while that agent is
 * silent. What has left waits anew, with the next fence, where the person wants that and its request may wait; else it
 * is revoked, or of a lost cluster has failed. The pods of users are their cluster's own: they never wait here anew.
 */
#pragma once
#include "server/placer/turn.h"

enum {
	EVACUATE_EVERY_US = 1000 * 1000,
	EVACUATE_TURN_MAX = 512, /* placements in one turn; the next goes on */
};

/* Whether some cluster is to be emptied, and it is time to look. */
bool evacuate_is_due(const books *b, int64_t now_us);
void evacuate_review(turn *t, books *b);
