/* beside: the limits and books that another process of this container uses, for one that was started without a word of
 * them and whose ancestors had none either: a login, or what clears its environment. They are found by the descriptors
 * that each process keeps (deleted.h). Containers are told apart by their mounts and their process numbers.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

typedef struct beside {
	char limits[64]; /* a path, as long as that process lives */
	char books[64];  /* the same again where one file holds both */
} beside;

/* False when no process has any, or when two have different ones: then nobody can tell which is meant. */
bool beside_find(beside *ret);
