/* jsonread: takes JSON text (RFC 8259) apart from left to right, as the reader
 * expects it; no tree, no allocation but the caller's buffers.  The first
 * thing that is not as expected ends it: all later calls do nothing. */
#ifndef ITM_BASE_JSONREAD_H
#define ITM_BASE_JSONREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

enum { JSONREAD_DEPTH = 32 };     /* arrays and objects inside each other */

struct jsonread {
	const uint8_t *data;
	size_t len, pos;
	unsigned depth;
	bool first;                   /* no element of the innermost one was read yet */
	int error;                    /* ITM_EFORMAT, or of a buffer */
};

void jsonread_init(struct jsonread *j, const void *data, size_t len);   /* data is borrowed */
/* The next character that is not white space; 0 = none. */
char jsonread_peek(struct jsonread *j);
/* Enter an array ('[') or object ('{').  In a loop over its elements: true =
 * one comes; false = it is closed and left (or an error). */
void jsonread_enter(struct jsonread *j, char open);
bool jsonread_more(struct jsonread *j);
/* A key with its colon, and a string, appended to out as UTF-8 (NULL: passed
 * over); half of a surrogate pair becomes U+FFFD. */
void jsonread_key(struct jsonread *j, struct buffer *out);
void jsonread_string(struct jsonread *j, struct buffer *out);
/* A number in millionths, cut; what is over about 9e12 is an error. */
int64_t jsonread_micro(struct jsonread *j);
/* Any value. */
void jsonread_skip(struct jsonread *j);
/* Nothing but white space is left: 0, or the error. */
int jsonread_end(struct jsonread *j);

#endif
