/* walk: goes through the durable part of the spool and makes the messages for
 * the server: each block with its chunks as one GROUP, and the newest frames
 * that no chunk holds yet as TAIL. */
#ifndef ITM_AGENT_FORWARDD_WALK_H
#define ITM_AGENT_FORWARDD_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/hash.h"

struct walk;
struct walk *walk_new(const char *spool_dir);            /* owned */
void walk_free(struct walk *w);
/* Bytes up to here are durable: from the sealer. */
void walk_limit(struct walk *w, uint64_t segment, uint64_t offset);
/* The server has the blocks up to `sequence` (0: none), the last of them with
 * this hash.  Go on after it, or after the last block with a receipt if that
 * is earlier: the server answers again for what it has. */
int walk_resume(struct walk *w, uint64_t sequence, const uint8_t hash[HASH_SIZE]);
/* A receipt for block `sequence` came by (those in the spool are seen anyway). */
void walk_receipt(struct walk *w, uint64_t sequence);

/* What walk_next appended. */
struct walk_message {
	bool group;              /* else a frame */
	uint64_t sequence;       /* of the group's block */
	int64_t wall_ns;
};
/* 1 = one message is appended to out; 0 = nothing more is durable now.
 * ITM_EBUSY: the spool has another block than the server under `sequence`
 * (FORK).  ITM_ENOENT: the block after it is not in the spool (GAP).  Other
 * ITM_E*: the spool is broken here.  walk_words says what and where. */
int walk_next(struct walk *w, struct buffer *out, struct walk_message *message);
const char *walk_words(const struct walk *w);
/* The last block seen in the spool (0 = none yet), and the oldest block that
 * was walked after `sequence`: its wall time, 0 = none. */
uint64_t walk_last(struct walk *w);
int64_t walk_wall_after(const struct walk *w, uint64_t sequence);

#endif
