#include "shim/gate.h"

#include <time.h>

#include "shim/account.h"
#include "shim/driver.h"
#include "shim/flight.h"
#include "shim/meter.h"
#include "shim/tick.h"
#include "shim/wrap.h"

#define GATE_NAP_NS   1000000   /* at most between two looks at the limits */
#define GATE_POLL_NS  50000     /* at most between two looks at what is under way */
#define GATE_GUESS_NS 50000     /* the cost of what cannot be measured now */
#define GATE_HELD_NS  100000000 /* low priority waits so long, and then one launch goes: nobody starves */

THREAD gate_thread gate_here;

struct gate {
	flights flights;
	cost costs[COST_ENTRIES];
};

size_t gate_bytes(void)
{
	return sizeof(gate);
}

static bool gate_is_low(const self *s)
{
	return atomic_load_explicit(&s->limits->priority, memory_order_relaxed) != LIMITS_HIGH;
}

static void gate_nap(const self *s, int64_t ns)
{
	uint32_t turn = atomic_load(&s->limits->turn);
	limits_wait(s->limits, turn, ns < GATE_NAP_NS ? ns : GATE_NAP_NS);
}

static void gate_poll(int64_t *nap_ns)
{
	struct timespec span = {0, (long)*nap_ns};
	nanosleep(&span, NULL);
	*nap_ns = *nap_ns * 2 < GATE_POLL_NS ? *nap_ns * 2 : GATE_POLL_NS;
}

/* What has come back: costs are learnt, and the difference to what was charged is made good. */
static void gate_reap(self *s)
{
	flight back;
	while (flight_land(&s->gate->flights, &back)) {
		int64_t sample_ns = back.sample_ns > 0 ? back.sample_ns : GATE_GUESS_NS;
		if (back.trial || back.sample_ns > 0)
			cost_learn(back.cost, sample_ns);
		if (!back.trial)
			continue;
		account_correct(s, back.device, sample_ns * account_trim(s, back.device) / 1000);
		meter_add(s, back.device, sample_ns);
		atomic_store(&back.cost->trial, 0);
	}
}

/* Low priority waits while the node says that work of high priority is on the device. */
static void gate_yield(self *s, unsigned device)
{
	int64_t until = 0;
	while (gate_is_low(s) && atomic_load(&s->limits->devices[device].hold)) {
		int64_t now = tick_ns();
		if (!until)
			until = now + GATE_HELD_NS;
		if (now >= until)
			return;
		meter_launched(s, device); /* who waits wants, and lends nothing */
		gate_nap(s, until - now);
	}
}

/* Bounds what is under way; a single long launch may always go. */
static void gate_bound(self *s, int64_t ns)
{
	int64_t most = gate_is_low(s) ? GATE_FLYING_LOW_NS : GATE_FLYING_NS;
	int64_t nap_ns = 5000;
	if (most < 2 * ns)
		most = 2 * ns; /* of long kernels two and this one, so that the device never waits for us */
	while (flights_ns(&s->gate->flights) > most) {
		gate_poll(&nap_ns);
		gate_reap(s);
	}
}

/* Draws for the launch and some more, so that the next ones need not come here. */
static void gate_pay(self *s, unsigned device, int64_t ns)
{
	gate_thread *t = &gate_here;
	int64_t wait;
	while (t->credit_ns < ns) {
		int64_t draw = ns - t->credit_ns > GATE_DRAW_NS ? ns - t->credit_ns : GATE_DRAW_NS;
		wait = account_draw(s, device, draw * account_trim(s, device) / 1000);
		if (wait == 0) {
			t->credit_ns += draw;
		} else {
			meter_launched(s, device);
			gate_nap(s, wait);
		}
		gate_reap(s);
	}
	t->credit_ns -= ns;
}

/* The first launch of a function measures; others of it wait for that. True: this is the first. */
static bool gate_try(self *s, cost *c)
{
	int64_t nap_ns = 5000;
	for (;;) {
		uint32_t nobody = 0;
		if (atomic_load(&c->ns))
			return false;
		if (atomic_compare_exchange_strong(&c->trial, &nobody, 1))
			return true;
		gate_reap(s);
		if (atomic_load(&c->ns) == 0 && atomic_load(&c->trial))
			gate_poll(&nap_ns);
	}
}

