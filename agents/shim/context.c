#include "shim/context.h"

#include <time.h>

#include "shim/driver.h"
#include "shim/gate.h"
#include "shim/memory.h"
#include "shim/slice.h"
#include "shim/tick.h"
#include "shim/wrap.h"

#define CONTEXT_ASK_NS     50000000            /* so long others wait for who asks */
#define CONTEXT_NAP_NS     100000              /* at a time */
#define CONTEXT_MOST       ((uint64_t)1 << 30) /* no context takes more; neighbours may */
#define CONTEXT_GUESS_PART 32                  /* of the limit */
#define CONTEXT_UNTOLD     (-1) /* NVML did not know who asked; perhaps it knows another: nobody waits for anybody */

uint64_t context_known(const self *s, unsigned device)
{
	uint64_t told = atomic_load(&s->limits->devices[device].context_bytes);
	return told ? told : atomic_load(&s->books->devices[device].context_bytes);
}

/* As NVML counts: what this process has that is not booked, but for a guess at it. */
static uint64_t context_ask(const self *s, unsigned device, int ordinal, uint64_t guess)
{
	uint64_t held = slice_of_self(s, ordinal);
	uint64_t booked = atomic_load(&s->slot->bytes[device]) - guess;
	return held > booked ? held - booked : 0;
}

static bool context_may_ask(books_device *account)
{
	int64_t now = tick_ns();
	int64_t before = atomic_load(&account->priced_at_ns);
	if (before == CONTEXT_UNTOLD)
		return true;
	if (before && before <= now && now - before < CONTEXT_ASK_NS)
		return false;
	return atomic_compare_exchange_strong(&account->priced_at_ns, &before, now);
}

uint64_t context_left(void)
{
	size_t left = 0, total;
	return DRIVER(cuMemGetInfo_v2)(&left, &total) == CUDA_SUCCESS ? left : 0;
}

uint64_t context_between(uint64_t left, uint64_t after)
{
	if (!after || after >= left)
		return 0;
	return left - after < CONTEXT_MOST ? left - after : CONTEXT_MOST;
}

/* By making another one, beside that which was just made, and ending it at once. */
static uint64_t context_try(CUcontext made, int ordinal)
{
	CUcontext before = NULL, other = NULL;
	uint64_t price = 0;
	if (DRIVER(cuCtxGetCurrent)(&before) != CUDA_SUCCESS || DRIVER(cuCtxSetCurrent)(made) != CUDA_SUCCESS)
		return 0;
	uint64_t left = context_left();
	if (left && DRIVER(cuCtxCreate_v2)(&other, 0, ordinal) == CUDA_SUCCESS) {
		price = context_between(left, context_left());
		DRIVER(cuCtxDestroy_v2)(other);
	}
	DRIVER(cuCtxSetCurrent)(before);
	return price;
}

/* Where NVML does not know this process, one of the container tries, once, and nobody waits for anybody. */
static uint64_t context_untold(books_device *account, CUcontext made, int ordinal)
{
	int64_t asked = atomic_load(&account->priced_at_ns);
	if (asked == CONTEXT_UNTOLD ||
		!atomic_compare_exchange_strong(&account->priced_at_ns, &asked, made ? CONTEXT_UNTOLD : 0))
		return 0;
	return made ? context_try(made, ordinal) : 0;
}

/* The first context of a container is made before anybody knows its price: then NVML says what this process has. Of
 * many that start at once one asks, since NVML takes its time; the others wait for what it finds, as long as it may
 * still find something.
 */
static uint64_t context_learn(self *s, unsigned device, int ordinal, CUcontext made, uint64_t guess)
{
	books_device *account = &s->books->devices[device];
	uint64_t nobody = 0, price;
	if (memory_limit(s, device) == LIMITS_NONE || !s->slot)
		return context_known(s, device);
	while (!(price = context_known(s, device))) {
		if (!context_may_ask(account)) {
			nanosleep(&(struct timespec){0, CONTEXT_NAP_NS}, NULL);
			continue;
		}
		price = context_ask(s, device, ordinal, guess);
		if (!price)
			price = context_untold(account, made, ordinal);
		if (price)
			atomic_compare_exchange_strong(&account->context_bytes, &nobody, price);
		return price;
	}
	return price;
}

/* Room for a primary context whose price nobody knows yet is kept free while it is made, or others that start at the
 * same time would fill it; when there is too little, none is.
 */
static uint64_t context_guess(self *s, unsigned device)
{
	uint64_t limit = memory_limit(s, device);
	uint64_t guess = limit / CONTEXT_GUESS_PART < CONTEXT_MOST ? limit / CONTEXT_GUESS_PART : CONTEXT_MOST;
	return limit != LIMITS_NONE && memory_take(s, device, guess) ? guess : 0;
}

bool context_take(self *s, unsigned device, context_price *ret_price)
{
	*ret_price = (context_price){.paid = context_known(s, device)};
	if (!ret_price->paid && memory_limit(s, device) != LIMITS_NONE)
		ret_price->left = context_left();
	return !ret_price->paid || memory_take(s, device, ret_price->paid);
}

/* Where NVML does not know this process, by what is left now; neighbours may have taken some of that, so it is no price
 * for others.
 */
static uint64_t context_weigh(self *s, unsigned device, const context_price *price, CUcontext made)
{
	CUdevice ordinal;
	uint64_t between = price->left ? context_between(price->left, context_left()) : 0;
	uint64_t bytes = 0;
	if (DRIVER(cuCtxGetDevice)(&ordinal) == CUDA_SUCCESS)
		bytes = context_learn(s, device, ordinal, between ? NULL : made, 0);
	return bytes ? bytes : between;
}

