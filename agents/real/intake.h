/* intake: what nodes tell their cluster's agent: POST /node/v1/report (agents/node_report.h).
 *
 * A node comes with a token that Kubernetes bound to it; the API server says whose it is (TokenReview), and the answer
 * counts for INTAKE_TOKEN_US. Where that names the token's pod alone (Kubernetes before 1.30), the pod says which node.
 * Reports are taken in the order of their numbers and answered when what they hold is written down here: usage goes
 * into a journal of this agent's own, so that it outlives a day without the server; the journal is written anew now and
 * then, without what is stored and with windows that touch as one. A node that reports more than it may is told to wait
 * (429), and so is one that comes to an agent that does not act (503).
 */
#pragma once
#include "agents/node_report.h"
#include "agents/real/door.h"
#include "agents/real/real.h"

#define INTAKE_PATH     "/node/v1/report"
#define INTAKE_AUDIENCE "reeve-agent"
#define INTAKE_TOKEN_US ((int64_t)60000000)

enum { INTAKE_NODES_MAX = 20000, INTAKE_REVIEWS_MAX = 64 /* at once */ };

typedef struct intake intake;

typedef struct intake_spec {
	loop *loop;
	kube *kube;
	real *real;
	const char *space, *account; /* of nodes: system:serviceaccount:<space>:<account> */
	const char *journal;         /* file */
	/* Whether this agent acts: reports are taken then alone. NULL: always. */
	bool (*acts)(void *arg);
	void (*on_trouble)(void *arg, str node, str why);
	void *arg;
} intake_spec;

err intake_open(const intake_spec *s, intake **ret, fault *f) MUST_CHECK;
void intake_close(intake *i); /* NULL-safe; before the kube */
/* For door_route. */
void intake_answer(void *intake, web_req *r);
/* All usage that was told is stored by the server: the journal is empty again. */
void intake_settled(intake *i);
