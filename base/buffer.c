#include "base/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum { FIRST_SIZE = 256 };

void buffer_init(struct buffer *b, size_t max_bytes)
{
	*b = (struct buffer){ .max = max_bytes };
}

void buffer_free(struct buffer *b)
{
	if (b->data != NULL)
		explicit_bzero(b->data, b->size);
	free(b->data);
	*b = (struct buffer){ .max = b->max };
}

void buffer_clear(struct buffer *b)
{
	b->len = 0;
}

int buffer_reserve(struct buffer *b, size_t more_bytes)
{
	if (more_bytes > b->max || b->len > b->max - more_bytes)
		return ITM_ELIMIT;
	size_t want = b->len + more_bytes;
	if (want <= b->size && b->data != NULL)
		return 0;
	size_t size = b->size ? b->size : FIRST_SIZE;
	while (size < want)
		size *= 2;
	if (size > b->max)
		size = b->max > want ? b->max : want;
	if (size == 0)
		size = 1;
	uint8_t *data = realloc(b->data, size);
	if (data == NULL)
		return ITM_ENOMEM;
	b->data = data;
	b->size = size;
	return 0;
}

int buffer_put(struct buffer *b, const void *data, size_t len)
{
	int r = buffer_reserve(b, len);
	if (r != 0)
		return r;
	if (len > 0)
		memcpy(b->data + b->len, data, len);
	b->len += len;
	return 0;
}

static int put_le(struct buffer *b, uint64_t v, size_t n)
{
	uint8_t bytes[8];
	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)(v >> (8 * i));
	return buffer_put(b, bytes, n);
}

int buffer_put_u8(struct buffer *b, uint8_t v) { return put_le(b, v, 1); }
int buffer_put_u16(struct buffer *b, uint16_t v) { return put_le(b, v, 2); }
int buffer_put_u32(struct buffer *b, uint32_t v) { return put_le(b, v, 4); }
int buffer_put_u64(struct buffer *b, uint64_t v) { return put_le(b, v, 8); }

int buffer_put_varint(struct buffer *b, uint64_t v)
{
	uint8_t bytes[10];
	size_t n = 0;
	do {
		bytes[n] = (uint8_t)(v & 0x7f);
		v >>= 7;
		if (v != 0)
			bytes[n] |= 0x80;
		n++;
	} while (v != 0);
	return buffer_put(b, bytes, n);
}

int buffer_put_zigzag(struct buffer *b, int64_t v)
{
	return buffer_put_varint(b, (uint64_t)v << 1 ^ (v < 0 ? UINT64_MAX : 0));
}

int buffer_put_text(struct buffer *b, const char *s)
{
	return buffer_put(b, s, strlen(s));
}

int buffer_printf(struct buffer *b, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (n < 0)
		return ITM_EINVAL;
	/* The NUL of vsnprintf needs a byte that is given back at once. */
	int r = buffer_reserve(b, (size_t)n + 1);
	if (r != 0)
		return r;
	va_start(args, format);
	vsnprintf((char *)b->data + b->len, (size_t)n + 1, format, args);
	va_end(args);
	b->len += (size_t)n;
	return 0;
}

void buffer_consume(struct buffer *b, size_t n)
{
	if (n >= b->len) {
		b->len = 0;
		return;
	}
	memmove(b->data, b->data + n, b->len - n);
	b->len -= n;
}

const char *buffer_text(struct buffer *b)
{
	if (buffer_put_u8(b, 0) != 0)
		return NULL;
	b->len--;
	return (const char *)b->data;
}
