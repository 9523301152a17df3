#include "agents/real/intake.h"
#include <assert.h>
#include <stdlib.h>
#include "agents/cluster/journal.h"
#include "agents/kube/pod.h"
#include "base/clock.h"
#include "json/doc.h"
#include "json/write.h"
#include "net/digest.h"

enum {
	TOKEN_MAX = 8192,
	REVIEW_MAX = 16 << 10,
	NAME_MAX_BYTES = 253,
	BOOT_MAX = 100,
	ANSWER_MAX = 1024,
	SOURCE_BYTES = 6,
	STALE_BYTES = 1 << 20, /* of the journal */
};

/* A token that the API server has answered for. */
typedef struct token_row {
	uint8_t digest[DIGEST_BYTES];
	char node[NAME_MAX_BYTES + 1];
	int64_t until_us;
} token_row;

typedef struct node_row {
	char name[NAME_MAX_BYTES + 1], boot[BOOT_MAX + 1];
	int64_t acked;
	bool has_inventory;
} node_row;

struct intake {
	intake_spec spec;
	map tokens; /* by digest */
	map nodes;  /* by name */
	journal *journal;
	uint32_t n_reviews;
	bool has_usage; /* in the journal */
	struct asking *asking;
};

/* A report that waits for the API server's word about its token. */
typedef struct asking {
	intake *owner; /* NULL: it is closed */
	web_req *r;
	uint8_t digest[DIGEST_BYTES];
	char pod_uid[OBJECT_UID_MAX + 1]; /* whose pod is looked at */
	struct asking *next, *prev;
} asking;

static void refuse(web_req *r, int status, const char *code, const char *detail)
{
	buf out;

	buf_init(&out, ANSWER_MAX);
	js_writer w = js_writer_on(&out);
	js_object_begin(&w);
	js_put_text(&w, "code", str_from(code));
	js_put_text(&w, "detail", str_from(detail));
	js_put_i64(&w, "status", status);
	js_object_end(&w);
	web_reply(r, status,
		status == 429 || status == 503 ? S("Content-Type: application/problem+json\r\nRetry-After: 5\r\n")
					       : S("Content-Type: application/problem+json\r\n"),
		buf_str(&out));
	buf_done(&out);
}

static void answer(web_req *r, const node_row *n)
{
	node_answer a = {.acked_seq = n->acked, .want_inventory = !n->has_inventory};
	buf out;

	buf_init(&out, ANSWER_MAX);
	js_writer w = js_writer_on(&out);
	js_write(&w, &node_answer_type, &a);
	web_reply(r, 200, S("Content-Type: application/json\r\n"), buf_str(&out));
	buf_done(&out);
}

static node_row *row_of(intake *i, str name)
{
	node_row *n = map_find(&i->nodes, name);

	if (n || i->nodes.n >= INTAKE_NODES_MAX)
		return n;
	n = calloc(1, sizeof(*n));
	assert(n);
	memcpy(n->name, name.p, name.n);
	(void)map_put(&i->nodes, str_from(n->name), n);
	return n;
}

/* A number for the container, the same whichever agent is told: as much of a hash as fits an integer of JSON. */
static int64_t source_of(const node_owner *o)
{
	const str parts[] = {o->pod_uid, S("/"), o->container};
	uint8_t digest[DIGEST_BYTES];
	int64_t n = 0;

	digest_sha256(parts, sizeof(parts) / sizeof(*parts), digest);
	for (int k = 0; k < SOURCE_BYTES; k++)
		n = n << 8 | digest[k];
	return n ? n : 1;
}

static void usage_write(journal *j, const real_usage *u)
{
	buf line;

	buf_init(&line, REVIEW_MAX);
	js_writer w = js_writer_on(&line);
	js_write(&w, &real_usage_type, u);
	journal_add(j, buf_str(&line));
	buf_done(&line);
}

