/* chain: the host's blocks, one after the other, each signed with a key that
 * is erased when its block is durable. */
#ifndef ITM_SEALER_CHAIN_H
#define ITM_SEALER_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "format/block.h"
#include "format/sign.h"

struct chain {
	void *slot;                     /* mapped memory, borrowed */
	struct id host, boot;
	const struct sign_key *identity;/* borrowed */
	bool has_last;
	struct block last;              /* newest block that is durable */
	uint8_t last_hash[HASH_SIZE];
	uint8_t genesis_reason;         /* not 0: the next block is a GENESIS */
	bool in_flight;                 /* a block was made that is not durable yet */
	struct block flying;
	struct sign_key key, next;      /* in memory only while they are in the slot too */
};

/* What the slot says about the newest block on disk. */
enum chain_start {
	CHAIN_CONTINUE = 0,
	CHAIN_AGAIN = 1,      /* the block in the slot is not on disk: append it as it was signed */
	CHAIN_GENESIS = 2,    /* the key is gone (or never was): chain.genesis_reason says why */
};

/* last: newest block on disk, NULL = none.  digests: chunks behind it, in
 * order.  With CHAIN_AGAIN payload gets the block and *covered the number of
 * digests it signs; it is in flight. */
enum chain_start chain_open(struct chain *c, const struct block *last, const uint8_t (*digests)[HASH_SIZE],
			    size_t count, struct buffer *payload, size_t *covered);
/* Make the next block over the digests and put its payload into payload.  The
 * chunks must be in the kernel's hands already.  The caller appends and syncs,
 * then calls chain_durable.  0 or ITM_E*. */
int chain_make(struct chain *c, uint16_t flags, const uint8_t (*digests)[HASH_SIZE], size_t count,
	       uint64_t boot_ns, int64_t wall_ns, struct buffer *payload);
/* The block in flight is durable: erase its key. */
void chain_durable(struct chain *c);
void chain_wipe(struct chain *c);

#endif
