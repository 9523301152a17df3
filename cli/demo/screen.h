/* screen: the live summary, as text. */
#pragma once
#include "cli/demo/view.h"

typedef struct screen_size {
	int rows, columns;
} screen_size;

/* One screenful for a terminal: drawn over the last one, without flicker, and never longer than `size`. */
void screen_draw(const demo *d, const view *v, const view_feed *feed, int64_t rate, screen_size size, buf *out);
/* The same in one line, for a log. */
void screen_line(const view *v, const view_feed *feed, int64_t rate, buf *out);
/* Where to go from here: console, token, three calls. */
void screen_try(const demo *d, buf *out);
