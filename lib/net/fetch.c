#include "net/fetch.h"
#include <assert.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include "base/buf.h"

enum {
	CONNECTIONS_DEFAULT = 8,
	BODY_DEFAULT_BYTES = 16 * 1024 * 1024,
	HEADERS_MAX_BYTES = 256 * 1024,
	CONNECT_TO_MAX_BYTES = 512,
};

struct fetch {
	loop *loop;
	CURLM *multi;
	loop_timer *timer;
	fetch_call *calls;
	bool is_inside; /* libcurl is on the stack: no handle may come to it or leave it now */
	char *ca_file, *cert_file, *key_file, *user_agent, *proxy;
	buf ca_pem, cert_pem, key_pem;
	struct curl_slist *connect_to;
	bool is_unverified;
	int64_t dead_after_ms;
};

struct fetch_call {
	fetch *owner; /* NULL: the outcome is known and waits for the loop */
	loop *loop;
	fetch_call *next, *prev;
	CURL *easy;
	struct curl_slist *lines;
	buf sent, headers, body;
	char why[CURL_ERROR_SIZE];
	const char *reason;
	err e;
	long status;
	bool is_cancelled, is_added;
	void (*on_piece)(void *arg, str piece);
	void (*on_done)(void *arg, const fetch_reply *reply);
	void *arg;
};

/* One descriptor that libcurl wants watched. */
typedef struct fetch_socket {
	loop_watch *watch;
	fetch *owner;
	int fd;
} fetch_socket;

static void *zeroed(size_t bytes)
{
	void *p = calloc(1, bytes);

	assert(p);
	return p;
}

static char *text_copy(const char *z)
{
	char *copy = z ? strdup(z) : NULL;

	assert(!z || copy);
	return copy;
}

static err curl_err(CURLcode code)
{
	switch (code) {
	case CURLE_OK:
		return ERR_OK;
	case CURLE_OPERATION_TIMEDOUT:
		return ERR_TIMEOUT;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_CIPHER:
		return ERR_TLS;
	case CURLE_FILESIZE_EXCEEDED:
		return ERR_LIMIT;
	default:
		return ERR_IO;
	}
}

static void call_free(fetch_call *c)
{
	curl_slist_free_all(c->lines);
	buf_done(&c->sent);
	buf_done(&c->headers);
	buf_done(&c->body);
	free(c);
}

static void call_report(void *arg)
{
	fetch_call *c = arg;
	bool has_answer = c->e == ERR_OK;

	if (!c->reason)
		c->reason = c->why[0] ? c->why : "the connection failed";
	fetch_reply reply = {
		.e = c->e,
		.status = c->status,
		.body = has_answer ? buf_str(&c->body) : STR_NONE,
		.headers = has_answer ? buf_str(&c->headers) : STR_NONE,
		.why = has_answer ? NULL : c->reason,
	};
	c->on_done(c->arg, &reply);
	call_free(c);
}

/* Takes the call off the client; its owner hears of it from the loop. */
static void call_end(fetch_call *c, err e)
{
	fetch *f = c->owner;

	if (!f)
		return;
	c->owner = NULL;
	c->e = e;
	if (c->prev)
		c->prev->next = c->next;
	else
		f->calls = c->next;
	if (c->next)
		c->next->prev = c->prev;
	if (curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &c->status))
		c->status = 0;
	(void)curl_multi_remove_handle(f->multi, c->easy);
	curl_easy_cleanup(c->easy);
	loop_defer(c->loop, call_report, c);
}

static void call_over_limit(fetch_call *c)
{
	c->e = ERR_LIMIT;
	c->reason = "the answer is larger than its limit";
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
	fetch_call *c = arg;

	if (c->is_cancelled)
		return 0;
	if (c->on_piece) {
		c->on_piece(c->arg, str_of(p, size * n));
		return c->is_cancelled ? 0 : size * n;
	}
	buf_add(&c->body, p, size * n);
	if (!c->body.over)
		return size * n;
	call_over_limit(c);
	return 0;
}

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
	fetch_call *c = arg;

	/* A new status line begins the headers anew: those of a 100 are not the answer's. */
	if (str_starts(str_of(p, size * n), S("HTTP/")))
		buf_clear(&c->headers);
	buf_add(&c->headers, p, size * n);
	if (!c->headers.over)
		return size * n;
	call_over_limit(c);
	return 0;
}

