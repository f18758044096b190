/* filenote: what a RECORD_NOTE says of a file that passed, as one line for
 * people and for search. */
#ifndef ITM_STORE_FILENOTE_H
#define ITM_STORE_FILENOTE_H

#include <stddef.h>

#include "base/buffer.h"

/* Appends, without a line end, e.g. "file in: name 1234 bytes sha256 ...".
 * Everything that came from outside is escaped.  0; ITM_ENOENT: the note is
 * about something else; or the error of b. */
int filenote_put(struct buffer *b, const void *note, size_t len);

#endif
