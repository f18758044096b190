#include "terminal/screen.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

int screen_init(struct screen *s, unsigned columns, unsigned rows)
{
	struct screen_row *list = calloc(rows, sizeof *list);
	struct vt_cell *storage = malloc((size_t)columns * rows * sizeof *storage);
	if (list == NULL || storage == NULL) {
		free(list);
		free(storage);
		return ITM_ENOMEM;
	}
	for (unsigned y = 0; y < rows; y++)
		list[y].cells = storage + (size_t)y * columns;
	*s = (struct screen){ list, storage, columns, rows };
	return 0;
}

void screen_free(struct screen *s)
{
	free(s->rows);
	free(s->storage);
	*s = (struct screen){ 0 };
}

static void copy_row(struct screen_row *to, const struct screen_row *from, unsigned columns)
{
	struct vt_cell *cells = to->cells;
	*to = *from;
	to->cells = cells;
	if (to->used > columns)
		to->used = columns;
	if (to->used > 0)
		memcpy(cells, from->cells, to->used * sizeof *cells);
}

int screen_copy(struct screen *to, const struct screen *from)
{
	if (screen_init(to, from->columns, from->row_count) != 0)
		return ITM_ENOMEM;
	for (unsigned y = 0; y < from->row_count; y++)
		copy_row(&to->rows[y], &from->rows[y], from->columns);
	return 0;
}

void screen_move(struct screen *to, struct screen *from, unsigned first)
{
	unsigned columns = to->columns;
	for (unsigned y = 0; y < to->row_count && first + y < from->row_count; y++) {
		struct screen_row *row = &to->rows[y];
		copy_row(row, &from->rows[first + y], columns);
		/* The left half of a wide character can't stand alone. */
		if (row->used == columns && row->cells[columns - 1].width == 2)
			row->used--;
		if (columns != from->columns)
			row->wrapped = false;
	}
	screen_free(from);
}

static inline struct vt_cell blank(uint32_t bg)
{
	return (struct vt_cell){ .bg = bg, .width = 1 };
}

/* Bring the row's memory up to column `to`. */
static void reach(struct screen_row *row, unsigned to)
{
	for (; row->used < to; row->used++)
		row->cells[row->used] = blank(row->tail);
}

static inline void touch(struct screen_row *row, uint64_t time_ms)
{
	row->fresh = true;
	row->time_ms = time_ms;
}

/* A wide character that column x would cut in two becomes two blanks. */
static inline void split(struct screen_row *row, unsigned x)
{
	if (x == 0 || x >= row->used || row->cells[x].width != 0)
		return;
	row->cells[x - 1] = blank(row->cells[x - 1].bg);
	row->cells[x] = blank(row->cells[x].bg);
}

struct vt_cell *screen_write(struct screen *s, unsigned y, unsigned x, unsigned count, uint64_t time_ms)
{
	struct screen_row *row = &s->rows[y];
	reach(row, x);
	split(row, x);
	split(row, x + count);
	if (row->used < x + count)
		row->used = x + count;  /* the caller fills these */
	touch(row, time_ms);
	return row->cells + x;
}

void screen_erase(struct screen *s, unsigned y, unsigned from, unsigned to, uint32_t bg, uint64_t time_ms)
{
	struct screen_row *row = &s->rows[y];
	split(row, from);
	split(row, to);
	if (to >= s->columns) {
		row->wrapped = false;
		if (from < row->used)
			touch(row, time_ms);
		else if (bg != row->tail)
			reach(row, from);
		if (row->used > from)
			row->used = from;
		row->tail = bg;
		return;
	}
	if (from >= row->used && bg == row->tail)
		return;
	reach(row, to);
	for (unsigned x = from; x < to; x++)
		row->cells[x] = blank(bg);
	touch(row, time_ms);
}

void screen_insert(struct screen *s, unsigned y, unsigned x, unsigned count, uint32_t bg, uint64_t time_ms)
{
	struct screen_row *row = &s->rows[y];
	if (count > s->columns - x)
		count = s->columns - x;
	if (x >= row->used && bg == row->tail)
		return;
	split(row, x);
	reach(row, x);
	unsigned moved = row->used - x;
	if (moved > s->columns - x - count) {
		moved = s->columns - x - count;
		split(row, x + moved);
	}
	memmove(row->cells + x + count, row->cells + x, moved * sizeof *row->cells);
	for (unsigned i = 0; i < count; i++)
		row->cells[x + i] = blank(bg);
	row->used = x + count + moved;
	row->wrapped = false;
	touch(row, time_ms);
}

void screen_delete(struct screen *s, unsigned y, unsigned x, unsigned count, uint32_t bg, uint64_t time_ms)
{
	struct screen_row *row = &s->rows[y];
	if (count > s->columns - x)
		count = s->columns - x;
	split(row, x);
	split(row, x + count);
	row->wrapped = false;
	if (bg != row->tail)
		reach(row, s->columns);
	if (x >= row->used)
		return;
	unsigned end = x + count < row->used ? x + count : row->used;
	memmove(row->cells + x, row->cells + end, (row->used - end) * sizeof *row->cells);
	row->used -= end - x;
	row->tail = bg;
	touch(row, time_ms);
}

/* The row that leaves is cleaned and used again at the other end. */
static struct screen_row recycled(struct screen_row row, uint32_t bg)
{
	return (struct screen_row){ .cells = row.cells, .tail = bg };
}

void screen_up(struct screen *s, unsigned top, unsigned bottom, uint32_t bg)
{
	struct screen_row row = recycled(s->rows[top], bg);
	memmove(s->rows + top, s->rows + top + 1, (bottom - top) * sizeof *s->rows);
	s->rows[bottom] = row;
}

void screen_down(struct screen *s, unsigned top, unsigned bottom, uint32_t bg)
{
	struct screen_row row = recycled(s->rows[bottom], bg);
	memmove(s->rows + top + 1, s->rows + top, (bottom - top) * sizeof *s->rows);
	s->rows[top] = row;
	s->rows[bottom].wrapped = false;
}

const struct vt_cell *screen_cells(const struct screen *s, unsigned y)
{
	struct screen_row *row = &s->rows[y];
	/* Not reach(): used stays as it is, looking changes nothing. */
	for (unsigned x = row->used; x < s->columns; x++)
		row->cells[x] = blank(row->tail);
	return row->cells;
}

unsigned screen_used_rows(const struct screen *s)
{
	unsigned n = s->row_count;
	while (n > 0 && s->rows[n - 1].used == 0)
		n--;
	return n;
}
