/* block: the host's signature over the chunks since the block before it, and
 * the forward-secure chain from block to block.
 *
 * Unit payload: header 160, signature 64, body.  Header:
 *   0 "ITMB" · 4 u8 version 1 · 5 u8 signature type 1 (Ed25519) · 6 u16 flags ·
 *   8 host id · 24 u64 sequence · 32 i64 wall ns · 40 u64 boot ns · 48 boot id ·
 *  64 previous block hash · 96 public key of the next block · 128 body hash
 * Body: u8 version 1, u8 clock synchronised, varint clock max error us, varint
 * chunk count; with GENESIS then the genesis record.  Body hash =
 * SHA-256(0x12 | body | chunk digests in order).  Block hash = SHA-256(0x13 |
 * header | signature).  Signature = Ed25519 over the header.
 * Genesis record: u8 version 1, u8 reason, u16 0, own public key 32, identity
 * public key 32, identity signature 64 over (0x14 | "ITM genesis" | header
 * bytes 0..95 with flags | own public key).
 *
 * The *short* form stands for the same block where the block before it is
 * known, and leaves out what follows from that one:
 *   form u8=2, low byte of the sequence, flags varint, boot time since the
 *   block before varint (ms), wall time less that varint (ms, zigzag), public
 *   key of the next block 32, body hash 32, signature 64, body without its
 *   version
 * Only in a host's spool; a file's first block and each GENESIS are in the
 * long form. */
#ifndef ITM_FORMAT_BLOCK_H
#define ITM_FORMAT_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/id.h"
#include "format/sign.h"

enum { BLOCK_HEADER_SIZE = 160, BLOCK_CHUNKS_MAX = 4096 };

enum block_flag {
	BLOCK_GENESIS = 0x01,   /* first of a chain of keys: install, reboot, lost key */
	BLOCK_HEARTBEAT = 0x02, /* no chunks: the host lives */
	BLOCK_CLOSE = 0x04,     /* orderly stop */
	BLOCK_RECOVERY = 0x08,  /* seals what a crash left unsigned */
	BLOCK_GAP = 0x10,       /* declares a loss */
	BLOCK_ROTATE = 0x20,    /* identity key changes after this */
};

enum block_reason { BLOCK_INSTALL = 1, BLOCK_REBOOT = 2, BLOCK_KEY_LOST = 3 };

struct block_genesis {
	uint8_t reason;
	uint8_t own_key[SIGN_PUBLIC_SIZE];
	uint8_t identity_key[SIGN_PUBLIC_SIZE];
	uint8_t identity_signature[SIGN_SIZE];
};

struct block {
	uint16_t flags;
	struct id host;
	uint64_t sequence;      /* from 1 */
	int64_t wall_ns;
	uint64_t boot_ns;
	struct id boot_id;
	uint8_t previous[HASH_SIZE];         /* zeros for sequence 1 */
	uint8_t next_key[SIGN_PUBLIC_SIZE];
	uint8_t body_hash[HASH_SIZE];
	uint8_t signature[SIGN_SIZE];
	uint8_t clock_synchronised;
	uint32_t clock_max_error_us;
	uint32_t chunk_count;
	struct block_genesis genesis;        /* with BLOCK_GENESIS */
	uint8_t header[BLOCK_HEADER_SIZE];   /* as signed; filled by decode and seal */
};

/* Fill header and body hash from the fields and digests (chunk_count of them,
 * 32 bytes each) and sign with key (and, with GENESIS, identity).  Everything
 * else must be set.  0 or ITM_EINVAL. */
int block_seal(struct block *b, const uint8_t (*digests)[HASH_SIZE],
	       const struct sign_key *key, const struct sign_key *identity);
/* What the short form leaves out: where a writer or reader of blocks in order
 * stands.  Zeroed: nowhere. */
struct block_context {
	bool known;
	struct id host, boot_id;
	uint64_t sequence;
	int64_t wall_ns;
	uint64_t boot_ns;
	uint8_t hash[HASH_SIZE];
};
void block_context_set(struct block_context *c, const struct block *last);

/* The long form, which stands for itself. */
int block_encode(struct buffer *out, const struct block *b);
int block_decode(const void *data, size_t len, struct block *out, struct fault *fault);
/* The short form if it says the same after the block of the context.  The
 * context moves on to b. */
int block_encode_after(struct block_context *c, struct buffer *out, const struct block *b);
/* Either form; the context moves on.  ITM_EINVAL: short, and the context is
 * nowhere. */
int block_decode_after(struct block_context *c, const void *data, size_t len, struct block *out, struct fault *fault);
void block_hash(const struct block *b, uint8_t out[HASH_SIZE]);

/* Check body hash against the digests and the signature against key (the one
 * the block before announced, or the genesis record's own).  With GENESIS also
 * the identity signature against the key in the record.  digests NULL: the
 * body is left unchecked.  0, ITM_ECRYPTO. */
int block_check(const struct block *b, const uint8_t (*digests)[HASH_SIZE], const uint8_t key[SIGN_PUBLIC_SIZE],
		struct fault *fault);

#endif
