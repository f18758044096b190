/* forward: the messages between forwarder and ingest, inside TLS.
 *   u32 length of what follows (1..FORWARD_MAX), u8 type, payload. */
#ifndef ITM_NET_FORWARD_H
#define ITM_NET_FORWARD_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/id.h"

enum { FORWARD_MAX = 8 << 20, FORWARD_VERSION = 1, FORWARD_PORT = 7443 };

/* Never reused. */
enum forward_type {
	FORWARD_HELLO = 1,    /* host: u16 version, u64 last block on disk, u64 leaves of the log last seen */
	FORWARD_WELCOME = 2,  /* server: u16 version, u64 last stored sequence, its block hash 32, server id 16 */
	FORWARD_TAIL = 3,     /* host: a frame payload; not evidence, never acknowledged */
	FORWARD_GROUP = 4,    /* host: units CHUNK*, BLOCK: everything of one block */
	FORWARD_RECEIPT = 5,  /* server: receipt payload (receipt.h) */
	FORWARD_COUNTERSIGN = 6, /* server: receipt payload, type genesis */
	FORWARD_ERROR = 7,    /* either: u16 code, text; the sender closes after it */
	FORWARD_PING = 8, FORWARD_PONG = 9,
};

struct forward_hello { uint16_t version; uint64_t last_sequence, log_size; };
struct forward_welcome { uint16_t version; uint64_t last_sequence; uint8_t last_hash[HASH_SIZE]; struct id server; };
struct forward_error { uint16_t code; char text[256]; };
enum forward_error_code { FORWARD_E_VERSION = 1, FORWARD_E_UNKNOWN_HOST = 2, FORWARD_E_REVOKED = 3, FORWARD_E_FORMAT = 4,
	FORWARD_E_REFUSED = 5 /* signature, hash, order */, FORWARD_E_FORK = 6, FORWARD_E_INTERNAL = 7 };

int forward_put(struct buffer *b, enum forward_type type, const void *payload, size_t len);
int forward_put_hello(struct buffer *b, const struct forward_hello *m);
int forward_put_welcome(struct buffer *b, const struct forward_welcome *m);
int forward_put_error(struct buffer *b, enum forward_error_code code, const char *text);

struct forward_message { enum forward_type type; const uint8_t *payload; size_t len; size_t size; };
/* Bytes of the message at the start of data, its length field with them; 0:
 * that is not there yet.  Not judged. */
size_t forward_size(const void *data, size_t len);
/* The message at the start of data: 0; ITM_EBUSY = not all of it is there yet;
 * ITM_ELIMIT / ITM_EFORMAT: drop the peer. */
int forward_next(const void *data, size_t len, struct forward_message *out, struct fault *fault);
int forward_hello(const struct forward_message *m, struct forward_hello *out, struct fault *fault);
int forward_welcome(const struct forward_message *m, struct forward_welcome *out, struct fault *fault);
int forward_error(const struct forward_message *m, struct forward_error *out, struct fault *fault);

#endif
