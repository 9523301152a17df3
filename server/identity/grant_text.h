/* grant_text: where somebody holds which rights, as text: for a question that another process answers for them. */
#pragma once
#include "server/identity/grant.h"

/* A line per grant: key, rights, end, path. What it stands on and where it comes from is left out. */
str grants_text(arena *a, const grants *g);
/* Takes what grants_text wrote; a line that is none ends the list. */
grants grants_of_text(arena *a, str text);
