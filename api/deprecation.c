#include "api/deprecation.h"

int deprecation_find(op o)
{
	for (int i = 0; deprecations[i].link; i++)
		if (deprecations[i].op == o)
			return i;
	return -1;
}
