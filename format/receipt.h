/* receipt: the server's signed word that it holds a block, and its
 * countersignature of a GENESIS.
 *
 * Digest record (the future leaf of the central log), 112 bytes:
 *   0 "ITML" · 4 u8 version 1 · 5 u8 type (1 block, 2 genesis, 3 act: block hash is the act's, host and sequence zeros) · 6 u16 0 ·
 *   8 host id · 24 u64 sequence · 32 block hash · 64 i64 receive wall ns ·
 *  72 server id · 88 nonce 16 (genesis; else zeros) · 104 u64 0
 * Unit payload: record 112, log public key 32, Ed25519 signature 64 over
 * (0x15 | record).  With a later version an inclusion proof follows. */
#ifndef ITM_FORMAT_RECEIPT_H
#define ITM_FORMAT_RECEIPT_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/id.h"
#include "format/sign.h"

enum { RECEIPT_RECORD_SIZE = 112, RECEIPT_SIZE = RECEIPT_RECORD_SIZE + SIGN_PUBLIC_SIZE + SIGN_SIZE };
enum receipt_type { RECEIPT_BLOCK = 1, RECEIPT_GENESIS = 2, RECEIPT_ACT = 3 };

struct receipt {
	enum receipt_type type;
	struct id host;
	uint64_t sequence;
	uint8_t block_hash[HASH_SIZE];
	int64_t received_wall_ns;
	struct id server;
	uint8_t nonce[16];
	uint8_t log_key[SIGN_PUBLIC_SIZE];
	uint8_t signature[SIGN_SIZE];
};

/* The leaf: what the record's fields are in bytes.  0 or ITM_ENOMEM. */
int receipt_record(const struct receipt *r, uint8_t out[RECEIPT_RECORD_SIZE]);
/* Sign and append the unit payload. */
int receipt_encode(struct buffer *b, struct receipt *r, const struct sign_key *log_key);
int receipt_decode(const void *data, size_t len, struct receipt *out, struct fault *fault);
/* Signature against the log key the caller trusts.  0 or ITM_ECRYPTO. */
int receipt_check(const struct receipt *r, const uint8_t trusted_log_key[SIGN_PUBLIC_SIZE]);

#endif
