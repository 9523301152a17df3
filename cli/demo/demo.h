/* demo: three simulated clusters under one server, for a person to look at, or as a scenario that checks itself.
 *
 * Everything it starts is its child and ends with it. Its folder:
 *     lock           held while a demo runs; its text is the process number
 *     env            REEVE_URL, REEVE_TOKEN and REEVE_CA, for a shell; there while a demo is up
 *     live/, once/   a world each: server/ (reeved's data folder), server.log, <cluster>/ (its agent's) and made,
 *                    written last: the edition and the tenants' tokens. live/ is made anew when made is missing or
 *                    of another edition, once/ at each start.
 */
#pragma once
#include "base/arena.h"
#include "cli/command.h"
#include "cli/demo/cast.h"
#include "cli/spawn.h"
#include "json/js.h"

enum { DEMO_PATH_MAX = 1024, DEMO_TOKEN_MAX = 128, DEMO_CALL_MS = 10000 };

typedef struct demo_settings {
	const char *state;   /* its folder; made when not there */
	const char *bin;     /* folder of reeved and reeve-agent; "": that of this program */
	const char *web_dir; /* "": no console */
	const char *pg_bin;  /* "": reeved looks */
	const char *demo_listen;
	const char *edition; /* of the programs: a world of another one is made anew */
	bool once;
} demo_settings;

typedef struct demo {
	const demo_settings *settings;
	char state[DEMO_PATH_MAX], world[DEMO_PATH_MAX], data[DEMO_PATH_MAX], env[DEMO_PATH_MAX], log[DEMO_PATH_MAX],
		bin[DEMO_PATH_MAX];
	char url[128], ca[DEMO_PATH_MAX], admin[DEMO_TOKEN_MAX];
	char token[CAST_TENANTS][DEMO_TOKEN_MAX]; /* of a member of each tenant */
	int lock_fd;
	client_settings server;
	client *client;
	loop_timer *pause;
	bool is_stopping; /* a signal came */
	spawn reeved, agents[CAST_CLUSTERS];
} demo;

/* The loop for at most ms: streams are read, signals are heard. False: stop. */
bool demo_pause(demo *d, int64_t ms);

typedef struct demo_call {
	const char *method, *path, *token;
	str body;             /* absent: none */
	const char *if_match; /* NULL: none */
} demo_call;
/* Any answer is OK, whatever its status; no answer is an error with a sentence. */
err demo_ask(demo *d, arena *a, const demo_call *c, client_reply *ret, fault *f) MUST_CHECK;
/* An answer that is not 2xx is an error too. */
err demo_do(demo *d, arena *a, const demo_call *c, str *ret_body, fault *f) MUST_CHECK;
/* A GET of one object, or of the items of a list, as t. */
err demo_get(demo *d, arena *a, const char *token, const char *path, const js_type *t, void *out, fault *f) MUST_CHECK;
err demo_list(
	demo *d, arena *a, const char *token, const char *path, const js_type *t, js_list *out, fault *f) MUST_CHECK;

/* The two ways to spend the time when all is up; they return an exit code. */
int demo_live(demo *d);
int demo_once(demo *d);
