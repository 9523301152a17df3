/* signature: Ed25519 (RFC 8032), for what the server signs and others check without it.
 *
 * Keys are raw 32 bytes here; in files and answers they stand as PEM, which openssl reads. A signing key is one file of
 * mode 0600.
 */
#pragma once
#include "base/arena.h"

enum { SIGNATURE_KEY = 32, SIGNATURE_BYTES = 64 };

typedef struct signing_key signing_key;

/* Makes the file when it is not there; a crash leaves none or a whole one. */
err signing_key_ensure(const char *path, fault *f) MUST_CHECK;
err signing_key_open(const char *path, signing_key **ret, fault *f) MUST_CHECK;
void signing_key_close(signing_key *k); /* NULL-safe */
void signing_key_public(const signing_key *k, uint8_t ret_key[SIGNATURE_KEY]);
void signing_key_sign(const signing_key *k, str text, uint8_t ret_signature[SIGNATURE_BYTES]);

/* Whether the signature of text is by that key. */
bool signature_holds(const uint8_t key[SIGNATURE_KEY], str text, const uint8_t signature[SIGNATURE_BYTES]);

/* A public key as PEM (RFC 8410), and back; false when the text holds no Ed25519 public key. */
str public_key_pem(const uint8_t key[SIGNATURE_KEY], arena *a);
bool public_key_read(str pem, uint8_t ret_key[SIGNATURE_KEY]);
