/* removal: the server's signed word that it removed something it had stored:
 * sections of a session's chunks (redaction) or the chunks themselves
 * (deletion, retention), with who, when and why.  It stands in a store's
 * segment before the chunks it is about; without it, what is missing was not
 * removed by declaration.
 *
 * Unit payload: "ITMR", version u8=1, act u8, sections u8 (bit 1 << kind of
 * chunk.h; 0 = whole chunks), u8 0, server id 16, host id 16, stream id 16,
 * first chunk u64, last chunk u64, wall ns i64, then who, reason, approval
 * (each length u16, UTF-8 text), log public key 32, Ed25519 signature 64 over
 * (0x18 | all before the key). */
#ifndef ITM_FORMAT_REMOVAL_H
#define ITM_FORMAT_REMOVAL_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/id.h"
#include "format/sign.h"

enum { REMOVAL_TEXT_SIZE = 512 }; /* bytes of each text, with its NUL */

enum removal_act { REMOVAL_REDACTION = 1, REMOVAL_DELETION = 2, REMOVAL_RETENTION = 3 };

struct removal {
	enum removal_act act;
	uint8_t sections;                /* 1 << enum chunk_section_kind; 0 with deletion and retention */
	struct id server, host, stream;
	uint64_t first, last;            /* chunk numbers */
	int64_t wall_ns;
	char who[REMOVAL_TEXT_SIZE], reason[REMOVAL_TEXT_SIZE], approval[REMOVAL_TEXT_SIZE]; /* approval "" = none */
	uint8_t log_key[SIGN_PUBLIC_SIZE];
	uint8_t signature[SIGN_SIZE];
};

/* Sign and append the unit payload.  ITM_EINVAL: not a removal there can be. */
int removal_encode(struct buffer *b, struct removal *r, const struct sign_key *log_key);
int removal_decode(const void *data, size_t len, struct removal *out, struct fault *fault);
/* Signature against the log key the caller trusts.  0 or ITM_ECRYPTO. */
int removal_check(const void *data, size_t len, const uint8_t trusted_log_key[SIGN_PUBLIC_SIZE]);
/* One line: what, when, by whom, why. */
void removal_words(const struct removal *r, char *out, size_t size);

#endif