static void usage_keep(intake *i, const node_item *item, const node_usage *u)
{
	real_usage v = {.placement = u->owner.placement,
		.fence = STR_NONE,
		.source = source_of(&u->owner),
		.at_us = item->at.us,
		.window_ms = item->window_ms,
		.memory_mib_avg = u->memory_mib_avg,
		.memory_mib_max = u->memory_mib_max,
		.compute_milli_avg = u->compute_milli_avg};

	if (!v.placement.n || !v.at_us || v.window_ms <= 0 || !real_used(i->spec.real, &v))
		return;
	usage_write(i->journal, &v);
	i->has_usage = true;
}

static void usage_again(void *to, const real_usage *u)
{
	usage_write(to, u);
}

static void usages_write(void *arg, journal *j)
{
	real_usage_each(((intake *)arg)->spec.real, usage_again, j);
}

static void journal_trouble(const intake *i, const fault *f)
{
	if (i->spec.on_trouble)
		i->spec.on_trouble(i->spec.arg, S("the journal"), str_from(f->detail));
}

/* What the server has stored leaves, also where there is always something that it has not; and of what it has not,
 * windows that are told as one are kept as one: a day without it is not a row every ten seconds. */
static void journal_tidy(intake *i)
{
	fault f = {0};

	if (journal_is_stale(i->journal, STALE_BYTES) && journal_rewrite(i->journal, usages_write, i, &f))
		journal_trouble(i, &f);
}

static void item_take(intake *i, node_row *n, const node_item *item)
{
	const node_step *steps = item->steps.v;
	const node_usage *usage = item->usage.v;
	const node_finding *found = item->findings.v;
	const node_health *health = item->health.v;

	if (str_eq(item->kind, S("inventory"))) {
		n->has_inventory = true;
		real_devices(i->spec.real, str_from(n->name), &item->devices);
	}
	for (uint32_t k = 0; k < item->health.n; k++)
		real_device(i->spec.real, str_from(n->name), &health[k]);
	for (uint32_t k = 0; k < item->steps.n; k++)
		real_stepped(i->spec.real, &steps[k]);
	for (uint32_t k = 0; k < item->usage.n; k++)
		usage_keep(i, item, &usage[k]);
	for (uint32_t k = 0; k < item->findings.n; k++)
		real_found(i->spec.real, &found[k]);
}

/* What was taken before is answered and does nothing. */
static bool is_next(const node_report *q, const node_row *n)
{
	bool is_same_boot = str_eq(str_from(n->boot), q->boot);

	return is_same_boot ? q->seq == n->acked + 1 : q->seq >= 1;
}

static void report_take(intake *i, web_req *r, str node)
{
	node_report q;
	fault f = {0};

	if (js_read(&node_report_type, r->body, r->arena, &q, &f)) {
		refuse(r, 400, "bad_report", f.detail);
		return;
	}
	if (!str_eq(q.node, node) || q.boot.n > BOOT_MAX) {
		refuse(r, 403, "not_this_node", "the token is another node's");
		return;
	}
	node_row *n = row_of(i, node);
	if (!n) {
		refuse(r, 429, "too_many_nodes", "the agent keeps no more nodes in mind");
		return;
	}
	if (is_next(&q, n)) {
		const node_item *items = q.items.v;
		for (uint32_t k = 0; k < q.items.n; k++)
			item_take(i, n, &items[k]);
		if (journal_flush(i->journal, &f)) {
			refuse(r, 503, "unavailable", f.detail);
			return;
		}
		journal_tidy(i);
		memcpy(n->boot, q.boot.p, q.boot.n);
		n->boot[q.boot.n] = 0;
		n->acked = q.seq;
	}
	answer(r, n);
}

static str first_extra(const json_t *user, const char *key)
{
	return str_from(json_string_value(json_array_get(json_object_get(json_object_get(user, "extra"), key), 0)));
}

/* What the token is bound to; node absent: Kubernetes before 1.30 names the pod alone. False: it is none of a node's.
 */
typedef struct bound_to {
	str node, pod, pod_uid;
} bound_to;

