#include "server/edge/assets.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/heap.h"
#include "base/map.h"

enum { PATH_BYTES = 1024, ETAG_BYTES = 8, ETAG_TEXT = 20 };

typedef struct asset {
	char url[PATH_BYTES];
	char etag[ETAG_TEXT];
	const char *type;
	char *body;
	uint32_t n;
} asset;

struct assets {
	map by_url;
	size_t bytes;
};

static const struct {
	const char *suffix, *type;
} types[] = {
	{".html", "text/html; charset=utf-8"},
	{".js", "text/javascript; charset=utf-8"},
	{".css", "text/css; charset=utf-8"},
	{".svg", "image/svg+xml"},
	{".png", "image/png"},
	{".ico", "image/x-icon"},
	{".json", "application/json"},
	{".woff2", "font/woff2"},
	{".txt", "text/plain; charset=utf-8"},
};

/* reference: what a page of ours may do; nothing inline, nothing from elsewhere. */
#define POLICY                                                                                                         \
	"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "          \
	"font-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; "                               \
	"require-trusted-types-for 'script'"

static const char *type_of(const char *path)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (str_ends(str_from(path), str_from(types[i].suffix)))
			return types[i].type;
	return NULL;
}

static void etag_make(asset *a)
{
	uint8_t hash[SHA256_DIGEST_LENGTH];
	char *to = a->etag;

	SHA256((const unsigned char *)a->body, a->n, hash);
	*to++ = '"';
	for (int i = 0; i < ETAG_BYTES; i++)
		to += snprintf(to, 3, "%02x", hash[i]);
	*to++ = '"';
	*to = '\0';
}

static err file_read(const char *path, size_t size, asset *a, fault *f)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t got = 0;

	a->body = heap_new(1, size + 1);
	while (fd >= 0 && got < size) {
		ssize_t n = read(fd, a->body + got, size - got);
		if (n <= 0)
			break;
		got += (size_t)n;
	}
	if (fd >= 0)
		close(fd);
	a->n = (uint32_t)got;
	return fd >= 0 && got == size ? ERR_OK : fault_set(f, ERR_SETTING, "web-dir", "cannot read %s", path);
}

static err file_add(assets *s, const char *path, const char *url, const struct stat *st, fault *f)
{
	if (!type_of(path))
		return ERR_OK;
	if (st->st_size > ASSET_BYTES_MAX || s->by_url.n >= ASSETS_MAX ||
		s->bytes + (size_t)st->st_size > ASSETS_BYTES_MAX)
		return fault_set(f, ERR_SETTING, "web-dir", "%s passes a limit: %d files, %d bytes each, %d in all",
			path, ASSETS_MAX, ASSET_BYTES_MAX, ASSETS_BYTES_MAX);
	asset *a = heap_new(1, sizeof(*a));
	snprintf(a->url, sizeof(a->url), "%s", url);
	a->type = type_of(path);
	map_put(&s->by_url, str_from(a->url), a);
	err e = file_read(path, (size_t)st->st_size, a, f);
	if (e)
		return e;
	s->bytes += a->n;
	etag_make(a);
	return ERR_OK;
}

static err folder_add(assets *s, const char *dir, const char *url, int depth, fault *f)
{
	DIR *d = opendir(dir);
	err e = ERR_OK;

	if (!d)
		return fault_set(f, ERR_SETTING, "web-dir", "cannot open %s: %s", dir, strerror(errno));
	for (struct dirent *entry; !e && (entry = readdir(d));) {
		char path[PATH_BYTES], name[PATH_BYTES];
		struct stat st;
		if (entry->d_name[0] == '.')
			continue;
		int n = snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
		int m = snprintf(name, sizeof(name), "%s/%s", url, entry->d_name);
		if (n >= PATH_BYTES || m >= PATH_BYTES || lstat(path, &st) != 0)
			continue;
		if (S_ISDIR(st.st_mode) && depth < ASSETS_DEPTH_MAX)
			e = folder_add(s, path, name, depth + 1, f);
		else if (S_ISREG(st.st_mode))
			e = file_add(s, path, name, &st, f);
	}
	closedir(d);
	return e;
}

err assets_open(const char *dir, assets **ret, fault *f)
{
	assets *s = heap_new(1, sizeof(*s));
	err e = dir && *dir ? folder_add(s, dir, "/ui", 0, f) : ERR_OK;

	if (e)
		assets_close(s);
	else
		*ret = s;
	return e;
}

void assets_close(assets *s)
{
	if (!s)
		return;
	map_each (slot, &s->by_url) {
		asset *a = slot->value;
		free(a->body);
		free(a);
	}
	map_done(&s->by_url);
	free(s);
}

static bool is_ours(const assets *s, str path)
{
	return s->by_url.n && (str_eq(path, S("/")) || str_eq(path, S("/ui")) || str_starts(path, S("/ui/")));
}

static void asset_serve(const asset *a, request *r)
{
	str known = web_header_find(r->web, S("If-None-Match"));

	request_header(r, "ETag", str_from(a->etag));
	r->is_cacheable = true;
	if (str_starts(str_from(a->type), S("text/html"))) {
		request_header(r, "Content-Security-Policy", S(POLICY));
		request_header(r, "Referrer-Policy", S("same-origin"));
		request_header(r, "Cross-Origin-Opener-Policy", S("same-origin"));
		if (r->web->tls)
			request_header(r, "Strict-Transport-Security", S("max-age=31536000"));
	}
	if (known.p && str_eq(str_trim(known), str_from(a->etag)))
		request_reply(r, 304, a->type, S(""));
	else
		request_reply(r, 200, a->type, str_of(a->body, a->n));
}

bool assets_serve(const assets *s, request *r)
{
	str path = r->web->path;
	const asset *a;

	if (!is_ours(s, path))
		return false;
	if (r->web->method != WEB_GET && r->web->method != WEB_HEAD) {
		request_header(r, "Allow", S("GET, HEAD"));
		request_fail(r, ERR_METHOD_NOT_ALLOWED);
		return true;
	}
	if (!str_starts(path, S("/ui/"))) {
		request_header(r, "Location", S("/ui/"));
		request_reply(r, 302, NULL, S(""));
		return true;
	}
	a = map_find(&s->by_url, str_eq(path, S("/ui/")) ? S("/ui/index.html") : path);
	if (a)
		asset_serve(a, r);
	else
		request_fail(r, ERR_NOT_FOUND);
	return true;
}
