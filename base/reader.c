#include "base/reader.h"

#include <string.h>

void reader_init(struct reader *r, const void *data, size_t len)
{
	*r = (struct reader){ .data = data, .len = len };
}

size_t reader_left(const struct reader *r)
{
	return r->error ? 0 : r->len - r->pos;
}

void reader_fail(struct reader *r, int code, const char *reason)
{
	if (r->error != 0)
		return;
	r->error = code;
	r->reason = reason;
	r->error_pos = r->pos;
}

int64_t reader_zigzag(struct reader *r)
{
	uint64_t v = reader_varint(r);
	return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

const uint8_t *reader_bytes(struct reader *r, size_t n)
{
	if (r->error != 0)
		return NULL;
	if (n > r->len - r->pos) {
		reader_fail(r, ITM_ETRUNC, "ends inside a field");
		return NULL;
	}
	const uint8_t *p = r->data + r->pos;
	r->pos += n;
	return p;
}

void reader_copy(struct reader *r, void *out, size_t n)
{
	const uint8_t *p = reader_bytes(r, n);
	if (p != NULL)
		memcpy(out, p, n);
	else
		memset(out, 0, n);
}

static uint64_t read_le(struct reader *r, size_t n)
{
	const uint8_t *p = reader_bytes(r, n);
	uint64_t v = 0;
	if (p == NULL)
		return 0;
	for (size_t i = n; i-- > 0; )
		v = v << 8 | p[i];
	return v;
}

uint8_t reader_u8(struct reader *r) { return (uint8_t)read_le(r, 1); }
uint16_t reader_u16(struct reader *r) { return (uint16_t)read_le(r, 2); }
uint32_t reader_u32(struct reader *r) { return (uint32_t)read_le(r, 4); }
uint64_t reader_u64(struct reader *r) { return read_le(r, 8); }

uint64_t reader_varint(struct reader *r)
{
	uint64_t v = 0;
	for (unsigned shift = 0; ; shift += 7) {
		size_t at = r->pos;
		uint8_t byte = reader_u8(r);
		if (r->error != 0)
			return 0;
		if (shift == 63 && byte > 1) {
			r->pos = at;
			reader_fail(r, ITM_EFORMAT, "varint is over 64 bits");
			return 0;
		}
		v |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			if (byte == 0 && shift > 0) {
				r->pos = at;
				reader_fail(r, ITM_EFORMAT, "varint is padded");
				return 0;
			}
			return v;
		}
	}
}

void reader_end(struct reader *r)
{
	if (r->error == 0 && r->pos != r->len)
		reader_fail(r, ITM_EFORMAT, "bytes after the end");
}

int reader_result(const struct reader *r, struct fault *fault)
{
	if (r->error == 0)
		return 0;
	return error_fault(fault, r->error, r->error_pos, r->reason);
}
