#include "agents/cluster/attempt.h"

bool attempt_read(str s, attempt *ret)
{
	attempt v;

	str head = str_split(&s, '.');
	if (!s.p || !str_to_i64(head, &v.incarnation) || !str_to_i64(s, &v.number) || v.incarnation < 0 || v.number < 0)
		return false;
	*ret = v;
	return true;
}

int attempt_cmp(attempt a, attempt b)
{
	if (a.incarnation != b.incarnation)
		return a.incarnation < b.incarnation ? -1 : 1;
	return (a.number > b.number) - (a.number < b.number);
}
