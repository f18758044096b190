/* vt_state: what the emulator consists of; shared by vt.c (text, the screen
 * moving) and vt_control.c (controls and sequences), nobody else. */
#ifndef ITM_TERMINAL_VT_STATE_H
#define ITM_TERMINAL_VT_STATE_H

#include "terminal/parser.h"
#include "terminal/screen.h"
#include "terminal/sgr.h"
#include "terminal/vt.h"

enum vt_charset { VT_CHARSET_ASCII, VT_CHARSET_LINES /* DEC special graphics */, VT_CHARSET_UK };

/* What DECSC keeps. */
struct vt_cursor_state {
	unsigned x, y;
	struct sgr pen;
	bool pending;           /* the last column was written: the next character wraps first */
	bool origin;            /* DECOM: rows count from the top margin */
	uint8_t charsets[4];    /* G0..G3 */
	uint8_t active;         /* which of them is in GL */
};

struct vt {
	struct parser parser;
	struct screen screens[2];       /* primary, alternate */
	struct screen *screen;          /* the shown one */
	struct vt_cursor_state cursor, saved[2];
	unsigned top, bottom;           /* scroll region, both included */
	bool autowrap, insert, newline, visible, bracketed_paste;
	uint8_t single_shift;           /* SS2, SS3: charset of the next character, or 0 */
	uint32_t last;                  /* for REP; 0 = none */
	uint32_t rune, rune_min;        /* UTF-8 being read */
	uint8_t rune_left;
	uint64_t time_ms, line_time_ms;
	bool line_fresh;
	bool hidden;                    /* see vt_take_hidden */
	struct vt_events events;
	bool tabs[VT_COLUMNS_MAX];
};

/* vt.c */
void vt_state_lose(struct vt *v, unsigned y, unsigned x);/* text of row y from x on is about to go */
void vt_state_tear(struct vt *v, unsigned first, unsigned last); /* rows first..last are about to move */
void vt_state_index(struct vt *v);                      /* down one row, scrolling at the margin */
void vt_state_reverse_index(struct vt *v);
void vt_state_scroll_up(struct vt *v, unsigned count);
void vt_state_put(struct vt *v, uint32_t rune);
void vt_state_clearing(struct vt *v);
void vt_state_default_tabs(struct vt *v, unsigned from);
/* vt_control.c */
void vt_control_execute(struct vt *v, uint8_t byte);
void vt_control_escape(struct vt *v, uint8_t final);
void vt_control_sequence(struct vt *v, uint8_t final);
void vt_control_soft_reset(struct vt *v);

#endif
