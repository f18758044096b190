#include "terminal/lines.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "terminal/parser.h"
#include "terminal/prompt.h"
#include "terminal/scraps.h"
#include "terminal/text.h"
#include "terminal/utf8.h"
#include "terminal/vt.h"
#include "terminal/width.h"

enum { CAPTURE_ROWS = 4 };      /* of a wrapped line, on each side of the row that is lost */
enum { RECENT = 2048 };         /* slots of the memory for repeats; a collision only forgets */

struct recent { uint64_t hash, time_ms; };

struct lines {
	struct vt *vt;                  /* NULL in pipe mode */
	lines_each *each;
	void *context;
	uint64_t time_ms;
	struct buffer joined;           /* wrapped rows of the line that is scrolling off */
	uint64_t joined_time_ms;
	bool joined_fresh;
	struct buffer text;             /* scratch */
	struct buffer string;           /* an ignored string being read */
	struct buffer partial[2];       /* pipe mode: unfinished lines */
	uint64_t out_bytes, captured_bytes;
	bool over_budget;               /* a capture was left out during this feed */
	bool over_budget_said;
	bool lost;                      /* text was overwritten or erased during this feed */
	struct scraps scraps;
	struct prompt prompt;
	struct recent recent[RECENT];
};

/* FNV-1a, eight bytes at a time: only has to tell lines apart. */
static uint64_t hash_text(const uint8_t *p, size_t len)
{
	uint64_t h = 0xcbf29ce484222325u ^ len;
	for (; len >= 8; p += 8, len -= 8) {
		uint64_t w;
		memcpy(&w, p, 8);
		h = (h ^ w) * 0x9e3779b97f4a7c15u;
		h ^= h >> 29;
	}
	for (; len > 0; p++, len--)
		h = (h ^ *p) * 0x100000001b3u;
	return h ^ h >> 32;
}

static void give(struct lines *l, uint64_t time_ms, enum lines_kind kind, const uint8_t *text, size_t len)
{
	while (len > 0 && text[0] == ' ')
		text++, len--;
	while (len > 0 && text[len - 1] == ' ')
		len--;
	if (len == 0)
		return;
	uint64_t hash = hash_text(text, len) | 1;
	struct recent *r = &l->recent[(hash >> 20) % RECENT];
	if (r->hash == hash && time_ms < r->time_ms + LINES_REPEAT_MS)
		return;
	*r = (struct recent){ hash, time_ms };
	struct lines_line line = { .time_ms = time_ms, .kind = kind, .text = (const char *)text, .len = len };
	l->each(l->context, &line);
}

/* ---- the screen ---- */

static void end_joined(struct lines *l)
{
	if (l->joined_fresh)
		give(l, l->joined_time_ms, LINES_SHOWN, l->joined.data, l->joined.len);
	buffer_clear(&l->joined);
	l->joined_fresh = false;
	l->joined_time_ms = 0;
}

static void join(struct lines *l, const struct vt_cell *cells, unsigned columns, bool wrapped,
		 uint64_t time_ms, bool fresh)
{
	if (text_row(&l->joined, cells, columns) != 0) {
		end_joined(l);
		(void)text_row(&l->joined, cells, columns);
	}
	/* What goes on in the next row keeps the blanks at its end. */
	for (unsigned x = columns; wrapped && x > 0 && (cells[x - 1].rune == 0 || cells[x - 1].rune == ' ') &&
	     cells[x - 1].width == 1; x--)
		(void)buffer_put_u8(&l->joined, ' ');
	l->joined_fresh |= fresh;
	if (time_ms > l->joined_time_ms)
		l->joined_time_ms = time_ms;
	if (!wrapped)
		end_joined(l);
}

static void on_line(void *context, const struct vt_cell *cells, unsigned columns, bool wrapped)
{
	struct lines *l = context;
	join(l, cells, columns, wrapped, vt_line_time(l->vt), vt_line_fresh(l->vt));
}

