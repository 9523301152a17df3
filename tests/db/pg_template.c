/* The fixture's program: makes the template database that tests copy. */
#include "pg/pg.h"

int main(void)
{
	pg_template_make();
	return 0;
}
