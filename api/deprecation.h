/* deprecation: an operation on its way out. See deprecations.def. */
#pragma once
#include "api/routes.h"

enum { DEPRECATIONS_MAX = 8 };

typedef struct deprecation {
	op op;
	int64_t since_s, sunset_s;
	const char *link;
} deprecation;

/* Ends with a row whose link is NULL. */
extern const deprecation deprecations[];

/* The row's number; -1: it stays. */
int deprecation_find(op o);
