/* lines: a stream's output as lines of text with their times, for search; what
 * was typed at prompts as lines of their own (prompt.h).
 *
 * On a terminal a line is given when it leaves: scrolled off the top, or about
 * to be cleared, overwritten, erased, pushed out, or left behind at the end;
 * rows that the emulator wrapped are joined.  So whatever was on the screen
 * is given once, however briefly it stood there.  The same text is not
 * given again within LINES_REPEAT_MS.  Overwriting letter by letter could make
 * much text of few bytes: captures are held to LINES_CAPTURE_FACTOR times the
 * output; beyond that (which is said once), and where text was written out of
 * sight or a few letters at a time over each other, text of the output itself
 * is given as raw (scraps.h).  So are strings that terminals don't show
 * (titles, clipboard, queries).
 *
 * Pipe mode has no screen: lines end at LF; of lines that are no text, runs of
 * at least LINES_RUN_MIN printable characters are given as raw, also those
 * parted by what shows nothing.
 *
 * The same input always gives the same lines at the same points. */
#ifndef ITM_TERMINAL_LINES_H
#define ITM_TERMINAL_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	LINES_REPEAT_MS = 10000,
	LINES_CAPTURE_FACTOR = 4,
	LINES_CAPTURE_START = 256 * 1024,  /* bytes that may be captured before the factor counts */
	LINES_LENGTH_MAX = 16 * 1024,      /* bytes of a line; longer ones are given in pieces */
	LINES_RUN_MIN = 6,
};

enum lines_kind {                /* stored numbers */
	LINES_SHOWN = 0,
	LINES_RAW = 1,          /* not seen on the screen */
	LINES_FILE = 2,         /* a file that passed: not from here */
	LINES_COMMAND = 3,      /* a line that was typed at a prompt; its echo is given as well */
	LINES_PROGRAM = 4,      /* a program that ran: not from here */
};
struct lines_line {
	uint64_t time_ms;       /* of its last change on the screen */
	enum lines_kind kind;
	const char *text;       /* UTF-8 without control characters, not NUL-ended */
	size_t len;             /* not 0 */
	bool has_exit;          /* LINES_COMMAND */
	uint8_t exit_status;
};
typedef void lines_each(void *context, const struct lines_line *line);

struct lines;
struct lines *lines_new(unsigned columns, unsigned rows, bool pipe, lines_each *each, void *context); /* owned */
void lines_free(struct lines *l);
struct lines *lines_copy(const struct lines *l, lines_each *each, void *context);                     /* owned */
/* Times must not fall.  stream: 0 stdout or terminal, 1 stderr. */
int lines_feed(struct lines *l, uint64_t time_ms, unsigned stream, const void *data, size_t len);
/* Keys were typed: what the output goes on with is their echo. */
void lines_key(struct lines *l);
void lines_resize(struct lines *l, uint64_t time_ms, unsigned columns, unsigned rows);
/* The end: gives what is left on both the screen and unfinished lines. */
void lines_finish(struct lines *l);
/* What lines_finish would give now, to another taker; changes nothing. */
int lines_peek(const struct lines *l, lines_each *each, void *context);

#endif