/* Give every row of the shown screen that has not been given. */
static void give_screen(struct lines *l)
{
	unsigned rows = vt_rows(l->vt);
	if (vt_alternate(l->vt))
		end_joined(l);
	for (unsigned y = 0; y < rows; y++) {
		unsigned used = vt_row_used(l->vt, y);
		bool wrapped = vt_row_wrapped(l->vt, y) && y + 1 < rows;
		join(l, used ? vt_row(l->vt, y) : NULL, used, wrapped, vt_row_time(l->vt, y), vt_row_fresh(l->vt, y));
		vt_row_take(l->vt, y);
	}
}

static void on_clearing(void *context)
{
	struct lines *l = context;
	l->lost = true;
	give_screen(l);
}

static void on_losing(void *context, unsigned y)
{
	struct lines *l = context;
	unsigned used;
	l->lost = true;
	if (l->captured_bytes > LINES_CAPTURE_START + l->out_bytes * LINES_CAPTURE_FACTOR) {
		l->over_budget = true;
		return;
	}
	buffer_clear(&l->text);
	unsigned first = y, last = y;
	while (first > 0 && y - first < CAPTURE_ROWS && vt_row_wrapped(l->vt, first - 1))
		first--;
	while (last + 1 < vt_rows(l->vt) && last - y < CAPTURE_ROWS && vt_row_wrapped(l->vt, last))
		last++;
	for (unsigned i = first; i <= last; i++) {
		used = vt_row_used(l->vt, i);
		if (text_row(&l->text, used > 0 ? vt_row(l->vt, i) : NULL, used) != 0)
			return;
		l->captured_bytes += used;
	}
	give(l, vt_row_time(l->vt, y), LINES_SHOWN, l->text.data, l->text.len);
}

/* Text of a string without what shows nothing. */
static void give_string(struct lines *l)
{
	const uint8_t *data = l->string.data;
	buffer_clear(&l->text);
	for (size_t i = 0; i < l->string.len; ) {
		uint32_t rune;
		unsigned used = utf8_decode(data + i, l->string.len - i, &rune);
		int result = used == 0 ? text_escape(&l->text, data + i, 1) : width_of(rune) >= 0 ? buffer_put(&l->text, data + i, used) : 0;
		if (result != 0)
			break;
		i += used ? used : 1;
	}
	give(l, l->time_ms, LINES_RAW, l->text.data, l->text.len);
}

static void on_string(void *context, uint8_t byte)
{
	struct lines *l = context;
	if (buffer_put_u8(&l->string, byte) != 0) {
		/* Full: in pieces, each with the end of the one before. */
		give_string(l);
		buffer_consume(&l->string, l->string.len - SCRAPS_OVERLAP);
		(void)buffer_put_u8(&l->string, byte);
	}
}

static void on_string_end(void *context)
{
	struct lines *l = context;
	if (l->vt != NULL)
		prompt_string(&l->prompt, l->vt, l->string.data, l->string.len);
	give_string(l);
	buffer_clear(&l->string);
}

static void on_newline(void *context)
{
	struct lines *l = context;
	prompt_newline(&l->prompt, l->vt);
}

static void on_paste(void *context, bool on)
{
	struct lines *l = context;
	prompt_paste(&l->prompt, l->vt, on);
}

static void on_command(void *context, const struct prompt_command *c)
{
	struct lines *l = context;
	l->each(l->context, &(struct lines_line){ c->time_ms, LINES_COMMAND, c->text, c->len, c->has_exit, c->exit_status });
}

static void set_events(struct lines *l)
{
	static const struct vt_events events = {
		.line = on_line, .clearing = on_clearing, .losing = on_losing,
		.string = on_string, .string_end = on_string_end,
		.newline = on_newline, .paste = on_paste,
	};
	struct vt_events mine = events;
	mine.context = l;
	vt_set_events(l->vt, &mine);
}

