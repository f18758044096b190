/* index_around: the shown lines around one line of a session's text. */
#ifndef ITM_STORE_INDEX_AROUND_H
#define ITM_STORE_INDEX_AROUND_H

#include "store/index_state.h"
#include "store/tblock.h"

enum { INDEX_AROUND_BLOCKS = 4 };      /* blocks that are opened on each side */

struct index_around {
	struct index_line before[INDEX_CONTEXT_MAX], after[INDEX_CONTEXT_MAX];
	size_t before_count, after_count;
	struct tblock blocks[2 * INDEX_AROUND_BLOCKS]; /* what the lines stand in */
	struct sql_statement *earlier, *later;
};
void index_around_init(struct index_around *a);
void index_around_free(struct index_around *a);
/* Up to `count` lines on each side of line `line` (number, and its offset in
 * the text) of the block.  Borrowed from `block` and a, until the next call. */
int index_around_find(struct index_around *a, struct index *x, int64_t session, int64_t block_id,
		      const struct tblock *block, size_t line, size_t offset, unsigned count);

#endif
