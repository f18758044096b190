/* evidence_rewrite: segments written anew with some units replaced; the inside
 * of evidence_remove.h. */
#ifndef ITM_STORE_EVIDENCE_REWRITE_H
#define ITM_STORE_EVIDENCE_REWRITE_H

#include "store/evidence.h"

/* What comes in place of the chunk whose payload is at offset in segment. */
struct evidence_change {
	uint64_t segment, offset, row;
	uint8_t type;                  /* UNIT_CHUNK or UNIT_TOMBSTONE */
	size_t start, len;             /* of the payload, in changes.payloads */
	size_t item;                   /* which declaration it belongs to */
};

struct evidence_changes {
	struct evidence_change *list;
	size_t count, size;
	struct buffer payloads;
	struct buffer *declarations;   /* a UNIT_REMOVAL payload each */
};

/* Sorts the list.  All segments of the changes, and those with torn ends, are
 * written anew and entered instead of the old; between begin and commit.  On
 * failure the new files are gone again. */
int evidence_rewrite(struct evidence *e, struct evidence_changes *changes);
/* After a crash: unlinks new files that were never entered. */
int evidence_rewrite_recover(struct evidence *e);

#endif
