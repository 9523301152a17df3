/* shape: what admission adds to a container that asks for devices of a kind, by the kind's row (vendor_admission).
 */
#pragma once
#include "agents/admission/edit.h"
#include "agents/admission/review.h"
#include "agents/scheduling/pod_wants.h"

typedef struct shape_work {
	const pod *pod;
	edit *edit;
	arena *a;
	review_answer *out;
} shape_work;

/* Amounts of a container that no want tells: false when it was refused. */
bool shape_check(const shape_work *s, uint32_t container);
/* Adds what its kind's plugin looks for, and brings the want to what will be placed. False: refused. */
bool shape_want(const shape_work *s, pod_want *w);
/* Whether the annotation says what a pod was given: nobody but the binder writes those. */
bool shape_is_record(str key);
