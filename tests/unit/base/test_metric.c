#include <criterion/criterion.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>
#include "base/metric.h"

static char page[1 << 18];

static const char *printed(void)
{
	buf out;
	buf_init(&out, sizeof(page) - 1);
	metric_print(&out);
	cr_assert_not(out.over);
	memcpy(page, out.p, out.n);
	page[out.n] = '\0';
	buf_done(&out);
	return page;
}

#define HAS(line) cr_assert_not_null(strstr(printed(), "\n" line "\n"), "no line: %s", line)

Test(metric, counters_add_by_label_and_gauges_are_set)
{
	metric_add(METRIC_HTTP_REQUESTS, STATUS_2XX, 3);
	metric_add(METRIC_HTTP_REQUESTS, STATUS_5XX, 1);
	metric_add(METRIC_HTTP_REQUESTS, STATUS_2XX, 4);
	metric_set(METRIC_STREAMS, 9);
	metric_add(METRIC_STREAMS, 0, -2);
	metric_add(METRIC_PLACER_DECISIONS, DECISION_REVOKED, 5);
	cr_assert_eq(metric_value(METRIC_HTTP_REQUESTS, STATUS_2XX), 7);
	HAS("reeve_http_requests_total{class=\"2xx\"} 7");
	HAS("reeve_http_requests_total{class=\"5xx\"} 1");
	HAS("reeve_http_requests_total{class=\"1xx\"} 0");
	HAS("reeve_watch_streams 7");
	HAS("reeve_placer_decisions_total{decision=\"revoked\"} 5");
	HAS("# TYPE reeve_watch_streams gauge");
	HAS("# HELP reeve_watch_streams Open watch streams.");
}

Test(metric, histogram_buckets_are_cumulative_and_closed_above)
{
	const int64_t seen_us[] = {-1, 0, 10, 11, 20, 999, 1000, 60000000, 60000001};

	for (size_t i = 0; i < sizeof(seen_us) / sizeof(seen_us[0]); i++)
		metric_observe_us(METRIC_HTTP_DURATION, seen_us[i]);
	HAS("reeve_http_request_duration_us_bucket{le=\"10\"} 3");
	HAS("reeve_http_request_duration_us_bucket{le=\"20\"} 5");
	HAS("reeve_http_request_duration_us_bucket{le=\"500\"} 5");
	HAS("reeve_http_request_duration_us_bucket{le=\"1000\"} 7");
	HAS("reeve_http_request_duration_us_bucket{le=\"50000000\"} 7");
	HAS("reeve_http_request_duration_us_bucket{le=\"60000000\"} 8");
	HAS("reeve_http_request_duration_us_bucket{le=\"+Inf\"} 9");
	HAS("reeve_http_request_duration_us_count 9");
	HAS("reeve_http_request_duration_us_sum 120002040");
	cr_assert_eq(metric_value(METRIC_HTTP_DURATION, 0), 9);
}

/* A child of slot `at` that counts `n` and leaves. */
static void child_counts(int fd, int at, int n)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		if (metric_share(fd, at))
			_exit(1);
		metric_add(METRIC_LANE_OPS, 0, n);
		metric_add(METRIC_HTTP_CONNECTIONS, 0, n);
		_exit(0);
	}
	waitpid(child, &status, 0);
	cr_assert_eq(status, 0);
}

Test(metric, processes_add_up_and_restarted_ones_go_on)
{
	int fd = metric_region_new();

	cr_assert_geq(fd, 0);
	cr_assert_eq(metric_share(fd, 0), ERR_OK);
	child_counts(fd, 1, 5);
	child_counts(fd, METRIC_SLOTS - 1, 7);
	child_counts(fd, 1, 30);
	metric_add(METRIC_LANE_OPS, 0, 100);
	cr_assert_eq(metric_value(METRIC_LANE_OPS, 0), 142);
	HAS("reeve_db_lane_operations_total 142");
	cr_assert_eq(metric_value(METRIC_HTTP_CONNECTIONS, 0), 37, "a gauge begins anew with its process");
	close(fd);
}

Test(metric, what_is_no_region_is_refused)
{
	int ends[2];

	cr_assert_eq(pipe(ends), 0);
	cr_assert_eq(metric_share(ends[0], 0), ERR_IO);
	cr_assert_eq(metric_share(-1, 0), ERR_IO);
	metric_add(METRIC_LANE_OPS, 0, 1);
	cr_assert_eq(metric_value(METRIC_LANE_OPS, 0), 1, "the own slot stays in use");
}

Test(metric, a_label_out_of_its_set_aborts, .signal = SIGABRT)
{
	metric_add(METRIC_HTTP_REQUESTS, STATUS_5XX + 1, 1);
}

Test(metric, names_and_lines_are_well_formed)
{
	const char *rest = printed();
	str all = str_from(rest);

	while (all.p) {
		str line = str_split(&all, '\n');
		if (!line.n && !all.p)
			break;
		str name = str_split(&line, ' ');
		cr_assert_not_null(line.p);
		if (str_eq(name, S("#")))
			continue;
		int64_t v;
		cr_assert(str_starts(name, S("reeve_")));
		cr_assert(str_to_i64(line, &v), STR_FMT, STR_ARG(line));
	}
}
