#include "agents/node/audit.h"
#include <assert.h>
#include <signal.h>
#include <stdlib.h>
#include "agents/node/process.h"
#include "base/map.h"
#include "base/vec.h"

/* Books can be forged: no number of theirs counts for more than this, so that their sums stay whole numbers everywhere.
 */
#define BOOKED_BYTES_MOST (UINT64_C(1) << 48)
#define REFUSED_MOST      (UINT64_C(1) << 32)

#define FORGED_BYTES (UINT64_C(256) << 20) /* beyond the books; less may be the driver's own */
#define BLAME_OPEN   (UINT64_C(1) << 62)

/* A process on a device, of the round at hand. */
typedef struct row {
	whose_process who; /* without its allocation, which may end before the round is settled: */
	char id[ALLOCATION_ID_MAX];
	int64_t made_us;
	allocation *of; /* while the round is settled */
	char uuid[CARD_TEXT_BYTES];
	int32_t at; /* the device's place in its allocation's limits; -1: it was not given to it */
	uint64_t bytes, booked;
	uint32_t compute_milli;
	bool is_booked;
} row;

/* What a condition needs to become a finding. */
typedef struct mark {
	uint32_t rounds; /* in a row */
	bool is_told;
	int64_t told_us;
} mark;

/* Of one allocation, over the rounds. */
typedef struct account {
	char id[ALLOCATION_ID_MAX];
	audit_use use;
	uint64_t beyond[LIMITS_DEVICES]; /* of the books, in the round before */
	mark marks[LIMITS_DEVICES][AUDIT_KINDS];
	uint64_t sampled[LIMITS_DEVICES];  /* the sample in which NVML told of the device; */
	uint64_t unlisted[LIMITS_DEVICES]; /* in which it did, but not of its processes */
	uint64_t round;
} account;

typedef struct stray {
	int32_t pid;
	uint64_t started;
	mark mark;
	uint64_t round;
} stray;

struct audit {
	allocations *all;
	whose *whose;
	audit_policy policy;
	void (*on_finding)(void *arg, const audit_finding *f);
	void *arg;
	vec(row) rows;
	map accounts; /* by id */
	vec(stray) strays;
	books *books;
	uint64_t round, sample; /* sample: that is being taken */
	int64_t now_us;
	bool is_busy;
	uint64_t counts[AUDIT_KINDS];
};

audit *audit_new(
	allocations *all, audit_policy policy, void (*on_finding)(void *arg, const audit_finding *f), void *arg)
{
	audit *a = calloc(1, sizeof(*a));

	assert(a);
	*a = (audit){.all = all, .whose = whose_new(all), .policy = policy, .on_finding = on_finding, .arg = arg};
	a->books = aligned_alloc(64, sizeof(*a->books));
	assert(a->books);
	a->sample = 1;
	return a;
}

void audit_free(audit *a)
{
	if (!a)
		return;
	map_each (slot, &a->accounts)
		free(slot->value);
	map_done(&a->accounts);
	vec_done(&a->rows);
	vec_done(&a->strays);
	whose_free(a->whose);
	free(a->books);
	free(a);
}

static account *account_of(audit *a, const allocation *of)
{
	account *found = map_find(&a->accounts, str_from(of->id));

	if (found)
		return found;
	found = calloc(1, sizeof(*found));
	assert(found);
	memcpy(found->id, of->id, sizeof(found->id));
	map_put(&a->accounts, str_from(found->id), found);
	return found;
}

/* Whether what was given at that place is the card, or the instance of it that a process is on (UINT32_MAX: whichever).
 */
static bool is_on(const allocation *of, uint32_t d, const card *c, uint32_t gpu_instance)
{
	if (!of->uuids[d][0] || strcmp(of->uuids[d], c->uuid) == 0)
		return true;
	for (uint32_t i = 0; i < c->n_instances; i++)
		if (strcmp(of->uuids[d], c->instances[i].uuid) == 0)
			return gpu_instance == UINT32_MAX || c->instances[i].gpu_instance == gpu_instance;
	return false;
}