bool context_enter(self *s, CUcontext context, unsigned device, const context_price *price)
{
	holding entry = {.kind = HOLDING_CONTEXT,
		.key = (uint64_t)(uintptr_t)context,
		.device = (uint8_t)device,
		.bytes = price->paid};
	if (!price->paid) {
		entry.bytes = context_weigh(s, device, price, context);
		if (entry.bytes && !memory_take(s, device, entry.bytes))
			return false;
	}
	holding_put(s->holdings, &entry);
	return true;
}

typedef struct context_ending {
	self *self;
	uint64_t context;
} context_ending;

static bool context_on_entry(holding *entry, void *arg)
{
	const context_ending *ending = arg;
	bool within = entry->kind == HOLDING_ARRAY || entry->kind == HOLDING_MIPMAP ||
		      entry->kind == HOLDING_EXTERNAL || entry->kind == HOLDING_MODULE || entry->kind == HOLDING_KEPT;
	if (!within || entry->of != ending->context)
		return false;
	memory_give(ending->self, entry->device, entry->bytes);
	return true;
}

static void context_on_piece(piece what, void *arg)
{
	memory_give(arg, what.device, what.bytes);
}

static void context_on_number(self *s, unsigned number)
{
	pieces_end(s->pieces, number, context_on_piece, s);
}

static void context_forget(self *s, CUcontext context)
{
	context_ending ending = {s, (uint64_t)(uintptr_t)context};
	atomic_fetch_add(&s->epoch, 1);
	gate_forget(s, context);
	self_forget_context(s, context, context_on_number);
	holdings_sift(s->holdings, context_on_entry, &ending);
}

void context_end(self *s, CUcontext context)
{
	holding entry;
	context_forget(s, context);
	if (holding_take(s->holdings, HOLDING_CONTEXT, (uint64_t)(uintptr_t)context, &entry))
		memory_give(s, entry.device, entry.bytes);
}

typedef struct context_primary {
	bool first;       /* who changes the entry so is the one that pays, or gives back */
	bool reset, gone; /* ended while it is retained; the driver says that nothing is left of it */
	bool guessed;     /* the bytes are no price */
	uint64_t bytes;
	uint64_t context;
} context_primary;

/* After a reset it is made anew by the next retain, though the earlier ones still count. */
static void primary_on_retain(holding *entry, void *arg)
{
	((context_primary *)arg)->first = entry->paid == HOLDING_UNPAID;
	if (entry->paid == HOLDING_UNPAID)
		entry->paid = HOLDING_PAID;
	entry->refs++;
}

static void primary_on_pay(holding *entry, void *arg)
{
	const context_primary *what = arg;
	entry->bytes = what->bytes;
	if (what->guessed)
		entry->paid = HOLDING_UNPRICED;
}

/* Many may have it for the first time at once: one of them finds out what it costs. */
static void primary_on_made(holding *entry, void *arg)
{
	context_primary *what = arg;
	what->first = entry->paid == HOLDING_UNPRICED;
	entry->paid = HOLDING_PAID;
	entry->of = what->context;
	if (what->first) {
		what->bytes = entry->bytes;
		entry->bytes = 0;
	}
}

static void primary_on_release(holding *entry, void *arg)
{
	context_primary *what = arg;
	if (entry->refs > 0 && !what->reset)
		entry->refs--;
	if (what->gone)
		entry->refs = 0;
	if (what->reset || entry->refs == 0) {
		what->first = true;
		what->bytes = entry->bytes;
		what->context = entry->of;
		entry->bytes = entry->of = 0;
		entry->paid = HOLDING_UNPAID;
	}
}

bool context_retain(self *s, int ordinal)
{
	unsigned device = self_ordinal(s, ordinal);
	context_primary what = {0};
	holding_change(s->holdings, HOLDING_PRIMARY, (uint64_t)ordinal, true, primary_on_retain, &what);
	if (!what.first)
		return true;
	what.bytes = context_known(s, device);
	if (what.bytes && !memory_take(s, device, what.bytes)) {
		what.bytes = 0;
		context_release(s, ordinal, false, false);
		return false;
	}
	what.guessed = !what.bytes;
	if (what.guessed)
		what.bytes = context_guess(s, device);
	holding_change(s->holdings, HOLDING_PRIMARY, (uint64_t)ordinal, false, primary_on_pay, &what);
	return true;
}

void context_retained(self *s, int ordinal, CUcontext context, bool made)
{
	unsigned device = self_ordinal(s, ordinal);
	context_primary what = {.context = (uint64_t)(uintptr_t)context};
	if (!made) {
		context_release(s, ordinal, false, false);
		return;
	}
	holding_change(s->holdings, HOLDING_PRIMARY, (uint64_t)ordinal, false, primary_on_made, &what);
	if (!what.first)
		return;
	uint64_t guess = what.bytes;
	what.bytes = context_learn(s, device, ordinal, context, guess);
	if (what.bytes < guess)
		memory_give(s, device, guess - what.bytes);
	else
		memory_put(s, device, what.bytes - guess);
	holding_change(s->holdings, HOLDING_PRIMARY, (uint64_t)ordinal, false, primary_on_pay, &what);
}

void context_release(self *s, int ordinal, bool reset, bool gone)
{
	context_primary what = {.reset = reset, .gone = gone};
	holding_change(s->holdings, HOLDING_PRIMARY, (uint64_t)ordinal, false, primary_on_release, &what);
	if (!what.first)
		return;
	memory_give(s, self_ordinal(s, ordinal), what.bytes);
	if (what.context)
		context_forget(s, (CUcontext)(uintptr_t)what.context);
}
