/* follow: brings the index up to what the store holds, one pass at a time. */
#ifndef ITM_STORE_INDEXD_FOLLOW_H
#define ITM_STORE_INDEXD_FOLLOW_H

#include "store/evidence.h"
#include "store/index.h"

struct follow;
/* Borrows both.  Owned; NULL and *error. */
struct follow *follow_new(struct index *x, struct evidence *e, int *error);
void follow_free(struct follow *f);

/* One transaction: at most FOLLOW_CHUNKS chunks, and once there are no more,
 * the tails.  1 = there is more to do at once, 0 = up to date, ITM_E* = nothing
 * was done (try again later). */
enum { FOLLOW_CHUNKS = 128 };
int follow_pass(struct follow *f, uint64_t now_ms);

struct follow_state { uint64_t position, sessions, open_streams, chunks_done; bool caught_up; };
void follow_state(struct follow *f, struct follow_state *out);

#endif
