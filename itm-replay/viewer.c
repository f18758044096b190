#include "itm-replay/viewer.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/error.h"
#include "itm-replay/bar.h"
#include "itm-replay/keys.h"
#include "terminal/paint.h"

enum {
	OUT_MAX = 64 << 20,        /* bytes of one picture; the largest screen needs 20 M */
	FRAME_US = 25000,          /* at most 40 pictures a second */
	BAR_US = 250000,           /* the clock in the bar moves */
	ESCAPE_MS = 50,            /* a lone ESC is a key after this */
};

static volatile sig_atomic_t got_signal, got_resize;

struct viewer {
	struct player *player;
	struct paint *paint;
	struct buffer out;
	struct keys keys;
	struct termios saved;
	unsigned columns, rows;            /* of the viewer's terminal */
	unsigned shown_columns, shown_rows;/* of the painter's window */
	bool leave, help, prompting, redraw;
	char prompt[PLAYER_QUERY_SIZE];
};

static void on_signal(int number)
{
	if (number == SIGWINCH || number == SIGCONT)
		got_resize = 1;
	else
		got_signal = number;
}

static const int caught[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGCONT };

/* Signals are blocked but for the wait in ppoll. */
static void catch_signals(sigset_t *outside)
{
	struct sigaction action = { .sa_handler = on_signal };
	sigset_t block;
	size_t i;

	sigemptyset(&block);
	sigemptyset(&action.sa_mask);
	for (i = 0; i < sizeof(caught) / sizeof(caught[0]); i++) {
		sigaddset(&block, caught[i]);
		sigaction(caught[i], &action, NULL);
	}
	sigprocmask(SIG_BLOCK, &block, outside);
	for (i = 0; i < sizeof(caught) / sizeof(caught[0]); i++)
		sigdelset(outside, caught[i]);
}

static int write_all(const void *data, size_t len)
{
	const char *p = data;
	ssize_t n;

	while (len > 0) {
		n = write(STDOUT_FILENO, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ITM_ESYS;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static int enter(struct viewer *v)
{
	static const char begin[] = "\033[?1049h\033[0m\033[2J";
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &v->saved) != 0)
		return ITM_ESYS;
	raw = v->saved;
	raw.c_iflag &= ~(tcflag_t)(BRKINT | ICRNL | INPCK | ISTRIP | IXON);
	raw.c_lflag &= ~(tcflag_t)(ECHO | ICANON | IEXTEN | ISIG);
	raw.c_oflag &= ~(tcflag_t)OPOST;
	raw.c_cc[VMIN] = 0;
	raw.c_cc[VTIME] = 0;
	if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw) != 0)
		return ITM_ESYS;
	return write_all(begin, sizeof(begin) - 1);
}

static void leave(struct viewer *v)
{
	static const char end[] = "\033[0m\033[?25h\033[?1049l";

	write_all(end, sizeof(end) - 1);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &v->saved);
}

static void look_at_size(struct viewer *v)
{
	struct winsize size;

	v->columns = 80;
	v->rows = 24;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0) {
		v->columns = size.ws_col;
		v->rows = size.ws_row;
	}
	v->redraw = true;
}

static unsigned smaller(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* A new painter when the recorded or the viewer's size changed. */
static int fit_window(struct viewer *v)
{
	const struct vt *screen = player_screen(v->player);
	unsigned columns = smaller(vt_columns(screen), v->columns);
	unsigned rows = smaller(vt_rows(screen), v->rows > 1 ? v->rows - 1 : 1);

	if (!v->redraw && v->paint != NULL && columns == v->shown_columns && rows == v->shown_rows)
		return 0;
	paint_free(v->paint);
	v->paint = paint_new(columns, rows);
	v->shown_columns = columns;
	v->shown_rows = rows;
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
	if (r == 0 && v->shown_rows + 1 < v->rows) {
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
	unsigned x, y, left, top;
	int r;

	r = fit_window(v);
	fresh = fresh || v->out.len > 0;
	if (r == 0 && fresh)
		r = put_edges(v);
	if (r != 0)
		return r;
	vt_cursor(screen, &x, &y, &visible);
	left = scroll(x, v->shown_columns, vt_columns(screen));
	top = scroll(y, v->shown_rows, vt_rows(screen));
	r = paint_update(v->paint, screen, left, top, &v->out);
	if (r == 0 && v->help)
		r = put_help(v);
	if (r == 0)
		r = put_bar(v);
	if (r == 0 && visible && !v->help)
		r = buffer_printf(&v->out, "\033[%u;%uH\033[?25h", y - top + 1, x - left + 1);
	return r;
}

static int draw(struct viewer *v)
{
	int r;

	buffer_clear(&v->out);
	r = put_picture(v);
	/* The cursor hides while we paint, and stays so when the recording hid it. */
	if (r == 0)
		r = write_all("\033[?25l", 6);
	if (r == 0)
		r = write_all(v->out.data, v->out.len);
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
	leave(v);
	kill(0, SIGTSTP);
	if (enter(v) == 0)
		look_at_size(v);
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
	default: player_key(v, key);
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

static int loop(struct viewer *v, const sigset_t *outside)
{
	uint64_t last = now_us(), now, drawn = 0;
	int64_t next;
	int r = 0;

	while (!v->leave && r == 0 && !got_signal) {
		if (got_resize) {
			got_resize = 0;
			look_at_size(v);
		}
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

int viewer_run(struct player *player)
{
	struct viewer v = { .player = player };
	sigset_t outside;
	int r;

	buffer_init(&v.out, OUT_MAX);
	catch_signals(&outside);
	look_at_size(&v);
	r = enter(&v);
	if (r == 0) {
		r = loop(&v, &outside);
		leave(&v);
	}
	paint_free(v.paint);
	buffer_free(&v.out);
	return r != 0 ? r : got_signal;
}
