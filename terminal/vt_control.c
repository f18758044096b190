#include "terminal/vt_state.h"

/* Controls and sequences.  Sources: ECMA-48, DEC VT510 reference (DEC
 * private ones), xterm's ctlseqs (alternate screens, REP, DECSTR). */

static void move_to(struct vt *v, unsigned x, unsigned y)
{
	unsigned columns = v->screen->columns, rows = v->screen->row_count;
	v->cursor.x = x < columns ? x : columns - 1;
	v->cursor.y = y < rows ? y : rows - 1;
	v->cursor.pending = false;
}

/* Row of CUP and VPA: with DECOM inside the margins. */
static void move_origin(struct vt *v, unsigned x, unsigned y)
{
	if (v->cursor.origin) {
		y += v->top;
		if (y > v->bottom)
			y = v->bottom;
	}
	move_to(v, x, y);
}

/* CUU, CUD stop at a margin when they start inside of it. */
static void move_up(struct vt *v, unsigned count)
{
	unsigned limit = v->cursor.y >= v->top ? v->top : 0;
	unsigned room = v->cursor.y - limit;
	move_to(v, v->cursor.x, v->cursor.y - (count < room ? count : room));
}

static void move_down(struct vt *v, unsigned count)
{
	unsigned limit = v->cursor.y <= v->bottom ? v->bottom : v->screen->row_count - 1;
	unsigned room = limit - v->cursor.y;
	move_to(v, v->cursor.x, v->cursor.y + (count < room ? count : room));
}

static void tab_forward(struct vt *v, unsigned count)
{
	unsigned x = v->cursor.x, last = v->screen->columns - 1;
	while (count-- > 0 && x < last)
		do
			x++;
		while (x < last && !v->tabs[x]);
	/* A pending wrap stays: xterm's HT in the last column moves nothing. */
	v->cursor.x = x;
}

static void tab_back(struct vt *v, unsigned count)
{
	unsigned x = v->cursor.x;
	while (count-- > 0 && x > 0)
		do
			x--;
		while (x > 0 && !v->tabs[x]);
	move_to(v, x, v->cursor.y);
}

void vt_control_execute(struct vt *v, uint8_t byte)
{
	switch (byte) {
	case 0x08: /* BS */
		if (v->cursor.x > 0)
			v->cursor.x--;
		v->cursor.pending = false;
		break;
	case 0x09: /* HT */
		tab_forward(v, 1);
		break;
	case 0x0a: case 0x0b: case 0x0c: /* LF VT FF */
		if (v->events.newline != NULL)
			v->events.newline(v->events.context);
		v->cursor.pending = false;
		if (v->newline)
			v->cursor.x = 0;
		vt_state_index(v);
		break;
	case 0x0d: /* CR */
		v->cursor.x = 0;
		v->cursor.pending = false;
		break;
	case 0x0e: /* SO: G1 */
		v->cursor.active = 1;
		break;
	case 0x0f: /* SI: G0 */
		v->cursor.active = 0;
		break;
	default:
		break;
	}
}

static void save_cursor(struct vt *v)
{
	v->saved[vt_alternate(v)] = v->cursor;
}

static void restore_cursor(struct vt *v)
{
	v->cursor = v->saved[vt_alternate(v)];
	bool pending = v->cursor.pending;
	move_to(v, v->cursor.x, v->cursor.y);
	v->cursor.pending = pending && v->cursor.x == v->screen->columns - 1;
}

static void erase_rows(struct vt *v, unsigned from, unsigned to)
{
	for (unsigned y = from; y < to; y++) {
		vt_state_lose(v, y, 0);
		screen_erase(v->screen, y, 0, v->screen->columns, v->cursor.pen.bg, v->time_ms);
	}
}

static void erase_line(struct vt *v, unsigned how)
{
	unsigned columns = v->screen->columns, x = v->cursor.x;
	unsigned from = how == 0 ? x : 0, to = how == 1 ? x + 1 : columns;
	if (how > 2)
		return;
	vt_state_lose(v, v->cursor.y, from);
	screen_erase(v->screen, v->cursor.y, from, to, v->cursor.pen.bg, v->time_ms);
	v->cursor.pending = false;
}

static void erase_screen(struct vt *v, unsigned how)
{
	unsigned rows = v->screen->row_count, y = v->cursor.y;
	if (how > 2)
		return; /* 3: scrollback, which we don't keep */
	if (how == 2 || (how == 0 && y == 0 && v->cursor.x == 0))
		vt_state_clearing(v);
	if (how == 2) {
		erase_rows(v, 0, rows);
		return;
	}
	erase_line(v, how);
	if (how == 0)
		erase_rows(v, y + 1, rows);
	else
		erase_rows(v, 0, y);
}

