#include "cli/demo/demo.h"
int demo_live(demo *d)
{
	while (demo_pause(d, 1000)) {
	}
	return 0;
}
