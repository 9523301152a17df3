#include "server/edge/old.h"

#include <time.h>

#include "api/deprecation.h"
#include "base/metric.h"

enum { DATE_BYTES = 32 };

void old_begin(void)
{
	const char *names[DEPRECATIONS_MAX];
	int n = 0;

	for (; deprecations[n].link; n++)
		names[n] = routes[deprecations[n].op].operation;
	metric_label(METRIC_HTTP_DEPRECATED, names, n);
}

void old_tell(const request *r, buf *head)
{
	int at = r->route ? deprecation_find(r->op) : -1;
	char date[DATE_BYTES];
	struct tm tm;

	if (at < 0)
		return;
	const deprecation *d = &deprecations[at];
	time_t sunset = (time_t)d->sunset_s;
	gmtime_r(&sunset, &tm);
	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
	buf_printf(head, "Deprecation: @%lld\r\nSunset: %s\r\nLink: <%s>; rel=\"deprecation\"; type=\"text/html\"\r\n",
		(long long)d->since_s, date, d->link);
	metric_add(METRIC_HTTP_DEPRECATED, at, 1);
}
