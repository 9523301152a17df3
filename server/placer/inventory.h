/* inventory: the nodes and devices that agents report, as they come, in the fleet and as rows.
 *
 * An item with is_whole begins a census, which further inventory items go on with; the first item of another kind ends
 * it, and nodes that were not named in it are gone. A node item names all devices of that node. What is gone but booked
 * stays, closed, until its last booking ends. A booked device keeps its class: it is charged under that.
 */
#pragma once
#include "api/types/agent.h"
#include "server/placer/turn.h"

void inventory_apply(turn *t, books *b, site *s, const report_item *item);
/* Ends a census, if one is on. */
void inventory_end(turn *t, books *b, site *s);
/* Devices without a class, looked at again after classes changed; and rows of clusters that are gone. */
void inventory_review(turn *t, books *b);
