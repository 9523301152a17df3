/* wheel: many deadlines, cheap to move.
 *
 * Items hang in slots of one tick each. Moving a deadline further away, which is what nearly every request does, is one
 * store: the item is looked at again when its old slot comes up. Deadlines are kept to one tick; they are never early.
 */
#pragma once
#include <stdint.h>

enum { WHEEL_SLOTS = 512, WHEEL_TICK_US = 65536 };
#define WHEEL_NEVER INT64_MAX

typedef struct wheel_item {
	struct wheel_item *next, *prev; /* NULL: hangs nowhere */
	int64_t due_us;
	int64_t tick;
} wheel_item;

typedef struct wheel {
	wheel_item slots[WHEEL_SLOTS];
	int64_t tick; /* the last one turned */
} wheel;

void wheel_init(wheel *w, int64_t now_us);
/* due_us WHEEL_NEVER: no deadline. */
void wheel_set(wheel *w, wheel_item *i, int64_t due_us);
void wheel_remove(wheel_item *i); /* idempotent */
/* Calls on_due for each item whose deadline has passed; it hangs nowhere then. on_due may set and remove any item. */
void wheel_turn(wheel *w, int64_t now_us, void (*on_due)(void *arg, wheel_item *i), void *arg);
