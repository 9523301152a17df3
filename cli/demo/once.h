/* once: the fixed scenario: what is asked for in it, and what the server was seen to make of it. */
#pragma once
#include "api/types/placement.h"
#include "base/id.h"
#include "base/map.h"
#include "base/vec.h"
#include "cli/demo/check.h"
#include "cli/demo/demo.h"
#include "cli/demo/stream.h"
#include "cli/demo/work.h"
#include "engine/lifecycle.h"

typedef enum ask_id {
	/* first act: each runs at once */
	ASK_WHOLE,
	ASK_SLICE,
	ASK_PERCENT,
	ASK_THICK, /* two that do not fit one device by their memory alone */
	ASK_GANG,
	ASK_CPU,
	ASK_FALLBACK,
	ASK_CAPPED,
	ASK_INFERENCE, /* until it is released */
	/* second act: quota. FILL and PART leave half a device of vision's limit */
	ASK_FILL,
	ASK_PART,
	ASK_OVER,
	ASK_SMALL,
	ASK_IMPATIENT,
	ASK_BESIDE,
	ASK_PARENT,
	/* third act: capacity. FRAG stands on both nodes of a kind, so that nothing wide fits */
	ASK_FRAG,
	ASK_SPLIT,
	ASK_WIDE,
	ASK_HASTY,
	ASKS
} ask_id;

typedef struct asked {
	char id[ID_MAX];      /* "": not asked yet */
	placement first;      /* as decided first */
	const placement *now; /* as last seen */
} asked;

/* One state of a placement, as a stream told it. */
typedef struct told {
	char id[ID_MAX];
	int who; /* cast_who, or -1 */
	int64_t n;
	lifecycle life;
	uint32_t pods;
} told;

typedef struct history {
	vec(told) told; /* in the order of their coming */
} history;

typedef struct once {
	demo *demo;
	checks checks;
	arena *kept, *fresh; /* for the whole run; for the last look */
	asked asks[ASKS];
	stream *stream, *tenant_stream;
	history all, seen_by_tenant; /* by an administrator, by a member of vision */
	int64_t samples, samples_over, peak_milli;
	fault fault; /* of the first call that failed */
	bool is_broken;
	bool is_late; /* something did not come about: what follows from it is not waited for as long */
} once;

extern const work once_works[ASKS];

/* Asks, and waits for the first decision. */
void once_ask(once *o, ask_id i);
void once_release(once *o, ask_id i);
/* Looks at every placement and every device. */
void once_look(once *o);
/* Looks until `holds`, or until the time is over. */
bool once_until(once *o, bool (*holds)(once *o));

/* What was told of one, in order: starts with *at = 0; NULL at the end. */
const told *history_next(const once *o, const history *h, ask_id i, uint32_t *at);

bool ask_is_over(const once *o, ask_id i);
bool ask_stands(const once *o, ask_id i); /* holds devices */
bool ask_runs(const once *o, ask_id i);
bool ask_waits(const once *o, ask_id i);
lifecycle ask_life(const once *o, ask_id i);
/* What all that stand use of a model, in the subtree of `top`, in thousandths of devices. */
int64_t once_used_milli(const once *o, cast_who top, const char *model);

/* once_checks.c: what must hold of single placements. */
void check_ran(once *o, ask_id i, lifecycle end);
void check_gang(once *o, ask_id i);
/* It waits, or was rejected, for this reason, with the numbers that follow from the tables and from what stands. */
void check_quota_blocker(once *o, ask_id i, cast_who scope, int64_t used_milli);
void check_blocker(once *o, ask_id i, const placement_blocker *want);
void check_started_after(once *o, ask_id i, ask_id released);

/* once_books.c: what must hold of the whole. */
void check_fleet(once *o);
void check_classes(once *o);
void check_devices_match(once *o, const char *when);
void check_walls(once *o);
void check_usage(once *o);
void check_stream(once *o);
void check_audit(once *o);
void check_samples(once *o);
void once_summary(once *o);
