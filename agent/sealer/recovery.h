/* recovery: what the spool says about where the sealer stopped: the last
 * block, the chunks and frames behind it, and bytes torn by a crash. */
#ifndef ITM_SEALER_RECOVERY_H
#define ITM_SEALER_RECOVERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "format/block.h"
#include "format/chunk.h"
#include "format/receipt.h"
#include "store/spool.h"

struct recovery_stream {
	struct recovery_stream *next;
	struct id id;
	uint64_t chunk, frame;       /* last chunk, last frame in a chunk */
	uint64_t last_frame;         /* last frame there is */
	bool ended;                  /* its END chunk is there */
	struct chunk_reader *reader;
	struct buffer frames;        /* u32 length + payload, those in no chunk */
};

struct recovery {
	bool has_block;
	struct block block;
	struct block_context context;
	uint64_t receipt;            /* highest sequence the server answered for */
	struct receipt_seen seen;    /* the log by the newest receipt */
	uint8_t (*digests)[HASH_SIZE];
	size_t digest_count;
	size_t chunk_bytes;          /* of the chunks behind the last block */
	struct recovery_stream *streams; /* in the order they were met */
	bool torn;
	struct spool_place torn_at;
	uint64_t torn_len;
};

/* Read the spool from its newest checkpoint on.  first..last are the segments
 * there are (0: none).  0 or ITM_E*. */
int recovery_read(struct recovery *r, const char *dir, uint64_t first, uint64_t last);
void recovery_free(struct recovery *r);

/* The checkpoint's payload: everything before it is signed, and where things
 * stand.  block NULL = none yet. */
struct recovery_position { struct id id; uint64_t chunk, frame; bool ended; };
int recovery_put_checkpoint(struct buffer *b, const struct block *block, uint64_t receipt, const struct receipt_seen *seen,
			    const struct recovery_position *streams, size_t count);

#endif