static void finished_take(fetch *f)
{
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(f->multi, &left))) {
		fetch_call *c;
		CURLcode code = m->data.result;
		if (m->msg != CURLMSG_DONE || curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&c))
			continue;
		err e = c->is_cancelled ? ERR_CLOSED : c->e ? c->e : curl_err(code);
		if (!c->reason && !c->why[0])
			c->reason = curl_easy_strerror(code);
		call_end(c, e);
	}
}

static void call_add(fetch *f, fetch_call *c)
{
	CURLMcode code = curl_multi_add_handle(f->multi, c->easy);

	assert(code == CURLM_OK);
	c->is_added = true;
}

/* What was sent from inside of libcurl: the newest come first in the list, and go last. */
static void calls_add(fetch *f)
{
	fetch_call *c = f->calls;

	if (!c || c->is_added)
		return;
	while (c->next && !c->next->is_added)
		c = c->next;
	for (; c; c = c->prev)
		call_add(f, c);
}

static void multi_step(fetch *f, int fd, int what)
{
	int running;

	f->is_inside = true;
	(void)curl_multi_socket_action(f->multi, fd, what, &running);
	f->is_inside = false;
	calls_add(f);
	finished_take(f);
}

static void socket_ready(void *arg, int what)
{
	fetch_socket *s = arg;

	multi_step(s->owner, s->fd, what & LOOP_READ ? CURL_CSELECT_IN : CURL_CSELECT_OUT);
}

static void timer_fired(void *arg)
{
	multi_step(arg, CURL_SOCKET_TIMEOUT, 0);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
	fetch *f = arg;
	fetch_socket *s = socket_arg;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (s)
			loop_watch_free(s->watch);
		free(s);
		(void)curl_multi_assign(f->multi, fd, NULL);
		return 0;
	}
	if (!s) {
		s = zeroed(sizeof(*s));
		s->owner = f;
		s->fd = fd;
		s->watch = loop_watch_new(f->loop, fd, 0, socket_ready, s);
		(void)curl_multi_assign(f->multi, fd, s);
	}
	loop_watch_set(s->watch, (what & CURL_POLL_IN ? LOOP_READ : 0) | (what & CURL_POLL_OUT ? LOOP_WRITE : 0));
	return 0;
}

static int on_timer(CURLM *multi, long delay_ms, void *arg)
{
	fetch *f = arg;

	(void)multi;
	if (delay_ms < 0)
		loop_timer_disarm(f->timer);
	else
		loop_timer_arm(f->timer, (int64_t)delay_ms * 1000);
	return 0;
}

static void pem_copy(buf *to, str pem)
{
	buf_init(to, pem.n);
	buf_add_str(to, pem);
}

/* How the other side is reached and believed, beyond files. */
static void fetch_reach(fetch *f, const fetch_config *c)
{
	pem_copy(&f->ca_pem, c->ca_pem);
	pem_copy(&f->cert_pem, c->cert_pem);
	pem_copy(&f->key_pem, c->key_pem);
	f->proxy = text_copy(c->proxy);
	f->is_unverified = c->is_unverified;
	f->dead_after_ms = c->dead_after_ms;
	if (!c->connect_to)
		return;
	buf line;
	buf_init(&line, CONNECT_TO_MAX_BYTES);
	buf_printf(&line, "::%s", c->connect_to);
	buf_add_char(&line, '\0');
	assert(!line.over);
	f->connect_to = curl_slist_append(NULL, line.p);
	buf_done(&line);
}

