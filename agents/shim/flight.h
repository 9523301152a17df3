/* flight: launches under way that stand between two events, in about the order in which they left. */
#pragma once
#include "shim/cost.h"
#include "shim/gate.h"
#include "shim/spin.h"

#define FLIGHTS 128

typedef struct flight {
	CUcontext context;
	CUevent from, to;
	cost *cost;
	int64_t expected_ns; /* of it, and of what was launched since the flight before */
	int64_t sample_ns;   /* between the events; 0: not to be had */
	uint32_t device;
	bool trial;
	_Atomic uint8_t state;
} flight;

typedef struct flights {
	spin lock; /* over places, not over what the driver is asked meanwhile */
	atomic_uint next;
	_Atomic int64_t expected_ns;
	flight list[FLIGHTS];
} flights;

/* Expected time of all that is under way. */
int64_t flights_ns(const flights *all);

/* Takes a place and records the event before the launch. -1: no place, or the driver refused. */
int flight_begin(flights *all, const flight *out, const gate_stream *on);

/* Records the event after it, when it was launched. False: it is not under way, and its place is free again. */
bool flight_end(flights *all, int place, const gate_stream *on, bool launched);

/* One that has come back; false when none of the oldest has. */
bool flight_land(flights *all, flight *ret_back);

/* Forgets all of a context that is about to end. */
void flights_forget(flights *all, CUcontext context);
