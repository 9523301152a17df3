/* node_report: what a node tells the agent of its cluster (POST /node/v1/report; architecture, section 6).
 *
 * The node dials, over TLS, with a token that Kubernetes has bound to it. Reports are numbered from 1 within a boot of
 * reeve-node and answered at once; one that was not answered is sent again as it was, and the number of one that was
 * refused is the next one's. Items are facts, each complete in
 * itself, so that to read one twice does no harm:
 *
 *   inventory  all devices of the node and how they are linked; nothing else is there
 *   health     the state of devices; those that are not named are as they were
 *   step       how far a container's allocation has come
 *   usage      what containers held and used in a window that is over
 *   finding    what the audit saw: use beyond a share, past the shim, or books that do not say the truth
 *
 * The one list of these fields, for the node that writes and the agent that reads.
 */
#pragma once
#include "api/types/agent.h"

enum {
	NODE_REPORT_BYTES_MAX = 4 << 20,
	NODE_REPORT_ITEMS_MAX = 256,
	NODE_REPORT_ROWS_MAX = 4096, /* of one item's lists */
	NODE_REASON_MAX = 500,       /* bytes of node_step.reason */
};

/* node_item.kind */
extern const char *const node_item_kinds[];
/* node_health.state: ok; degraded: what runs may end, nothing new begins; failed: what runs is lost or wrong;
 * unmonitored: nobody answers for it. */
extern const char *const node_health_states[];
/* node_step.state */
extern const char *const node_step_states[];
/* node_finding.kind and .action */
extern const char *const node_finding_kinds[];
extern const char *const node_finding_actions[];

typedef struct node_health {
	str uuid;
	str state;
	str cause;     /* "xid 79", "does not answer", ...; absent: ok */
	js_time since; /* of this state */
} node_health;
JS_DECLARE(node_health);

/* Whose a share is. Members that the node does not know stay absent. */
typedef struct node_owner {
	str allocation; /* the node's name of it */
	str placement, fence;
	str pod_uid, namespace, pod, container;
} node_owner;
JS_DECLARE(node_owner);

typedef struct node_step {
	node_owner owner;
	str state;  /* allocated, refused, ended */
	str reason; /* node_reason */
	js_time at;
} node_step;
JS_DECLARE(node_step);

/* As much of a sentence as a step takes, cut at a whole character. NULL: none. */
str node_reason(const char *text);

/* Of one container, over all its devices together. */
typedef struct node_usage {
	node_owner owner;
	strs devices; /* uuids */
	int64_t memory_mib_avg, memory_mib_max, compute_milli_avg;
	int64_t refused; /* allocations of memory in the window that did not fit */
} node_usage;
JS_DECLARE(node_usage);

typedef struct node_finding {
	node_owner owner; /* nobody's: its members are absent */
	str device;
	str kind;
	str action;
	int64_t pid;             /* on the node; 0: it is about all processes of the container */
	int64_t found, expected; /* MiB of memory, or thousandths of device time */
	js_time at;
} node_finding;
JS_DECLARE(node_finding);

typedef struct node_item {
	str kind;
	/* inventory */
	str driver;      /* its version */
	js_list devices; /* of report_device */
	report_links links;
	js_list health;    /* of node_health */
	js_list steps;     /* of node_step */
	js_time at;        /* usage: end of the window */
	int64_t window_ms; /* usage */
	js_list usage;     /* of node_usage */
	js_list findings;  /* of node_finding */
} node_item;
JS_DECLARE(node_item);

typedef struct node_report {
	str node; /* its name in the cluster; must be the one that the token is bound to */
	str boot; /* of reeve-node: another one begins the numbers anew */
	int64_t seq;
	str version;
	js_list items; /* of node_item */
} node_report;
JS_DECLARE(node_report);

typedef struct node_answer {
	int64_t acked_seq;
	bool want_inventory; /* the agent knows nothing of this node: tell inventory and all health again */
} node_answer;
JS_DECLARE(node_answer);