static bool bound_read(const intake *i, str body, arena *a, bound_to *ret)
{
	json_t *doc;

	if (doc_read(body, a, &doc, NULL))
		return false;
	const json_t *status = json_object_get(doc, "status"), *user = json_object_get(status, "user");
	str name = str_from(json_string_value(json_object_get(user, "username")));
	str account = str_print(a, "system:serviceaccount:%s:%s", i->spec.space, i->spec.account);
	str audience = str_from(json_string_value(json_array_get(json_object_get(status, "audiences"), 0)));
	if (!json_is_true(json_object_get(status, "authenticated")) || !str_eq(name, account) ||
		!str_eq(audience, S(INTAKE_AUDIENCE)))
		return false;
	*ret = (bound_to){first_extra(user, "authentication.kubernetes.io/node-name"),
		first_extra(user, "authentication.kubernetes.io/pod-name"),
		first_extra(user, "authentication.kubernetes.io/pod-uid")};
	return ret->node.n ||
	       (object_is_name(ret->pod, OBJECT_NAME_MAX) && ret->pod_uid.n && ret->pod_uid.n <= OBJECT_UID_MAX);
}

static void token_keep(intake *i, const uint8_t digest[DIGEST_BYTES], str node)
{
	token_row *t = calloc(1, sizeof(*t));

	assert(t);
	if (i->tokens.n > INTAKE_NODES_MAX) {
		map_each (slot, &i->tokens)
			free(slot->value);
		map_clear(&i->tokens);
	}
	memcpy(t->digest, digest, DIGEST_BYTES);
	memcpy(t->node, node.p, node.n);
	t->until_us = clock_mono_us() + INTAKE_TOKEN_US;
	token_row *old = map_remove(&i->tokens, str_of((const char *)digest, DIGEST_BYTES));
	free(old);
	(void)map_put(&i->tokens, str_of((const char *)t->digest, DIGEST_BYTES), t);
}

static void asking_end(asking *k)
{
	intake *i = k->owner;

	if (i) {
		i->n_reviews--;
		*(k->prev ? &k->prev->next : &i->asking) = k->next;
		if (k->next)
			k->next->prev = k->prev;
	}
	free(k);
}

/* Closed while it asked. */
static bool is_left(asking *k)
{
	if (k->owner)
		return false;
	refuse(k->r, 503, "unavailable", "the agent ends");
	asking_end(k);
	return true;
}

static void node_take(asking *k, str node)
{
	if (!node.n || node.n > NAME_MAX_BYTES) {
		refuse(k->r, 401, "not_a_node", "the token is not one of this cluster's nodes");
	} else {
		token_keep(k->owner, k->digest, node);
		report_take(k->owner, k->r, node);
	}
	asking_end(k);
}

static void on_pod(void *arg, const kube_reply *r)
{
	asking *k = arg;
	AUTO_ARENA a = arena_new(0);
	pod p;

	if (is_left(k))
		return;
	if (!kube_is_done(r) && r->status != 404) {
		refuse(k->r, 503, "unavailable", "the API server does not say where the token's pod is");
		asking_end(k);
		return;
	}
	bool is_its = kube_is_done(r) && pod_read(r->body, a, &p) == ERR_OK && str_eq(p.meta.uid, str_from(k->pod_uid));
	node_take(k, is_its ? p.node : STR_NONE);
}

static void pod_ask_for(asking *k, str name, arena *a)
{
	kube_request q = {.method = "GET", .on_done = on_pod, .arg = k};

	q.path = str_print(a, "/api/v1/namespaces/%s/pods/" STR_FMT, k->owner->spec.space, STR_ARG(name));
	(void)kube_send(k->owner->spec.kube, &q);
}

static void on_reviewed(void *arg, const kube_reply *r)
{
	asking *k = arg;
	intake *i = k->owner;
	AUTO_ARENA a = arena_new(0);

	if (is_left(k))
		return;
	bound_to to;
	if (!kube_is_done(r)) {
		refuse(k->r, 503, "unavailable", "the API server does not say whose the token is");
		asking_end(k);
	} else if (!bound_read(i, r->body, a, &to)) {
		node_take(k, STR_NONE);
	} else if (to.node.n) {
		node_take(k, to.node);
	} else {
		memcpy(k->pod_uid, to.pod_uid.p, to.pod_uid.n);
		pod_ask_for(k, to.pod, a);
	}
}

