/* member: one simulated cluster with its agent: its folder, its scene, its reality, its way to the server.
 */
#pragma once
#include "agents/cluster/agent.h"
#include "net/loop.h"

typedef struct member member;

typedef struct member_spec {
	loop *loop;
	const char *server;  /* "https://host:port" */
	const char *ca_file; /* NULL once it has joined */
	const char *token;   /* of this cluster; NULL once it has joined */
	const char *folder;  /* of its state */
	const char *scene_path;
	const char *version;
	/* Of several that are made of one scene, from 1: its cluster_uid is the scene's with that number behind it, and
	 * its seed is another. 0: it is alone. */
	uint32_t number;
	/* It has come to its end, after member_stop or by itself: is_failure. Once. */
	void (*on_end)(void *arg, bool is_failure);
	void *arg;
} member_spec;

/* Begins. Everything in s must outlive it. */
err member_open(const member_spec *s, member **ret, fault *f) MUST_CHECK;
/* Tells what is left, makes everything durable, then on_end. */
void member_stop(member *m);
/* Reads the scene again. */
void member_reload(member *m);
void member_close(member *m); /* NULL-safe; after on_end, or before the loop runs */
