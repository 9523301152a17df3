/* loop: the one event loop of a process.
 *
 * A thin face over libevent, so that no other room includes it. Everything of a process runs on this loop's thread;
 * nothing here is safe to call from another thread or a signal handler. Callbacks never run from inside the call that
 * caused them: they come from the loop. A process with a loop ignores SIGPIPE.
 */
#pragma once
#include "base/err.h"

typedef struct loop loop;
typedef struct loop_timer loop_timer;
typedef struct loop_watch loop_watch;

loop *loop_new(void);    /* aborts when the kernel refuses an epoll instance */
void loop_free(loop *l); /* what is deferred runs first; NULL-safe */
void loop_run(loop *l);  /* until loop_stop */
void loop_stop(loop *l); /* after the callbacks of this turn */

/* Runs on_fire(arg) after delay_us, once. The timer is freed by loop_timer_free only, and may be armed again (also from
 * its own callback). */
loop_timer *loop_timer_new(loop *l, void (*on_fire)(void *arg), void *arg);
void loop_timer_arm(loop_timer *t, int64_t delay_us);
void loop_timer_disarm(loop_timer *t);
void loop_timer_free(loop_timer *t); /* NULL-safe */

/* Runs fn(arg) once, in this turn of the loop but after the present callback. */
void loop_defer(loop *l, void (*fn)(void *arg), void *arg);

enum { LOOP_READ = 1, LOOP_WRITE = 2 };
/* Watches fd, level-triggered. `what` may be 0 (nothing yet). The fd stays the caller's. */
loop_watch *loop_watch_new(loop *l, int fd, int what, void (*on_ready)(void *arg, int what), void *arg);
void loop_watch_set(loop_watch *w, int what);
void loop_watch_free(loop_watch *w); /* NULL-safe; before the fd is closed */

/* Runs on_signal(arg) from the loop when `signo` arrives. */
void loop_on_signal(loop *l, int signo, void (*on_signal)(void *arg, int signo), void *arg);