static void token_review(intake *i, web_req *r, str token, const uint8_t digest[DIGEST_BYTES])
{
	asking *k = calloc(1, sizeof(*k));
	kube_request q = {.method = "POST", .path = S("/apis/authentication.k8s.io/v1/tokenreviews")};
	buf body;

	assert(k);
	*k = (asking){.owner = i, .r = r, .next = i->asking};
	memcpy(k->digest, digest, DIGEST_BYTES);
	if (i->asking)
		i->asking->prev = k;
	i->asking = k;
	i->n_reviews++;
	buf_init(&body, REVIEW_MAX);
	js_writer w = js_writer_on(&body);
	js_object_begin(&w);
	js_put_text(&w, "apiVersion", S("authentication.k8s.io/v1"));
	js_put_text(&w, "kind", S("TokenReview"));
	js_key(&w, S("spec"));
	js_object_begin(&w);
	js_put_text(&w, "token", token);
	js_key(&w, S("audiences"));
	js_array_begin(&w);
	js_text(&w, S(INTAKE_AUDIENCE));
	js_array_end(&w);
	js_object_end(&w);
	js_object_end(&w);
	q.body = buf_str(&body);
	q.on_done = on_reviewed;
	q.arg = k;
	(void)kube_send(i->spec.kube, &q);
	buf_done(&body);
}

void intake_answer(void *arg, web_req *r)
{
	intake *i = arg;
	str value = web_header_find(r, S("Authorization"));
	uint8_t digest[DIGEST_BYTES];

	str token = str_starts(value, S("Bearer ")) ? str_trim(str_cut(value, 7, value.n)) : STR_NONE;
	/* Whoever does not act tells nobody, and would keep what it was told. */
	if (i->spec.acts && !i->spec.acts(i->spec.arg)) {
		refuse(r, 503, "unavailable", "another agent of this cluster acts");
		return;
	}
	if (!token.n || token.n > TOKEN_MAX) {
		refuse(r, 401, "no_token", "a token of the node's is needed");
		return;
	}
	if (!real_acts(i->spec.real)) {
		refuse(r, 503, "not_acting", "another agent acts, or none yet");
		return;
	}
	digest_sha256(&token, 1, digest);
	const token_row *known = map_find(&i->tokens, str_of((const char *)digest, DIGEST_BYTES));
	if (known && clock_mono_us() < known->until_us)
		report_take(i, r, str_from(known->node));
	else if (i->n_reviews >= INTAKE_REVIEWS_MAX)
		refuse(r, 429, "too_many", "too many nodes come at once");
	else
		token_review(i, r, token, digest);
}

static void usage_replay(void *arg, str record)
{
	intake *i = arg;
	AUTO_ARENA a = arena_new(0);
	real_usage v;

	i->has_usage = true;
	if (js_read_output(&real_usage_type, record, a, &v, NULL) == ERR_OK)
		real_used_before(i->spec.real, &v);
}

static void nothing(void *arg, journal *j)
{
	(void)arg;
	(void)j;
}

void intake_settled(intake *i)
{
	fault f = {0};

	if (!i->has_usage)
		return;
	i->has_usage = false;
	if (journal_rewrite(i->journal, nothing, NULL, &f))
		journal_trouble(i, &f);
}

err intake_open(const intake_spec *s, intake **ret, fault *f)
{
	intake *i = calloc(1, sizeof(*i));

	assert(i);
	i->spec = *s;
	err e = journal_open(s->journal, usage_replay, i, &i->journal, f);
	if (e) {
		free(i);
		return e;
	}
	*ret = i;
	return ERR_OK;
}

void intake_close(intake *i)
{
	if (!i)
		return;
	for (asking *k = i->asking; k; k = k->next)
		k->owner = NULL;
	map_each (slot, &i->tokens)
		free(slot->value);
	map_each (slot, &i->nodes)
		free(slot->value);
	map_done(&i->tokens);
	map_done(&i->nodes);
	journal_close(i->journal);
	free(i);
}