fetch *fetch_new(loop *l, const fetch_config *c)
{
	fetch *f = zeroed(sizeof(*f));
	CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);

	assert(code == CURLE_OK);
	f->loop = l;
	f->multi = curl_multi_init();
	assert(f->multi);
	f->timer = loop_timer_new(l, timer_fired, f);
	f->ca_file = text_copy(c->ca_file);
	f->cert_file = text_copy(c->cert_file);
	f->key_file = text_copy(c->key_file);
	f->user_agent = text_copy(c->user_agent);
	fetch_reach(f, c);
	curl_multi_setopt(f->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(f->multi, CURLMOPT_SOCKETDATA, f);
	curl_multi_setopt(f->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(f->multi, CURLMOPT_TIMERDATA, f);
	curl_multi_setopt(f->multi, CURLMOPT_MAX_HOST_CONNECTIONS,
		(long)(c->connections_max ? c->connections_max : CONNECTIONS_DEFAULT));
	return f;
}

void fetch_free(fetch *f)
{
	if (!f)
		return;
	assert(!f->is_inside);
	while (f->calls)
		fetch_cancel(f->calls);
	curl_multi_cleanup(f->multi);
	curl_global_cleanup();
	loop_timer_free(f->timer);
	free(f->ca_file);
	free(f->cert_file);
	free(f->key_file);
	free(f->user_agent);
	free(f->proxy);
	buf_done(&f->ca_pem);
	buf_done(&f->cert_pem);
	buf_done(&f->key_pem);
	curl_slist_free_all(f->connect_to);
	free(f);
}

static void easy_secure(CURL *easy, const fetch *f)
{
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, f->is_unverified ? 0L : 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, f->is_unverified ? 0L : 2L);
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_PROXY, f->proxy ? f->proxy : "");
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	if (f->ca_file) {
		curl_easy_setopt(easy, CURLOPT_CAINFO, f->ca_file);
		curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	}
	if (f->cert_file)
		curl_easy_setopt(easy, CURLOPT_SSLCERT, f->cert_file);
	if (f->key_file)
		curl_easy_setopt(easy, CURLOPT_SSLKEY, f->key_file);
	if (f->user_agent)
		curl_easy_setopt(easy, CURLOPT_USERAGENT, f->user_agent);
}

static void easy_pem(CURL *easy, CURLoption option, const buf *pem)
{
	struct curl_blob blob = {.data = pem->p, .len = pem->n, .flags = CURL_BLOB_COPY};

	if (pem->n)
		curl_easy_setopt(easy, option, &blob);
}

/* A peer that is gone without a word is found out by the kernel, within dead_after_ms. */
static int on_connection(void *arg, curl_socket_t fd, curlsocktype purpose)
{
	const fetch *f = arg;
	unsigned ms = (unsigned)f->dead_after_ms;

	(void)purpose;
	return setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms)) ? CURL_SOCKOPT_ERROR : CURL_SOCKOPT_OK;
}

static void easy_reach(CURL *easy, fetch *f)
{
	long probe_s = (long)(f->dead_after_ms / 3000);

	if (f->ca_pem.n)
		curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	easy_pem(easy, CURLOPT_CAINFO_BLOB, &f->ca_pem);
	easy_pem(easy, CURLOPT_SSLCERT_BLOB, &f->cert_pem);
	easy_pem(easy, CURLOPT_SSLKEY_BLOB, &f->key_pem);
	if (f->connect_to)
		curl_easy_setopt(easy, CURLOPT_CONNECT_TO, f->connect_to);
	if (!f->dead_after_ms)
		return;
	curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, on_connection);
	curl_easy_setopt(easy, CURLOPT_SOCKOPTDATA, f);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, probe_s > 0 ? probe_s : 1L);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, probe_s > 0 ? probe_s : 1L);
}

static void easy_body(fetch_call *c, const fetch_request *q)
{
	if (q->body.n == 0 && strcmp(q->method, "POST") != 0)
		return;
	buf_init(&c->sent, q->body.n);
	buf_add_str(&c->sent, q->body);
	/* The literal: a NULL would make libcurl ask a read callback. */
	curl_easy_setopt(c->easy, CURLOPT_POSTFIELDS, c->sent.p ? c->sent.p : "");
	curl_easy_setopt(c->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->body.n);
	/* No "Expect: 100-continue": it costs a round trip for bodies that the server nearly always takes. */
	c->lines = curl_slist_append(c->lines, "Expect:");
}

