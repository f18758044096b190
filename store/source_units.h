/* source_units: one stream's chunks, and the frames after them, out of a
 * store, a spool, or a file of units; the inside of source.h. */
#ifndef ITM_STORE_SOURCE_UNITS_H
#define ITM_STORE_SOURCE_UNITS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/id.h"

struct source_units;
struct source_units *source_units_open(const char *path, const struct id *stream, int *error); /* owned */
void source_units_close(struct source_units *u);
int source_units_rewind(struct source_units *u);
/* After a rewind: chunks before number are not wanted (a store leaves them
 * out; elsewhere they come all the same). */
void source_units_skip(struct source_units *u, uint64_t number);
/* Whether there is anything of the stream.  Only right after open. */
bool source_units_present(struct source_units *u);
/* The payload of the next chunk, appended to out: 1; 0 = none now; ITM_E* and
 * words (valid until the next call): something is broken, go on calling. */
int source_units_chunk(struct source_units *u, struct buffer *out, const char **words);
/* What a store says was removed of the stream; nothing elsewhere.  0 or ITM_E*. */
struct evidence_removed;
int source_units_removed(struct source_units *u, int (*each)(void *context, const struct evidence_removed *r), void *context);
/* After 0: the payload of the frame after number `after`: 1; 0 = none now. */
int source_units_frame(struct source_units *u, uint64_t after, struct buffer *out);

#endif
