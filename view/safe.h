/* safe: recorded terminal output with everything taken out that could act on
 * the terminal of the one who looks at it: titles, clipboard, questions that
 * make a terminal answer, key and mouse modes, device control.  What is left
 * is valid UTF-8 and draws the same picture. */
#ifndef ITM_VIEW_SAFE_H
#define ITM_VIEW_SAFE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

enum { SAFE_SEQUENCE_MAX = 128 }; /* bytes of one control sequence; longer ones are dropped */

/* Plain data: zeroed is the start.  A sequence or character may be spread over
 * any number of calls. */
struct safe {
	uint8_t state;
	uint8_t held[SAFE_SEQUENCE_MAX];
	size_t held_len;
	bool too_long;
};

/* 0 or the error of out. */
int safe_put(struct safe *s, const void *data, size_t len, struct buffer *out);

#endif
