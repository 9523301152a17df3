/* Readers of the watch whose connections break anywhere and who come back with their last cursor see every revision
 * once, in order: also those that commit late, for two ledgers write at once.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "crowd.h"
#include "pg/pg.h"
#include "size.h"

enum {
	WRITERS = 16,
	LINE_MAX_BYTES = 16 << 10,
	REQUEST_MAX = 1024,
	LIFE_LINES_MAX = 3000,
	LIVES = 5,
	LINE_BYTES = 300,
	SILENCES_MAX = 30,
	LAG_MAX = 2000,
	PAUSE_US = 2000
};

static struct {
	int readers;
	int64_t events, first; /* revisions first + 1 ... first + events are written */
	uint64_t seed;
	const char *admin, *owner;
	int64_t *seen, *cuts; /* by reader */
} play;

/* The slowest reader's place. */
static int64_t seen_least(void)
{
	int64_t least = play.events;

	for (int i = 0; i < play.readers; i++)
		if (play.seen[i] >= 0 && play.seen[i] < least)
			least = play.seen[i];
	return least;
}

/* Readers that fell far behind would all page through the same rows: the writers let them come up. */
static void readers_await(int64_t written)
{
	while (written - seen_least() > LAG_MAX)
		usleep(PAUSE_US);
}

/* Writes its share of the events. Half of the writers see all, half one tree: their writes go through different
 * ledgers. */
static bool writer_run(int i, void *arg)
{
	int64_t n = play.events / WRITERS + (i < play.events % WRITERS);
	char request[REQUEST_MAX], body[64], *out = malloc(CROWD_ANSWER_MAX);
	bool ok = out != NULL;

	(void)arg;
	for (int64_t k = 0; k < n && ok; k++) {
		readers_await(k * WRITERS);
		int len = snprintf(body, sizeof(body), "{\"description\":\"%d-%lld\"}", i, (long long)k);
		len = snprintf(request, sizeof(request),
			"PATCH /v1/tenants/acme HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer %s\r\nIf-Match: "
			"*\r\nContent-Type: application/merge-patch+json\r\nContent-Length: %d\r\n\r\n%s",
			i % 2 ? play.admin : play.owner, len, body);
		ok = crowd_call(NULL, request, (size_t)len, out) == 200;
		if (!ok)
			fprintf(stderr, "writer %d was answered: %s\n", i, out);
	}
	free(out);
	return ok;
}

typedef struct reader {
	dice d;
	int64_t last; /* revision */
	int64_t *seen;
	char cursor[64];
	char line[LINE_MAX_BYTES];
	size_t n;
} reader;

static int reader_dial(const reader *r)
{
	char request[REQUEST_MAX];
	int fd = served_dial();
	int n = snprintf(request, sizeof(request),
		"GET /v1/watch?kinds=tenant&since=%s HTTP/1.1\r\nHost: x\r\nAccept: application/x-ndjson\r\nAuthorization: Bearer "
		"%s\r\n\r\n",
		r->cursor, dice_roll((dice *)&r->d, 2) ? play.admin : play.owner);

	if (send(fd, request, (size_t)n, MSG_NOSIGNAL) != n) {
		close(fd);
		return -1;
	}
	return fd;
}

/* One line of the stream; false when it is not the next that must come. */
static bool line_take(reader *r)
{
	const char *revision = strstr(r->line, "\"revision\":"), *cursor = strstr(r->line, "\"cursor\":\"");

	if (cursor)
		snprintf(r->cursor, sizeof(r->cursor), "%.*s", (int)strcspn(cursor + 10, "\""), cursor + 10);
	if (!strstr(r->line, "{\"event\":\"put\"") || !revision)
		return !strstr(r->line, "\"event\":\"error\"");
	int64_t n = strtoll(revision + 11, NULL, 10);
	if (n != r->last + 1)
		fprintf(stderr, "after %lld came %lld\n", (long long)r->last, (long long)n);
	*r->seen = n - play.first;
	return n == r->last++ + 1;
}

/* The chunks' own lines hold no brace: what begins with one is an event, and a line that the end cut short is none. */
static bool bytes_take(reader *r, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i] != '\n') {
			if (r->n < sizeof(r->line) - 1)
				r->line[r->n++] = p[i];
			continue;
		}
		r->line[r->n] = 0;
		r->n = 0;
		if (r->line[0] == '{' && !line_take(r))
			return false;
	}
	return true;
}

/* One life of a connection: it ends after so many bytes. -1: a wrong event; 0: silence; 1: cut. */
static int reader_live(reader *r, int64_t until)
{
	static char bytes[32 << 10];
	int64_t lines = play.events / LIVES < LIFE_LINES_MAX ? play.events / LIVES : LIFE_LINES_MAX;
	int64_t left = 1 + (int64_t)dice_roll(&r->d, (uint64_t)lines * LINE_BYTES);
	int fd = reader_dial(r), came = 1;

	r->n = 0;
	while (fd >= 0 && left > 0 && r->last < until) {
		size_t most = (size_t)left < sizeof(bytes) ? (size_t)left : sizeof(bytes);
		ssize_t k = recv(fd, bytes, most, 0);
		if (k <= 0) {
			came = 0;
			break;
		}
		left -= k;
		if (!bytes_take(r, bytes, (size_t)k)) {
			close(fd);
			return -1;
		}
	}
	close(fd);
	return came;
}

static bool reader_run(int i, void *arg)
{
	reader *r = calloc(1, sizeof(*r));
	int came = 1, silences = 0;
	int64_t until = play.first + play.events;

	(void)arg;
	r->d = dice_of(play.seed, 1000 + (uint64_t)i);
	r->last = play.first;
	r->seen = &play.seen[i];
	snprintf(r->cursor, sizeof(r->cursor), "g%lld.p0", (long long)play.first);
	while (r->last < until && came >= 0 && silences < SILENCES_MAX) {
		came = reader_live(r, until);
		silences = came ? 0 : silences + 1;
		play.cuts[i]++;
	}
	play.seen[i] = came < 0 || r->last < until ? -1 : r->last - play.first;
	free(r);
	return play.seen[i] == play.events && came >= 0;
}

Test(api_streams, readers_that_break_off_see_each_revision_once_and_in_order, .timeout = 3500)
{
	AUTO_ARENA a = arena_new(0);
	int readers = (int)size_get("STREAM_READERS");

	setenv("SERVED_STREAMS", "200", 1);
	served_start("api_streams");
	play.admin = served_token("platform_admin", NULL);
	cr_assert_eq(served_call(a, play.admin, "POST", "/v1/tenants", NULL, "{\"name\":\"acme\"}").status, 201);
	play.owner = served_token("tenant_owner", "acme");
	play.readers = readers;
	play.events = size_get("STREAM_EVENTS");
	play.seed = crowd_seed();
	play.seen = crowd_memory((size_t)readers * sizeof(*play.seen));
	play.cuts = crowd_memory((size_t)readers * sizeof(*play.cuts));
	play.first = pg_int(served_dsn(), "SELECT n FROM chain WHERE id = 'g'");
	crowd_begin(readers, reader_run, NULL);
	crowd_begin(WRITERS, writer_run, NULL);
	cr_expect_eq(crowd_wait(), 0, "seed %llu", (unsigned long long)play.seed);
	int64_t cuts = 0;
	for (int i = 0; i < readers; i++) {
		cr_expect_eq(play.seen[i], play.events, "reader %d", i);
		cuts += play.cuts[i];
	}
	cr_expect_gt(cuts, 2 * readers, "too few were cut: %lld", (long long)cuts);
}
