/* arrive: pods that come to a simulated cluster by themselves, and its clock, which may run faster than the real one.
 */
#pragma once
#include "agents/cluster/cluster.h"
#include "agents/simulate/scene.h"

typedef struct arrive {
	int64_t since_us;  /* when the simulation was opened, by both clocks */
	int64_t *came;     /* how many of each row, on the heap */
	int64_t *begun_us; /* of those that wait for a file; 0: it was not there yet */
	uint32_t n;
} arrive;

void arrive_begin(arrive *a, const scene *s, int64_t now_us);
void arrive_done(arrive *a);
/* Tells of those that have come until now_us; returns when the next one comes, or CLUSTER_NEVER. */
int64_t arrive_turn(arrive *a, const scene *s, const cluster_events *e, int64_t now_us);
int64_t arrive_clock_us(const arrive *a, const scene *s, int64_t real_us);
