#include "terminal/vt.h"

#include <stdlib.h>
#include <string.h>

#include "terminal/vt_state.h"
#include "terminal/width.h"

static unsigned clamp(unsigned value, unsigned max)
{
	return value < 1 ? 1 : value > max ? max : value;
}

struct vt *vt_new(unsigned columns, unsigned rows)
{
	struct vt *v = calloc(1, sizeof *v);
	if (v == NULL)
		return NULL;
	columns = clamp(columns, VT_COLUMNS_MAX);
	rows = clamp(rows, VT_ROWS_MAX);
	if (screen_init(&v->screens[0], columns, rows) != 0 || screen_init(&v->screens[1], columns, rows) != 0) {
		vt_free(v);
		return NULL;
	}
	v->screen = &v->screens[0];
	parser_reset(&v->parser);
	vt_control_soft_reset(v);
	vt_state_default_tabs(v, 0);
	return v;
}

void vt_free(struct vt *v)
{
	if (v == NULL)
		return;
	screen_free(&v->screens[0]);
	screen_free(&v->screens[1]);
	free(v);
}

struct vt *vt_copy(const struct vt *from)
{
	struct vt *v = malloc(sizeof *v);
	if (v == NULL)
		return NULL;
	*v = *from;
	v->screens[0] = v->screens[1] = (struct screen){ 0 };
	v->screen = &v->screens[from->screen == &from->screens[1]];
	v->events = (struct vt_events){ 0 };
	if (screen_copy(&v->screens[0], &from->screens[0]) != 0 ||
	    screen_copy(&v->screens[1], &from->screens[1]) != 0) {
		vt_free(v);
		return NULL;
	}
	return v;
}

void vt_set_events(struct vt *v, const struct vt_events *events)
{
	v->events = *events;
}

void vt_state_clearing(struct vt *v)
{
	if (v->events.clearing != NULL)
		v->events.clearing(v->events.context);
}

void vt_state_lose(struct vt *v, unsigned y, unsigned x)
{
	struct screen_row *row = &v->screen->rows[y];
	if (!row->fresh || x >= row->used || v->events.losing == NULL)
		return;
	v->events.losing(v->events.context, y);
	row->fresh = false;
}

/* Lines that wrap into the first row that moves, or out of the last. */
void vt_state_tear(struct vt *v, unsigned first, unsigned last)
{
	if (first > 0 && v->screen->rows[first - 1].wrapped)
		vt_state_lose(v, first - 1, 0);
	if (last + 1 < v->screen->row_count && v->screen->rows[last].wrapped)
		vt_state_lose(v, last, 0);
}

void vt_state_default_tabs(struct vt *v, unsigned from)
{
	for (unsigned x = from; x < VT_COLUMNS_MAX; x++)
		v->tabs[x] = x % 8 == 0;
}

/* The top row of the primary screen leaves for good. */
static void line_goes(struct vt *v, unsigned y)
{
	struct screen_row *row = &v->screens[0].rows[y];
	if (v->events.line == NULL)
		return;
	v->line_time_ms = row->time_ms;
	v->line_fresh = row->fresh;
	v->events.line(v->events.context, row->cells, row->used, row->wrapped);
}

void vt_state_scroll_up(struct vt *v, unsigned count)
{
	if (count > v->bottom - v->top + 1)
		count = v->bottom - v->top + 1;
	vt_state_tear(v, v->top, v->bottom);
	while (count-- > 0) {
		if (v->top == 0 && v->screen == &v->screens[0])
			line_goes(v, 0);
		else
			vt_state_lose(v, v->top, 0);
		screen_up(v->screen, v->top, v->bottom, v->cursor.pen.bg);
	}
}

void vt_state_index(struct vt *v)
{
	if (v->cursor.y == v->bottom)
		vt_state_scroll_up(v, 1);
	else if (v->cursor.y + 1 < v->screen->row_count)
		v->cursor.y++;
}

void vt_state_reverse_index(struct vt *v)
{
	if (v->cursor.y == v->top) {
		vt_state_tear(v, v->top, v->bottom);
		vt_state_lose(v, v->bottom, 0);
		screen_down(v->screen, v->top, v->bottom, v->cursor.pen.bg);
	} else if (v->cursor.y > 0)
		v->cursor.y--;
}

