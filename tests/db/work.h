/* work: the tables that tests of lanes and readers write to, and options to reach them. */
#pragma once
#include "db/pipe.h"
#include "db/sql.h"
#include "pg/pg.h"

/* A database with the tables item and effect, and items i1 (tenant 1), i2 (tenant 2), i3 (tenant 3). */
const char *work_database(const char *name);

/* As the tenants' side or the platform's. */
db_options work_options(const char *dsn, bool is_platform);
