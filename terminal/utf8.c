#include "terminal/utf8.h"

unsigned utf8_encode(uint32_t rune, uint8_t out[4])
{
	if (rune > 0x10ffff || (rune >= 0xd800 && rune < 0xe000))
		rune = 0xfffd;
	if (rune < 0x80) {
		out[0] = (uint8_t)rune;
		return 1;
	}
	unsigned count = rune < 0x800 ? 2 : rune < 0x10000 ? 3 : 4;
	static const uint8_t lead[5] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	for (unsigned i = count - 1; i > 0; i--, rune >>= 6)
		out[i] = (uint8_t)(0x80 | (rune & 0x3f));
	out[0] = (uint8_t)(lead[count] | rune);
	return count;
}

unsigned utf8_decode(const uint8_t *data, size_t len, uint32_t *rune)
{
	static const uint32_t least[5] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint8_t first = data[0];
	if (first < 0x80) {
		*rune = first;
		return 1;
	}
	unsigned count = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
	if (first < 0xc2 || first > 0xf4 || count > len)
		return 0;
	uint32_t value = first & (0x7fu >> count);
	for (unsigned i = 1; i < count; i++) {
		if ((data[i] & 0xc0) != 0x80)
			return 0;
		value = value << 6 | (data[i] & 0x3fu);
	}
	if (value < least[count] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000))
		return 0;
	*rune = value;
	return count;
}
