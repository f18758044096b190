#include "itm-replay/viewer.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/error.h"
#include "itm-replay/bar.h"
#include "itm-replay/keys.h"
#include "itm-replay/panel.h"
#include "itm-replay/timeline.h"
#include "itm-replay/tty.h"
#include "terminal/paint.h"

enum {
	OUT_MAX = 64 << 20,        /* bytes of one picture; the largest screen needs 20 M */
	FRAME_US = 25000,          /* at most 40 pictures a second */
	BAR_US = 250000,           /* the clock in the bar moves */
	ESCAPE_MS = 50,            /* a lone ESC is a key after this */
	PANEL_COLUMNS = 36,        /* at least, but never more than half */
	PAN_COLUMNS = 8, PAN_ROWS = 4,
	PANEL_FRESH_US = 5000000,  /* a session that goes on has new processes */
};

struct viewer {
	struct player *player;
	struct paint *paint;
	struct buffer out;
	struct keys keys;
	struct tty tty;
	unsigned columns, rows;            /* of the viewer's terminal */
	unsigned shown_columns, shown_rows;/* of the painter's window */
	unsigned panel_columns;            /* 0 = not shown */
	bool leave, help, prompting, redraw;
	bool timeline, processes;          /* asked for */
	bool panned;                       /* the window stays where it is */
	unsigned left, top;                /* of the recorded screen, in the window */
	struct panel *panel;               /* borrowed */
	uint64_t panel_read_us;
	char prompt[PLAYER_QUERY_SIZE];
};

static void look_at_size(struct viewer *v)
{
	tty_size(&v->columns, &v->rows);
	v->redraw = true;
}

