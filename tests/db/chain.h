/* chain: an auditor's own reading of the governance chain, sharing no code with the writer but SHA-256. */
#pragma once
#include <stdint.h>

typedef struct chain_check {
	int64_t records;
	int64_t broken_at; /* the first number that is not as it must be; 0: none */
	char why[128];
} chain_check;

/* Numbers without gaps from 1, hash over the previous hash and the body, columns as the body says, the head at the end.
 */
chain_check chain_verify(const char *dsn);
