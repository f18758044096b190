/* receipt: proof that a block of a host is a leaf of the central log.
 *
 * Digest record, the leaf, 112 bytes:
 *   0 "ITML" · 4 u8 version 1 · 5 u8 type · 6 u16 0 · 8 host id ·
 *  24 u64 sequence · 32 block hash · 64 i64 receive wall ns · 72 server id ·
 *  88 nonce 16 (genesis; else zeros) · 104 u64 0
 * Types: 1 block; 2 genesis, the server's countersignature; 3 act: the hash is
 * that of the act's text (act.h), host and sequence are zeros.
 *
 * Unit payload: record 112 · u64 leaf · u8 n, n hashes: inclusion proof ·
 *   u64 old size · u8 n, n hashes: consistency proof from the tree of that
 *   size · checkpoint (a signed note) to the end.
 *
 * A receipt for block N speaks for all before it: each block holds the hash of
 * the one before. */
#ifndef ITM_FORMAT_RECEIPT_H
#define ITM_FORMAT_RECEIPT_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/id.h"
#include "format/checkpoint.h"
#include "format/merkle.h"
#include "format/sign.h"

enum { RECEIPT_RECORD_SIZE = 112, RECEIPT_MAX = RECEIPT_RECORD_SIZE + 18 + 2 * MERKLE_PROOF_MAX * HASH_SIZE + NOTE_MAX };
enum receipt_type { RECEIPT_BLOCK = 1, RECEIPT_GENESIS = 2, RECEIPT_ACT = 3 };

struct receipt_record {
	enum receipt_type type;
	struct id host;
	uint64_t sequence;
	uint8_t block_hash[HASH_SIZE];
	int64_t received_wall_ns;
	struct id server;
	uint8_t nonce[16];
};
struct receipt {
	struct receipt_record record;
	uint64_t leaf;
	struct merkle_proof inclusion;
	uint64_t old_size;
	struct merkle_proof consistency;
	struct checkpoint checkpoint;    /* of the note, its signature not yet checked */
	const char *note;                /* borrowed */
	size_t note_len;
};

void receipt_record_encode(const struct receipt_record *r, uint8_t out[RECEIPT_RECORD_SIZE]);
int receipt_record_decode(const void *data, size_t len, struct receipt_record *out, struct fault *fault);
/* What the log's tree holds for the record. */
void receipt_leaf(const struct receipt_record *r, uint8_t out[HASH_SIZE]);

/* Append the unit payload; checkpoint is taken from note. */
int receipt_encode(struct buffer *b, const struct receipt *r);
int receipt_decode(const void *data, size_t len, struct receipt *out, struct fault *fault);
/* The log of the record's server, under the key the caller trusts, holds the
 * record.  0 or ITM_ECRYPTO. */
int receipt_check(const struct receipt *r, const uint8_t trusted_log_key[SIGN_PUBLIC_SIZE]);

/* The log last seen by whoever gets receipts; zeros at first. */
struct receipt_seen { uint64_t size; uint8_t root[HASH_SIZE]; };
/* After receipt_check.  0: it goes on from what was seen, which is moved on;
 * ITM_EBUSY: its proof begins at another size: it cannot be judged, ask again;
 * ITM_ECRYPTO: the log went back or was forked; why says it in words. */
int receipt_follow(const struct receipt *r, struct receipt_seen *seen, const char **why);

#endif
