#include "net/router.h"
#include <assert.h>
#include <stdlib.h>
#include "base/vec.h"

/* One position in a path. Children by literal segment come before variables; variables with a literal ":action" behind
 * them before plain ones. */
typedef struct route_node {
	str literal; /* the segment, or the text behind the variable */
	bool is_var;
	struct route_node *children; /* of the next segment */
	struct route_node *next;     /* sibling, in the order in which they are tried */
	uint32_t methods;
	int32_t routes[WEB_METHODS];
} route_node;

struct router {
	route_node root;
};

static void *node_new(size_t bytes)
{
	void *p = calloc(1, bytes);

	assert(p);
	return p;
}

router *router_new(void)
{
	return node_new(sizeof(router));
}

static void nodes_free(route_node *n)
{
	while (n) {
		route_node *next = n->next;
		nodes_free(n->children);
		free(n);
		n = next;
	}
}

void router_free(router *r)
{
	if (!r)
		return;
	nodes_free(r->root.children);
	free(r);
}

/* Whether a is tried before b. */
static bool node_is_before(const route_node *a, const route_node *b)
{
	if (a->is_var != b->is_var)
		return !a->is_var;
	return a->literal.n > b->literal.n;
}

/* The text is the caller's and stays: route tables are constants. */
static route_node segment_parse(str segment)
{
	route_node n = {.literal = segment};
	int64_t open = str_find(segment, '{', 0);
	int64_t shut = str_find(segment, '}', 0);

	assert(segment.n > 0);
	if (open < 0) {
		assert(shut < 0);
		return n;
	}
	assert(open == 0 && shut > 1);
	n.is_var = true;
	n.literal = str_cut(segment, (size_t)shut + 1, segment.n);
	assert(n.literal.n == 0 || (n.literal.p[0] == ':' && n.literal.n > 1));
	assert(str_find(n.literal, '{', 0) < 0 && str_find(n.literal, '}', 0) < 0);
	return n;
}

static route_node *child_of(route_node *parent, str segment)
{
	route_node wanted = segment_parse(segment);
	route_node **at = &parent->children;

	while (*at && node_is_before(*at, &wanted))
		at = &(*at)->next;
	for (route_node *n = *at; n; n = n->next) {
		if (n->is_var == wanted.is_var && str_eq(n->literal, wanted.literal))
			return n;
	}
	route_node *n = node_new(sizeof(*n));
	*n = wanted;
	n->next = *at;
	*at = n;
	return n;
}

void router_add(router *r, web_method m, const char *path, int32_t route)
{
	str rest = str_from(path);
	route_node *n = &r->root;
	uint32_t n_vars = 0;

	assert(rest.n > 0 && rest.p[0] == '/');
	rest = str_cut(rest, 1, rest.n);
	while (rest.p && !(n == &r->root && rest.n == 0)) {
		n = child_of(n, str_split(&rest, '/'));
		n_vars += n->is_var;
	}
	assert(n_vars <= ROUTER_VARS_MAX);
	assert(!(n->methods & 1u << m));
	n->methods |= 1u << m;
	n->routes[m] = route;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Percent-decoding. False for a bad escape and for NUL, which would end the text for some reader behind us. */
static bool text_decode(arena *a, str s, bool plus_is_blank, str *ret)
{
	if (str_find(s, '%', 0) < 0 && (!plus_is_blank || str_find(s, '+', 0) < 0)) {
		*ret = s;
		return true;
	}
	char *out = arena_alloc(a, s.n);
	uint32_t n = 0;
	for (uint32_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (c == '%') {
			int high = i + 2 < s.n ? hex_digit(s.p[i + 1]) : -1;
			int low = i + 2 < s.n ? hex_digit(s.p[i + 2]) : -1;
			if (high < 0 || low < 0 || (high | low) == 0)
				return false;
			c = (char)(high << 4 | low);
			i += 2;
		} else if (c == '+' && plus_is_blank) {
			c = ' ';
		}
		out[n++] = c;
	}
	*ret = (str){out, n};
	return true;
}

static const route_node *node_find(const route_node *n, str rest, arena *a, router_match *m);

static const route_node *var_find(const route_node *n, str segment, str rest, arena *a, router_match *m)
{
	str raw = str_cut(segment, 0, segment.n - n->literal.n);

	if (segment.n <= n->literal.n || !str_ends(segment, n->literal))
		return NULL;
	if (!text_decode(a, raw, false, &m->vars[m->n_vars]))
		return NULL;
	m->n_vars++;
	const route_node *found = node_find(n, rest, a, m);
	if (!found)
		m->n_vars--;
	return found;
}

/* rest: what follows the segment of n, without the '/'; absent at the end of the path. */
static const route_node *node_find(const route_node *n, str rest, arena *a, router_match *m)
{
	if (!rest.p)
		return n->methods ? n : NULL;
	str segment = str_split(&rest, '/');
	for (const route_node *c = n->children; c; c = c->next) {
		const route_node *found = NULL;
		if (c->is_var)
			found = var_find(c, segment, rest, a, m);
		else if (str_eq(segment, c->literal))
			found = node_find(c, rest, a, m);
		if (found)
			return found;
	}
	return NULL;
}

router_match router_find(const router *r, arena *a, web_method m, str path)
{
	router_match match = {.route = -1};
	const route_node *n = NULL;

	if (path.n == 1 && path.p[0] == '/')
		n = r->root.methods ? &r->root : NULL;
	else if (path.n > 1 && path.p[0] == '/')
		n = node_find(&r->root, str_cut(path, 1, path.n), a, &match);
	if (!n)
		return match;
	match.allowed = n->methods | (n->methods & 1u << WEB_GET ? 1u << WEB_HEAD : 0);
	if (m == WEB_HEAD && !(n->methods & 1u << WEB_HEAD))
		m = WEB_GET;
	if (n->methods & 1u << m)
		match.route = n->routes[m];
	return match;
}

bool query_next(str *rest, arena *a, str *ret_name, str *ret_value, bool *ret_bad)
{
	*ret_bad = false;
	while (rest->p) {
		str pair = str_split(rest, '&');
		if (pair.n == 0)
			continue;
		str name = str_split(&pair, '=');
		str value = pair.p ? pair : S("");
		*ret_bad = !text_decode(a, name, true, ret_name) || !text_decode(a, value, true, ret_value);
		return true;
	}
	return false;
}
