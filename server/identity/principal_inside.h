/* What claim.c and principal.c share. */
#pragma once
#include "server/identity/principal.h"

/* Copies the lists into a block of p's own, in place of the one it had. */
void principal_pack(principal *p, const grants *g, const strs *groups, const strs *stands_on);
