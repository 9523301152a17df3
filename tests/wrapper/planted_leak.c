#include <criterion/criterion.h>
#include <stdlib.h>

static void *volatile kept;

Test(planted, leak_passes_by_itself)
{
	kept = malloc(77);
	kept = NULL;
	cr_assert(1);
}

Test(planted, failure)
{
	cr_assert(0, "a planted failure");
}

Test(planted, crash)
{
	abort();
}

Test(planted, skip)
{
	cr_skip_test("a planted skip");
}
