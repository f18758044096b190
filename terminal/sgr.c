#include "terminal/sgr.h"

#include "terminal/vt.h"

enum { INDEXED = 1 << 24, RGB = 2 << 24 };

/* 38 or 48 at parameter n: 38;5;i  38;2;r;g;b  38:5:i  38:2:[space]:r:g:b.
 * Sets *color when it is whole; returns the last parameter used. */
static unsigned extended(const struct parser *p, unsigned n, uint32_t *color)
{
	unsigned end = n + 1;   /* after the subparameters, if there are any */
	while (end < p->param_count && (p->sub >> end & 1))
		end++;
	bool sub = end > n + 1;
	if (!sub)
		end = p->param_count;
	if (n + 1 >= end)
		return n;
	unsigned kind = p->params[n + 1], last;
	if (kind == 5) {
		last = n + 2;
		if (last < end && p->params[last] < 256)
			*color = INDEXED | p->params[last];
	} else if (kind == 2) {
		/* With colons a colour space may stand before r, g, b. */
		last = n + 4 + (sub && end - n >= 6);
		if (last < end && p->params[last - 2] < 256 && p->params[last - 1] < 256 && p->params[last] < 256)
			*color = RGB | (uint32_t)p->params[last - 2] << 16 | (uint32_t)p->params[last - 1] << 8 |
				 p->params[last];
	} else {
		last = n + 1;
	}
	if (sub || last >= end)
		return end - 1;
	return last;
}

/* 30..37 40..47 90..97 100..107: true when it was one of them. */
static bool basic(struct sgr *pen, unsigned v)
{
	if (v >= 30 && v <= 37)
		pen->fg = INDEXED | (v - 30);
	else if (v >= 40 && v <= 47)
		pen->bg = INDEXED | (v - 40);
	else if (v >= 90 && v <= 97)
		pen->fg = INDEXED | (v - 90 + 8);
	else if (v >= 100 && v <= 107)
		pen->bg = INDEXED | (v - 100 + 8);
	else
		return false;
	return true;
}

static const struct { uint16_t set, clear; } effects[30] = {
	[1] = { VT_BOLD, 0 }, [2] = { VT_FAINT, 0 }, [3] = { VT_ITALIC, 0 }, [4] = { VT_UNDERLINE, 0 },
	[5] = { VT_BLINK, 0 }, [6] = { VT_BLINK, 0 }, [7] = { VT_REVERSE, 0 }, [8] = { VT_HIDDEN, 0 },
	[9] = { VT_STRIKE, 0 }, [21] = { VT_UNDERLINE, 0 }, [22] = { 0, VT_BOLD | VT_FAINT },
	[23] = { 0, VT_ITALIC }, [24] = { 0, VT_UNDERLINE }, [25] = { 0, VT_BLINK },
	[27] = { 0, VT_REVERSE }, [28] = { 0, VT_HIDDEN }, [29] = { 0, VT_STRIKE },
};

void sgr_apply(struct sgr *pen, const struct parser *p)
{
	for (unsigned n = 0; n < p->param_count; n++) {
		unsigned v = p->params[n];
		bool has_sub = n + 1 < p->param_count && (p->sub >> (n + 1) & 1);
		uint32_t unused;
		if (p->sub >> n & 1) {
			continue;       /* belongs to one before that took none */
		} else if (v == 0) {
			*pen = (struct sgr){ 0 };
		} else if (v == 38) {
			n = extended(p, n, &pen->fg);
		} else if (v == 48) {
			n = extended(p, n, &pen->bg);
		} else if (v == 58) {
			n = extended(p, n, &unused);    /* colour of the underline */
		} else if (v == 39) {
			pen->fg = 0;
		} else if (v == 49) {
			pen->bg = 0;
		} else if (v == 4 && has_sub && p->params[n + 1] == 0) {
			pen->attributes &= (uint16_t)~VT_UNDERLINE;     /* 4:0 */
		} else if (v < 30) {
			pen->attributes = (uint16_t)((pen->attributes & ~effects[v].clear) | effects[v].set);
		} else {
			basic(pen, v);
		}
	}
}

bool sgr_equal(const struct sgr *a, const struct sgr *b)
{
	return a->fg == b->fg && a->bg == b->bg && a->attributes == b->attributes;
}

static int put_color(struct buffer *out, uint32_t color, unsigned base)
{
	unsigned index = color & 0xffffff;
	if (color >> 24 == 2)
		return buffer_printf(out, ";%u;2;%u;%u;%u", base + 8, index >> 16, index >> 8 & 255, index & 255);
	if (color >> 24 != 1)
		return 0;
	if (index < 8)
		return buffer_printf(out, ";%u", base + index);
	if (index < 16)
		return buffer_printf(out, ";%u", base + 60 + index - 8);
	return buffer_printf(out, ";%u;5;%u", base + 8, index & 255);
}

int sgr_put(struct buffer *out, const struct sgr *pen)
{
	/* In the order of the VT_ bits. */
	static const char codes[] = "12345789";
	int result = buffer_put_text(out, "\033[0");
	for (unsigned i = 0; i < 8 && result == 0; i++)
		if (pen->attributes >> i & 1)
			result = buffer_printf(out, ";%c", codes[i]);
	if (result == 0)
		result = put_color(out, pen->fg, 30);
	if (result == 0)
		result = put_color(out, pen->bg, 40);
	return result != 0 ? result : buffer_put_text(out, "m");
}
