/* From what a credential says to what its bearer holds. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/heap.h"
#include "server/identity/principal_inside.h"

static void text_add(strs *to, str text)
{
	for (uint32_t i = 0; i < to->n; i++)
		if (str_eq(to->v[i], text))
			return;
	to->v[to->n++] = text;
}

strs claim_names(arena *a, str subject, strs groups)
{
	strs all = {ARENA_ARRAY(a, str, groups.n + 1), 0};

	if (subject.n)
		text_add(&all, subject);
	for (uint32_t i = 0; i < groups.n; i++)
		text_add(&all, groups.v[i]);
	return all;
}

claim claim_begin(arena *a, str credential, str subject, strs groups, grants explicit_grants, int64_t expires_at_us)
{
	claim c = {
		.id = credential,
		.subject = subject,
		.groups = groups,
		.n_layers = 1,
		.expires_at_us = expires_at_us,
	};

	assert(groups.n <= GROUPS_MAX);
	c.layers[0] = (claim_layer){.grants = explicit_grants, .subjects = claim_names(a, subject, groups)};
	return c;
}

strs claim_subjects(arena *a, const claim *c)
{
	uint32_t room = 0;

	for (uint32_t i = 0; i < c->n_layers; i++)
		room += c->layers[i].subjects.n;
	strs all = {ARENA_ARRAY(a, str, room + 1), 0};
	for (uint32_t i = 0; i < c->n_layers; i++)
		for (uint32_t k = 0; k < c->layers[i].subjects.n; k++)
			text_add(&all, c->layers[i].subjects.v[k]);
	return all;
}

static bool is_named(const strs *in, str text)
{
	for (uint32_t i = 0; i < in->n; i++)
		if (str_eq(in->v[i], text))
			return true;
	return false;
}

static void grant_add(grants *to, const grant *g, int64_t now_us)
{
	if (g->rights && g->until_us > now_us)
		to->v[to->n++] = *g;
}

/* All that one layer grants. */
static grants layer_grants(arena *a, const claim_layer *l, const bound *held, uint32_t n_held, int64_t now_us)
{
	grants all = {ARENA_ARRAY(a, grant, l->grants.n + n_held + 1), 0};

	for (uint32_t i = 0; i < l->grants.n; i++)
		grant_add(&all, &l->grants.v[i], now_us);
	for (uint32_t i = 0; i < n_held; i++)
		if (is_named(&l->subjects, held[i].subject))
			grant_add(&all, &held[i].grant, now_us);
	return all;
}

/* Makers are often the same person: what met once need not meet again. */
static bool layer_is_again(const claim *c, uint32_t at)
{
	const claim_layer *l = &c->layers[at];

	for (uint32_t i = 0; i < at; i++) {
		const claim_layer *m = &c->layers[i];
		bool is_same = !l->grants.n && !m->grants.n && l->subjects.n == m->subjects.n;
		for (uint32_t k = 0; k < l->subjects.n && is_same; k++)
			is_same = str_eq(l->subjects.v[k], m->subjects.v[k]);
		if (is_same)
			return true;
	}
	return false;
}

static err layers_meet(arena *a, const claim *c, const bound *held, uint32_t n_held, int64_t now_us, grants *ret)
{
	grants all = layer_grants(a, &c->layers[0], held, n_held, now_us);
	err e = all.n > GRANTS_MAX ? ERR_LIMIT : ERR_OK;

	for (uint32_t i = 1; i < c->n_layers && !e; i++) {
		grants next = layer_grants(a, &c->layers[i], held, n_held, now_us);
		if (!layer_is_again(c, i))
			e = grants_meet(a, &all, &next, &all);
	}
	*ret = all;
	return e;
}

/* Copies texts into one block, which the principal frees. */
typedef struct packer {
	char *at;
} packer;

static str pack(packer *k, str s)
{
	str copy = {s.p ? k->at : NULL, s.n};

	if (s.n)
		memcpy(k->at, s.p, s.n);
	k->at += s.n;
	return copy;
}

static size_t strs_bytes(const strs *v)
{
	size_t n = v->n * sizeof(str);

	for (uint32_t i = 0; i < v->n; i++)
		n += v->v[i].n;
	return n;
}

static size_t grants_bytes(const grants *g)
{
	size_t n = g->n * sizeof(grant);

	for (uint32_t i = 0; i < g->n; i++)
		n += (size_t)g->v[i].tenant.n + g->v[i].role.n + g->v[i].source.n + g->v[i].backed_by.n;
	return n;
}

