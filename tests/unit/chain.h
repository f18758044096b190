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
	uint64_t sequence, now_ms;
	uint8_t head[HASH_SIZE];
	uint8_t digests[64][HASH_SIZE];
	size_t digest_count;
	struct chunk_writer *writer;
	struct id stream;
	struct record_columns columns;
	uint64_t frame;
};

void chain_init(struct chain *c);
void chain_free(struct chain *c);
/* One frame and one chunk of the current stream with some text. */
void chain_chunk(struct chain *c, const char *text, uint16_t flags);
/* A new stream. */
void chain_stream(struct chain *c);
/* Seal what is pending; flags as block.h; GENESIS makes a new key chain. */
void chain_block(struct chain *c, uint16_t flags);
/* The server's receipt (or, type genesis, countersignature) of the last block. */
void chain_receipt(struct chain *c, enum receipt_type type);
/* Genesis, three chunks in two blocks, receipt, CLOSE: verdict UNANCHORED. */
void chain_sample(struct chain *c);
/* Verify a buffer of units. */
struct verify_result chain_verify(const struct chain *c, const uint8_t *data, size_t len);

#endif
