/* vt: bytes to screen: a terminal emulator (xterm subset) as state tables;
 * never answers, never allocates past its limits, any byte is safe.
 *
 * Understood: UTF-8 with wide and combining characters; C0; ESC 7 8 D E H M N
 * O c n o, # 8, charsets ( ) * + with 0 A B; CSI @ A-M P S T X Z ` a b d-h l m
 * r s u, ! p; modes 4, 20, ?6 ?7 ?25 ?47 ?1047 ?1048 ?1049 ?2004.  Everything
 * else is parsed and ignored (parser.h).
 *
 * Resize: no reflow.  A row keeps its left part; when rows must go, blank ones
 * below the text go first, then those at the top, which on the primary screen
 * leave through events.line as if scrolled; the cursor stays on its text. */
#ifndef ITM_TERMINAL_VT_H
#define ITM_TERMINAL_VT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

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
	/* A line left the top of the primary screen for good.  wrapped: it
	 * continues in the next.  columns: up to the last cell ever written. */
	void (*line)(void *context, const struct vt_cell *cells, unsigned columns, bool wrapped);
	/* The screen was cleared or switched: what was on it is about to go. */
	void (*clearing)(void *context);
	/* Row y of the shown screen changed since vt_row_take and is about to lose
	 * text, in part or as a whole, other than through line or clearing.  It
	 * counts as taken afterwards. */
	void (*losing)(void *context, unsigned y);
	/* A byte of a string the emulator ignores (OSC, DCS, ...). */
	void (*string)(void *context, uint8_t byte);
	void (*string_end)(void *context);
	/* A line feed is about to move the cursor; ?2004 is about to be set or
	 * reset (vt_bracketed_paste: as it was). */
	void (*newline)(void *context);
	void (*paste)(void *context, bool on);
	void *context;
};

struct vt;
struct vt *vt_new(unsigned columns, unsigned rows);     /* owned; clamps to 1..MAX; NULL out of memory */
void vt_free(struct vt *v);
struct vt *vt_copy(const struct vt *v);                 /* owned, without events; NULL out of memory */
void vt_set_events(struct vt *v, const struct vt_events *events);
void vt_feed(struct vt *v, const void *data, size_t len);
/* Out of memory: the size stays as it was. */
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

/* Appends bytes that, fed into a new emulator of the same size, make this one's
 * state again: both screens, cursors, margins, tab stops, modes.  Not: times,
 * the character REP repeats, that the bottom row goes on, and that a cursor
 * outside the margins counts from them.  Plain xterm sequences, harmless to any terminal.
 * 0 or the error of out. */
int vt_keyframe(const struct vt *v, struct buffer *out);
/* Not in the midst of a sequence or a character: where a keyframe can be taken. */
bool vt_settled(const struct vt *v);

/* Times, for those who make lines of it.  The clock is the caller's: rows
 * remember what it said at their last change. */
void vt_set_time(struct vt *v, uint64_t time_ms);
uint64_t vt_row_time(const struct vt *v, unsigned y);
bool vt_row_fresh(const struct vt *v, unsigned y);      /* changed since vt_row_take */
void vt_row_take(struct vt *v, unsigned y);
/* Number of columns of the row that were written. */
unsigned vt_row_used(const struct vt *v, unsigned y);
/* Text was written where nobody could see it (past the right margin without
 * autowrap), or as signs nobody can read it from (letters other than those
 * lines are drawn with, as line drawing), since the last call. */
bool vt_take_hidden(struct vt *v);
/* Inside events.line: the same of the line that goes. */
uint64_t vt_line_time(const struct vt *v);
bool vt_line_fresh(const struct vt *v);

#endif