/* DECALN: the screen full of E. */
static void alignment(struct vt *v)
{
	vt_state_clearing(v);
	for (unsigned y = 0; y < v->screen->row_count; y++) {
		struct vt_cell *cells = screen_write(v->screen, y, 0, v->screen->columns, v->time_ms);
		for (unsigned x = 0; x < v->screen->columns; x++)
			cells[x] = (struct vt_cell){ .rune = 'E', .width = 1 };
		v->screen->rows[y].wrapped = false;
	}
	v->top = 0;
	v->bottom = v->screen->row_count - 1;
	v->cursor.origin = false;
	move_to(v, 0, 0);
}

void vt_control_soft_reset(struct vt *v)
{
	unsigned x = v->cursor.x, y = v->cursor.y;
	v->cursor = (struct vt_cursor_state){ .x = x, .y = y };
	v->saved[0] = v->saved[1] = (struct vt_cursor_state){ 0 };
	v->top = 0;
	v->bottom = v->screen->row_count - 1;
	v->autowrap = v->visible = true;
	v->insert = v->newline = v->bracketed_paste = false;
	v->single_shift = 0;
}

/* ESC ( ) * + and a final: a charset for G0..G3. */
static void designate(struct vt *v, unsigned which, uint8_t final)
{
	v->cursor.charsets[which] = final == '0' ? VT_CHARSET_LINES : final == 'A' ? VT_CHARSET_UK : VT_CHARSET_ASCII;
}

void vt_control_escape(struct vt *v, uint8_t final)
{
	unsigned intermediate = v->parser.intermediate_count == 1 ? v->parser.intermediates[0] : 0;
	if (v->parser.intermediate_count > 1)
		return;
	if (intermediate >= '(' && intermediate <= '+') {
		designate(v, intermediate - '(', final);
		return;
	}
	switch (PARSER_KEY(0, intermediate, final)) {
	case '7': save_cursor(v); break;
	case '8': restore_cursor(v); break;
	case 'D': v->cursor.pending = false; vt_state_index(v); break;
	case 'E': v->cursor.x = 0; v->cursor.pending = false; vt_state_index(v); break;
	case 'H': v->tabs[v->cursor.x] = true; break;
	case 'M': v->cursor.pending = false; vt_state_reverse_index(v); break;
	case 'N': v->single_shift = 2; break;
	case 'O': v->single_shift = 3; break;
	case 'c': vt_reset(v); break;
	case 'n': v->cursor.active = 2; break;
	case 'o': v->cursor.active = 3; break;
	case PARSER_KEY(0, '#', '8'): alignment(v); break;
	default: break;
	}
}

static void show_screen(struct vt *v, bool alternate)
{
	if (alternate == vt_alternate(v))
		return;
	vt_state_clearing(v);
	v->screen = &v->screens[alternate];
	v->cursor.pending = false;
}

static void private_mode(struct vt *v, unsigned mode, bool on)
{
	switch (mode) {
	case 6:
		v->cursor.origin = on;
		move_origin(v, 0, 0);
		break;
	case 7:
		v->autowrap = on;
		if (!on)
			v->cursor.pending = false;
		break;
	case 25: v->visible = on; break;
	case 47: show_screen(v, on); break;
	case 1047:
		if (!on && vt_alternate(v)) {
			vt_state_clearing(v);
			erase_rows(v, 0, v->screen->row_count);
		}
		show_screen(v, on);
		break;
	case 1048:
		on ? save_cursor(v) : restore_cursor(v);
		break;
	case 1049: /* saves, clears and restores even when it switches nothing, as xterm */
		if (on)
			save_cursor(v);
		show_screen(v, on);
		if (on) {
			vt_state_clearing(v);
			erase_rows(v, 0, v->screen->row_count);
		} else {
			restore_cursor(v);
		}
		break;
	case 2004:
		if (v->events.paste != NULL)
			v->events.paste(v->events.context, on);
		v->bracketed_paste = on;
		break;
	default: break;
	}
}

static void modes(struct vt *v, bool private, bool on)
{
	for (unsigned n = 0; n < v->parser.param_count; n++) {
		unsigned mode = v->parser.params[n];
		if (private)
			private_mode(v, mode, on);
		else if (mode == 4)
			v->insert = on;
		else if (mode == 20)
			v->newline = on;
	}
}

static void margins(struct vt *v)
{
	unsigned rows = v->screen->row_count;
	unsigned top = parser_param(&v->parser, 0, 1), bottom = parser_param(&v->parser, 1, rows);
	if (bottom > rows)
		bottom = rows;
	if (top >= bottom)
		return;
	v->top = top - 1;
	v->bottom = bottom - 1;
	move_origin(v, 0, 0);
}

/* IL, DL: only with the cursor inside the margins. */
static void shift_rows(struct vt *v, unsigned count, bool up)
{
	unsigned y = v->cursor.y;
	if (y < v->top || y > v->bottom)
		return;
	if (count > v->bottom - y + 1)
		count = v->bottom - y + 1;
	vt_state_tear(v, y, v->bottom);
	while (count-- > 0) {
		vt_state_lose(v, up ? y : v->bottom, 0);
		(up ? screen_up : screen_down)(v->screen, y, v->bottom, v->cursor.pen.bg);
	}
	move_to(v, 0, y);
}

