#include "net/wheel.h"
#include <stddef.h>

static void list_init(wheel_item *head)
{
	head->next = head->prev = head;
}

static void list_add(wheel_item *head, wheel_item *i)
{
	i->prev = head->prev;
	i->next = head;
	head->prev->next = i;
	head->prev = i;
}

void wheel_init(wheel *w, int64_t now_us)
{
	for (int i = 0; i < WHEEL_SLOTS; i++)
		list_init(&w->slots[i]);
	w->tick = now_us / WHEEL_TICK_US;
}

void wheel_remove(wheel_item *i)
{
	if (!i->next)
		return;
	i->prev->next = i->next;
	i->next->prev = i->prev;
	i->next = i->prev = NULL;
}

/* Beyond the horizon an item hangs in the last slot and is moved on from there. */
static void wheel_hang(wheel *w, wheel_item *i)
{
	int64_t tick = i->due_us / WHEEL_TICK_US + 1;

	if (tick <= w->tick)
		tick = w->tick + 1;
	if (tick >= w->tick + WHEEL_SLOTS)
		tick = w->tick + WHEEL_SLOTS - 1;
	i->tick = tick;
	list_add(&w->slots[tick % WHEEL_SLOTS], i);
}

void wheel_set(wheel *w, wheel_item *i, int64_t due_us)
{
	i->due_us = due_us;
	if (due_us == WHEEL_NEVER || (i->next && i->tick <= due_us / WHEEL_TICK_US + 1))
		return;
	wheel_remove(i);
	wheel_hang(w, i);
}

static void slot_turn(wheel *w, int64_t now_us, void (*on_due)(void *arg, wheel_item *i), void *arg)
{
	wheel_item *slot = &w->slots[w->tick % WHEEL_SLOTS];
	wheel_item now;

	if (slot->next == slot)
		return;
	now = *slot;
	now.next->prev = now.prev->next = &now;
	list_init(slot);
	while (now.next != &now) {
		wheel_item *i = now.next;
		wheel_remove(i);
		if (i->due_us <= now_us)
			on_due(arg, i);
		else if (i->due_us != WHEEL_NEVER)
			wheel_hang(w, i);
	}
}

void wheel_turn(wheel *w, int64_t now_us, void (*on_due)(void *arg, wheel_item *i), void *arg)
{
	int64_t target = now_us / WHEEL_TICK_US;

	/* After a long sleep one round visits every slot. */
	if (target - w->tick > WHEEL_SLOTS)
		w->tick = target - WHEEL_SLOTS;
	while (w->tick < target) {
		w->tick++;
		slot_turn(w, now_us, on_due, arg);
	}
}
