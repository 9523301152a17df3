#include "server/identity/certificate.h"

#include <stdlib.h>
#include "base/heap.h"
#include "base/map.h"

struct certificates {
	map by_serial;
};

certificates *certificates_new(void)
{
	return heap_new(1, sizeof(certificates));
}

void certificates_clear(certificates *s)
{
	map_each (slot, &s->by_serial)
		free(slot->value);
	map_clear(&s->by_serial);
}

void certificates_free(certificates *s)
{
	if (!s)
		return;
	certificates_clear(s);
	map_done(&s->by_serial);
	free(s);
}

const certificate *certificates_find(certificates *s, str serial, int64_t now_us)
{
	certificate *c = map_find(&s->by_serial, serial);

	if (c && now_us - c->read_us >= CERTIFICATE_TTL_US) {
		map_remove(&s->by_serial, serial);
		free(c);
		c = NULL;
	}
	return c;
}

void certificates_put(certificates *s, const certificate *c)
{
	certificate *copy = heap_new(1, sizeof(*copy));

	if (s->by_serial.n >= CERTIFICATES_MAX)
		certificates_clear(s);
	*copy = *c;
	free(map_remove(&s->by_serial, str_from(copy->serial)));
	map_put(&s->by_serial, str_from(copy->serial), copy);
}
