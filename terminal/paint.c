#include "terminal/paint.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "terminal/sgr.h"
#include "terminal/utf8.h"

struct paint {
	unsigned columns, rows;
	struct vt_cell *shown;  /* what the viewer's window holds */
	bool valid;             /* false: the window holds anything */
	/* What is known of the viewer's terminal while painting. */
	bool at_known;
	unsigned x, y;
	bool pen_known;
	struct sgr pen;
};

struct paint *paint_new(unsigned columns, unsigned rows)
{
	struct paint *p = calloc(1, sizeof *p);
	if (p == NULL)
		return NULL;
	p->columns = columns < 1 ? 1 : columns > VT_COLUMNS_MAX ? VT_COLUMNS_MAX : columns;
	p->rows = rows < 1 ? 1 : rows > VT_ROWS_MAX ? VT_ROWS_MAX : rows;
	p->shown = calloc((size_t)p->columns * p->rows, sizeof *p->shown);
	if (p->shown == NULL) {
		free(p);
		return NULL;
	}
	return p;
}

void paint_free(struct paint *p)
{
	if (p != NULL)
		free(p->shown);
	free(p);
}

void paint_invalidate(struct paint *p)
{
	p->valid = false;
}

static bool same(const struct vt_cell *a, const struct vt_cell *b)
{
	return a->rune == b->rune && a->combining == b->combining && a->fg == b->fg && a->bg == b->bg &&
	       a->attributes == b->attributes && a->width == b->width;
}

/* Row `y` of the screen cut to the window; what lies outside is blank, and so
 * is a wide character that an edge cuts. */
static void window_row(const struct paint *p, const struct vt *v, unsigned left, unsigned y, struct vt_cell *out)
{
	unsigned columns = y < vt_rows(v) ? vt_columns(v) : 0;
	const struct vt_cell *row = columns > 0 ? vt_row(v, y) : NULL;
	for (unsigned x = 0; x < p->columns; x++) {
		struct vt_cell cell = { .width = 1 };
		if (left < columns && x < columns - left)
			cell = row[left + x];
		if (cell.width == 0 && x == 0)
			cell = (struct vt_cell){ .bg = cell.bg, .width = 1 };
		if (cell.width == 2 && x + 1 == p->columns)
			cell = (struct vt_cell){ .bg = cell.bg, .width = 1 };
		if (cell.rune == ' ' && cell.combining == 0)
			cell.rune = 0;  /* the same to the eye */
		out[x] = cell;
	}
}

static int put_rune(struct buffer *out, uint32_t rune)
{
	uint8_t bytes[4];
	return buffer_put(out, bytes, utf8_encode(rune, bytes));
}

static int put_cell(struct paint *p, unsigned x, unsigned y, const struct vt_cell *cell, struct buffer *out)
{
	int result = 0;
	if (!p->at_known || p->x != x || p->y != y)
		result = buffer_printf(out, "\033[%u;%uH", y + 1, x + 1);
	struct sgr pen = { cell->fg, cell->bg, cell->attributes };
	if (result == 0 && (!p->pen_known || !sgr_equal(&pen, &p->pen)))
		result = sgr_put(out, &pen);
	if (result == 0)
		result = put_rune(out, cell->rune ? cell->rune : ' ');
	if (result == 0 && cell->combining != 0)
		result = put_rune(out, cell->combining);
	p->pen = pen;
	p->pen_known = true;
	p->x = x + cell->width;
	p->y = y;
	/* Terminals differ in the width of much beyond Latin, and in what the last
	 * column does: after those the next cell says where it goes. */
	p->at_known = p->x < p->columns && cell->combining == 0 &&
		      (cell->rune < 0x300 || (cell->rune >= 0x2500 && cell->rune < 0x25a0));
	return result;
}

static int paint_row(struct paint *p, unsigned y, const struct vt_cell *cells, struct buffer *out)
{
	struct vt_cell *shown = p->shown + (size_t)y * p->columns;
	for (unsigned x = 0; x < p->columns; x++) {
		if (cells[x].width == 0)
			continue;
		bool changed = !p->valid || !same(&shown[x], &cells[x]);
		if (cells[x].width == 2 && !same(&shown[x + 1], &cells[x + 1]))
			changed = true;
		if (!changed)
			continue;
		int result = put_cell(p, x, y, &cells[x], out);
		if (result != 0)
			return result;
	}
	memcpy(shown, cells, p->columns * sizeof *cells);
	return 0;
}

int paint_update(struct paint *p, const struct vt *v, unsigned left, unsigned top, struct buffer *out)
{
	struct vt_cell cells[VT_COLUMNS_MAX];
	size_t start = out->len;
	int result = 0;
	p->at_known = p->pen_known = false;
	for (unsigned y = 0; y < p->rows && result == 0; y++) {
		window_row(p, v, left, top > VT_ROWS_MAX ? VT_ROWS_MAX : top + y, cells);
		result = paint_row(p, y, cells, out);
	}
	unsigned x, y;
	bool visible;
	vt_cursor(v, &x, &y, &visible);
	x = x > left ? x - left : 0;
	y = y > top ? y - top : 0;
	if (result == 0)
		result = buffer_printf(out, "\033[0m\033[%u;%uH", (y < p->rows ? y : p->rows - 1) + 1,
				       (x < p->columns ? x : p->columns - 1) + 1);
	p->valid = result == 0;
	if (result != 0)
		out->len = start;       /* the next update paints everything */
	return result;
}
