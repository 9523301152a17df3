/* prices: what a thousandth of a GPU of each model costs, for the policy `cost`. */
#pragma once
#include "base/err.h"
#include "base/str.h"
#include "engine/fleet.h"

enum { PRICE_ELSE = 1 };

/* ret[class] for all classes of the fleet: from "MODEL=NUMBER,..", PRICE_ELSE where the text does not name it. ret has
 * room for FLEET_CLASSES_MAX. ERR_SETTING: a part has another form, or names a model that no node has. */
err prices_read(str text, const fleet *f, int64_t *ret, fault *fl) MUST_CHECK;
