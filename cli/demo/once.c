#include "cli/demo/demo.h"
int demo_once(demo *d)
{
	(void)d;
	return 0;
}