static int32_t place_of(const allocation *of, const card *c, uint32_t gpu_instance)
{
	for (uint32_t d = 0; of && d < of->n_devices; d++)
		if (is_on(of, d, c, gpu_instance))
			return (int32_t)d;
	return -1;
}

/* Of a device that does not answer nothing can be said; of one that does not tell its processes, what was said before.
 */
static void sampled_note(audit *a, const card *c, bool is_unlisted)
{
	allocation **list;
	uint64_t generation;
	uint32_t n = allocations_list(a->all, &list, &generation);

	for (uint32_t i = 0; i < n; i++)
		for (uint32_t d = 0; d < list[i]->n_devices; d++) {
			if (!is_on(list[i], d, c, UINT32_MAX))
				continue;
			account *acc = account_of(a, list[i]);
			*(is_unlisted ? &acc->unlisted[d] : &acc->sampled[d]) = a->sample;
		}
}

void audit_take(audit *a, const card *c, const probe_sample *s)
{
	sampled_note(a, c, s->is_unlisted);
	for (uint32_t i = 0; i < s->n && !s->is_unlisted; i++) {
		const whose_process *who = whose_find(a->whose, (int32_t)s->v[i].pid);
		if (!who)
			continue;
		row *r = vec_add(&a->rows);
		r->who = *who;
		r->who.of = NULL;
		if (who->of) {
			memcpy(r->id, who->of->id, sizeof(r->id));
			r->made_us = who->of->made_us;
		}
		r->at = place_of(who->of, c, s->v[i].gpu_instance);
		r->bytes = s->v[i].bytes;
		r->compute_milli = s->v[i].sm_percent * 10;
		memcpy(r->uuid, c->uuid, sizeof(r->uuid));
	}
}

static void rows_end(audit *a)
{
	vec_clear(&a->rows);
	a->sample++;
}

void audit_break_off(audit *a)
{
	rows_end(a);
}

/* Of an allocation that has ended meanwhile nothing is said, and its processes are not nobody's for that. */
static void rows_settle(audit *a)
{
	for (uint32_t i = a->rows.n; i-- > 0;) {
		row *r = &a->rows.v[i];
		r->of = r->id[0] ? allocation_find(a->all, str_from(r->id)) : NULL;
		if (r->id[0] && (!r->of || r->of->made_us != r->made_us))
			vec_remove_fast(&a->rows, i);
	}
}

static void tell(audit *a, const audit_finding *f)
{
	a->counts[f->kind]++;
	if (a->on_finding)
		a->on_finding(a->arg, f);
}

/* Whether it is so in the second round in a row, or a later one. */
static bool mark_lasts(mark *m, bool is_so)
{
	if (!is_so) {
		*m = (mark){0};
		return false;
	}
	return ++m->rounds >= 2;
}

/* Whether to tell of what lasts: at first, and then now and again. */
static bool mark_take(const audit *a, mark *m)
{
	if (m->is_told && a->now_us - m->told_us < (int64_t)AUDIT_AGAIN_S * 1000000)
		return false;
	m->is_told = true;
	m->told_us = a->now_us;
	return true;
}

static uint64_t at_most(uint64_t v, uint64_t most)
{
	return v < most ? v : most;
}

/* Which slots are this process's (a copy of the driver that it has loaded beside the first has one of its own); its
 * books' bytes. The node's pid goes into it, so that the shim finds itself in NVML's
 * list. */
static void row_book(const audit *a, row *r, const allocation *of, unsigned top)
{
	for (unsigned i = 0; i < top; i++) {
		const books_slot *slot = &a->books->slots[i];
		uint64_t owner = atomic_load(&slot->owner);
		if (owner & BOOKS_JOINING || books_name(owner) != ((uint64_t)r->who.inner << 32 | r->who.started_low) ||
			atomic_load(&slot->pid_space) != r->who.space)
			continue;
		r->is_booked = true;
		if (r->at >= 0)
			r->booked = at_most(r->booked + at_most(atomic_load(&slot->bytes[r->at]), BOOKED_BYTES_MOST),
				BOOKED_BYTES_MOST);
		if (atomic_load(&slot->host_pid) != (uint32_t)r->who.pid)
			(void)lot_name_process(&of->lot, i, (uint32_t)r->who.pid);
	}
}

