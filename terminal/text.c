#include "terminal/text.h"

#include "terminal/utf8.h"
#include "terminal/width.h"

int text_row(struct buffer *b, const struct vt_cell *cells, unsigned columns)
{
	while (columns > 0 && (cells[columns - 1].rune == 0 || cells[columns - 1].rune == ' ') &&
	       cells[columns - 1].width == 1)
		columns--;
	int result = buffer_reserve(b, (size_t)columns * 8);
	if (result != 0)
		return result;
	uint8_t *out = b->data + b->len;
	for (unsigned x = 0; x < columns; x++) {
		if (cells[x].width == 0)
			continue;
		if (cells[x].rune < 0x80)
			*out++ = cells[x].rune ? (uint8_t)cells[x].rune : ' ';
		else
			out += utf8_encode(cells[x].rune, out);
		if (cells[x].combining != 0)
			out += utf8_encode(cells[x].combining, out);
	}
	b->len = (size_t)(out - b->data);
	return 0;
}

int text_escape(struct buffer *b, const void *data, size_t len)
{
	const uint8_t *p = data;
	size_t start = b->len;
	int result = 0;
	while (len > 0 && result == 0) {
		uint32_t rune = 0;
		unsigned used = utf8_decode(p, len, &rune);
		if (used == 0 || (used == 1 && width_of(rune) < 0))
			result = buffer_printf(b, "\\x%02x", p[0]);
		else if (width_of(rune) < 0)
			result = buffer_printf(b, "\\u{%04x}", (unsigned)rune);
		else
			result = buffer_put(b, p, used);
		used = used ? used : 1;
		p += used;
		len -= used;
	}
	if (result != 0)
		b->len = start;
	return result;
}
