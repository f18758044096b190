/* reader: reads little-endian integers and LEB128 varints out of a borrowed
 * buffer, with a sticky error, so that a decoder checks once at its end.
 *
 * After a failure every getter returns 0 (or NULL) and moves nothing. */
#ifndef ITM_BASE_READER_H
#define ITM_BASE_READER_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct reader {
	const uint8_t *data;
	size_t len;
	size_t pos;
	int error;          /* 0 or the first ITM_E* */
	const char *reason; /* static text for the first error */
	size_t error_pos;
};

void reader_init(struct reader *r, const void *data, size_t len);
size_t reader_left(const struct reader *r);

uint8_t reader_u8(struct reader *r);
uint16_t reader_u16(struct reader *r);
uint32_t reader_u32(struct reader *r);
uint64_t reader_u64(struct reader *r);
/* Refuses more than 10 bytes, overflow past 64 bits, and padded (non-minimal)
 * encodings: one value has one encoding. */
uint64_t reader_varint(struct reader *r);
int64_t reader_zigzag(struct reader *r);
/* Borrowed pointer to n bytes, or NULL after an error. */
const uint8_t *reader_bytes(struct reader *r, size_t n);
/* Copies n bytes to out (zeroes it after an error). */
void reader_copy(struct reader *r, void *out, size_t n);
/* Record an error of the caller's own at the current position. */
void reader_fail(struct reader *r, int code, const char *reason);
/* Refuse trailing bytes. */
void reader_end(struct reader *r);
/* The sticky error, also written to fault (may be NULL). */
int reader_result(const struct reader *r, struct fault *fault);

#endif
