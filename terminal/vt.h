/* vt: bytes to screen: a terminal emulator (xterm subset) as state tables;
 * never answers, never allocates past its limits, any byte is safe. */
#ifndef ITM_TERMINAL_VT_H
#define ITM_TERMINAL_VT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { VT_COLUMNS_MAX = 1000, VT_ROWS_MAX = 500 };

struct vt_cell {
	uint32_t rune;         /* 0 = blank; the right half of a wide character has width 0 and rune 0 */
	uint32_t combining;    /* one combining mark, or 0 */
	uint32_t fg, bg;       /* 0 default; 1<<24 | index; 2<<24 | rgb */
	uint16_t attributes;   /* VT_BOLD ... */
	uint8_t width;         /* 1, 2, or 0 for the right half */
};
enum { VT_BOLD = 1, VT_FAINT = 2, VT_ITALIC = 4, VT_UNDERLINE = 8, VT_BLINK = 16, VT_REVERSE = 32, VT_HIDDEN = 64, VT_STRIKE = 128 };

struct vt_events {
	/* A line left the top of the primary screen for good.  wrapped: it continues in the next. */
	void (*line)(void *context, const struct vt_cell *cells, unsigned columns, bool wrapped);
	/* The screen was cleared or switched: what was on it is about to go. */
	void (*clearing)(void *context);
	void *context;
};

struct vt;
struct vt *vt_new(unsigned columns, unsigned rows);     /* owned; clamps to 1..MAX */
void vt_free(struct vt *v);
void vt_set_events(struct vt *v, const struct vt_events *events);
void vt_feed(struct vt *v, const void *data, size_t len);
void vt_resize(struct vt *v, unsigned columns, unsigned rows);
void vt_reset(struct vt *v);

unsigned vt_columns(const struct vt *v);
unsigned vt_rows(const struct vt *v);
/* Row y (0 = top) of the shown screen: vt_columns cells, borrowed until the next feed. */
const struct vt_cell *vt_row(const struct vt *v, unsigned y);
bool vt_row_wrapped(const struct vt *v, unsigned y);
void vt_cursor(const struct vt *v, unsigned *x, unsigned *y, bool *visible);
bool vt_alternate(const struct vt *v);
bool vt_bracketed_paste(const struct vt *v);

#endif
