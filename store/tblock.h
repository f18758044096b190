/* tblock: some lines of one session's text as one stored body, and back.
 *
 * Body: u8 codec (0 plain, 1 zstd), varint plain length, bytes.  Plain: per
 * line varint ms after the block's start, u8 kind (enum lines_kind), varint length,
 * text; of a command also varint exit status + 1, 0 not known. */
#ifndef ITM_STORE_TBLOCK_H
#define ITM_STORE_TBLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "terminal/lines.h"

enum {
	TBLOCK_LINES = 48,               /* lines after which a block is closed, or ... */
	TBLOCK_BYTES = 8 * 1024,         /* ... bytes of text */
	TBLOCK_PLAIN_MAX = 512 * 1024,   /* a decoder takes no more */
	TBLOCK_LINES_MAX = 4096,
};


/* Lines being gathered. */
struct tblock {
	struct buffer text;              /* all lines, LF after each: what is indexed */
	struct lines_line *marks;        /* text NULL */
	size_t count, size;
};
void tblock_init(struct tblock *t);
void tblock_free(struct tblock *t);
void tblock_clear(struct tblock *t);
/* 0, ITM_ELIMIT, ITM_ENOMEM. */
int tblock_add(struct tblock *t, const struct lines_line *line);
bool tblock_full(const struct tblock *t);
/* Times of the earliest and the latest line; 0 when empty. */
void tblock_span(const struct tblock *t, uint64_t *start_ms, uint64_t *end_ms);

/* Appends the body. */
struct compress;
int tblock_encode(const struct tblock *t, struct compress *c, struct buffer *out);
/* Replaces t's content.  inflate is reset.  0 or ITM_E* with fault. */
struct inflate;
int tblock_decode(struct tblock *t, const void *body, size_t len, uint64_t start_ms,
		  struct inflate *inflate, struct fault *fault);
/* The lines of a block, text borrowed: next from n = offset = 0 upwards, last
 * from n = count, offset = text.len downwards; false at the end. */
bool tblock_next(const struct tblock *t, size_t *n, size_t *offset, struct lines_line *out);
bool tblock_last(const struct tblock *t, size_t *n, size_t *offset, struct lines_line *out);

#endif