static void scroll_down(struct vt *v, unsigned count)
{
	if (count > v->bottom - v->top + 1)
		count = v->bottom - v->top + 1;
	vt_state_tear(v, v->top, v->bottom);
	while (count-- > 0) {
		vt_state_lose(v, v->bottom, 0);
		screen_down(v->screen, v->top, v->bottom, v->cursor.pen.bg);
	}
}

/* REP: ncurses repeats within a line only, so a line is the limit; without
 * one a few bytes of output would cost a screenful of work. */
static void repeat(struct vt *v, unsigned count)
{
	if (count > v->screen->columns)
		count = v->screen->columns;
	if (v->last == 0)
		return;
	/* The character is repeated as it was shown, past any charset. */
	uint8_t set = v->cursor.charsets[v->cursor.active];
	v->cursor.charsets[v->cursor.active] = VT_CHARSET_ASCII;
	while (count-- > 0)
		vt_state_put(v, v->last);
	v->cursor.charsets[v->cursor.active] = set;
}

static void clear_tabs(struct vt *v)
{
	unsigned how = parser_param(&v->parser, 0, 0);
	if (how == 0)
		v->tabs[v->cursor.x] = false;
	else if (how == 3)
		for (unsigned x = 0; x < VT_COLUMNS_MAX; x++)
			v->tabs[x] = false;
}

static void move_sequence(struct vt *v, uint8_t final, unsigned n)
{
	unsigned x = v->cursor.x, y = v->cursor.y;
	switch (final) {
	case 'A': move_up(v, n); break;
	case 'B': case 'e': move_down(v, n); break;
	case 'C': case 'a': move_to(v, x + n, y); break;
	case 'D': move_to(v, x > n ? x - n : 0, y); break;
	case 'E': move_down(v, n); v->cursor.x = 0; break;
	case 'F': move_up(v, n); v->cursor.x = 0; break;
	case 'G': case '`': move_to(v, n - 1, y); break;
	case 'H': case 'f': move_origin(v, parser_param(&v->parser, 1, 1) - 1, n - 1); break;
	case 'I': tab_forward(v, n); break;
	case 'Z': tab_back(v, n); break;
	case 'd': move_origin(v, x, n - 1); break;
	default: break;
	}
}

void vt_control_sequence(struct vt *v, uint8_t final)
{
	struct vt_cursor_state *c = &v->cursor;
	unsigned n = parser_param(&v->parser, 0, 1);
	switch (parser_key(&v->parser, final)) {
	case 'A': case 'B': case 'C': case 'D': case 'E': case 'F': case 'G': case 'H': case 'I':
	case 'Z': case '`': case 'a': case 'd': case 'e': case 'f':
		move_sequence(v, final, n);
		break;
	case '@':
		vt_state_lose(v, c->y, c->x);
		screen_insert(v->screen, c->y, c->x, n, c->pen.bg, v->time_ms);
		c->pending = false;
		break;
	case 'P':
		vt_state_lose(v, c->y, c->x);
		screen_delete(v->screen, c->y, c->x, n, c->pen.bg, v->time_ms);
		c->pending = false;
		break;
	case 'X': {
		unsigned room = v->screen->columns - c->x;
		vt_state_lose(v, c->y, c->x);
		screen_erase(v->screen, c->y, c->x, c->x + (n < room ? n : room), c->pen.bg, v->time_ms);
		c->pending = false;
		break;
	}
	case 'J': case PARSER_KEY('?', 0, 'J'): erase_screen(v, parser_param(&v->parser, 0, 0)); break;
	case 'K': case PARSER_KEY('?', 0, 'K'): erase_line(v, parser_param(&v->parser, 0, 0)); break;
	case 'L': shift_rows(v, n, false); break;
	case 'M': shift_rows(v, n, true); break;
	case 'S': vt_state_scroll_up(v, n); break;
	case 'T':
		if (v->parser.param_count == 1) /* with five it is xterm's mouse tracking */
			scroll_down(v, n);
		break;
	case 'b': repeat(v, n); break;
	case 'g': clear_tabs(v); break;
	case 'h': case 'l': modes(v, false, final == 'h'); break;
	case PARSER_KEY('?', 0, 'h'): case PARSER_KEY('?', 0, 'l'): modes(v, true, final == 'h'); break;
	case 'm': sgr_apply(&c->pen, &v->parser); break;
	case 'r': margins(v); break;
	case 's': save_cursor(v); break;
	case 'u': restore_cursor(v); break;
	case PARSER_KEY(0, '!', 'p'): vt_control_soft_reset(v); break;
	default: break;
	}
}
