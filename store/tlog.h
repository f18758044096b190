/* tlog: the central log, written: leaves of evidence.db into tiles, signed
 * checkpoints, proofs.  One writer, itm-ingestd.
 *
 * evidence.db holds each leaf from the transaction of its block on; tiles and
 * checkpoint follow.  So a checkpoint never names what could be lost, and a
 * crash at any moment leaves a log that only has to be taken further: the same
 * leaves in the same order, never a fork.  Leaves that stand in full tiles are
 * taken out of evidence.db's queue; if the files are lost they are made again
 * from the rows of blocks and acts. */
#ifndef ITM_STORE_TLOG_H
#define ITM_STORE_TLOG_H

#include <stdbool.h>
#include <stdint.h>

#include "format/receipt.h"
#include "store/evidence.h"
#include "store/tile.h"

struct tlog;
/* dir is the store's; borrows e and key.  NULL and *error; ITM_ECRYPTO (said):
 * the files are not this store's log, or are ahead of it: evidence.db went
 * back, and going on would fork the log. */
struct tlog *tlog_open(const char *dir, struct evidence *e, const struct id *server, const struct sign_key *key, int *error);
void tlog_close(struct tlog *t);

/* Leaves in the last checkpoint, and the note itself (NUL-ended). */
uint64_t tlog_size(const struct tlog *t);
const char *tlog_note(const struct tlog *t);
/* Take committed leaves in and sign a checkpoint when there are any.  1 made,
 * 0 nothing new, ITM_E*: try again later. */
int tlog_publish(struct tlog *t);
/* Attach what witnesses cosigned of the last checkpoint to its file and note. */
void tlog_attach(struct tlog *t);
/* Build the receipt of a leaf below tlog_size, for someone who has seen the
 * log with old_size leaves; a size over ours is answered without proof. */
int tlog_receipt(struct tlog *t, const struct receipt_record *record, uint64_t leaf, uint64_t old_size, struct buffer *out);

#endif
