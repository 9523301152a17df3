/* usage: raw PORT            sends what comes in, prints what comes back; exit 0: the server closed, 3: it did not
 *        raw PORT hold N     sends what comes in on each of N connections and never reads; until it is killed
 */
#include <poll.h>
#include <stdbool.h>
#include "dial.h"

enum { INPUT_MAX = 1 << 20, OPEN_LIMIT_MS = 4000, SMALL_WINDOW = 4096, EXIT_OPEN = 3 };

static char input[INPUT_MAX];

static size_t input_read(void)
{
	return fread(input, 1, sizeof(input), stdin);
}

static void hold(int port, int n, size_t bytes)
{
	for (int i = 0; i < n; i++) {
		int fd = dial(port, SMALL_WINDOW);
		if (send(fd, input, bytes, MSG_NOSIGNAL) != (ssize_t)bytes)
			perror("send");
	}
	pause();
}

/* What arrives until the server closes; false when it is still open after the limit without a byte. */
static bool listen_to(int fd)
{
	static char piece[65536];
	struct pollfd p = {.fd = fd, .events = POLLIN};

	while (poll(&p, 1, OPEN_LIMIT_MS) > 0) {
		ssize_t n = recv(fd, piece, sizeof(piece), 0);
		if (n <= 0)
			return true;
		fwrite(piece, 1, (size_t)n, stdout);
	}
	return false;
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return 2;
	int port = number_of(argv[1]);
	size_t bytes = input_read();

	if (argc == 4)
		hold(port, number_of(argv[3]), bytes);
	int fd = dial(port, 0);
	if (send(fd, input, bytes, MSG_NOSIGNAL) < 0)
		perror("send");
	return listen_to(fd) ? 0 : EXIT_OPEN;
}
