/* fake_tell xid|lost|hung|deadly|rows|mig DEVICE VALUE    what is wrong with a simulated GPU from now on
 * fake_tell hold DEVICE MIB                           a process that holds memory and has no shim, until it is ended
 * fake_tell busy DEVICE                               one that keeps the device busy
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "world.h"

static void hold(unsigned device, uint64_t mib)
{
	if (!world_take(device, mib << 20))
		exit(1);
	puts("held");
	fflush(stdout);
	for (;;)
		pause();
}

static void busy(unsigned device)
{
	world_take(device, 1 << 20);
	puts("busy");
	fflush(stdout);
	for (;;)
		world_run(device, 2000000);
}

static int tell(fake_device *d, const char *what, uint32_t value)
{
	if (strcmp(what, "xid") == 0) {
		atomic_store(&d->xid, value);
		atomic_fetch_add(&d->xids, 1);
	} else if (strcmp(what, "lost") == 0) {
		atomic_store(&d->is_lost, value);
	} else if (strcmp(what, "hung") == 0) {
		atomic_store(&d->is_hung, value);
	} else if (strcmp(what, "deadly") == 0) {
		atomic_store(&d->deadly, value);
	} else if (strcmp(what, "rows") == 0) {
		atomic_store(&d->rows_pending, value);
	} else if (strcmp(what, "mig") == 0) {
		atomic_store(&d->instances, value);
	} else {
		return 2;
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	unsigned device = (unsigned)strtoul(argv[2], NULL, 10) % FAKE_DEVICES;
	uint32_t value = argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : 0;
	if (strcmp(argv[1], "hold") == 0)
		hold(device, value);
	if (strcmp(argv[1], "busy") == 0)
		busy(device);
	return tell(&world_get()->devices[device], argv[1], value);
}
