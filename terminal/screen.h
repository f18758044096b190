/* screen: one grid of cells and what can be done to it: write, erase, shift,
 * scroll; knows no bytes and no modes.  Inside of vt.
 *
 * Cells of a row from `used` on are blanks on background `tail` and are not
 * kept in memory until somebody looks: erasing costs nothing, however large
 * the screen and however often hostile output asks for it. */
#ifndef ITM_TERMINAL_SCREEN_H
#define ITM_TERMINAL_SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "terminal/vt.h"

struct screen_row {
	struct vt_cell *cells;
	unsigned used;
	uint32_t tail;
	bool wrapped;           /* continues in the row below */
	bool fresh;             /* changed since screen_row_take */
	uint64_t time_ms;       /* of the last change */
};

struct screen {
	struct screen_row *rows;
	struct vt_cell *storage;
	unsigned columns, row_count;
};

/* 0 or ITM_ENOMEM; sizes are the caller's to check. */
int screen_init(struct screen *s, unsigned columns, unsigned rows);
void screen_free(struct screen *s);
/* Deep copy into an uninitialised one.  0 or ITM_ENOMEM. */
int screen_copy(struct screen *to, const struct screen *from);
/* Move what fits of `from` into `to`, an empty grid of another size; the old
 * row `first` becomes the top one.  Frees from. */
void screen_move(struct screen *to, struct screen *from, unsigned first);

/* Cells [x, x + count) are about to be overwritten (x + count <= columns):
 * returns them, wide characters cut by either edge turned into blanks. */
struct vt_cell *screen_write(struct screen *s, unsigned y, unsigned x, unsigned count, uint64_t time_ms);
/* Erase columns [from, to) of a row to background bg. */
void screen_erase(struct screen *s, unsigned y, unsigned from, unsigned to, uint32_t bg, uint64_t time_ms);
/* Open or close a gap of count cells at x. */
void screen_insert(struct screen *s, unsigned y, unsigned x, unsigned count, uint32_t bg, uint64_t time_ms);
void screen_delete(struct screen *s, unsigned y, unsigned x, unsigned count, uint32_t bg, uint64_t time_ms);
/* Move rows [top, bottom] up or down by one; the new row is blank on bg. */
void screen_up(struct screen *s, unsigned top, unsigned bottom, uint32_t bg);
void screen_down(struct screen *s, unsigned top, unsigned bottom, uint32_t bg);

/* All columns of a row, filled in. */
const struct vt_cell *screen_cells(const struct screen *s, unsigned y);
/* Rows up to the last with anything in it. */
unsigned screen_used_rows(const struct screen *s);

#endif