static strs strs_place(packer *k, const strs *v)
{
	strs placed = {(str *)k->at, v->n};

	k->at += v->n * sizeof(str);
	return placed;
}

/* Arrays first, so that they are aligned; their texts behind. */
void principal_pack(principal *p, const grants *g, const strs *groups, const strs *stands_on)
{
	char *block = heap_new(1, grants_bytes(g) + strs_bytes(groups) + strs_bytes(stands_on) + 1);
	packer k = {block};
	grants held = {(grant *)block, g->n};

	k.at += g->n * sizeof(grant);
	strs in = strs_place(&k, groups), on = strs_place(&k, stands_on);
	for (uint32_t i = 0; i < g->n; i++) {
		grant *to = &held.v[i];
		*to = g->v[i];
		to->tenant = pack(&k, to->tenant);
		to->role = pack(&k, to->role);
		to->source = pack(&k, to->source);
		to->backed_by = pack(&k, to->backed_by);
	}
	for (uint32_t i = 0; i < in.n; i++)
		in.v[i] = pack(&k, groups->v[i]);
	for (uint32_t i = 0; i < on.n; i++)
		on.v[i] = pack(&k, stands_on->v[i]);
	free(p->texts);
	p->texts = block;
	p->grants = held;
	p->groups = in;
	p->stands_on = on;
}

/* Where its records stand: a caller with one grant has them there. */
static void home_set(principal *p, const claim *c)
{
	const grant *only = p->grants.n == 1 ? &p->grants.v[0] : NULL;
	str path = c->tenant_key ? c->tenant : only ? only->tenant : STR_NONE;

	p->tenant_key = c->tenant_key ? c->tenant_key : only ? only->tenant_key : FLEET_KEY;
	snprintf(p->tenant, sizeof(p->tenant), STR_FMT, STR_ARG(path));
}

static void rights_set(principal *p)
{
	p->rights = grants_anywhere(&p->grants);
	p->fleet_rights = grants_at(&p->grants, S(""));
	p->until_us = GRANT_FOREVER;
	for (uint32_t i = 0; i < p->grants.n; i++)
		if (p->grants.v[i].until_us < p->until_us)
			p->until_us = p->grants.v[i].until_us;
}

static void texts_set(principal *p, const claim *c)
{
	assert(c->id.n < sizeof(p->id) && c->subject.n < sizeof(p->subject) && c->cidrs.n <= CIDRS_MAX);
	snprintf(p->id, sizeof(p->id), STR_FMT, STR_ARG(c->id));
	snprintf(p->name, sizeof(p->name), STR_FMT, STR_ARG(c->name));
	snprintf(p->subject, sizeof(p->subject), STR_FMT, STR_ARG(c->subject));
	p->role = role_find(c->role);
	p->has_hash = c->hash != NULL;
	if (c->hash)
		memcpy(p->hash, c->hash, TOKEN_HASH);
	/* One that cannot be read lets nobody in. */
	p->n_cidrs = c->cidrs.n;
	for (uint32_t i = 0; i < c->cidrs.n; i++)
		if (!cidr_parse(c->cidrs.v[i], &p->cidrs[i]))
			p->cidrs[i] = (cidr){.bits = 128};
}

err principal_make(const claim *c, const bound *held, uint32_t n_held, int64_t now_us, principal **ret)
{
	AUTO_ARENA a = arena_new(0);
	grants all;
	strs stands_on, subjects = claim_subjects(a, c);
	err e = layers_meet(a, c, held, n_held, now_us, &all);

	if (e)
		return e;
	stands_on = (strs){ARENA_ARRAY(a, str, subjects.n + c->stands_on.n + 1), 0};
	for (uint32_t i = 0; i < subjects.n; i++)
		text_add(&stands_on, subjects.v[i]);
	text_add(&stands_on, c->id);
	for (uint32_t i = 0; i < c->stands_on.n; i++)
		text_add(&stands_on, c->stands_on.v[i]);
	principal *p = principal_new();
	principal_pack(p, &all, &c->groups, &stands_on);
	texts_set(p, c);
	rights_set(p);
	home_set(p, c);
	p->expires_at_us = c->expires_at_us;
	p->generation = c->generation;
	*ret = p;
	return ERR_OK;
}