static uint64_t refused_sum(const books *b, unsigned top, uint32_t devices)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < top; i++)
		for (uint32_t d = 0; d < devices; d++)
			sum += at_most(atomic_load(&b->slots[i].refused[d]), REFUSED_MOST);
	return sum;
}

/* As books_sum, of books that may say anything. */
static uint64_t booked_sum(const books *b, unsigned top, uint32_t device)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < top; i++) {
		uint64_t owner = atomic_load(&b->slots[i].owner);
		if (owner != 0 && !(owner & BOOKS_JOINING))
			sum += at_most(atomic_load(&b->slots[i].bytes[device]), BOOKED_BYTES_MOST);
	}
	return at_most(sum, BOOKED_BYTES_MOST);
}

/* Copies the books, finds its processes in them. False: they cannot be read. */
static bool books_look(audit *a, allocation *of, audit_use *use)
{
	bool has_process = false;
	lot_cut(&of->lot);
	bool is_read = lot_read(&of->lot, a->books);
	unsigned top = is_read ? of->lot.top : 0;

	for (uint32_t i = 0; i < a->rows.n; i++)
		if (a->rows.v[i].of == of)
			row_book(a, &a->rows.v[i], of, top);
	for (uint32_t d = 0; d < of->n_devices; d++)
		use->books_bytes[d] = (int64_t)booked_sum(a->books, top, d);
	if (!is_read)
		return false;
	use->launched_at_ns = lot_latest(a->books, &has_process);
	use->refused = refused_sum(a->books, top, of->n_devices);
	use->turned_away = atomic_load(&a->books->turned_away);
	a->is_busy |= has_process;
	return true;
}

typedef struct sum {
	uint64_t bytes, unbooked_bytes, forged_bytes;
	uint32_t compute_milli;
	uint64_t booked; /* of those that NVML shows */
} sum;

static bool is_forged(const row *r)
{
	return r->is_booked && r->booked < r->bytes / 2 && r->bytes - r->booked > FORGED_BYTES;
}

static sum sum_of(const audit *a, const allocation *of, uint32_t device)
{
	sum s = {0};

	for (uint32_t i = 0; i < a->rows.n; i++) {
		const row *r = &a->rows.v[i];
		if (r->of != of || r->at != (int32_t)device)
			continue;
		s.bytes += r->bytes;
		s.booked += r->booked;
		s.compute_milli += r->compute_milli;
		if (!r->is_booked)
			s.unbooked_bytes += r->bytes;
		if (is_forged(r))
			s.forged_bytes += r->bytes - r->booked;
	}
	return s;
}

/* How much it is to blame: who is not in the books, or stands there with too little, before who has more than it says.
 */
static uint64_t blame_of(const row *r, audit_kind kind)
{
	uint64_t beyond = r->bytes > r->booked ? r->bytes - r->booked : 0;

	if (!r->is_booked || is_forged(r))
		return BLAME_OPEN + (kind == AUDIT_COMPUTE_OVER ? r->compute_milli : r->bytes);
	return kind == AUDIT_MEMORY_OVER && beyond > FORGED_BYTES ? beyond : 0;
}

/* NULL: nobody. One that is stopped holds what it has and can do no more: the next one's turn comes. */
static const row *culprit_of(const audit *a, const allocation *of, uint32_t device, audit_kind kind)
{
	const row *worst = NULL;
	uint64_t most = 0;

	for (uint32_t i = 0; i < a->rows.n; i++) {
		const row *r = &a->rows.v[i];
		if (r->of != of || r->at != (int32_t)device)
			continue;
		uint64_t blame = blame_of(r, kind);
		bool is_held = a->policy == AUDIT_HOLD && blame && process_is_stopped(r->who.pid);
		blame = is_held ? 1 : blame;
		worst = blame > most ? r : worst;
		most = blame > most ? blame : most;
	}
	return worst;
}

static audit_policy act(const audit *a, const row *culprit, audit_kind kind)
{
	bool is_over = kind == AUDIT_MEMORY_OVER || kind == AUDIT_COMPUTE_OVER;

	if (!is_over || a->policy == AUDIT_REPORT || !culprit)
		return AUDIT_REPORT;
	return process_signal(culprit->who.pid, culprit->who.started, a->policy == AUDIT_KILL ? SIGKILL : SIGSTOP)
		       ? a->policy
		       : AUDIT_REPORT;
}

