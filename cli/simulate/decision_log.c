#include "cli/simulate/decision_log.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "cli/trace/trace.h"

enum { DIGITS_MAX = 10, LINE_BYTES_MAX = 32 + TRACE_NAME_MAX + TRACE_NODE_GPUS_MAX * 4 };

err decision_log_open(decision_log *l, const char *path, fault *f)
{
	l->fd = -1;
	l->error = 0;
	l->path = path;
	l->n = 0;
	if (!path || !*path)
		return ERR_OK;
	l->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (l->fd < 0)
		return fault_set(f, ERR_IO, NULL, "cannot write %s: %s", path, strerror(errno));
	str header = S("op,seq,node,gpus\n");
	memcpy(l->bytes, header.p, header.n);
	l->n = header.n;
	return ERR_OK;
}

static void flush(decision_log *l)
{
	for (size_t done = 0; done < l->n && !l->error;) {
		ssize_t n = write(l->fd, l->bytes + done, l->n - done);
		if (n >= 0)
			done += (size_t)n;
		else if (errno != EINTR)
			l->error = errno;
	}
	l->n = 0;
}

err decision_log_close(decision_log *l, fault *f)
{
	if (l->fd < 0)
		return ERR_OK;
	flush(l);
	if (close(l->fd) && !l->error)
		l->error = errno;
	l->fd = -1;
	return l->error ? fault_set(f, ERR_IO, NULL, "cannot write %s: %s", l->path, strerror(l->error)) : ERR_OK;
}

static char *put_text(char *p, str s)
{
	memcpy(p, s.p, s.n);
	return p + s.n;
}

static char *put_number(char *p, uint32_t v)
{
	char digits[DIGITS_MAX];
	int n = 0;

	do
		digits[n++] = (char)('0' + v % 10);
	while ((v /= 10) > 0);
	while (n)
		*p++ = digits[--n];
	return p;
}

static void line(decision_log *l, str op, uint32_t seq, str node, const uint8_t *gpus, uint32_t n)
{
	if (l->fd < 0)
		return;
	assert(node.n <= TRACE_NAME_MAX && n <= TRACE_NODE_GPUS_MAX);
	if (l->n + LINE_BYTES_MAX > sizeof(l->bytes))
		flush(l);
	char *p = put_text(l->bytes + l->n, op);
	p = put_number(p, seq);
	*p++ = ',';
	p = put_text(p, node);
	*p++ = ',';
	for (uint32_t i = 0; i < n; i++) {
		if (i)
			*p++ = '-';
		p = put_number(p, gpus[i]);
	}
	*p++ = '\n';
	l->n = (size_t)(p - l->bytes);
}

void decision_log_place(decision_log *l, uint32_t seq, str node, const uint8_t *gpus, uint32_t n)
{
	line(l, S("place,"), seq, node, gpus, n);
}

void decision_log_move(decision_log *l, uint32_t seq, str node, const uint8_t *gpus, uint32_t n)
{
	line(l, S("move,"), seq, node, gpus, n);
}

void decision_log_fail(decision_log *l, uint32_t seq)
{
	line(l, S("fail,"), seq, S(""), NULL, 0);
}

void decision_log_free(decision_log *l, uint32_t seq)
{
	line(l, S("free,"), seq, S(""), NULL, 0);
}
