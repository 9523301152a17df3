#include "agents/node/daemon.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "agents/node/audit.h"
#include "agents/node/code.h"
#include "agents/node/command.h"
#include "agents/node/daemon_settings.h"
#include "agents/node/kernel_log.h"
#include "agents/node/leftover.h"
#include "agents/node/lives.h"
#include "agents/node/npus.h"
#include "agents/node/pages.h"
#include "agents/node/reporter.h"
#include "agents/node/seats.h"
#include "agents/node/settle.h"
#include "agents/node/state_lock.h"
#include "agents/node/station.h"
#include "base/clock.h"
#include "base/log.h"

enum { SWEEP_US = 30 * 1000000, SWEEP_FIRST_US = 5 * 1000000, SAMPLE_IDLE_TIMES = 2 };

#define WINDOW_MAX_US (INT64_C(86400) * 1000000)

typedef struct service {
	daemon_settings o;
	loop *loop;
	ward *ward;
	probe *probe;
	allocations *allocations;
	seats *seats;
	audit *audit;
	reporter *reporter;
	station *station;
	pages *pages;
	loop_timer *tick, *scan, *sample, *sweep;
	npus *npus;
	kernel_log *kernel_log;
	int lock_fd;
	uint64_t probe_failures, inventory_seen, health_seen;
	card_state states[CARDS_MAX]; /* as they were logged */
	int64_t window_from_us;       /* monotonic */
	bool is_scanned, is_stopping;
} service;

static void health_log(service *s, const card *c)
{
	if (s->states[c->index] == c->state)
		return;
	s->states[c->index] = c->state;
	log_warn("device.state", KV_Z("device", c->uuid), KV_Z("state", card_state_name(c->state)),
		KV_Z("cause", c->cause));
}

/* The one place that hears of every change of the devices. */
static void inventory_changed(service *s)
{
	AUTO_ARENA a = arena_new(0);
	const cards *all = ward_cards(s->ward);

	if (all->generation != s->inventory_seen) {
		node_item item = cards_inventory_item(all, s->o.shares, a);
		log_info("inventory.changed", KV_I64("devices", all->n), KV_Z("driver", all->driver));
		if (s->reporter)
			reporter_put(s->reporter, &item);
	}
	if (all->health_generation != s->health_seen || all->generation != s->inventory_seen) {
		node_item item = cards_health_item(all, clock_now_us() - clock_mono_us(), a);
		for (uint32_t i = 0; i < all->n; i++)
			health_log(s, &all->v[i]);
		if (s->reporter) {
			reporter_put(s->reporter, &item);
			reporter_hurry(s->reporter);
		}
	}
	if (s->station)
		station_devices(s->station);
	s->inventory_seen = all->generation;
	s->health_seen = all->health_generation;
}

static void on_cards(void *arg, const card *list, uint32_t n, const int16_t *links, const char *driver)
{
	service *s = arg;

	s->is_scanned = true;
	ward_take_cards(s->ward, list, n, links, driver, clock_mono_us());
	if (s->station)
		station_seen(s->station, list, n);
	inventory_changed(s);
}

static void on_sample(void *arg, const probe_sample *sample)
{
	service *s = arg;
	const card *c = ward_card_of_index(s->ward, sample->index);

	ward_take_sample(s->ward, sample, clock_mono_us());
	if (c)
		audit_take(s->audit, c, sample);
}

static void sample_plan(service *s)
{
	allocation **list;
	uint64_t generation;
	int64_t wait_ms = s->o.audit_ms * (audit_is_busy(s->audit) ? 1 : SAMPLE_IDLE_TIMES);

	if (!allocations_list(s->allocations, &list, &generation))
		wait_ms = s->o.scan_ms;
	loop_timer_arm(s->sample, wait_ms * 1000);
}

static void on_sampled(void *arg)
{
	service *s = arg;

	audit_turn(s->audit, clock_mono_us());
	inventory_changed(s);
	sample_plan(s);
}

static void on_event(void *arg, const probe_event *e)
{
	service *s = arg;

	ward_take_event(s->ward, e, clock_mono_us());
	inventory_changed(s);
}

static void on_ill(void *arg, int32_t index, const char *how)
{
	service *s = arg;

	s->probe_failures++;
	audit_break_off(s->audit);
	log_warn("nvml.ill", KV_I64("index", index), KV_Z("why", how));
	ward_take_ill(s->ward, index, clock_mono_us());
	inventory_changed(s);
}

static void on_none(void *arg)
{
	service *s = arg;

	if (!s->is_scanned || ward_cards(s->ward)->has_nvml)
		log_warn("nvml.none", KV_Z("library", s->o.nvml));
	s->is_scanned = true;
	audit_break_off(s->audit);
	ward_take_none(s->ward, clock_mono_us());
	inventory_changed(s);
}

