/* health: what is known of one device's health, as a machine of states: pure, without a clock.
 *
 * Facts come from NVML's events (an XID is what the driver says went wrong), from samples, and from whether the device
 * answers at all. A row of the table says what a fact makes of the device and how long it must be quiet to be well
 * again. Coming back is never sudden and never by hand: the device must answer and be quiet for the row's time, twice
 * as long with each relapse within an hour, so that one that comes and goes is not sold again and again. All shares of
 * a device are in its state.
 */
#pragma once
#include "agents/node/inventory.h"

enum {
	HEALTH_RELAPSE_S = 3600,
	HEALTH_QUIET_MAX_S = 3600,
};

typedef enum health_fact {
	HEALTH_XID,          /* with its number */
	HEALTH_DOUBLE_BIT,   /* an error of memory that could not be corrected */
	HEALTH_UNAVAILABLE,  /* the driver gives it up */
	HEALTH_SILENT,       /* it did not answer before the deadline, or took its reader with it */
	HEALTH_LOST,         /* off the bus, or gone from the list */
	HEALTH_ROWS_FAILED,  /* there are no spare rows of memory left */
	HEALTH_ROWS_PENDING, /* a reset would exchange bad rows */
} health_fact;

typedef struct health {
	card_state state;
	char cause[CARD_TEXT_BYTES];
	int64_t since_us, quiet_from_us; /* the latest bad fact, or the latest moment it did not answer */
	int64_t quiet_s;                 /* what it must be quiet for, now */
	int64_t ended_us;                /* when it last came back; 0: never */
	int64_t relapses;
} health;

/* A fact; true: the state or its cause is another. An XID that tells of a program's fault changes nothing. */
bool health_take(health *h, health_fact fact, int64_t number, int64_t now_us);
/* The device answered and nothing was wrong with it. True: it is well again. */
bool health_well(health *h, int64_t now_us);

/* What an XID makes of a device; CARD_OK: it is about a program. */
card_state health_of_xid(int64_t xid);

/* A line of the kernel's log that the kernel wrote itself and that begins so: "NVRM: Xid (PCI:0000:3b:00): 79, ...":
 * false when it is none. bus_id as card has it. */
bool health_read_log(str line, char bus_id[CARD_BUS_ID_BYTES], int64_t *ret_xid);
