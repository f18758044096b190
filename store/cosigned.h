/* cosigned: what witnesses leave beside the central log: cosigned/<key id, 8
 * hex> is the newest checkpoint that the witness of that key cosigned, the
 * whole note: text, the log's signature, the witness's. */
#ifndef ITM_STORE_COSIGNED_H
#define ITM_STORE_COSIGNED_H

#include "base/buffer.h"
#include "format/checkpoint.h"
#include "store/tile.h"

enum { COSIGNED_MAX = NOTE_SIGNATURES_MAX - 1, COSIGNED_PATH_SIZE = 4096 };

/* In folder dir, which is <log>/cosigned or a copy of it. */
void cosigned_path(const char *dir, const struct note_key *witness, char out[COSIGNED_PATH_SIZE]);
/* Each well-formed note below log's cosigned folder, no more than
 * COSIGNED_MAX; 0, or what `each` returned first.  Nothing of them is believed. */
int cosigned_each(const char *log, int (*each)(void *context, const struct buffer *file, const struct note *n), void *context);
/* The newest of them that signs a tree of more than `leaf` leaves and fits the
 * tiles, into note and c.  1, 0 = none, ITM_E*. */
int cosigned_newest(struct tile_log *tiles, const struct checkpoint *now, uint64_t leaf, struct buffer *note,
		    struct checkpoint *c);
/* Append to note (the log's newest checkpoint, whole) the cosignatures of the
 * same text that it does not have yet.  How many, or ITM_E*. */
int cosigned_attach(const char *log, struct buffer *note);

#endif
