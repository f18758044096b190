/* answers: the blocks of one connection that are stored and have not been
 * answered for: the newest, which speaks for all before it, and each GENESIS. */
#ifndef ITM_STORE_INGESTD_ANSWERS_H
#define ITM_STORE_INGESTD_ANSWERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "store/tlog.h"

struct answers_block { uint64_t sequence; uint8_t hash[HASH_SIZE]; };
struct answers {
	bool due;
	struct answers_block newest;
	struct answers_block *genesis;
	size_t genesis_count, genesis_size;
	uint64_t seen;               /* leaves of the log that the host knows of */
};

void answers_free(struct answers *a);
/* A block was stored, or came again.  0 or ITM_ENOMEM. */
int answers_add(struct answers *a, uint64_t sequence, const uint8_t hash[HASH_SIZE], bool genesis);
/* Put what the log's checkpoint covers: COUNTERSIGN for each GENESIS, then one
 * RECEIPT.  What finds no room in out stays due.  0 or ITM_E*. */
int answers_put(struct answers *a, struct evidence *e, struct tlog *log, const struct id *host, struct buffer *out);

#endif
