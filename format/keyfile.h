/* keyfile: the text files people keep keys in, in the form of minisign(1):
 * officers' keys are minisign's own (Ed25519, "Ed"), auditors' keys have the
 * same form with another algorithm (X25519, "Xs").
 *
 * Public: a comment line, then base64 of algorithm 2, key id 8, key 32.
 * Secret: a comment line, then base64 of algorithm 2, kdf 2 ("Sc" scrypt or
 * two zeros), checksum 2 ("B2"), salt 32, operations u64, memory u64, then,
 * xored with scrypt's output unless there is no password: key id 8, secret 32
 * and public half 32, BLAKE2b-256 of algorithm, id and key. */
#ifndef ITM_FORMAT_KEYFILE_H
#define ITM_FORMAT_KEYFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

enum {
	KEYFILE_ID_SIZE = 8, KEYFILE_KEY_SIZE = 32, /* bytes */
	KEYFILE_ID_TEXT_SIZE = 17,        /* hexadecimal, as minisign prints it, and NUL */
	KEYFILE_MAX = 1024,               /* bytes of a file */
	KEYFILE_COMMENT_MAX = 512,
};
enum keyfile_kind { KEYFILE_OFFICER /* Ed25519 */, KEYFILE_AUDITOR /* X25519 */ };

struct keyfile_public {
	uint8_t id[KEYFILE_ID_SIZE];
	uint8_t key[KEYFILE_KEY_SIZE];
};
struct keyfile_secret {
	enum keyfile_kind kind;
	uint8_t id[KEYFILE_ID_SIZE];
	uint8_t secret[KEYFILE_KEY_SIZE];       /* Ed25519: the seed */
	uint8_t public_key[KEYFILE_KEY_SIZE];
};

int keyfile_new(enum keyfile_kind kind, struct keyfile_secret *out);
void keyfile_public(const struct keyfile_secret *s, struct keyfile_public *out);
void keyfile_id_text(const uint8_t id[KEYFILE_ID_SIZE], char out[KEYFILE_ID_TEXT_SIZE]);

/* Whole files.  password NULL: none. */
int keyfile_put_public(struct buffer *b, enum keyfile_kind kind, const struct keyfile_public *p, const char *comment);
int keyfile_put_secret(struct buffer *b, const struct keyfile_secret *s, const char *password, const char *comment);
/* Without comments and newline: what a key list holds. */
int keyfile_put_word(struct buffer *b, enum keyfile_kind kind, const struct keyfile_public *p);
int keyfile_get_word(const char *text, size_t len, enum keyfile_kind kind, struct keyfile_public *out);
/* The file, or its second line alone. */
int keyfile_get_public(const char *text, size_t len, enum keyfile_kind kind, struct keyfile_public *out,
		       struct fault *fault);
/* ITM_EPERM: a password is needed (NULL was given); ITM_ECRYPTO: a wrong one,
 * or the file is damaged. */
int keyfile_get_secret(const char *text, size_t len, const char *password, struct keyfile_secret *out,
		       struct fault *fault);

#endif
