#include <stdio.h>

#include "api/types/audit.h"
#include "api/types/cluster.h"
#include "api/types/inventory.h"
#include "api/types/usage.h"
#include "base/clock.h"
#include "cli/demo/once.h"

enum { QUIET_MS = 3000, QUIET_STEP_MS = 50, ROUNDING_MS = 2 };

static err list_of(once *o, arena *a, const char *path, const js_type *t, js_list *ret)
{
	err e = demo_list(o->demo, a, o->demo->admin, path, t, ret, &o->fault);

	if (e)
		check(&o->checks, false, "the server answers", "%s", o->fault.detail);
	return e;
}

void check_fleet(once *o)
{
	AUTO_ARENA a = arena_new(0);
	js_list list = {0};

	if (list_of(o, a, "/v1/clusters", &cluster_type, &list))
		return;
	const cluster *c = list.v;
	for (int i = 0; i < CAST_CLUSTERS; i++) {
		const cast_cluster *want = &cast_clusters[i];
		const cluster *got = &(cluster){0};
		char what[80];
		for (uint32_t k = 0; k < list.n; k++)
			got = str_eq(c[k].name, str_from(want->name)) ? &c[k] : got;
		snprintf(what, sizeof(what), "cluster %s has joined", want->name);
		check(&o->checks,
			str_eq(got->state, S("ready")) && got->seen_at.us && got->nodes == cast_nodes_count(want) &&
				got->devices == cast_devices_count(want),
			what, STR_FMT ", %lld of %lld nodes, %lld of %lld devices", STR_ARG(got->state),
			(long long)got->nodes, (long long)cast_nodes_count(want), (long long)got->devices,
			(long long)cast_devices_count(want));
	}
}

/* Scenes name products only: classes follow from the server's patterns. */
void check_classes(once *o)
{
	AUTO_ARENA a = arena_new(0);
	js_list list = {0};
	uint32_t right = 0;
	int64_t want = 0;
	str wrong = STR_NONE;

	if (list_of(o, a, "/v1/devices?limit=1000", &device_type, &list))
		return;
	const device *d = list.v;
	for (uint32_t k = 0; k < list.n; k++) {
		const char *class = cast_class_of(d[k].product);
		bool ok = class && str_eq(d[k].class, str_from(class)) && str_eq(d[k].health, S("ok")) &&
			  d[k].memory_mib == cast_device_memory_mib(d[k].class);
		right += ok;
		wrong = ok ? wrong
			   : str_print(a, "; " STR_FMT " is " STR_FMT, STR_ARG(d[k].product), STR_ARG(d[k].class));
	}
	for (int i = 0; i < CAST_CLUSTERS; i++)
		want += cast_devices_count(&cast_clusters[i]);
	check(&o->checks, right == want && list.n == want, "every product is of its class",
		"%u of %lld devices" STR_FMT, right, (long long)want, STR_ARG(wrong));
}

/* What the placements that stand hold of a device. */
static int64_t held_of(const once *o, const device *d, int64_t *ret_compute_milli)
{
	int64_t memory_mib = 0;

	*ret_compute_milli = 0;
	for (int i = 0; i < ASKS; i++) {
		const placed_pod *pod = o->asks[i].now ? o->asks[i].now->placed.v : NULL;
		for (uint32_t k = 0; ask_stands(o, (ask_id)i) && k < o->asks[i].now->placed.n; k++) {
			const placed_device *s = pod[k].devices.v;
			for (uint32_t n = 0; n < pod[k].devices.n; n++) {
				if (!str_eq(s[n].uuid, d->uuid))
					continue;
				memory_mib += s[n].memory_mib;
				*ret_compute_milli += s[n].compute_milli;
			}
		}
	}
	return memory_mib;
}

