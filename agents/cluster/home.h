/* home: the agent's state folder: what it is called, its key, its certificate and its journals. */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "base/id.h"

typedef struct home {
	const char *key, *cert, *ca; /* paths; cert and ca are there once the agent has joined */
	const char *id;              /* file of agent_id */
	const char *plan_key;        /* signs what is decided for pods; of a real cluster */
	const char *usage;           /* journal of what nodes told, until the server has it */
	const char *facts;           /* journal of the agent's memory */
	const char *reality;         /* journal of a simulated cluster */
	char agent_id[ID_MAX];
} home;

/* Makes what is missing: the folder, the id and the key. Paths live in a. */
err home_open(const char *folder, arena *a, home *ret, fault *f) MUST_CHECK;
/* The files were replaced by others: reads what stands in them. */
err home_reread(home *h, fault *f) MUST_CHECK;