static unsigned smaller(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Rows at the bottom that are ours. */
static unsigned bar_rows(const struct viewer *v)
{
	return v->timeline && v->rows > 4 ? 2 : 1;
}

/* Beside the recorded screen if there is room, else at its cost. */
static unsigned panel_columns(const struct viewer *v, unsigned recorded)
{
	unsigned least = smaller(PANEL_COLUMNS, v->columns / 2);

	if (!v->processes)
		return 0;
	unsigned beside = recorded + 1 < v->columns ? v->columns - recorded - 1 : 0;
	return beside > least ? beside : least;
}

/* A new painter when the recorded or the viewer's size changed. */
static int fit_window(struct viewer *v)
{
	const struct vt *screen = player_screen(v->player);
	unsigned side = panel_columns(v, vt_columns(screen));
	unsigned columns = smaller(vt_columns(screen), v->columns - (side > 0 ? side + 1 : 0));
	unsigned rows = smaller(vt_rows(screen), v->rows > bar_rows(v) ? v->rows - bar_rows(v) : 1);

	if (!v->redraw && v->paint != NULL && columns == v->shown_columns && rows == v->shown_rows)
		return 0;
	paint_free(v->paint);
	v->paint = paint_new(columns, rows);
	v->shown_columns = columns;
	v->shown_rows = rows;
	v->panel_columns = side;
	v->redraw = false;
	return v->paint == NULL ? ITM_ENOMEM : buffer_put_text(&v->out, "\033[0m\033[2J");
}

/* Where the recorded screen ends on a larger terminal. */
static int put_edges(struct viewer *v)
{
	unsigned y, x;
	int r = buffer_put_text(&v->out, "\033[2m");

	for (y = 0; r == 0 && v->shown_columns < v->columns && y < v->shown_rows; y++)
		r = buffer_printf(&v->out, "\033[%u;%uH\u2502", y + 1, v->shown_columns + 1);
	if (r == 0 && v->shown_rows + bar_rows(v) < v->rows) {
		r = buffer_printf(&v->out, "\033[%u;1H", v->shown_rows + 1);
		for (x = 0; r == 0 && x < v->shown_columns; x++)
			r = buffer_put_text(&v->out, "\u2500");
		if (r == 0 && v->shown_columns < v->columns)
			r = buffer_put_text(&v->out, "\u2518");
	}
	return r != 0 ? r : buffer_put_text(&v->out, "\033[0m");
}

static int put_help(struct viewer *v)
{
	const char *line;
	unsigned n;
	int r = 0, used;

	for (n = 0; (line = bar_help(n)) != NULL && r == 0 && n + 1 < v->rows; n++) {
		r = buffer_printf(&v->out, "\033[%u;1H\033[7m  ", n + 1);
		used = r == 0 ? bar_fit(&v->out, line, v->columns > 2 ? v->columns - 2 : 0) : 0;
		for (; r == 0 && used < 64 && (unsigned)used + 2 < v->columns; used++)
			r = buffer_put_u8(&v->out, ' ');
		if (r == 0)
			r = buffer_put_text(&v->out, "\033[0m");
	}
	return r;
}

static int put_bar(struct viewer *v)
{
	struct player_view view;
	int r;

	player_look(v->player, &view);
	r = v->panel_columns > 0 ? panel_put(&v->out, v->panel, view.wall_ns, v->columns - v->panel_columns + 1,
					     v->panel_columns, v->rows - bar_rows(v)) : 0;
	if (r == 0 && bar_rows(v) == 2)
		r = buffer_printf(&v->out, "\033[%u;1H", v->rows - 1);
	if (r == 0 && bar_rows(v) == 2)
		r = timeline_put(&v->out, &view, v->columns);
	if (r == 0)
		r = buffer_printf(&v->out, "\033[%u;1H\033[0;7m", v->rows);
	/* The last column stays free: writing it would scroll some terminals. */
	if (r == 0)
		r = bar_put(&v->out, &view, v->prompting ? v->prompt : NULL, v->columns > 1 ? v->columns - 1 : 1);
	return r != 0 ? r : buffer_put_text(&v->out, "\033[0m");
}

/* The part of a larger screen that has the cursor in it. */
static unsigned scroll(unsigned at, unsigned window, unsigned whole)
{
	if (at < window)
		return 0;
	return smaller(at - window + 1, whole - window);
}

static int put_picture(struct viewer *v)
{
	const struct vt *screen = player_screen(v->player);
	bool visible, fresh = v->redraw || v->paint == NULL;
	unsigned x, y;
	int r;

	r = fit_window(v);
	fresh = fresh || v->out.len > 0;
	if (r == 0 && fresh)
		r = put_edges(v);
	if (r != 0)
		return r;
	vt_cursor(screen, &x, &y, &visible);
	if (!v->panned) {
		v->left = scroll(x, v->shown_columns, vt_columns(screen));
		v->top = scroll(y, v->shown_rows, vt_rows(screen));
	}
	v->left = smaller(v->left, vt_columns(screen) - v->shown_columns);
	v->top = smaller(v->top, vt_rows(screen) - v->shown_rows);
	visible = visible && x >= v->left && x - v->left < v->shown_columns && y >= v->top && y - v->top < v->shown_rows;
	r = paint_update(v->paint, screen, v->left, v->top, &v->out);
	if (r == 0 && v->help)
		r = put_help(v);
	if (r == 0)
		r = put_bar(v);
	if (r == 0 && visible && !v->help)
		r = buffer_printf(&v->out, "\033[%u;%uH\033[?25h", y - v->top + 1, x - v->left + 1);
	return r;
}

static int draw(struct viewer *v)
{
	int r;

	buffer_clear(&v->out);
	r = put_picture(v);
	/* The cursor hides while we paint, and stays so when the recording hid it. */
	if (r == 0)
		r = tty_write("\033[?25l", 6);
	if (r == 0)
		r = tty_write(v->out.data, v->out.len);
	return r;
}

static void prompt_key(struct viewer *v, int key)
{
	size_t len = strlen(v->prompt);

	if (key == KEYS_ENTER) {
		v->prompting = false;
		player_find(v->player, v->prompt, false);
	} else if (key == KEYS_ESCAPE || key == KEYS_INTERRUPT) {
		v->prompting = false;
	} else if (key == KEYS_ERASE) {
		while (len > 0 && ((unsigned char)v->prompt[len - 1] & 0xc0) == 0x80)
			len--;
		v->prompt[len > 0 ? len - 1 : 0] = '\0';
	} else if (key >= 0x20 && key <= 0xff && len + 1 < sizeof(v->prompt)) {
		v->prompt[len] = (char)key;
		v->prompt[len + 1] = '\0';
	}
}

static void suspend(struct viewer *v)
{
	tty_leave(&v->tty);
	kill(0, SIGTSTP);
	if (tty_enter(&v->tty) == 0)
		look_at_size(v);
}

/* Move the window over a larger screen. */
static void pan(struct viewer *v, int columns, int rows)
{
	v->panned = true;
	v->left = columns < 0 && v->left < PAN_COLUMNS ? 0 : v->left + (unsigned)columns;
	v->top = rows < 0 && v->top < PAN_ROWS ? 0 : v->top + (unsigned)rows;
}

static void show_processes(struct viewer *v)
{
	if (v->panel == NULL)
		return;
	v->processes = !v->processes;
	v->redraw = true;
	v->panel_read_us = 0;
}

static bool view_key(struct viewer *v, int key)
{
	switch (key) {
	case 'h': pan(v, -PAN_COLUMNS, 0); return true;
	case 'l': pan(v, PAN_COLUMNS, 0); return true;
	case 'k': pan(v, 0, -PAN_ROWS); return true;
	case 'j': pan(v, 0, PAN_ROWS); return true;
	case 'z': v->panned = false; return true;
	case 'p': show_processes(v); return true;
	case 't':
		v->timeline = !v->timeline && player_marks(v->player) != NULL;
		v->redraw = true;
		return true;
	default: return false;
	}
}

static void player_key(struct viewer *v, int key)
{
	struct player *p = v->player;

	switch (key) {
	case ' ': player_toggle(p); break;
	case KEYS_LEFT: player_seek_by(p, -5000); break;
	case KEYS_RIGHT: player_seek_by(p, 5000); break;
	case KEYS_DOWN:
	case KEYS_PAGE_DOWN: player_seek_by(p, -60000); break;
	case KEYS_UP:
	case KEYS_PAGE_UP: player_seek_by(p, 60000); break;
	case KEYS_HOME: player_seek(p, 0); break;
	case KEYS_END:
	case 'G': player_seek_end(p); break;
	case '+':
	case '=': player_speed(p, 1); break;
	case '-': player_speed(p, -1); break;
	case 'i': player_toggle_idle(p); break;
	case '.': player_step(p); break;
	case 'n': player_find(p, "", false); break;
	case 'N': player_find(p, "", true); break;
	case 'c': player_jump(p, MARKS_COMMAND, false); break;
	case 'C': player_jump(p, MARKS_COMMAND, true); break;
	case 'm': player_jump(p, MARKS_ALERT | MARKS_EVENT, false); break;
	case 'M': player_jump(p, MARKS_ALERT | MARKS_EVENT, true); break;
	default:
		if (key >= '0' && key <= '9')
			player_seek_tenth(p, (unsigned)(key - '0'));
		break;
	}
}

static void take_key(struct viewer *v, int key)
{
	if (v->prompting) {
		prompt_key(v, key);
		return;
	}
	switch (key) {
	case KEYS_NONE: return;
	case 'q':
	case KEYS_INTERRUPT: v->leave = true; return;
	case KEYS_SUSPEND: suspend(v); return;
	case KEYS_REDRAW: look_at_size(v); return;
	case '/':
		v->prompting = true;
		v->prompt[0] = '\0';
		return;
	case '?':
		v->help = !v->help;
		v->redraw = true;
		return;
	case KEYS_ESCAPE:
		player_cancel(v->player);
		v->redraw = v->redraw || v->help;
		v->help = false;
		return;
	default:
		if (!view_key(v, key))
			player_key(v, key);
	}
}

static void read_keys(struct viewer *v)
{
	uint8_t bytes[256];
	ssize_t n = read(STDIN_FILENO, bytes, sizeof(bytes)), i;

	if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
		v->leave = true; /* the terminal is gone */
	for (i = 0; i < n; i++)
		take_key(v, keys_byte(&v->keys, bytes[i]));
}

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* Wait for a key, a signal, or the time when something happens next. */
static int wait_for(struct viewer *v, int64_t next_us, const sigset_t *outside)
{
	struct pollfd poll_in = { .fd = STDIN_FILENO, .events = POLLIN };
	struct timespec limit;
	int64_t us = next_us;
	int n;

	if (us > BAR_US)
		us = BAR_US;
	else if (us > 0 && us < FRAME_US)
		us = FRAME_US;
	if (v->keys.held_len > 0 && (us < 0 || us > ESCAPE_MS * 1000))
		us = ESCAPE_MS * 1000;
	limit = (struct timespec){ .tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000 };
	n = ppoll(&poll_in, 1, us < 0 ? NULL : &limit, outside);
	if (n > 0)
		read_keys(v);
	else if (n == 0 && v->keys.held_len > 0)
		take_key(v, keys_timeout(&v->keys));
	return n < 0 && errno != EINTR ? ITM_ESYS : 0;
}

/* Once, and again while the session goes on. */
static void read_processes(struct viewer *v, uint64_t now)
{
	struct player_view view;

	if (!v->processes || v->panel == NULL)
		return;
	player_look(v->player, &view);
	if (v->panel_read_us != 0 && (view.ended || now - v->panel_read_us < PANEL_FRESH_US))
		return;
	panel_read(v->panel);
	v->panel_read_us = now;
}

static int loop(struct viewer *v, const sigset_t *outside)
{
	uint64_t last = now_us(), now, drawn = 0;
	int64_t next;
	int r = 0;

	while (!v->leave && r == 0 && tty_signal() == 0) {
		if (tty_resized())
			look_at_size(v);
		read_processes(v, now_us());
		now = now_us();
		next = player_advance(v->player, now - last);
		last = now;
		/* While much is to be done, show it now and then. */
		if (next != 0 || now - drawn >= FRAME_US) {
			r = draw(v);
			drawn = now;
		}
		if (r == 0)
			r = wait_for(v, next, outside);
	}
	return r;
}

int viewer_run(struct player *player, struct panel *panel)
{
	struct viewer v = { .player = player, .panel = panel };
	sigset_t outside;
	int r;

	buffer_init(&v.out, OUT_MAX);
	tty_signals(&outside);
	look_at_size(&v);
	/* Without being asked it takes no row from the recorded screen. */
	v.timeline = player_marks(player) != NULL && v.rows > vt_rows(player_screen(player)) + 1;
	r = tty_enter(&v.tty);
	if (r == 0) {
		r = loop(&v, &outside);
		tty_leave(&v.tty);
	}
	paint_free(v.paint);
	buffer_free(&v.out);
	return r != 0 ? r : tty_signal();
}
