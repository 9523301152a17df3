#include "server/placer/queue.h"

#include <assert.h>
#include <stdlib.h>

#include "base/heap.h"

void queue_done(queue *q)
{
	assert(!q->lines.n);
	vec_done(&q->lines);
	map_done(&q->line_by_key);
}

static uint64_t key_of(const booking *b)
{
	return ((uint64_t)(uint32_t)b->tenant_key << 32 | (uint64_t)(uint32_t)(b->terms.model + 2) << 16 |
		       (uint64_t)(uint16_t)b->terms.rank->number) +
	       1;
}

static queue_line *line_of(queue *q, const booking *b, const payer *p)
{
	queue_line *l = map_find_num(&q->line_by_key, key_of(b));

	if (l)
		return l;
	l = heap_new(1, sizeof *l);
	*l = (queue_line){.rank = b->terms.rank, .payer = p, .model = b->terms.model, .place = q->lines.n};
	l->key = key_of(b);
	vec_push(&q->lines, l);
	map_put_num(&q->line_by_key, l->key, l);
	return l;
}

static void line_end(queue *q, queue_line *l)
{
	queue_line *last = vec_pop(&q->lines);

	map_remove_num(&q->line_by_key, l->key);
	if (last != l) {
		q->lines.v[l->place] = last;
		last->place = l->place;
	}
	free(l);
}

void queue_add(queue *q, booking *b, const payer *p)
{
	if (b->line)
		return;
	queue_line *l = b->line = line_of(q, b, p);
	booking *before = l->newest;

	while (before && before->seq > b->seq)
		before = before->older;
	b->older = before;
	b->newer = before ? before->newer : l->oldest;
	*(before ? &before->newer : &l->oldest) = b;
	*(b->newer ? &b->newer->older : &l->newest) = b;
	l->n++;
	q->n++;
}

void queue_remove(queue *q, booking *b)
{
	queue_line *l = b->line;

	if (!l)
		return;
	if (l->at == b)
		l->at = b->newer;
	*(b->older ? &b->older->newer : &l->oldest) = b->newer;
	*(b->newer ? &b->newer->older : &l->newest) = b->older;
	b->older = b->newer = NULL;
	b->line = NULL;
	q->n--;
	if (--l->n == 0)
		line_end(q, l);
}

void queue_rewind(queue *q)
{
	vec_each (l, &q->lines)
		(*l)->at = (*l)->oldest;
}
