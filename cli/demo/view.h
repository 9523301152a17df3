/* view: what a person sees of a demo, gathered by a few reads. */
#pragma once
#include "api/types/placement.h"
#include "api/types/quota.h"
#include "base/id.h"
#include "cli/demo/demo.h"
#include "engine/lifecycle.h"

enum { VIEW_RECENT = 6, VIEW_TEXT = 120, VIEW_RATE_SPAN = 10 };

typedef struct view_cluster {
	int64_t devices, used_milli, running;
	str state;
} view_cluster;

/* The last decisions, newest first, and how many there were: from the stream. */
typedef struct view_feed {
	char recent[VIEW_RECENT][VIEW_TEXT];
	int64_t decisions, ended[LIFE_COUNT];
	struct {
		int64_t at_us, decisions;
	} marks[VIEW_RATE_SPAN]; /* for the rate */
	int next_mark;
} view_feed;

typedef struct view {
	view_cluster clusters[CAST_CLUSTERS];
	tenant_quota quotas[CAST_TENANTS];
	js_list live; /* of placement: those that are not over */
	int64_t in_state[LIFE_COUNT];
} view;

/* Everything in a. */
err view_read(demo *d, arena *a, view *ret, fault *f) MUST_CHECK;

/* A decision was told. */
void view_feed_add(view_feed *v, const placement *p);
/* Decisions of each second over the last few marks; to be called regularly. */
int64_t view_feed_rate(view_feed *v, int64_t now_us);
/* The first reason why a placement waits, as a line: "acme/vision  over  quota_limit ...: need 1, free 0.5". */
void view_blocker(const placement *p, char out[VIEW_TEXT]);