static void easy_callbacks(fetch_call *c)
{
	curl_easy_setopt(c->easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(c->easy, CURLOPT_WRITEDATA, c);
	curl_easy_setopt(c->easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(c->easy, CURLOPT_HEADERDATA, c);
	curl_easy_setopt(c->easy, CURLOPT_ERRORBUFFER, c->why);
	curl_easy_setopt(c->easy, CURLOPT_PRIVATE, c);
}

fetch_call *fetch_send(fetch *f, const fetch_request *q)
{
	fetch_call *c = zeroed(sizeof(*c));

	c->owner = f;
	c->loop = f->loop;
	c->on_piece = q->on_piece;
	c->on_done = q->on_done;
	c->arg = q->arg;
	buf_init(&c->headers, HEADERS_MAX_BYTES);
	buf_init(&c->body, q->body_max ? (size_t)q->body_max : BODY_DEFAULT_BYTES);
	c->easy = curl_easy_init();
	assert(c->easy);
	easy_secure(c->easy, f);
	easy_reach(c->easy, f);
	easy_callbacks(c);
	easy_body(c, q);
	for (const char *const *line = q->headers; line && *line; line++)
		c->lines = curl_slist_append(c->lines, *line);
	curl_easy_setopt(c->easy, CURLOPT_HTTPHEADER, c->lines);
	curl_easy_setopt(c->easy, CURLOPT_URL, q->url);
	if (strcmp(q->method, "HEAD") == 0)
		curl_easy_setopt(c->easy, CURLOPT_NOBODY, 1L);
	curl_easy_setopt(c->easy, CURLOPT_CUSTOMREQUEST, q->method);
	if (q->timeout_ms > 0)
		curl_easy_setopt(c->easy, CURLOPT_TIMEOUT_MS, (long)q->timeout_ms);
	c->next = f->calls;
	if (f->calls)
		f->calls->prev = c;
	f->calls = c;
	if (!f->is_inside)
		call_add(f, c);
	return c;
}

static void call_cancelled(void *arg)
{
	call_end(arg, ERR_CLOSED);
}

void fetch_cancel(fetch_call *c)
{
	c->reason = "the call was cancelled";
	c->is_cancelled = true;
	if (!c->owner)
		c->e = ERR_CLOSED;
	else if (c->owner->is_inside)
		loop_defer(c->loop, call_cancelled, c);
	else
		call_end(c, ERR_CLOSED);
}

long fetch_status(const fetch_call *c)
{
	long status = 0;

	assert(c->owner);
	return curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status) ? 0 : status;
}

str fetch_header(const fetch_reply *r, str name)
{
	str found = STR_NONE;

	for (str rest = r->headers; rest.p;) {
		str line = str_split(&rest, '\n');
		str key = str_split(&line, ':');
		if (line.p && str_eq_nocase(key, name))
			found = str_trim(str_ends(line, S("\r")) ? str_cut(line, 0, line.n - 1) : line);
	}
	return found;
}

typedef struct fetch_waiter {
	loop *loop;
	arena *arena;
	fetch_reply reply;
} fetch_waiter;

static void waiter_done(void *arg, const fetch_reply *reply)
{
	fetch_waiter *w = arg;

	w->reply = *reply;
	w->reply.body = str_dup(w->arena, reply->body);
	w->reply.headers = str_dup(w->arena, reply->headers);
	w->reply.why = reply->why ? str_z(w->arena, str_from(reply->why)) : NULL;
	loop_stop(w->loop);
}

fetch_reply fetch_wait(fetch *f, loop *l, arena *a, const fetch_request *q)
{
	fetch_waiter w = {.loop = l, .arena = a};
	fetch_request mine = *q;

	mine.on_done = waiter_done;
	mine.arg = &w;
	(void)fetch_send(f, &mine);
	loop_run(l);
	return w.reply;
}
