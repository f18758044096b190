/* index_blocks: the signatures of the index's blocks of text.
 *
 * A new block's signature is a row of its own.  When SIGNATURE_SHELF blocks
 * that will not change are there, they go onto a shelf together: a row for
 * each slice, so that a question about a word reads one row a shelf. */
#ifndef ITM_STORE_INDEX_BLOCKS_H
#define ITM_STORE_INDEX_BLOCKS_H

#include "store/index_state.h"
#include "store/narrow.h"

/* The writer's part. */
int index_blocks_put(struct index *x, int64_t block, bool live, const char *text, size_t len);
int index_blocks_drop_live(struct index *x, int64_t session);
/* All of the session, before its blocks go. */
int index_blocks_forget(struct index *x, int64_t session);

/* The blocks that may have what the query looks for, the newest first. */
struct index_blocks {
	struct index *x;
	const struct narrow *narrow;
	struct sql_statement *loose, *shelves, *slice;
	int64_t loose_block;             /* the next one of the loose ones; 0 = none */
	int64_t shelf;                   /* the one being looked at */
	int64_t block[SIGNATURE_SHELF];  /* its blocks that are left; the last is next */
	size_t block_count;
	bool shelves_done;
};
int index_blocks_open(struct index_blocks *b, struct index *x, const struct narrow *narrow);
void index_blocks_close(struct index_blocks *b);
/* 1 = *block, 0 where there was none for a while = look at the time and go on;
 * 0 = no more; ITM_E*. */
int index_blocks_next(struct index_blocks *b, int64_t *block);

#endif