static void check(audit *a, account *acc, const allocation *of, uint32_t device, audit_kind kind, bool is_so,
	int64_t found, int64_t expected)
{
	mark *m = &acc->marks[device][kind];

	if (!mark_lasts(m, is_so))
		return;
	const row *culprit = culprit_of(a, of, device, kind);
	audit_policy action = act(a, culprit, kind);
	if (!mark_take(a, m))
		return;
	tell(a, &(audit_finding){
			.kind = kind,
			.action = action,
			.of = of,
			.device = of->uuids[device][0] ? of->uuids[device]
				  : culprit            ? culprit->uuid
						       : "unknown",
			.pid = culprit ? culprit->who.pid : 0,
			.found = found,
			.expected = expected,
		});
}

static bool is_memory_over(const sum *s, uint64_t limit)
{
	if (limit == LIMITS_NONE)
		return false;
	uint64_t slack = limit / 1000 * AUDIT_MEMORY_SLACK_MILLI, least = (uint64_t)AUDIT_MEMORY_SLACK_MIB << 20;
	return s->bytes > limit + (slack > least ? slack : least);
}

static uint32_t share_milli(const limits *l, uint32_t device)
{
	uint32_t own = atomic_load(&l->devices[device].compute_milli);

	return own + (l->flags & LIMITS_LEND ? atomic_load(&l->devices[device].lent_milli) : 0);
}

/* What NVML counts beyond the books counts as used, as far as it was so in two rounds. */
static void correct(account *acc, const allocation *of, uint32_t device, const sum *s)
{
	uint64_t booked = (uint64_t)acc->use.books_bytes[device];
	uint64_t beyond = s->bytes > booked ? s->bytes - booked : 0;
	uint64_t sure = beyond < acc->beyond[device] ? beyond : acc->beyond[device];
	_Atomic uint64_t *at = &of->lot.limits->devices[device].correction_bytes;

	acc->beyond[device] = beyond;
	if (atomic_load(at) != sure)
		atomic_store(at, sure);
}

static void device_check(audit *a, account *acc, const allocation *of, uint32_t d, bool is_read)
{
	const limits *l = of->lot.limits;
	sum s = sum_of(a, of, d);
	uint64_t limit = atomic_load(&l->devices[d].memory_bytes);
	uint32_t most = share_milli(l, d);
	bool is_compute_over = most < LIMITS_WHOLE && s.compute_milli > most + AUDIT_COMPUTE_SLACK_MILLI;

	/* Who may have all of it needs no shim, and no books. */
	bool is_limited = limit != LIMITS_NONE || share_milli(l, d) < LIMITS_WHOLE;

	correct(acc, of, d, &s);
	check(a, acc, of, d, AUDIT_MEMORY_OVER, is_memory_over(&s, limit), (int64_t)(s.bytes >> 20),
		limit == LIMITS_NONE ? 0 : (int64_t)(limit >> 20));
	check(a, acc, of, d, AUDIT_COMPUTE_OVER, is_compute_over, s.compute_milli, most);
	check(a, acc, of, d, AUDIT_UNBOOKED, is_limited && s.unbooked_bytes > (uint64_t)AUDIT_STRAY_MIB << 20,
		(int64_t)(s.unbooked_bytes >> 20), 0);
	check(a, acc, of, d, AUDIT_BOOKS_FORGED, is_limited && (s.forged_bytes > 0 || !is_read),
		(int64_t)(s.bytes >> 20), (int64_t)(s.booked >> 20));
	acc->use.memory_bytes[d] = (int64_t)s.bytes;
	acc->use.compute_milli[d] = s.compute_milli;
}

static void books_believe(account *acc, const allocation *of, uint32_t d)
{
	acc->use.memory_bytes[d] = acc->use.books_bytes[d];
	acc->use.compute_milli[d] = 0;
	acc->beyond[d] = 0;
	atomic_store(&of->lot.limits->devices[d].correction_bytes, 0);
}