static void wrap(struct vt *v)
{
	v->screen->rows[v->cursor.y].wrapped = true;
	v->cursor.x = 0;
	v->cursor.pending = false;
	vt_state_index(v);
}

/* The cursor after writing up to column x. */
static void advance(struct vt *v, unsigned x)
{
	bool full = x >= v->screen->columns;
	v->cursor.x = full ? v->screen->columns - 1 : x;
	v->cursor.pending = full && v->autowrap;
}

/* DEC special graphics 0x5f..0x7e (VT100 user guide, table 3-9). */
static const uint16_t line_drawing[32] = {
	0x00a0, 0x25c6, 0x2592, 0x2409, 0x240c, 0x240d, 0x240a, 0x00b0, 0x00b1, 0x2424, 0x240b,
	0x2518, 0x2510, 0x250c, 0x2514, 0x253c, 0x23ba, 0x23bb, 0x2500, 0x23bc, 0x23bd, 0x251c,
	0x2524, 0x2534, 0x252c, 0x2502, 0x2264, 0x2265, 0x03c0, 0x2260, 0x00a3, 0x00b7,
};

static uint32_t translate(struct vt *v, uint32_t rune)
{
	uint8_t set = v->cursor.charsets[v->single_shift ? v->single_shift : v->cursor.active];
	v->single_shift = 0;
	if (set == VT_CHARSET_LINES && rune >= 0x5f && rune <= 0x7e) {
		/* Those nobody draws lines with: text that can't be read. */
		if (strchr("bcdefghioprsyz", (int)rune) != NULL)
			v->hidden = true;
		return line_drawing[rune - 0x5f];
	}
	if (set == VT_CHARSET_UK && rune == '#')
		return 0xa3;
	return rune;
}

/* A mark joins the character before the cursor; a second one is left out. */
static void combine(struct vt *v, uint32_t mark)
{
	struct screen_row *row = &v->screen->rows[v->cursor.y];
	unsigned x = v->cursor.x;
	if (!v->cursor.pending) {
		if (x == 0)
			return;
		x--;
	}
	if (x < row->used && row->cells[x].width == 0 && x > 0)
		x--;
	if (x < row->used && row->cells[x].rune != 0 && row->cells[x].combining == 0) {
		row->cells[x].combining = mark;
		row->fresh = true;
	}
}

/* Without autowrap the last column is written over and over. */
static void note_margin(struct vt *v)
{
	unsigned last = v->screen->columns - 1;
	if (!v->autowrap && v->cursor.x == last && v->screen->rows[v->cursor.y].used > last)
		v->hidden = true;
}

void vt_state_put(struct vt *v, uint32_t rune)
{
	rune = translate(v, rune);
	int width = width_of(rune);
	if (width < 0)
		return;
	if (width == 0) {
		combine(v, rune);
		return;
	}
	unsigned columns = v->screen->columns;
	if ((unsigned)width > columns) {
		rune = 0xfffd;
		width = 1;
	}
	if (v->cursor.pending)
		wrap(v);
	if (v->cursor.x + (unsigned)width > columns) {
		if (v->autowrap)
			wrap(v);
		else
			v->cursor.x = columns - (unsigned)width;
	}
	struct vt_cursor_state *c = &v->cursor;
	note_margin(v);
	vt_state_lose(v, c->y, c->x);
	if (v->insert)
		screen_insert(v->screen, c->y, c->x, (unsigned)width, c->pen.bg, v->time_ms);
	struct vt_cell *cells = screen_write(v->screen, c->y, c->x, (unsigned)width, v->time_ms);
	cells[0] = (struct vt_cell){ rune, 0, c->pen.fg, c->pen.bg, c->pen.attributes, (uint8_t)width };
	if (width == 2)
		cells[1] = (struct vt_cell){ 0, 0, c->pen.fg, c->pen.bg, c->pen.attributes, 0 };
	v->last = rune;
	advance(v, c->x + (unsigned)width);
}

