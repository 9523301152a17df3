/* shape: how good every node is for one kind of pod, remembered from one request to the next.
 *
 * Requests come in few shapes: the same amounts, classes and policies again and again. A shape keeps the rating of
 * every node, and the best node of every block; when it is asked again it looks only at the nodes that the fleet's log
 * names since. A shape that is asked for the first time is not kept. Seen again it gets a row of its own, and the one
 * that was not used for longest gives its row away. So the memory is bounded, and a stream of requests that are all
 * different throws nothing out.
 *
 * A row pays when its shape comes back before much has changed, and costs a rating of every node when it is taken. Who
 * can find one node without it (engine/place/walk.c) keeps rows for what is asked often alone.
 */
#pragma once
#include "engine/tally.h"

enum {
	SHAPES_MAX = 512,
	SHAPES_BYTES_MAX = 16 << 20, /* of ratings, over all shapes; at least SHAPES_MIN are kept */
	SHAPES_MIN = 4,
	SHAPES_OFTEN = 200, /* a pace (engine/pace.h): rarer ones are not kept for who can do without */
};

typedef struct shapes shapes;
typedef struct shape shape;

shapes *shapes_new(void);
void shapes_free(shapes *all); /* NULL-safe */

/* The pod's shape, with every rating as the fleet is now. Valid until the next call. NULL for a pod that is not kept:
 * it names devices, or its key is too long. */
shape *shapes_rate(shapes *all, const fleet *f, const fit_need *need);
/* The same for who needs the rating of each node in any case: what is new is rated too, beside the rows, where the next
 * newcomer takes its place. Asked again it comes among them as it is. */
shape *shapes_rate_each(shapes *all, const fleet *f, const fit_need *need);
/* As shapes_rate, and NULL too for what is asked more seldom than every SHAPES_OFTEN times. */
shape *shapes_rate_often(shapes *all, const fleet *f, const fit_need *need);

/* The best node of the cluster, ties to the lowest rank; FLEET_NONE when none fits. The cluster's flags are the
 * caller's to look at. */
int32_t shape_best(shape *s, const fleet *f, int32_t cluster, int32_t *ret_rating);

/* The rating of one node, as fit_rate gives it. */
int32_t shape_rating(const shape *s, int32_t node);
/* The same for all nodes below *ret_n, by node; NULL: part of a rating is added when it is asked for. */
const int32_t *shape_ratings(const shape *s, uint32_t *ret_n);

/* How many nodes of all clusters miss for each reason; by why_code. */
const int32_t *shape_misses(const shape *s);

/* What the nodes of the cluster lack, added to ret. It too is kept, block by block, so that asking again costs what
 * changed. need is the one that was rated. False: more reasons than are kept; ret then holds some of them. */
bool shape_tally(shape *s, const fleet *f, const fit_need *need, int32_t cluster, tally *ret);

/* Shapes that are kept now. */
uint32_t shapes_kept(const shapes *all);
/* Ratings of single nodes made since the beginning: what the memory saves shows in it. */
uint64_t shapes_ratings(const shapes *all);