static err devices_compare(once *o, int64_t *ret_used, int64_t *ret_wrong)
{
	AUTO_ARENA a = arena_new(0);
	js_list list = {0};
	err e = list_of(o, a, "/v1/devices?limit=1000", &device_type, &list);
	const device *d = list.v;

	*ret_used = *ret_wrong = 0;
	for (uint32_t k = 0; k < list.n; k++) {
		int64_t compute_milli, memory_mib = held_of(o, &d[k], &compute_milli);
		*ret_wrong += memory_mib != d[k].used_memory_mib || compute_milli != d[k].used_compute_milli;
		*ret_used += d[k].used_slots > 0;
	}
	return e;
}

void check_devices_match(once *o, const char *when)
{
	int64_t used = 0, wrong = 1, deadline_us = clock_mono_us() + QUIET_MS * 1000;
	int standing = 0;
	char what[80];

	/* Two lists are not read at one moment: what moved in between is given the time to come to rest. */
	while (wrong && !o->is_broken && clock_mono_us() < deadline_us) {
		once_look(o);
		if (devices_compare(o, &used, &wrong))
			return;
		if (wrong && !demo_pause(o->demo, QUIET_STEP_MS))
			return;
	}
	for (int i = 0; i < ASKS; i++)
		standing += ask_stands(o, (ask_id)i);
	snprintf(what, sizeof(what), "devices hold what placements say, %s", when);
	check(&o->checks, !wrong && (standing > 0) == (used > 0), what,
		"%d placements stand on %lld devices, %lld differ", standing, (long long)used, (long long)wrong);
}

static long status_of(once *o, const char *token, const char *method, const char *path, str body)
{
	AUTO_ARENA a = arena_new(0);
	client_reply r = {0};

	if (demo_ask(o->demo, a,
		    &(demo_call){.method = method, .path = path, .token = token, .body = body, .if_match = "*"}, &r,
		    &o->fault))
		return 0;
	return r.status;
}

static void wall(once *o, cast_who who, const char *what, const char *method, const char *path, str body, long want)
{
	long got = status_of(o, o->demo->token[who], method, path, body);

	check(&o->checks, got == want, what, "%s %s as %s: %ld, expected %ld", method, path, cast_tenants[who].path,
		got, want);
}

/* Members knock at doors of their own and of others. */
void check_walls(once *o)
{
	AUTO_ARENA a = arena_new(0);
	const char *other = str_print(a, "/v1/placements/%s%c", o->asks[ASK_INFERENCE].id, 0).p;
	const char *own = str_print(a, "/v1/placements/%s%c", o->asks[ASK_PART].id, 0).p;
	str quota = S("{\"models\":{\"h100-80g\":{\"limit\":{\"device_milli\":32000}}}}");
	js_list mine = {0};
	uint32_t strange = 0;

	wall(o, VISION, "a tenant sees its own placement", "GET", own, STR_NONE, 200);
	wall(o, VISION, "a tenant does not see another's placement", "GET", other, STR_NONE, 404);
	wall(o, VISION, "a tenant does not release another's placement", "DELETE", other, STR_NONE, 404);
	wall(o, VISION, "a tenant does not see another tenant", "GET", "/v1/tenants/globex", STR_NONE, 404);
	wall(o, VISION, "a tenant does not see another's quota", "GET", "/v1/tenants/globex~serving/quota", STR_NONE,
		404);
	wall(o, VISION, "a member sees the own quota", "GET", "/v1/tenants/acme~vision/quota", STR_NONE, 200);
	wall(o, VISION, "a member does not set quota", "PUT", "/v1/tenants/acme~vision/quota", quota, 403);
	wall(o, ACME, "a member does not set quota below", "PUT", "/v1/tenants/acme~vision/quota", quota, 403);
	wall(o, VISION, "a tenant does not ask in another's name", "POST", "/v1/placements",
		S("{\"tenant\":\"globex/serving\",\"devices\":[]}"), 422);
	if (demo_list(
		    o->demo, a, o->demo->token[VISION], "/v1/placements?limit=1000", &placement_type, &mine, &o->fault))
		return;
	const placement *p = mine.v;
	for (uint32_t k = 0; k < mine.n; k++)
		strange += !str_eq(p[k].tenant, str_from(cast_tenants[VISION].path));
	check(&o->checks, mine.n && !strange, "a tenant's list holds the own placements", "%u, %u of others", mine.n,
		strange);
}