static void on_scrap(void *context, const uint8_t *text, size_t len)
{
	struct lines *l = context;
	give(l, l->time_ms, LINES_RAW, text, len);
}

/* Text the screen does not show, in the bytes themselves. */
static void look_at_bytes(struct lines *l, const uint8_t *data, size_t len)
{
	bool hidden = vt_take_hidden(l->vt) || l->over_budget;
	if (hidden || l->lost || len <= SCRAPS_SMALL)
		scraps_feed(&l->scraps, data, len, hidden);
	else
		scraps_finish(&l->scraps);
	if (l->over_budget && !l->over_budget_said) {
		static const char notice[] = "[itm: text was overwritten faster than it is kept here: play this part]";
		give(l, l->time_ms, LINES_RAW, (const uint8_t *)notice, sizeof notice - 1);
		l->over_budget_said = true;
	}
	l->over_budget = l->lost = false;
}

/* ---- pipe mode ---- */

static void end_run(struct lines *l, size_t least)
{
	if (l->text.len >= least)
		give(l, l->time_ms, LINES_RAW, l->text.data, l->text.len);
	buffer_clear(&l->text);
}

/* Of bytes that are no text: what strings(1) would show. */
static void give_strings(struct lines *l, const uint8_t *data, size_t len)
{
	buffer_clear(&l->text);
	for (size_t i = 0; i < len; ) {
		uint32_t rune;
		unsigned used = utf8_decode(data + i, len - i, &rune);
		if (used == 0 || width_of(rune) < 0 || buffer_put(&l->text, data + i, used) != 0)
			end_run(l, LINES_RUN_MIN);
		i += used ? used : 1;
	}
	end_run(l, LINES_RUN_MIN);
}

static bool is_text(const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; ) {
		uint32_t rune;
		unsigned used = utf8_decode(data + i, len - i, &rune);
		if (used == 0 || (width_of(rune) < 0 && rune != '\t'))
			return false;
		i += used;
	}
	return true;
}

/* A line, or (not whole) a piece of one that is too long; of that the end is kept. */
static void give_pipe_line(struct lines *l, struct buffer *partial, bool whole)
{
	size_t len = partial->len;
	if (len > 0 && partial->data[len - 1] == '\r')
		len--;
	for (size_t i = 0; i < len; i++)
		if (partial->data[i] == '\t')
			partial->data[i] = ' ';
	bool text = is_text(partial->data, len);
	if (text)
		give(l, l->time_ms, LINES_SHOWN, partial->data, len);
	else
		give_strings(l, partial->data, len);
	/* What shows nothing between letters must not hide them from the search. */
	if (!text) {
		l->scraps.least = LINES_RUN_MIN;
		scraps_feed(&l->scraps, partial->data, len, true);
		scraps_finish(&l->scraps);
	}
	if (!whole && partial->len > SCRAPS_OVERLAP)
		buffer_consume(partial, partial->len - SCRAPS_OVERLAP);
	else
		buffer_clear(partial);
}

static int feed_pipe(struct lines *l, struct buffer *partial, const uint8_t *data, size_t len)
{
	while (len > 0) {
		const uint8_t *lf = memchr(data, '\n', len);
		size_t piece = lf != NULL ? (size_t)(lf - data) : len;
		bool whole = lf != NULL;
		if (piece > LINES_LENGTH_MAX - partial->len) {
			piece = LINES_LENGTH_MAX - partial->len;
			whole = false;
		}
		int result = buffer_put(partial, data, piece);
		if (result != 0)
			return result;
		if (whole || partial->len == LINES_LENGTH_MAX)
			give_pipe_line(l, partial, whole);
		piece += whole;
		data += piece;
		len -= piece;
	}
	return 0;
}

/* ---- */