/* The account must not be in debt when a function goes on trial, since nothing is charged until it is back. */
static void gate_wait_for_trial(self *s, unsigned device)
{
	int64_t wait;
	while ((wait = account_draw(s, device, 0)) > 0)
		gate_nap(s, wait);
}

static void gate_close(self *s, gate_thread *t)
{
	meter_add(s, t->device, t->open_ns);
	t->open_ns = 0;
	t->open_count = 0;
}

/* The thread's view belongs to another process (its parent's, before a fork), or to another device. */
static void gate_turn(self *s, gate_thread *t, unsigned device)
{
	uint64_t epoch = atomic_load_explicit(&self_here.epoch, memory_order_relaxed);
	if (t->epoch != epoch)
		*t = (gate_thread){.epoch = epoch, .device = device};
	if (t->device != device) {
		account_correct(s, t->device, -t->credit_ns);
		gate_close(s, t);
		t->credit_ns = 0;
		t->device = device;
	}
}

static bool gate_may_record(self *s, const gate_stream *on, bool *ret_recorded)
{
	int status = 0;
	*ret_recorded = false;
	if (!atomic_load(&s->captures))
		return true;
	*ret_recorded = on->is_recorded(on->stream, &status) == CUDA_SUCCESS && status != 0;
	return false;
}

static void gate_measure(self *s, const gate_stream *on, gate_pass *pass, bool trial)
{
	gate_thread *t = &gate_here;
	CUcontext context = NULL;
	DRIVER(cuCtxGetCurrent)(&context);
	flight out = {.context = context,
		.cost = pass->cost,
		.expected_ns = pass->ns + t->open_ns,
		.trial = trial,
		.device = t->device};
	gate_reap(s);
	pass->flight = flight_begin(&s->gate->flights, &out, on);
	if (pass->flight < 0 && trial)
		atomic_store(&pass->cost->trial, 0);
	gate_close(s, t);
}

void gate_enter(self *s, uint64_t key, const gate_stream *on, gate_pass *ret_pass)
{
	gate_thread *t = &gate_here;
	unsigned device;
	bool recorded;
	*ret_pass = (gate_pass){.flight = -1};
	if (!self_device(s, &device))
		return;
	bool may_record = gate_may_record(s, on, &recorded);
	if (recorded)
		return;
	gate_turn(s, t, device);
	gate_yield(s, device);
	cost *c = cost_find(s->gate->costs, key);
	bool trial = may_record && gate_try(s, c);
	int64_t known = atomic_load(&c->ns);
	*ret_pass = (gate_pass){.flight = -1, .cost = c, .ns = trial ? 0 : known ? known : GATE_GUESS_NS};
	if (trial)
		gate_wait_for_trial(s, device);
	else
		gate_pay(s, device, ret_pass->ns);
	bool fence = trial || t->open_count + 1 >= GATE_FENCE_LAUNCHES || t->open_ns + ret_pass->ns > GATE_FENCE_NS;
	t->key = key;
	t->cost_ns = known ? known : INT64_MAX / 4;
	if (may_record && fence) {
		gate_bound(s, ret_pass->ns);
		gate_measure(s, on, ret_pass, trial);
	}
	t->open_ns += ret_pass->ns;
	t->open_count++;
	meter_launched(s, device);
}

void gate_leave(self *s, const gate_stream *on, const gate_pass *pass, CUresult answer)
{
	bool launched = answer == CUDA_SUCCESS;
	if (pass->flight < 0 || flight_end(&s->gate->flights, pass->flight, on, launched))
		return;
	if (launched && atomic_load(&pass->cost->ns) == 0)
		cost_learn(pass->cost, GATE_GUESS_NS);
	atomic_store(&pass->cost->trial, 0);
}

void gate_forget(self *s, CUcontext context)
{
	flights_forget(&s->gate->flights, context);
}