static void use_add(const audit *a, audit_use *use, const allocation *of)
{
	int64_t bytes = 0, compute = 0;

	use->processes = 0;
	for (uint32_t i = 0; i < a->rows.n; i++)
		use->processes += a->rows.v[i].of == of;
	for (uint32_t d = 0; d < of->n_devices; d++) {
		bytes += use->memory_bytes[d];
		compute += use->compute_milli[d];
	}
	use->samples++;
	use->memory_mib_sum += bytes >> 20;
	use->compute_milli_sum += compute;
	if (bytes >> 20 > use->memory_mib_max)
		use->memory_mib_max = bytes >> 20;
}

static void allocation_check(audit *a, allocation *of)
{
	account *acc = account_of(a, of);
	bool is_read = books_look(a, of, &acc->use);

	acc->round = a->round;
	for (uint32_t d = 0; d < of->n_devices; d++) {
		if (acc->sampled[d] == a->sample)
			device_check(a, acc, of, d, is_read);
		else if (acc->unlisted[d] != a->sample)
			books_believe(acc, of, d);
	}
	use_add(a, &acc->use, of);
}

static stray *stray_of(audit *a, const whose_process *who)
{
	vec_each (s, &a->strays)
		if (s->pid == who->pid && s->started == who->started)
			return s;
	stray *s = vec_add(&a->strays);
	s->pid = who->pid;
	s->started = who->started;
	return s;
}

/* A process of nobody's, or on a device that its container was not given. */
static void stray_check(audit *a, const row *r)
{
	if ((r->of && r->at >= 0) || r->bytes <= (uint64_t)AUDIT_STRAY_MIB << 20)
		return;
	stray *s = stray_of(a, &r->who);
	s->round = a->round;
	if (!mark_lasts(&s->mark, true) || s->mark.is_told || !mark_take(a, &s->mark))
		return;
	tell(a, &(audit_finding){.kind = AUDIT_STRAY,
			.of = r->of,
			.device = r->uuid,
			.pid = r->who.pid,
			.found = (int64_t)(r->bytes >> 20)});
}

static void forget(audit *a)
{
	for (uint32_t i = a->strays.n; i-- > 0;)
		if (a->strays.v[i].round != a->round)
			vec_remove_fast(&a->strays, i);
	map_each (slot, &a->accounts) {
		account *acc = slot->value;
		if (acc->round == a->round)
			continue;
		map_remove(&a->accounts, slot->key);
		free(acc);
	}
	whose_turn(a->whose);
}

void audit_turn(audit *a, int64_t now_us)
{
	allocation **list;
	uint64_t generation;
	uint32_t n = allocations_list(a->all, &list, &generation);

	a->round++;
	a->now_us = now_us;
	rows_settle(a);
	a->is_busy = a->rows.n > 0;
	for (uint32_t i = 0; i < n; i++)
		allocation_check(a, list[i]);
	for (uint32_t i = 0; i < a->rows.n; i++)
		stray_check(a, &a->rows.v[i]);
	forget(a);
	rows_end(a);
}

const audit_use *audit_use_of(const audit *a, const allocation *of)
{
	const account *acc = map_find(&a->accounts, str_from(of->id));

	return acc ? &acc->use : NULL;
}

bool audit_use_take(audit *a, const allocation *of, node_usage *ret)
{
	account *acc = map_find(&a->accounts, str_from(of->id));

	if (!acc || !acc->use.samples)
		return false;
	audit_use *use = &acc->use;
	*ret = (node_usage){
		.owner = allocation_owner(of),
		.memory_mib_avg = use->memory_mib_sum / use->samples,
		.memory_mib_max = use->memory_mib_max,
		.compute_milli_avg = use->compute_milli_sum / use->samples,
		.refused = use->refused > use->refused_told ? (int64_t)(use->refused - use->refused_told) : 0,
	};
	use->refused_told = use->refused;
	use->samples = use->memory_mib_sum = use->memory_mib_max = use->compute_milli_sum = 0;
	return true;
}

bool audit_is_busy(const audit *a)
{
	return a->is_busy;
}

uint64_t audit_count(const audit *a, audit_kind kind)
{
	return a->counts[kind];
}