typedef struct spent {
	int64_t milli_ms;     /* thousandths of devices times milliseconds, from the placements' own times */
	int64_t rounding_ms;  /* how far times in milliseconds may put that off, likewise */
	int64_t told_milli_s; /* what the report says, times seconds */
	int64_t gpu_s, lines;
} spent;

static void spent_add(const once *o, ask_id i, spent *s)
{
	const placement *p = o->asks[i].now;
	const placed_pod *pod = p->placed.v;
	int64_t milli = 0;

	if (!p->running_at.us || !p->placed.n || !pod->devices.n)
		return;
	milli = work_charge(&once_works[i], ((placed_device *)pod->devices.v)->class).v[AXIS_DEVICE_MILLI];
	s->milli_ms += milli * ((p->ended_at.us - p->running_at.us) / 1000);
	s->rounding_ms += milli * ROUNDING_MS;
}

void check_usage(once *o)
{
	AUTO_ARENA a = arena_new(0);
	spent all[CAST_TENANTS] = {{0}};
	js_list list = {0};

	if (list_of(o, a, "/v1/usage?limit=1000", &usage_line_type, &list))
		return;
	for (int i = 0; i < ASKS; i++)
		spent_add(o, (ask_id)i, &all[once_works[i].who]);
	const usage_line *u = list.v;
	for (uint32_t k = 0; k < list.n; k++) {
		int who = cast_who_is(u[k].tenant);
		if (who < 0)
			continue;
		all[who].told_milli_s += u[k].gpu_milli_seconds;
		all[who].gpu_s += u[k].gpu_seconds;
		all[who].lines++;
	}
	for (int i = 0; i < CAST_TENANTS; i++) {
		const spent *s = &all[i];
		char what[80];
		int64_t off_ms = s->told_milli_s * 1000 - s->milli_ms;
		int64_t room_ms = s->rounding_ms + s->lines * 1000; /* each line is rounded down to a thousandth */
		snprintf(what, sizeof(what), "the usage of %s is what ran", cast_tenants[i].path);
		check(&o->checks, s->gpu_s > 0 && off_ms <= room_ms && off_ms >= -room_ms, what,
			"%lld GPU seconds; %lld.%03lld by the report, %lld.%03lld by the placements' times",
			(long long)s->gpu_s, (long long)s->told_milli_s / 1000, (long long)s->told_milli_s % 1000,
			(long long)s->milli_ms / 1000000, (long long)s->milli_ms / 1000 % 1000);
	}
}

/* Whether each state that was told leads from the one before, and the last is the one that stands. */
static bool told_is_right(const once *o, const history *h, ask_id i, uint32_t *ret_told)
{
	lifecycle last = LIFE_PENDING;
	uint32_t at = 0, n = 0;

	for (const told *t; (t = history_next(o, h, i, &at)); n++) {
		bool is_same = n == 0 && t->life == LIFE_PENDING;
		/* A blocker that changed is told again, in the same state. */
		is_same = is_same || (t->life == LIFE_PENDING && last == LIFE_PENDING);
		if (t->life == LIFE_COUNT || (!is_same && !lifecycle_leads(last, t->life)))
			return false;
		last = t->life;
	}
	*ret_told += n;
	return n && last == ask_life(o, i);
}

static err heads_read(once *o, verify_answer *ret)
{
	AUTO_ARENA a = arena_new(0);
	err e = demo_get(o->demo, a, o->demo->admin, "/v1/audit:verify", &verify_answer_type, ret, &o->fault);

	ret->broken_chain = STR_NONE;
	if (e)
		check(&o->checks, false, "the books are verified", "%s", o->fault.detail);
	return e;
}

