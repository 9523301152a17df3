#include "shim/flight.h"

#include "shim/driver.h"
#include "shim/wrap.h"

#define FLIGHT_LATE 4 /* that are not back when the search ends: on other streams, later ones may be */

enum { FLIGHT_FREE, FLIGHT_BUSY, FLIGHT_FLYING };

int64_t flights_ns(const flights *all)
{
	return atomic_load(&all->expected_ns);
}

static int flight_claim(flights *all)
{
	int found = -1;
	spin_lock(&all->lock);
	for (unsigned i = 0; i < FLIGHTS && found < 0; i++) {
		unsigned place = (atomic_load(&all->next) + i) % FLIGHTS;
		if (atomic_load(&all->list[place].state) != FLIGHT_FREE)
			continue;
		atomic_store(&all->list[place].state, FLIGHT_BUSY);
		atomic_store(&all->next, place + 1);
		found = (int)place;
	}
	spin_unlock(&all->lock);
	return found;
}

static void flight_drop_events(flight *f)
{
	if (f->from)
		DRIVER(cuEventDestroy_v2)(f->from);
	if (f->to)
		DRIVER(cuEventDestroy_v2)(f->to);
	f->from = f->to = NULL;
}

/* Events belong to a context and are kept for the next flight in it. */
static bool flight_equip(flight *f, CUcontext context)
{
	if (f->from && f->to && f->context == context)
		return true;
	flight_drop_events(f);
	f->context = context;
	return DRIVER(cuEventCreate)(&f->from, CU_EVENT_DEFAULT) == CUDA_SUCCESS &&
	       DRIVER(cuEventCreate)(&f->to, CU_EVENT_DEFAULT) == CUDA_SUCCESS;
}

int flight_begin(flights *all, const flight *out, const gate_stream *on)
{
	int place = flight_claim(all);
	if (place < 0)
		return -1;
	flight *f = &all->list[place];
	if (!flight_equip(f, out->context) || on->record(f->from, on->stream) != CUDA_SUCCESS) {
		atomic_store(&f->state, FLIGHT_FREE);
		return -1;
	}
	f->cost = out->cost;
	f->expected_ns = out->expected_ns;
	f->device = out->device;
	f->trial = out->trial;
	f->sample_ns = 0;
	return place;
}

bool flight_end(flights *all, int place, const gate_stream *on, bool launched)
{
	flight *f = &all->list[place];
	if (!launched || on->record(f->to, on->stream) != CUDA_SUCCESS) {
		atomic_store(&f->state, FLIGHT_FREE);
		return false;
	}
	atomic_fetch_add(&all->expected_ns, f->expected_ns);
	atomic_store(&f->state, FLIGHT_FLYING);
	return true;
}

static void flight_settle(flights *all, flight *f, CUresult answer, flight *ret_back)
{
	float ms = 0;
	if (answer == CUDA_SUCCESS && DRIVER(cuEventElapsedTime)(&ms, f->from, f->to) == CUDA_SUCCESS && ms >= 0)
		f->sample_ns = (int64_t)((double)ms * 1e6) + 1;
	else
		flight_drop_events(f);
	*ret_back = (flight){.cost = f->cost, .sample_ns = f->sample_ns, .device = f->device, .trial = f->trial};
	atomic_fetch_sub(&all->expected_ns, f->expected_ns);
	atomic_store(&f->state, FLIGHT_FREE);
}

bool flight_land(flights *all, flight *ret_back)
{
	unsigned late = 0;
	unsigned first = atomic_load(&all->next);
	for (unsigned i = 0; i < FLIGHTS && late < FLIGHT_LATE; i++) {
		flight *f = &all->list[(first + i) % FLIGHTS];
		uint8_t flying = FLIGHT_FLYING;
		if (!atomic_compare_exchange_strong(&f->state, &flying, FLIGHT_BUSY))
			continue;
		CUresult answer = DRIVER(cuEventQuery)(f->to);
		if (answer != CUDA_ERROR_NOT_READY) {
			flight_settle(all, f, answer, ret_back);
			return true;
		}
		atomic_store(&f->state, FLIGHT_FLYING);
		late++;
	}
	return false;
}

void flights_forget(flights *all, CUcontext context)
{
	for (unsigned i = 0; i < FLIGHTS; i++) {
		flight *f = &all->list[i];
		uint8_t state = atomic_load(&f->state);
		if (f->context != context || state == FLIGHT_BUSY)
			continue;
		if (!atomic_compare_exchange_strong(&f->state, &state, FLIGHT_BUSY))
			continue;
		f->from = f->to = NULL; /* they end with the context */
		if (state == FLIGHT_FLYING) {
			atomic_fetch_sub(&all->expected_ns, f->expected_ns);
			atomic_store(&f->cost->trial, 0);
		}
		atomic_store(&f->state, FLIGHT_FREE);
	}
}
