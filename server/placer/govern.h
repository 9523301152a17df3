/* govern: what people decided, put into the books: tenants, quotas, classes, priorities, clusters,
 * cordons.
 *
 * Each function takes all rows of its table, as the load_... statement gives them, and may be called again at any time:
 * what is new is added, what changed is changed, what is gone is taken out. Order: classes, priorities, tenants,
 * quotas, clusters, cordons. Nothing that is booked is ever refused or ended by it.
 */
#pragma once
#include "db/sql.h"
#include "server/placer/books.h"

void govern_classes(books *b, const sql_load_classes_row *rows, uint32_t n);
void govern_priorities(books *b, const sql_load_priorities_row *rows, uint32_t n);
void govern_tenants(books *b, const sql_load_tenants_row *rows, uint32_t n);
void govern_quotas(books *b, const sql_load_quotas_row *rows, uint32_t n);
void govern_clusters(books *b, const sql_load_clusters_row *rows, uint32_t n);
void govern_cordons(books *b, const sql_load_cordons_row *rows, uint32_t n);

/* The one of these, or of policy.h, spend.h or reservation.h, for the rows of that load_... statement; nothing for
 * others. */
void govern_table(books *b, sql_id stmt, const void *rows, uint32_t n);

/* Reads anew what those that wait say to the queue, and lines them up by it: priorities or policies have changed. */
void govern_line_up(books *b);

/* A cluster's flags, from its row and from what the placer knows. */
void govern_flag_site(books *b, const site *s);
