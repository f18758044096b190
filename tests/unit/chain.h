/* chain: a small host for tests: makes frames, chunks, blocks and receipts
 * into one buffer of units, and walks them. */
#ifndef ITM_TESTS_UNIT_CHAIN_H
#define ITM_TESTS_UNIT_CHAIN_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "format/block.h"
#include "format/chunk.h"
#include "format/receipt.h"
#include "format/verify.h"

struct chain {
	struct buffer units;
	struct id host, boot;
	struct sign_key identity, log, key;
	bool spool;              /* set: blocks in the short form, as in a host's spool */
	struct block_context context;
	uint64_t sequence, now_ms;       /* boot clock */
	int64_t wall_offset_ns;          /* wall clock less boot clock */
	uint8_t reason;                  /* of the next GENESIS; 0 = install, then reboot */
	uint8_t head[HASH_SIZE];
	uint8_t digests[64][HASH_SIZE];
	size_t digest_count;
	struct chunk_writer *writer;
	struct id stream;
	struct record_columns columns;
	const char *env;                 /* session metadata for the next chunk, borrowed; NULL = none */
	uint64_t frame;
	uint8_t leaves[256][HASH_SIZE];  /* of the server's log */
	uint64_t leaf_count;
};

void chain_init(struct chain *c);
void chain_free(struct chain *c);
/* A frame that no chunk covers yet. */
void chain_frame(struct chain *c, const char *text);
/* Any unit. */
void chain_unit(struct chain *c, uint8_t type, uint8_t version, const void *payload, size_t len);
/* One frame and one chunk of the current stream with some text. */
void chain_chunk(struct chain *c, const char *text, uint16_t flags);
/* A new stream. */
void chain_stream(struct chain *c);
/* Seal what is pending; flags as block.h; GENESIS makes a new key chain. */
void chain_block(struct chain *c, uint16_t flags);
/* The server's receipt (or, type genesis, countersignature) of the last block. */
void chain_receipt(struct chain *c, enum receipt_type type);
/* Genesis, three chunks in two blocks, receipt, CLOSE: verdict UNANCHORED, or
 * OK when chain_receipt follows. */
void chain_sample(struct chain *c);
/* Verify a buffer of units. */
struct verify_result chain_verify(const struct chain *c, const uint8_t *data, size_t len);

#endif
