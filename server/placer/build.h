/* build: how a node is built, from its agent's words to the engine's: labels and taints, links between its devices, and
 * how the devices of a class are cut.
 *
 * What is reported stands as JSON in the rows and is read here, both when it comes in and at the start. Nothing is
 * refused: what cannot be read, or does not fit together, counts as not told.
 */
#pragma once
#include "engine/fleet.h"
#include "json/js.h"

/* labels: an object of texts; taints: a list of api/types/agent.h report_taint. */
void build_traits(fleet *f, int32_t node, str labels, str taints);
/* links: a report_links. */
void build_links(fleet *f, int32_t node, str links);

/* The effect of that name. */
trait_effect build_effect(str name);
/* "instances"; anything else is shared, whatever its class says: an agent that does not tell how a device is cut
 * refuses instances of it. */
cut_mode build_mode(str share_mode);
/* The rules that the share_modes of a class name; none are no rules. */
class_cut build_cut(str json);

/* The pairs of an object of texts, in a. What is no text is left out. */
typedef struct build_pair {
	str key, value;
} build_pair;
build_pair *build_pairs(str json, arena *a, int32_t *ret_n);
