/* The emulator's state as bytes that make it again: every cell of both screens,
 * then tab stops, margins, saved cursors, modes and the cursor. */
#include <stdarg.h>
#include <stdio.h>

#include "terminal/utf8.h"
#include "terminal/vt_state.h"

enum { SEQUENCE_MAX = 64 };

/* Appends to out until the first error. */
struct writer {
	struct buffer *out;
	int error;
};

__attribute__((format(printf, 2, 3)))
static void put(struct writer *w, const char *format, ...)
{
	char text[SEQUENCE_MAX];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	if (w->error == 0)
		w->error = buffer_put_text(w->out, text);
}

static void put_pen(struct writer *w, const struct sgr *pen)
{
	if (w->error == 0)
		w->error = sgr_put(w->out, pen);
}

static void put_rune(struct writer *w, uint32_t rune)
{
	uint8_t bytes[4];

	if (w->error == 0)
		w->error = buffer_put(w->out, bytes, utf8_encode(rune, bytes));
}

static void put_character(struct writer *w, const struct vt_cell *cell)
{
	put_rune(w, cell->rune);
	if (cell->combining != 0)
		put_rune(w, cell->combining);
}

static bool is_blank(const struct vt_cell *cell)
{
	return cell->rune == 0 && cell->width != 0;
}

/* Blanks take the background they were erased with. */
static unsigned put_blanks(struct writer *w, const struct vt_cell *cells, unsigned x, unsigned columns)
{
	unsigned count = 1;

	while (x + count < columns && is_blank(&cells[x + count]) && cells[x + count].bg == cells[x].bg)
		count++;
	if (cells[x].bg != 0)
		put(w, "\033[%uX", count);
	if (x + count < columns)
		put(w, "\033[%uC", count);
	return count;
}

static void put_row(struct writer *w, const struct screen *s, unsigned y)
{
	const struct screen_row *row = &s->rows[y];
	bool after_wrap = y > 0 && s->rows[y - 1].wrapped;
	struct sgr pen = { 0 };

	if (row->used == 0 && row->tail == 0 && !row->wrapped && !after_wrap)
		return;
	put(w, "\033[0m\033[%u;1H%s", y + 1, after_wrap ? "\033[2K" : "");
	const struct vt_cell *cells = screen_cells(s, y);
	for (unsigned x = 0; x < s->columns; ) {
		struct sgr wanted = { cells[x].fg, cells[x].bg, cells[x].attributes };
		if (!sgr_equal(&wanted, &pen))
			put_pen(w, &wanted);
		pen = wanted;
		if (is_blank(&cells[x])) {
			x += put_blanks(w, cells, x, s->columns);
			continue;
		}
		put_character(w, &cells[x]);
		x += cells[x].width == 2 ? 2 : 1;
	}
	/* The row goes on in the next, which is drawn over what makes it do so. */
	if (row->wrapped && y + 1 < s->row_count && !is_blank(&cells[s->columns - 1]))
		put(w, "x");
	else if (row->wrapped && y + 1 < s->row_count && s->columns > 1)
		put(w, "\033[%u;%uH\344\270\200", y + 1, s->columns);
}

static void put_cells(struct writer *w, const struct screen *s)
{
	for (unsigned y = 0; y < s->row_count; y++)
		put_row(w, s, y);
}

static void put_tabs(struct writer *w, const struct vt *v)
{
	unsigned columns = v->screen->columns, x = 0;

	while (x < columns && v->tabs[x] == (x % 8 == 0))
		x++;
	if (x == columns)
		return;
	put(w, "\033[3g");
	for (x = 0; x < columns; x++)
		if (v->tabs[x])
			put(w, "\033[%uG\033H", x + 1);
}

static void put_cursor(struct writer *w, const struct screen *s, const struct vt_cursor_state *c, unsigned top,
		       unsigned bottom)
{
	static const char *const shifts[] = { "\017", "\016", "\033n", "\033o" };
	unsigned last = s->columns - 1;
	bool origin = c->origin && c->y >= top && c->y <= bottom;

	put(w, "\017\033(B\033[?6%c\033[%u;%uH", origin ? 'h' : 'l', c->y - (origin ? top : 0) + 1, c->x + 1);
	if (c->pending) {
		const struct vt_cell *cells = screen_cells(s, c->y);
		unsigned wide = cells[last].width == 0 && last > 0;
		const struct vt_cell *cell = &cells[last - wide];
		struct sgr pen = { cell->fg, cell->bg, cell->attributes };
		if (wide)
			put(w, "\033[D");
		put_pen(w, &pen);
		if (cell->rune != 0)
			put_character(w, cell);
		else if (!s->rows[c->y].wrapped)
			put(w, " \033[X");
	}
	for (unsigned i = 0; i < 4; i++)
		put(w, "\033%c%c", "()*+"[i], "B0A"[c->charsets[i]]);
	put(w, "%s", shifts[c->active]);
	put_pen(w, &c->pen);
}

static bool is_fresh(const struct vt_cursor_state *c)
{
	static const struct vt_cursor_state fresh;

	return c->x == 0 && c->y == 0 && sgr_equal(&c->pen, &fresh.pen) && !c->pending && !c->origin && c->active == 0 &&
	       c->charsets[0] + c->charsets[1] + c->charsets[2] + c->charsets[3] == 0;
}

bool vt_settled(const struct vt *v)
{
	return v->parser.state == PARSER_GROUND && v->rune_left == 0 && v->single_shift == 0;
}

int vt_keyframe(const struct vt *v, struct buffer *out)
{
	struct writer w = { .out = out };
	bool alternate = vt_alternate(v);
	bool both = alternate || screen_used_rows(&v->screens[1]) > 0 || !is_fresh(&v->saved[1]);

	put_cells(&w, &v->screens[0]);
	if (both) {
		put(&w, "\033[?47h");
		put_cells(&w, &v->screens[1]);
		put(&w, "\033[?47l");
	}
	put(&w, "\033[0m");
	put_tabs(&w, v);
	/* Before there are margins, so that every row can be reached. */
	put_cursor(&w, &v->screens[0], &v->saved[0], 0, VT_ROWS_MAX);
	put(&w, "\0337");
	if (both) {
		put(&w, "\033[?47h");
		put_cursor(&w, &v->screens[1], &v->saved[1], 0, VT_ROWS_MAX);
		put(&w, "\0337%s", alternate ? "" : "\033[?47l");
	}
	if (v->top != 0 || v->bottom != v->screen->row_count - 1)
		put(&w, "\033[%u;%ur", v->top + 1, v->bottom + 1);
	put_cursor(&w, v->screen, &v->cursor, v->top, v->bottom);
	put(&w, "%s%s%s%s%s", v->insert ? "\033[4h" : "", v->newline ? "\033[20h" : "", v->autowrap ? "" : "\033[?7l",
	    v->visible ? "" : "\033[?25l", v->bracketed_paste ? "\033[?2004h" : "");
	return w.error;
}