/* A run of printable ASCII: whole pieces of rows at a time. */
static void put_ascii(struct vt *v, const uint8_t *text, size_t len)
{
	struct vt_cursor_state *c = &v->cursor;
	if (v->insert || v->single_shift || c->charsets[c->active] != VT_CHARSET_ASCII) {
		for (size_t i = 0; i < len; i++)
			vt_state_put(v, text[i]);
		return;
	}
	struct vt_cell cell = { 0, 0, c->pen.fg, c->pen.bg, c->pen.attributes, 1 };
	v->last = text[len - 1];
	while (len > 0) {
		if (c->pending)
			wrap(v);
		size_t count = v->screen->columns - c->x;
		if (count > len)
			count = len;
		note_margin(v);
		vt_state_lose(v, c->y, c->x);
		struct vt_cell *out = screen_write(v->screen, c->y, c->x, (unsigned)count, v->time_ms);
		for (size_t i = 0; i < count; i++) {
			cell.rune = text[i];
			out[i] = cell;
		}
		advance(v, c->x + (unsigned)count);
		text += count;
		len -= count;
		if (len > 0 && !v->autowrap) {
			/* Each further one overwrites the last column. */
			v->hidden = true;
			text += len - 1;
			len = 1;
		}
	}
}

/* One byte 0x80..0xff, or any byte while a character is incomplete (then
 * false: the byte is still to be handled).  Broken sequences show U+FFFD once
 * for each maximal part (Unicode 15, 3.9). */
static bool decode(struct vt *v, uint8_t byte)
{
	if (v->rune_left > 0) {
		uint32_t rune = v->rune << 6 | (byte & 0x3f);
		unsigned bits = 6u * (v->rune_left - 1u);
		/* The least rune that can still come of this must not be too short an
		 * encoding, the greatest not past Unicode, none a surrogate. */
		bool fits = (byte & 0xc0) == 0x80 && ((rune + 1) << bits) > v->rune_min &&
			    (rune << bits) <= 0x10ffff && (rune << bits >> 11) != 0xd800 >> 11;
		if (fits) {
			v->rune = rune;
			if (--v->rune_left == 0)
				vt_state_put(v, rune);
			return true;
		}
		v->rune_left = 0;
		vt_state_put(v, 0xfffd);
		if (byte < 0x80)
			return false;
	}
	if (byte >= 0xc2 && byte <= 0xdf) {
		v->rune = byte & 0x1fu, v->rune_left = 1, v->rune_min = 0x80;
	} else if (byte >= 0xe0 && byte <= 0xef) {
		v->rune = byte & 0x0fu, v->rune_left = 2, v->rune_min = 0x800;
	} else if (byte >= 0xf0 && byte <= 0xf4) {
		v->rune = byte & 0x07u, v->rune_left = 3, v->rune_min = 0x10000;
	} else {
		vt_state_put(v, 0xfffd);
	}
	return true;
}

static void step(struct vt *v, uint8_t byte)
{
	if (v->rune_left > 0 && decode(v, byte))
		return;
	switch (parser_step(&v->parser, byte)) {
	case PARSER_PRINT:
		vt_state_put(v, byte);
		break;
	case PARSER_HIGH:
		decode(v, byte);
		break;
	case PARSER_EXECUTE:
		vt_control_execute(v, byte);
		break;
	case PARSER_DISPATCH_ESC:
		vt_control_escape(v, byte);
		break;
	case PARSER_DISPATCH_CSI:
		vt_control_sequence(v, byte);
		break;
	case PARSER_PUT:
		if (v->events.string != NULL)
			v->events.string(v->events.context, byte);
		break;
	case PARSER_END:
		if (v->events.string_end != NULL)
			v->events.string_end(v->events.context);
		break;
	case PARSER_NONE:
		break;
	}
}

void vt_feed(struct vt *v, const void *data, size_t len)
{
	const uint8_t *p = data, *end = p + len;
	while (p < end) {
		if (v->parser.state == PARSER_GROUND && v->rune_left == 0) {
			size_t run = parser_ascii_run(p, (size_t)(end - p));
			if (run > 0) {
				put_ascii(v, p, run);
				p += run;
				continue;
			}
		}
		step(v, *p++);
	}
}

