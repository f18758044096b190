/* text: cells and hostile bytes as plain UTF-8 for listings, transcripts and
 * the index. */
#ifndef ITM_TERMINAL_TEXT_H
#define ITM_TERMINAL_TEXT_H

#include <stddef.h>

#include "base/buffer.h"
#include "terminal/vt.h"

/* One row, trailing blanks cut. */
int text_row(struct buffer *b, const struct vt_cell *cells, unsigned columns);
/* Bytes with control characters, invalid UTF-8 and bidirectional overrides
 * shown as \xHH or \u{HHHH}; nothing in the result can move a cursor. */
int text_escape(struct buffer *b, const void *data, size_t len);

#endif
