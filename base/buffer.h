/* buffer: a byte buffer that grows to a stated maximum and no further, with
 * the little-endian and LEB128 writers of our formats. */
#ifndef ITM_BASE_BUFFER_H
#define ITM_BASE_BUFFER_H

#include <stddef.h>
#include <stdint.h>

struct buffer {
	uint8_t *data;
	size_t len;        /* bytes used */
	size_t size;       /* bytes allocated */
	size_t max;        /* bytes it may ever hold */
};

/* Nothing is allocated before the first byte is put. */
void buffer_init(struct buffer *b, size_t max_bytes);
void buffer_free(struct buffer *b);      /* also wipes len and data; b may be reused after init */
void buffer_clear(struct buffer *b);     /* len = 0, memory kept */

/* Each returns 0, ITM_ELIMIT (max) or ITM_ENOMEM, and changes nothing on
 * failure. */
int buffer_reserve(struct buffer *b, size_t more_bytes);
int buffer_put(struct buffer *b, const void *data, size_t len);
int buffer_put_u8(struct buffer *b, uint8_t v);
int buffer_put_u16(struct buffer *b, uint16_t v);
int buffer_put_u32(struct buffer *b, uint32_t v);
int buffer_put_u64(struct buffer *b, uint64_t v);
int buffer_put_varint(struct buffer *b, uint64_t v);   /* LEB128, 1 to 10 bytes */
int buffer_put_zigzag(struct buffer *b, int64_t v);    /* as varint: 2v, or -2v - 1 below 0 */
int buffer_put_text(struct buffer *b, const char *s);  /* without the NUL */
int buffer_printf(struct buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Drop the first n bytes (n <= len), moving the rest down. */
void buffer_consume(struct buffer *b, size_t n);

/* The content as a C string: puts a NUL after len without counting it; NULL
 * on failure.  Borrowed until the next change. */
const char *buffer_text(struct buffer *b);

#endif
