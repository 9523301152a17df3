/* follow: one kind of object of the API server, as it is and as it changes.
 *
 * A list in pages, then a watch from where the list stood, for ever. Each state of an object is told once, whatever
 * breaks: a watch that ends goes on after the last state it told; when the server no longer knows that point (410, or
 * an ERROR line inside a 200) everything is listed anew, what did not change is not told again, and what is no longer
 * there is told as gone. An object that was deleted and made anew under its name in between is told as gone first.
 *
 * Other failures are waited for and gone on from where it stood, but not for ever: after FOLLOW_STUCK_MAX that the
 * server itself answered with, when it knows no such point yet, or when its state is an older one (a bookmark says so),
 * everything is listed too.
 *
 * A line is taken when it is whole: what a connection had begun to say does not count. A stream that says nothing for
 * FOLLOW_QUIET_MS (the server sends bookmarks once a minute) is dropped and begun again.
 */
#pragma once
#include "agents/kube/kube.h"
#include "agents/kube/object.h"

enum {
	FOLLOW_PAGE = 500,
	FOLLOW_PAGE_BYTES = 64 << 20,
	FOLLOW_LINE_BYTES = 16 << 20, /* of one event; objects are 1.5 MiB at most where nobody raised it */
	FOLLOW_LIST_MS = 60000,
	FOLLOW_QUIET_MS = 150000,
	FOLLOW_STUCK_MAX =
		5, /* streams that the server ended without telling anything: then everything is listed anew */
	FOLLOW_STREAM_MIN_S = 300, /* a stream is asked for this long at least, and at most twice */
};
#define FOLLOW_FIRST_US ((int64_t)800000) /* the wait after a failure doubles from here */
#define FOLLOW_LAST_US  ((int64_t)30000000)

typedef struct follow follow;

typedef struct follow_spec {
	loop *loop;
	kube *kube;
	str path;        /* "/api/v1/pods"; copied, as is the selector */
	str selector;    /* more of the query, encoded: "fieldSelector=spec.nodeName%3Dn1"; or absent */
	int64_t page;    /* objects per page; 0: FOLLOW_PAGE */
	bool may_stream; /* ask for the first state as a stream (sendInitialEvents); where that is not known, pages */
	int64_t quiet_ms, first_us, last_us; /* 0: the above */
	/* Texts are valid during the call only. Each of them may close the follow. */
	void (*on_object)(void *arg, const object_meta *m, str object);
	/* object: its last state; absent when a list did not have it any more. */
	void (*on_gone)(void *arg, const object_meta *m, str object);
	/* Everything there is has been told: after each list. */
	void (*on_listed)(void *arg);
	/* Something failed and is tried again: for logs and metrics. Optional. */
	void (*on_trouble)(void *arg, err e, long status, str why);
	void *arg;
} follow_spec;

/* Begins at once. */
follow *follow_open(const follow_spec *s);
/* Lists everything anew, from now on: on_listed then comes of a list that was begun after this call. */
void follow_list(follow *f);
/* No call comes after it. NULL-safe. The kube must stay until the loop has run once more. */
void follow_close(follow *f);
/* Objects known at present. */
uint32_t follow_count(const follow *f);
