#include <criterion/criterion.h>
#include <sys/socket.h>
#include <unistd.h>
#include "net/listen.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

Test(listen, an_address_that_is_none_is_refused_with_a_sentence)
{
	const char *const rows[] = {NULL, "", "127.0.0.1", ":80", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536",
		"127.0.0.1:-1", "127.0.0.1:080", "::1:80", "[::1:80", "[]:80", "192.0.2.1:0"};

	for (size_t i = 0; i < COUNT(rows); i++) {
		int fd = -1;
		fault f = {0};
		cr_expect_eq(listen_open(rows[i], &fd, &f), ERR_IO, "row %zu", i);
		cr_expect(f.detail[0] && fd == -1, "row %zu", i);
	}
}

Test(listen, a_free_port_is_found_and_named)
{
	char address[64], tiny[5];
	fault f = {0};
	int fd, again;

	cr_assert_eq(listen_open("127.0.0.1:0", &fd, &f), ERR_OK, "%s", f.detail);
	cr_assert_eq(listen_address(fd, address, sizeof(address)), ERR_OK);
	cr_expect(strncmp(address, "127.0.0.1:", 10) == 0 && strcmp(address, "127.0.0.1:0") != 0, "%s", address);
	cr_expect_eq(listen_address(fd, tiny, sizeof(tiny)), ERR_LIMIT);
	cr_expect_eq(listen_open(address, &again, &f), ERR_IO);
	cr_expect(strstr(f.detail, "is taken"), "%s", f.detail);
	close(fd);
}

Test(listen, a_second_socket_shares_the_address)
{
	char one[64], two[64];
	fault f = {0};
	int fd, again;

	cr_assert_eq(listen_open("127.0.0.1:0", &fd, &f), ERR_OK);
	cr_assert_eq(listen_again(fd, &again, &f), ERR_OK, "%s", f.detail);
	cr_assert_eq(listen_address(fd, one, sizeof(one)), ERR_OK);
	cr_assert_eq(listen_address(again, two, sizeof(two)), ERR_OK);
	cr_expect_str_eq(one, two);
	close(fd);
	close(again);
}