/* How many rows at the top must go so that `rows` hold the text and cursor. */
static unsigned excess(const struct vt *v, const struct screen *s, unsigned cursor_y, unsigned rows)
{
	unsigned used = screen_used_rows(s);
	if (used < cursor_y + 1)
		used = cursor_y + 1;
	unsigned push = used > rows ? used - rows : 0;
	return push < cursor_y ? push : cursor_y;
}

static void fit_cursor(struct vt_cursor_state *c, unsigned columns, unsigned rows, unsigned first)
{
	c->y = c->y > first ? c->y - first : 0;
	if (c->y >= rows)
		c->y = rows - 1;
	if (c->x >= columns)
		c->x = columns - 1;
	c->pending = false;
}

static void resize_one(struct vt *v, unsigned which, struct screen *next)
{
	struct screen *s = &v->screens[which];
	bool shown = s == v->screen;
	unsigned first = excess(v, s, shown ? v->cursor.y : v->saved[which].y, next->row_count);
	if (which == 0)
		for (unsigned y = 0; y < first; y++)
			line_goes(v, y);
	screen_move(next, s, first);
	*s = *next;
	fit_cursor(&v->saved[which], s->columns, s->row_count, first);
	if (shown)
		fit_cursor(&v->cursor, s->columns, s->row_count, first);
}

void vt_resize(struct vt *v, unsigned columns, unsigned rows)
{
	columns = clamp(columns, VT_COLUMNS_MAX);
	rows = clamp(rows, VT_ROWS_MAX);
	if (columns == v->screen->columns && rows == v->screen->row_count)
		return;
	vt_state_clearing(v);
	struct screen next[2];
	if (screen_init(&next[0], columns, rows) != 0)
		return;
	if (screen_init(&next[1], columns, rows) != 0) {
		screen_free(&next[0]);
		return;
	}
	resize_one(v, 0, &next[0]);
	resize_one(v, 1, &next[1]);
	v->top = 0;
	v->bottom = rows - 1;
}

void vt_reset(struct vt *v)
{
	vt_state_clearing(v);
	v->screen = &v->screens[0];
	parser_reset(&v->parser);
	for (unsigned i = 0; i < 2; i++)
		for (unsigned y = 0; y < v->screens[i].row_count; y++)
			screen_erase(&v->screens[i], y, 0, v->screens[i].columns, 0, v->time_ms);
	v->rune_left = 0;
	v->last = 0;
	vt_control_soft_reset(v);
	v->cursor.x = v->cursor.y = 0;
	vt_state_default_tabs(v, 0);
}

unsigned vt_columns(const struct vt *v) { return v->screen->columns; }
unsigned vt_rows(const struct vt *v) { return v->screen->row_count; }
bool vt_alternate(const struct vt *v) { return v->screen == &v->screens[1]; }
bool vt_bracketed_paste(const struct vt *v) { return v->bracketed_paste; }

const struct vt_cell *vt_row(const struct vt *v, unsigned y)
{
	return screen_cells(v->screen, y);
}

bool vt_row_wrapped(const struct vt *v, unsigned y)
{
	return v->screen->rows[y].wrapped;
}

void vt_cursor(const struct vt *v, unsigned *x, unsigned *y, bool *visible)
{
	*x = v->cursor.x;
	*y = v->cursor.y;
	*visible = v->visible;
}

void vt_set_time(struct vt *v, uint64_t time_ms) { v->time_ms = time_ms; }
uint64_t vt_row_time(const struct vt *v, unsigned y) { return v->screen->rows[y].time_ms; }
bool vt_row_fresh(const struct vt *v, unsigned y) { return v->screen->rows[y].fresh; }
void vt_row_take(struct vt *v, unsigned y) { v->screen->rows[y].fresh = false; }
unsigned vt_row_used(const struct vt *v, unsigned y) { return v->screen->rows[y].used; }

bool vt_take_hidden(struct vt *v)
{
	bool hidden = v->hidden;
	v->hidden = false;
	return hidden;
}

uint64_t vt_line_time(const struct vt *v) { return v->line_time_ms; }
bool vt_line_fresh(const struct vt *v) { return v->line_fresh; }