static void init_buffers(struct lines *l)
{
	buffer_init(&l->joined, LINES_LENGTH_MAX);
	buffer_init(&l->text, (size_t)VT_COLUMNS_MAX * 8 + (size_t)LINES_LENGTH_MAX * 8);
	buffer_init(&l->string, LINES_LENGTH_MAX / 4);
	buffer_init(&l->partial[0], LINES_LENGTH_MAX);
	buffer_init(&l->partial[1], LINES_LENGTH_MAX);
	prompt_init(&l->prompt, on_command, l);
	scraps_init(&l->scraps, 2, on_scrap, l);
}

struct lines *lines_new(unsigned columns, unsigned rows, bool pipe, lines_each *each, void *context)
{
	struct lines *l = calloc(1, sizeof *l);
	if (l == NULL)
		return NULL;
	init_buffers(l);
	l->each = each;
	l->context = context;
	if (pipe)
		return l;
	l->vt = vt_new(columns, rows);
	if (l->vt == NULL) {
		free(l);
		return NULL;
	}
	set_events(l);
	return l;
}

void lines_free(struct lines *l)
{
	if (l == NULL)
		return;
	vt_free(l->vt);
	buffer_free(&l->joined);
	buffer_free(&l->text);
	buffer_free(&l->string);
	buffer_free(&l->partial[0]);
	buffer_free(&l->partial[1]);
	prompt_free(&l->prompt);
	scraps_free(&l->scraps);
	free(l);
}

struct lines *lines_copy(const struct lines *from, lines_each *each, void *context)
{
	struct lines *l = malloc(sizeof *l);
	if (l == NULL)
		return NULL;
	*l = *from;
	init_buffers(l);
	l->each = each;
	l->context = context;
	l->vt = from->vt != NULL ? vt_copy(from->vt) : NULL;
	if ((from->vt != NULL && l->vt == NULL) || prompt_copy(&l->prompt, &from->prompt) != 0 ||
	    scraps_copy(&l->scraps, &from->scraps) != 0 ||
	    buffer_put(&l->joined, from->joined.data, from->joined.len) != 0 ||
	    buffer_put(&l->string, from->string.data, from->string.len) != 0 ||
	    buffer_put(&l->partial[0], from->partial[0].data, from->partial[0].len) != 0 ||
	    buffer_put(&l->partial[1], from->partial[1].data, from->partial[1].len) != 0) {
		lines_free(l);
		return NULL;
	}
	if (l->vt != NULL)
		set_events(l);
	return l;
}

int lines_feed(struct lines *l, uint64_t time_ms, unsigned stream, const void *data, size_t len)
{
	l->time_ms = time_ms;
	l->out_bytes += len;
	if (l->vt == NULL)
		return feed_pipe(l, &l->partial[stream & 1], data, len);
	l->prompt.time_ms = time_ms;
	vt_set_time(l->vt, time_ms);
	vt_feed(l->vt, data, len);
	look_at_bytes(l, data, len);
	return 0;
}

void lines_key(struct lines *l)
{
	if (l->vt != NULL)
		prompt_key(&l->prompt, l->vt);
}

void lines_resize(struct lines *l, uint64_t time_ms, unsigned columns, unsigned rows)
{
	l->time_ms = time_ms;
	if (l->vt == NULL)
		return;
	vt_set_time(l->vt, time_ms);
	vt_resize(l->vt, columns, rows);
}

void lines_finish(struct lines *l)
{
	if (l->vt == NULL) {
		give_pipe_line(l, &l->partial[0], true);
		give_pipe_line(l, &l->partial[1], true);
		return;
	}
	give_screen(l);
	end_joined(l);
	on_string_end(l);
	scraps_finish(&l->scraps);
	prompt_finish(&l->prompt);
}

int lines_peek(const struct lines *l, lines_each *each, void *context)
{
	struct lines *copy = lines_copy(l, each, context);
	if (copy == NULL)
		return ITM_ENOMEM;
	lines_finish(copy);
	lines_free(copy);
	return 0;
}
