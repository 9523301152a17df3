/* reservation_inside: what the files of reservation share. */
#pragma once
#include "server/placer/reservation.h"

/* Holds what of `whole` nobody uses, in the place of what was held. */
void reservation_hold(books *b, reservation *x);
/* Holds nothing. */
void reservation_let_go(books *b, reservation *x);
/* Those that have ended leave the books: behind their turn. */
void reservations_purge(books *b);
/* It is written down with the turn; is_news: as a record too. */
void reservation_tell(turn *t, reservation *x, bool is_news);

/* reservation_find.c: devices for it, into p (not booked). False: r says why not. x's own hold is not in the way. */
bool reservation_find(books *b, const reservation *x, int64_t now_us, plan *p, reasons *r);
