/* look: whether there is a file, and whose, by the system call: the C library's stat has a version that old containers
 * lack. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

typedef struct look {
	uint64_t inode;
	uint64_t device;
	uint32_t owner; /* user id */
} look;

bool look_at(const char *path, look *ret_found);
