/* excerpt: of a host's record, what one session needs to be judged by a
 * stranger, and nothing of the other sessions but the digests of chunks that
 * share its blocks.  Units go in, in their order; an excerpt file comes out:
 * a segment header ITMEXCPT, the blocks from the GENESIS before the session
 * on, countersignatures, the session's chunks, digests (UNIT_WITHHELD) in the
 * place of others' chunks of the same block, and the receipts. */
#ifndef ITM_STORE_EXCERPT_H
#define ITM_STORE_EXCERPT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/id.h"
#include "format/unit.h"

enum { EXCERPT_MAX = 1 << 30 };  /* bytes of one */

struct excerpt;
struct excerpt *excerpt_new(const struct id *stream); /* owned */
void excerpt_free(struct excerpt *x);
/* 0; 1 when nothing more is needed: the session has ended, and the server's
 * receipt for its end is here; ITM_E* and words. */
int excerpt_unit(struct excerpt *x, const struct unit *u);
const char *excerpt_fault(const struct excerpt *x);

struct excerpt_info {
	struct id host, stream;
	uint64_t first_block, last_block;        /* of the session */
	uint64_t chunks, blocks, receipts;
	int64_t wall_ns;                         /* of the session's last block */
	bool ended;
};
/* What is there so far, borrowed until the next call.  ITM_ENOENT: no signed chunk of the session. */
int excerpt_finish(struct excerpt *x, struct excerpt_info *info, const struct buffer **file);

#endif
