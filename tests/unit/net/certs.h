/* certs: two small authorities in a folder of their own, made with the openssl program.
 *
 * ca.pem signs server.pem (127.0.0.1) and client.pem (URI cluster:east-1, serial 0xab12); other_ca.pem signs other.pem.
 */
#pragma once
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct certs {
	char folder[64], path[128];
} certs;

static inline certs certs_new(void)
{
	certs c = {.folder = "/tmp/net-certs-XXXXXX"};
	char script[4096];

	cr_assert(mkdtemp(c.folder));
	snprintf(script, sizeof(script),
		"cd %s && exec >log 2>&1 && set -e\n"
		"key='-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes'\n"
		"openssl req -x509 $key -keyout ca.key -out ca.pem -days 2 -subj /CN=ca\n"
		"openssl req -x509 $key -keyout other_ca.key -out other_ca.pem -days 2 -subj /CN=other\n"
		"sign() { openssl req $key -keyout $1.key -out $1.csr -subj /CN=$1\n"
		"printf 'subjectAltName=%%s' $4 >$1.ext\n"
		"openssl x509 -req -in $1.csr -CA $2.pem -CAkey $2.key -set_serial $3 -days 2 -extfile $1.ext -out $1.pem; }\n"
		"sign server ca 0x01 IP:127.0.0.1,URI:cluster:server\n"
		"sign client ca 0xab12 DNS:x,URI:cluster:east-1\n"
		"sign plain ca 0x03 DNS:x\n"
		"sign other other_ca 0x04 IP:127.0.0.1,URI:cluster:east-1\n",
		c.folder);
	cr_assert_eq(system(script), 0, "see %s/log", c.folder);
	return c;
}

/* The file's path; one at a time per certs. */
static inline const char *certs_file(certs *c, const char *name)
{
	snprintf(c->path, sizeof(c->path), "%s/%s", c->folder, name);
	return c->path;
}

static inline void certs_remove(certs *c)
{
	char script[128];

	snprintf(script, sizeof(script), "rm -rf %s", c->folder);
	cr_assert_eq(system(script), 0);
}
