/* shed: use that stands above a lowered limit is taken back, where the tenant's quota asks for it.
 *
 * A cut ends nothing by itself. With `reclaim` in the quota, work is revoked once the condition has stood for
 * `after_s`: from the top of the tree down, of the lowest priority first and among equals the youngest, as much as
 * brings the use back to the limit and no more. Nothing is taken from a tenant below what it is guaranteed, of any
 * model, nor from the one whose limit it is. What is being revoked already counts as gone. Work then has `grace_s` to
 * end.
 */
#pragma once
#include "server/placer/turn.h"

enum { SHED_EVERY_US = 1000 * 1000 };

/* Whether any quota asks for it, and it is time to look. */
bool shed_is_due(const books *b, int64_t now_us);
void shed_review(turn *t, books *b);
