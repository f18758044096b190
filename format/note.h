/* note: signed notes (C2SP signed-note): a text, an empty line, then lines
 * "— name base64(key id 4 | signature)"; and cosignatures (C2SP
 * tlog-cosignature v1), which also sign a time.
 *
 * A key is written "name+<key id, 8 hex>+base64(type | public key)", its
 * secret "PRIVATE+KEY+name+<key id>+base64(type | seed)".  Key id = the first
 * four bytes of SHA-256(name | "\n" | type | public key). */
#ifndef ITM_FORMAT_NOTE_H
#define ITM_FORMAT_NOTE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "format/sign.h"

enum {
	NOTE_MAX = 8192,             /* bytes of a note */
	NOTE_NAME_SIZE = 128,
	NOTE_SIGNATURES_MAX = 16,
	NOTE_ID_SIZE = 4,
	NOTE_KEY_TEXT_SIZE = 256,
};
/* C2SP's numbers. */
enum note_type { NOTE_ED25519 = 1, NOTE_COSIGNATURE = 4 };

struct note_key {
	char name[NOTE_NAME_SIZE];
	enum note_type type;
	uint8_t id[NOTE_ID_SIZE], key[SIGN_PUBLIC_SIZE];
};

/* A name: no white space, no "+", not empty. */
int note_key_init(struct note_key *k, const char *name, enum note_type type, const uint8_t key[SIGN_PUBLIC_SIZE]);
int note_key_decode(const char *text, size_t len, struct note_key *out);
int note_key_put(struct buffer *b, const struct note_key *k);
int note_secret_decode(const char *text, size_t len, struct note_key *out, struct sign_key *secret);
int note_secret_put(struct buffer *b, const struct note_key *k, const struct sign_key *secret);

struct note_signature { const char *name; size_t name_len; uint8_t id[NOTE_ID_SIZE], bytes[72]; size_t len; };
struct note {
	const char *text;            /* borrowed; text_len counts its last newline, not the empty line */
	size_t text_len;
	struct note_signature signature[NOTE_SIGNATURES_MAX];
	size_t count;
};
int note_decode(const void *data, size_t len, struct note *out, struct fault *fault);
/* 0: the key signed the text (any signature under its name and id that holds);
 * *at: a cosignature's time, seconds since 1970 (may be NULL).  ITM_ENOENT: the
 * key did not sign; ITM_ECRYPTO: it seems to have, and its signature is wrong. */
int note_check(const struct note *n, const struct note_key *key, uint64_t *at);
/* Append one of the note's signature lines as it stands. */
int note_put_line(struct buffer *b, const struct note_signature *s);
/* Append a signature line over text.  at is for cosignatures. */
int note_put_signature(struct buffer *b, const char *text, size_t len, const struct note_key *key,
		       const struct sign_key *secret, uint64_t at);

#endif