void check_stream(once *o)
{
	verify_answer v = {0};
	const told *t = o->all.told.v;
	uint32_t right = 0, told_n = 0, of_tenant = 0, of_others = 0, told_tenant = 0;
	int64_t gaps = 0;

	if (heads_read(o, &v))
		return;
	for (uint32_t k = 0; k < o->all.told.n; k++) {
		gaps += t[k].n != (int64_t)k + 1;
		of_tenant += t[k].who == VISION;
	}
	for (int i = 0; i < ASKS; i++)
		right += told_is_right(o, &o->all, (ask_id)i, &told_n);
	check(&o->checks, !gaps && (int64_t)o->all.told.n == v.placement_records,
		"the stream told each decision once, in order", "%u of %lld, %lld out of order", o->all.told.n,
		(long long)v.placement_records, (long long)gaps);
	check(&o->checks, right == ASKS, "every change of state was told", "%u of %d placements, %u states", right,
		ASKS, told_n);
	for (uint32_t k = 0; k < o->seen_by_tenant.told.n; k++)
		of_others += o->seen_by_tenant.told.v[k].who != VISION;
	told_tenant = o->seen_by_tenant.told.n;
	check(&o->checks, told_tenant == of_tenant && !of_others, "a tenant's stream told the own and no other",
		"%u of %u, %u of others", told_tenant - of_others, of_tenant, of_others);
}

void check_audit(once *o)
{
	verify_answer v = {0};

	if (heads_read(o, &v))
		return;
	check(&o->checks, v.is_intact && !v.first_broken, "both chains are whole", "%lld and %lld records",
		(long long)v.governance_records, (long long)v.placement_records);
	check(&o->checks,
		v.governance_records > 0 && v.placement_records > 0 && !v.tenant_use_wrong && !v.device_use_wrong &&
			!v.node_use_wrong && !v.device_over && !v.stream_gaps,
		"the books balance", "%lld tenants, %lld devices, %lld nodes wrong; %lld devices over; %lld gaps",
		(long long)v.tenant_use_wrong, (long long)v.device_use_wrong, (long long)v.node_use_wrong,
		(long long)v.device_over, (long long)v.stream_gaps);
}

void check_samples(once *o)
{
	check(&o->checks, o->samples > 0 && o->peak_milli > 0 && !o->samples_over,
		"no device was ever above what it has",
		"%lld looks, %lld with one above, %lld.%03lld devices used at most", (long long)o->samples,
		(long long)o->samples_over, (long long)o->peak_milli / 1000, (long long)o->peak_milli % 1000);
}

void once_summary(once *o)
{
	AUTO_ARENA a = arena_new(0);
	js_list list = {0};

	if (list_of(o, a, "/v1/usage?limit=1000", &usage_line_type, &list))
		return;
	const usage_line *u = list.v;
	printf("\n%-16s %6s %6s %8s %9s %12s\n", "tenant", "asked", "done", "revoked", "rejected", "GPU seconds");
	for (int i = 0; i < CAST_TENANTS; i++) {
		int all = 0, ended[LIFE_COUNT] = {0};
		int64_t milli_s = 0;
		for (int k = 0; k < ASKS; k++) {
			all += (int)once_works[k].who == i;
			ended[ask_life(o, (ask_id)k)] += (int)once_works[k].who == i;
		}
		for (uint32_t k = 0; k < list.n; k++)
			milli_s += cast_who_is(u[k].tenant) == i ? u[k].gpu_milli_seconds : 0;
		printf("%-16s %6d %6d %8d %9d %8lld.%03lld\n", cast_tenants[i].path, all, ended[LIFE_DONE],
			ended[LIFE_REVOKED], ended[LIFE_REJECTED], (long long)milli_s / 1000,
			(long long)milli_s % 1000);
	}
	printf("\n");
}