static void on_scan(void *arg)
{
	service *s = arg;

	if (s->probe)
		probe_scan(s->probe);
	else
		on_none(s);
	loop_timer_arm(s->scan, s->o.scan_ms * 1000);
}

/* Planned again when the sample is there; and now, in case it never comes. */
static void on_sample_due(void *arg)
{
	service *s = arg;

	if (ward_cards(s->ward)->has_nvml)
		probe_ask_sample(s->probe);
	else
		audit_turn(s->audit, clock_mono_us());
	sample_plan(s);
}

static void on_tick(void *arg)
{
	service *s = arg;
	int64_t wait_ns = seats_turn(s->seats, clock_mono_ns());

	loop_timer_arm(s->tick, wait_ns < SETTLE_FAST_NS ? SETTLE_FAST_NS / 1000 : wait_ns / 1000);
}

static void on_news(void *arg)
{
	loop_timer_arm(((service *)arg)->tick, 0);
}

static void on_allocations(void *arg)
{
	service *s = arg;

	seats_forget(s->seats);
	loop_timer_arm(s->tick, 0);
	if (!audit_is_busy(s->audit))
		loop_timer_arm(s->sample, s->o.audit_ms * 1000);
}

static lives_word on_ask(void *arg, str pod_uid)
{
	const service *s = arg;

	return s->station ? station_pod(s->station, pod_uid) : LIVES_UNKNOWN;
}

static void tidy(void *arg)
{
	service *s = arg;
	lives l = {.kubelet_dir = s->o.kubelet_dir, .ask = on_ask, .arg = s};

	(void)allocations_sweep(s->allocations, clock_now_us(), lives_look, &l);
	lives_done(&l);
}

static void on_sweep(void *arg)
{
	service *s = arg;

	tidy(s);
	(void)leftover_sweep(s->allocations, NULL);
	code_release();
	loop_timer_arm(s->sweep, SWEEP_US);
}

static void on_step(void *arg, const allocation *of, const char *state, const char *reason)
{
	service *s = arg;
	node_step step = {.owner = allocation_owner(of),
		.state = str_from(state),
		.reason = node_reason(reason),
		.at.us = clock_now_us()};
	node_item item = {.kind = S("step"), .steps = {&step, 1}};

	if (s->station && strcmp(state, "ended") == 0)
		station_ended(s->station, of->id);
	log_info("allocation.step", KV_Z("allocation", of->id), KV_Z("state", state), KV_Z("reason", reason));
	if (!s->reporter || s->is_stopping)
		return;
	reporter_put(s->reporter, &item);
	reporter_hurry(s->reporter);
}

static void on_finding(void *arg, const audit_finding *f)
{
	service *s = arg;
	node_finding row = {
		.device = str_from(f->device),
		.kind = str_from(node_finding_kinds[f->kind]),
		.action = str_from(node_finding_actions[f->action]),
		.pid = f->pid,
		.found = f->found,
		.expected = f->expected,
		.at.us = clock_now_us(),
	};
	node_item item = {.kind = S("finding"), .findings = {&row, 1}};

	if (f->of)
		row.owner = allocation_owner(f->of);
	log_warn("audit.finding", KV("kind", row.kind), KV("action", row.action),
		KV_Z("allocation", f->of ? f->of->id : ""), KV("device", row.device), KV_I64("pid", f->pid),
		KV_I64("found", f->found), KV_I64("expected", f->expected));
	if (!s->reporter)
		return;
	reporter_put(s->reporter, &item);
	reporter_hurry(s->reporter);
}

/* What all containers used since the last report. */
static void usage_put(void *arg)
{
	service *s = arg;
	AUTO_ARENA a = arena_new(0);
	allocation **list;
	uint64_t generation;
	uint32_t n = allocations_list(s->allocations, &list, &generation), used = 0;
	int64_t now_us = clock_now_us(), mono_us = clock_mono_us(), window_us = mono_us - s->window_from_us;
	node_usage *rows = ARENA_ARRAY(a, node_usage, n + 1);

	for (uint32_t i = 0; i < n; i++) {
		if (!audit_use_take(s->audit, list[i], &rows[used]))
			continue;
		rows[used].devices = (strs){ARENA_ARRAY(a, str, list[i]->n_devices), list[i]->n_devices};
		for (uint32_t d = 0; d < list[i]->n_devices; d++)
			rows[used].devices.v[d] = str_from(list[i]->uuids[d]);
		used++;
	}
	s->window_from_us = mono_us;
	node_item item = {.kind = S("usage"),
		.at.us = now_us,
		.window_ms = (window_us < WINDOW_MAX_US ? window_us : WINDOW_MAX_US) / 1000,
		.usage = {rows, used}};
	if (used)
		reporter_put(s->reporter, &item);
}

