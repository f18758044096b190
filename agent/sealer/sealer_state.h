/* sealer_state: the inside of a sealer, for its own files alone. */
#ifndef ITM_SEALER_SEALER_STATE_H
#define ITM_SEALER_SEALER_STATE_H

#include "agent/sealer/anchor.h"
#include "agent/sealer/chain.h"
#include "agent/sealer/ledger.h"
#include "agent/sealer/room.h"
#include "agent/sealer/sealer.h"

enum { SEALER_QUEUE_STOP = 2 << 20 }; /* bytes not durable at which no more is taken in */

struct sealer {
	struct sealer_config config;
	const struct sealer_clock *clock;
	struct spool *spool;
	struct chain chain;
	struct block_context context;    /* of the newest block in segment context_segment */
	uint64_t context_segment;
	struct ledger ledger;
	struct anchor anchor;
	struct stream *streams;
	size_t stream_count;
	uint8_t (*digests)[HASH_SIZE];   /* of chunks in no block */
	size_t digest_count, flying_count;
	size_t chunk_bytes;              /* of those chunks */
	struct buffer payload;           /* scratch for one unit */
	int64_t dirty_ms;                /* first thing not synced; 0 = nothing */
	size_t dirty_bytes;              /* of runs since then */
	int64_t block_due_ms;            /* 0 = no activity since the last block */
	int64_t last_block_ms;
	int64_t next_segment_ms;         /* not before: the last try failed */
	bool cut_short;                  /* the block in the making could not take all chunks */
	bool checkpoint_due, no_log_key_said;
	struct room room;
	uint64_t reserve;                /* bytes kept aside in the spool */
	uint64_t taken;                  /* bytes of frames since room was looked at */
	uint64_t vital_taken;            /* bytes of frames since only the reserve is left */
	bool failing;
	int64_t retry_at_ms, retry_pause_ms;
	char error[128];
	uint64_t frames, chunks, blocks, bad_frames, lost_bytes;
};

/* As many chunks as one block should cover. */
bool sealer_group_full(const struct sealer *s);
/* Close a stream's chunk and put it into the spool's queue.  0; ITM_ELIMIT:
 * a block must be made first; ITM_E*: can't go on. */
int sealer_make_chunk(struct sealer *s, struct stream *st);
/* Sign the chunks there are.  0: the block is durable; 1: the disk does not
 * take it now (it stays in flight); ITM_E*: can't go on. */
int sealer_make_block(struct sealer *s, uint16_t flags);
/* Something was appended. */
void sealer_dirty(struct sealer *s, size_t bytes_of_runs);
/* A block is wanted within ms. */
void sealer_block_within(struct sealer *s, int64_t ms);
/* How much room there is now; said in the log when the level changes. */
void sealer_look_for_room(struct sealer *s);
/* Put bytes aside for the end of the chain. */
void sealer_reserve(struct sealer *s);
/* Put s->payload into the queue as a unit. */
int sealer_append(struct sealer *s, uint8_t unit_type);
/* Put the chain's block in flight into the queue. */
int sealer_append_block(struct sealer *s);
/* A note that all before it is signed, and where the streams stand. */
int sealer_append_checkpoint(struct sealer *s);
/* 0: all is durable.  1: not now.  ITM_E*. */
int sealer_sync(struct sealer *s);

#endif
