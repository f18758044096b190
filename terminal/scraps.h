/* scraps: text of the output itself, for where the screen does not keep it:
 * written out of sight, or a few letters at a time over each other.
 *
 * A piece is printable text between controls; changes of colour don't part it.
 * Pieces
 * of `least` characters are given when the caller says that text was out of sight.  Pieces of
 * at most SCRAPS_SHORT characters in a row, parted by controls other than line
 * feeds, are put together and given as one when they come to SCRAPS_LEAST.
 * Each byte is given at most twice. */
#ifndef ITM_TERMINAL_SCRAPS_H
#define ITM_TERMINAL_SCRAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "terminal/parser.h"

enum {
	SCRAPS_SHORT = 3,       /* characters */
	SCRAPS_LEAST = 4,
	SCRAPS_MAX = 4096,      /* bytes given at once */
	SCRAPS_OVERLAP = 256,   /* of what is too long, so much is given again with what follows */
	SCRAPS_SMALL = 64,      /* output of at most so many bytes is always worth a look */
};

struct scraps {
	struct parser parser;
	struct buffer piece, joined;
	unsigned piece_count, joined_count; /* characters */
	unsigned least;                  /* characters of a piece that is given */
	bool hidden;                     /* the piece was, in part, out of sight */
	uint8_t rune[4];                 /* a character that goes on in the next output */
	unsigned rune_len;
	void (*each)(void *context, const uint8_t *text, size_t len);
	void *context;
};
void scraps_init(struct scraps *s, unsigned least, void (*each)(void *context, const uint8_t *text, size_t len), void *context);
void scraps_free(struct scraps *s);
/* Into an initialised one.  0 or ITM_ENOMEM. */
int scraps_copy(struct scraps *to, const struct scraps *from);
void scraps_feed(struct scraps *s, const uint8_t *data, size_t len, bool hidden);
/* Output was left out, or it ends: gives what there is. */
void scraps_finish(struct scraps *s);

#endif