static void on_want(void *arg)
{
	service *s = arg;

	s->inventory_seen = s->health_seen = UINT64_MAX;
	inventory_changed(s);
}

static void on_heard(void *arg, bool is_heard, const char *why)
{
	(void)arg;
	if (is_heard)
		log_info("agent.answers", KV_Z("why", why));
	else
		log_warn("agent.silent", KV_Z("why", why));
}

static void on_kernel_line(void *arg, str line)
{
	ward_take_log(((service *)arg)->ward, line, clock_mono_us());
}

static void on_kernel_end(void *arg)
{
	inventory_changed(arg);
}

static void on_page(void *arg, exposition *e)
{
	service *s = arg;

	*e = (exposition){
		.node = s->o.node,
		.ward = s->ward,
		.allocations = s->allocations,
		.audit = s->audit,
		.mono_ns = clock_mono_ns(),
		.probe_failures = s->probe_failures,
		.reports = s->reporter ? reporter_answered(s->reporter) : 0,
		.reports_dropped = s->reporter ? reporter_dropped(s->reporter) : 0,
		.plugins = s->station ? station_registered(s->station) : 0,
		.refused = s->station ? station_refused(s->station) : 0,
		.instances = s->station ? station_instances(s->station) : 0,
	};
}

static bool is_ready(void *arg)
{
	return ((const service *)arg)->is_scanned;
}

static err pages_begin(service *s, fault *f)
{
	pages_config c = {
		.loop = s->loop, .listen = s->o.metrics_listen, .fill = on_page, .is_ready = is_ready, .arg = s};
	char address[128];
	err e = pages_open(&c, &s->pages, address, sizeof(address), f);

	if (!e && address[0])
		log_info("metrics.listening", KV_Z("at", address));
	return e;
}

static void probe_begin(service *s)
{
	probe_hooks hooks = {on_cards, on_sample, on_sampled, on_event, on_ill, on_none, s};

	if (s->o.nvml[0])
		s->probe = probe_new(s->loop, s->o.nvml, s->o.probe_timeout_ms, &hooks);
}

static void reporter_begin(service *s)
{
	if (!s->o.agent)
		return;
	s->reporter = reporter_new(&(reporter_config){
		.loop = s->loop,
		.agent = s->o.agent,
		.ca_file = s->o.agent_ca,
		.token_file = s->o.token_file,
		.node = s->o.node,
		.version = REEVE_VERSION,
		.interval_ms = s->o.report_ms,
		.before = usage_put,
		.on_want = on_want,
		.on_state = on_heard,
		.arg = s,
	});
}

static const cards *on_cards_asked(void *arg)
{
	return ward_cards(((service *)arg)->ward);
}

static void on_refused(void *arg, const node_owner *owner, const char *why)
{
	service *s = arg;
	node_step step = {.owner = *owner, .state = S("refused"), .reason = node_reason(why), .at.us = clock_now_us()};
	node_item item = {.kind = S("step"), .steps = {&step, 1}};

	if (!s->reporter)
		return;
	reporter_put(s->reporter, &item);
	reporter_hurry(s->reporter);
}

static void on_instances(void *arg)
{
	service *s = arg;

	if (s->scan)
		loop_timer_arm(s->scan, 0);
	if (s->npus)
		npus_hurry(s->npus);
}

static void on_npus(void *arg, const vnpu_listed *list, uint32_t n)
{
	service *s = arg;

	ward_take_npus(s->ward, list, n, clock_mono_us());
	if (s->station)
		station_seen_npus(s->station, ward_cards(s->ward));
	inventory_changed(s);
}

static void on_npus_silent(void *arg, const char *why)
{
	service *s = arg;

	log_warn("npus.silent", KV_Z("tool", s->o.npu_smi), KV_Z("why", why));
	ward_take_npus_silent(s->ward, clock_mono_us());
	inventory_changed(s);
}

static void npus_begin(service *s)
{
	npus_config c = {
		.loop = s->loop,
		.program = "/proc/self/exe",
		.tool = s->o.npu_smi,
		.every_ms = s->o.scan_ms,
		.timeout_ms = s->o.npu_timeout_ms,
		.on_list = on_npus,
		.on_silent = on_npus_silent,
		.arg = s,
	};

	if (s->o.npu_smi[0])
		s->npus = npus_open(&c);
}

