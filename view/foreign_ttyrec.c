/* Before each piece: seconds, microseconds, length, u32 little-endian each. */
#include <string.h>

#include "view/foreign.h"

enum { HEADER_SIZE = 12 };

static uint32_t get_u32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static int decode(const struct foreign_input *in, const struct foreign_taker *to, struct fault *fault)
{
	const uint8_t *p = in->data;
	struct foreign_head head = { 0 };
	struct foreign_clock clock = { 0 };
	size_t pos = 0;
	int r = 0;

	while (r == 0 && pos < in->len) {
		if (in->len - pos < HEADER_SIZE)
			return error_fault(fault, ITM_ETRUNC, pos, "the header of a piece is cut short");
		uint64_t us = get_u32(p + pos) * UINT64_C(1000000) + get_u32(p + pos + 4);
		size_t len = get_u32(p + pos + 8);

		if (get_u32(p + pos + 4) >= 1000000)
			return error_fault(fault, ITM_EFORMAT, pos, "more than a million microseconds: this is no ttyrec file");
		if (len > in->len - pos - HEADER_SIZE)
			return error_fault(fault, ITM_ETRUNC, pos, "a piece is cut short");
		if (pos == 0) {
			head.wall_ns = (int64_t)us * 1000;
			r = to->head(to->context, &head);
		} else if (us * 1000 > (uint64_t)head.wall_ns &&
			   (us * 1000 - (uint64_t)head.wall_ns) / 1000000 > clock.time_ms) {
			clock.time_ms = (us * 1000 - (uint64_t)head.wall_ns) / 1000000;
		}
		if (r == 0)
			r = foreign_bytes(to, &clock, RECORD_OUT, p + pos + HEADER_SIZE, len);
		pos += HEADER_SIZE + len;
	}
	return pos == 0 ? error_fault(fault, ITM_ETRUNC, 0, "the file is empty") : r;
}

const struct foreign foreign_ttyrec = { "ttyrec", decode };
