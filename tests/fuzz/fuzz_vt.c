/* Terminal output: the emulator, lines and the painter take any bytes.  The
 * first two bytes are the size of the screen, and of a resize half way. */
#include <stdint.h>
#include <stdlib.h>

#include "terminal/lines.h"
#include "terminal/paint.h"
#include "terminal/vt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_line(void *context, const struct lines_line *line)
{
	(void)context;
	if (line->len == 0)
		abort();
	for (size_t i = 0; i < line->len; i++)
		if ((uint8_t)line->text[i] < 0x20 || line->text[i] == 0x7f)
			abort();
}

static void check_painted(const struct buffer *b)
{
	for (size_t i = 0; i < b->len; i++)
		if (b->data[i] < 0x20 && (b->data[i] != 27 || i + 1 == b->len || b->data[i + 1] != '['))
			abort();
}

/* The same to the eye. */
static bool alike(const struct vt *a, const struct vt *b)
{
	for (unsigned y = 0; y < vt_rows(a); y++) {
		const struct vt_cell *p = vt_row(a, y), *q = vt_row(b, y);
		for (unsigned x = 0; x < vt_columns(a); x++)
			if (p[x].rune != q[x].rune || p[x].combining != q[x].combining || p[x].fg != q[x].fg ||
			    p[x].bg != q[x].bg || p[x].attributes != q[x].attributes || p[x].width != q[x].width)
				return false;
	}
	return vt_alternate(a) == vt_alternate(b);
}

/* A keyframe makes the same screen. */
static void load(const struct vt *v)
{
	struct vt *b = vt_new(vt_columns(v), vt_rows(v));
	struct buffer frame;

	buffer_init(&frame, 64 << 20);
	if (vt_settled(v) && vt_keyframe(v, &frame) == 0) {
		vt_feed(b, frame.data, frame.len);
		if (!alike(v, b))
			abort();
	}
	buffer_free(&frame);
	vt_free(b);
}

static void emulate(const uint8_t *data, size_t len, unsigned columns, unsigned rows)
{
	struct vt *v = vt_new(columns, rows);
	struct paint *p = paint_new(40, 12);
	struct buffer b;
	unsigned x, y;
	bool visible;
	buffer_init(&b, 1 << 20);
	vt_feed(v, data, len / 2);
	vt_resize(v, rows, columns);
	paint_update(p, v, 1, 1, &b);
	vt_feed(v, data + len / 2, len - len / 2);
	paint_update(p, v, 0, 0, &b);
	check_painted(&b);
	load(v);
	vt_cursor(v, &x, &y, &visible);
	if (x >= vt_columns(v) || y >= vt_rows(v))
		abort();
	buffer_free(&b);
	paint_free(p);
	vt_free(v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (len < 2 || len > 1 << 16)
		return 0;
	unsigned columns = data[0] % 100u + 1, rows = data[1] % 40u + 1;
	data += 2;
	len -= 2;
	emulate(data, len, columns, rows);
	for (int pipe = 0; pipe < 2; pipe++) {
		struct lines *l = lines_new(columns, rows, pipe, check_line, NULL);
		lines_feed(l, 1, 0, data, len / 3);
		lines_key(l);
		lines_peek(l, check_line, NULL);
		lines_feed(l, 20000, 1, data + len / 3, len - len / 3);
		lines_resize(l, 20001, rows, columns);
		/* As if it was typed: pieces of a few bytes, keys between. */
		for (size_t i = 0; i < len; i += 7) {
			lines_feed(l, 20002 + i, 0, data + i, len - i < 7 ? len - i : 7);
			lines_key(l);
		}
		lines_finish(l);
		lines_free(l);
	}
	return 0;
}
