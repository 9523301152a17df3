/* scene: a request and what must come of it, as a row of a table.
 *
 * `{name}` in path, head and body stands for a value kept by an earlier row, `{+60}` for the time in a minute, `{-60}`
 * for that of a minute ago.
 */
#pragma once
#include "served.h"

typedef struct scene {
	const char *rule; /* what the row holds true */
	const char *role; /* NULL: without a token */
	const char *at;   /* the tenant of the role; NULL: the whole fleet */
	const char *method, *path, *head, *body;
	int status;
	const char *json;   /* members the answer has, as JSON with ' for "; NULL: any */
	const char *header; /* "Name: text": the header holds the text; "!Name": it is not there */
	const char *keep;   /* "name=member": kept for the rows behind; "name=@Header": a header */
} scene;

/* Plays the rows in order and fails the test, naming each row that does not hold. */
void scenes_play(const scene *v, size_t n);