static err station_begin(service *s, fault *f)
{
	station_config c = {
		.loop = s->loop,
		.node = s->o.node,
		.kubeconfig = s->o.kubeconfig,
		.kubelet_dir = s->o.kubelet_dir,
		.plan_keys = s->o.plan_keys,
		.resource = s->o.resource,
		.state_dir = s->o.state_dir,
		.nvml = s->o.nvml,
		.npu_smi = s->o.npu_smi,
		.shares = s->o.shares,
		.giver = {.allocations = s->allocations,
			.cards = on_cards_asked,
			.arg = s,
			.cdi_folder = s->o.cdi_dir[0] ? s->o.cdi_dir : NULL,
			.libraries = s->o.libraries,
			.procfs = s->o.procfs,
			.devices = s->o.devfs,
			.form = s->o.form,
			.tidy = tidy},
		.on_refused = on_refused,
		.on_instances = on_instances,
		.arg = s,
	};

	return s->o.kubeconfig ? station_open(&c, &s->station, f) : ERR_OK;
}

static void timers_begin(service *s)
{
	s->tick = loop_timer_new(s->loop, on_tick, s);
	s->scan = loop_timer_new(s->loop, on_scan, s);
	s->sample = loop_timer_new(s->loop, on_sample_due, s);
	s->sweep = loop_timer_new(s->loop, on_sweep, s);
	loop_timer_arm(s->tick, 0);
	loop_timer_arm(s->scan, 0);
	loop_timer_arm(s->sample, s->o.audit_ms * 1000);
	loop_timer_arm(s->sweep, SWEEP_FIRST_US);
}

static err service_begin(service *s, fault *f)
{
	pci_roots roots = {s->o.sysfs, s->o.procfs};
	err e = state_lock(s->o.state_dir, &s->lock_fd, f);

	if (e)
		return e;
	e = allocations_open(s->o.state_dir, on_step, s, &s->allocations, f);

	if (e)
		return e;
	if (allocations_mended(s->allocations) || allocations_unread(s->allocations))
		log_warn("allocations.damaged", KV_I64("mended", allocations_mended(s->allocations)),
			KV_I64("unread", allocations_unread(s->allocations)));
	allocations_on_change(s->allocations, on_allocations, s);
	s->ward = ward_new(&roots);
	s->seats = seats_new(s->loop, s->allocations, on_news, s);
	s->audit = audit_new(s->allocations, s->o.policy, on_finding, s);
	s->window_from_us = clock_mono_us();
	e = pages_begin(s, f);
	if (e)
		return e;
	reporter_begin(s);
	e = station_begin(s, f);
	if (e)
		return e;
	probe_begin(s);
	timers_begin(s);
	npus_begin(s);
	if (s->o.kernel_log[0])
		s->kernel_log = kernel_log_open(s->loop, s->o.kernel_log, on_kernel_line, on_kernel_end, s);
	return ERR_OK;
}

static void service_end(service *s)
{
	s->is_stopping = true;
	station_close(s->station);
	s->station = NULL;
	loop_timer_free(s->tick);
	loop_timer_free(s->scan);
	loop_timer_free(s->sample);
	loop_timer_free(s->sweep);
	kernel_log_close(s->kernel_log);
	npus_close(s->npus);
	probe_free(s->probe);
	reporter_free(s->reporter);
	pages_close(s->pages);
	audit_free(s->audit);
	seats_free(s->seats);
	allocations_close(s->allocations);
	ward_free(s->ward);
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	loop_free(s->loop);
	free(s);
	arena_trim();
}

static void on_stop(void *arg, int signo)
{
	service *s = arg;

	log_info("node.stopping", KV_I64("signal", signo));
	loop_stop(s->loop);
}

static int serve(service *s)
{
	fault f = {0};

	err e = service_begin(s, &f);
	if (e)
		return command_refuse("reeve-node", f.pointer, f.detail);
	loop_on_signal(s->loop, SIGTERM, on_stop, s);
	loop_on_signal(s->loop, SIGINT, on_stop, s);
	log_info("node.started", KV_Z("node", s->o.node), KV_Z("version", REEVE_VERSION));
	loop_run(s->loop);
	return EXIT_SUCCESS;
}

int daemon_main(int argc, char **argv)
{
	service *s = calloc(1, sizeof(*s));
	bool is_done;
	int status;

	if (!s)
		return EXIT_FAILURE;
	s->lock_fd = -1;
	status = daemon_settings_read(&s->o, argc, argv, &is_done);
	if (is_done || status) {
		free(s);
		return status;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	s->loop = loop_new();
	status = serve(s);
	service_end(s);
	return status;
}
