/* code: what of this program's and its libraries' code is kept in memory.
 *
 * Most of it is needed to start, and then for hours not again: TLS, the readers of configuration, all that a library
 * sets up for others. A node has better use for the memory.
 */
#pragma once

/* Lets go of all pages of code and constants that are as they are on disk; those that are used come back one by one. */
void code_release(void);
