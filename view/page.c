/* The data is one JSON text a line inside a script element that no browser
 * runs: an object about the session, then [ms, kind, value]:
 *   size [columns, rows], rows [[y, [[text, columns, fg, bg, attributes]]]],
 *   cursor [x, y, visible], mark "words", typed "words", end null
 * Colours and attributes are those of terminal/vt.h. */
#include "view/page.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/json.h"
#include "format/seal.h"
#include "terminal/text.h"
#include "terminal/vt.h"
#include "view/commands.h"
#include "view/head.h"
#include "view/mark.h"
#include "view/page_parts.h"
#include "view/row.h"

enum {
	PAGE_STEP_MS = 40,      /* screens are at least so far apart */
	LINE_MAX = 48 << 20,    /* bytes of one line: each of 1000 x 500 cells of another colour */
	WORDS_MAX = 1 << 20,
};

struct page {
	bool begun, dirty;
	uint64_t dirty_ms, last_ms; /* first and last change since the last screen */
	int64_t start_ns;
	struct head head;
	struct vt *vt;
	struct vt_cell *drawn;      /* what the page shows so far */
	unsigned columns, rows;     /* of drawn; 0 = none */
	unsigned x, y;
	bool visible;
	struct buffer line, words;
	struct commands commands;
};

static void *page_open(bool raw)
{
	struct page *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	head_init(&p->head);
	buffer_init(&p->line, LINE_MAX);
	buffer_init(&p->words, WORDS_MAX);
	commands_init(&p->commands);
	p->vt = vt_new(p->head.columns, p->head.rows);
	if (p->vt != NULL)
		return p;
	free(p);
	return NULL;
}

static void page_close(void *state)
{
	struct page *p = state;

	vt_free(p->vt);
	free(p->drawn);
	buffer_free(&p->line);
	buffer_free(&p->words);
	commands_free(&p->commands);
	free(p);
}

static int put_part(const char *const *lines, struct buffer *out)
{
	int r = 0;

	for (; *lines != NULL && r == 0; lines++)
		r = buffer_put_text(out, *lines);
	return r;
}

/* The policy names style and script by their hashes (CSP level 3): no other
 * can run, whatever the record holds. */
static int put_policy(const char *name, const char *const *lines, struct buffer *out)
{
	struct hash *h = hash_new();
	uint8_t digest[HASH_SIZE];
	int r;

	if (h == NULL)
		return ITM_ENOMEM;
	for (; *lines != NULL; lines++)
		hash_update(h, *lines, strlen(*lines));
	hash_final(h, digest);
	hash_free(h);
	r = buffer_printf(out, "; %s 'sha256-", name);
	if (r == 0)
		r = seal_base64_put(out, digest, sizeof(digest));
	return r != 0 ? r : buffer_put_u8(out, '\'');
}

static const char body[] =
	"</style>\n</head>\n<body>\n"
	"<h1 id=\"title\">Recorded session</h1>\n"
	"<noscript><p>This page needs JavaScript to play the recording. It loads nothing from a network.</p></noscript>\n"
	"<div id=\"screen\" role=\"region\" aria-label=\"Terminal screen\" tabindex=\"0\"></div>\n"
	"<div id=\"controls\" role=\"group\" aria-label=\"Player\">\n"
	"<button id=\"play\" type=\"button\">Play</button>\n"
	"<input id=\"seek\" type=\"range\" min=\"0\" max=\"0\" step=\"100\" value=\"0\" aria-label=\"Time in the session\">\n"
	"<span id=\"clock\"></span>\n"
	"<label>Speed <select id=\"speed\"><option value=\"0.5\">0.5</option><option value=\"1\" selected>1</option>"
	"<option value=\"2\">2</option><option value=\"4\">4</option><option value=\"16\">16</option>"
	"<option value=\"64\">64</option></select></label>\n"
	"<label><input id=\"idle\" type=\"checkbox\" checked> Skip pauses</label>\n"
	"<button id=\"theme\" type=\"button\">Light or dark</button>\n</div>\n"
	"<p id=\"note\" role=\"status\"></p>\n<p id=\"typed\"></p>\n"
	"<h2>Markers</h2>\n<p id=\"none\">None.</p>\n<ol id=\"marks\"></ol>\n"
	"<p>Keys: <kbd>Space</kbd> play or pause, <kbd>←</kbd> <kbd>→</kbd> 5 seconds, <kbd>Home</kbd> <kbd>End</kbd>, "
	"<kbd>+</kbd> <kbd>-</kbd> speed, <kbd>[</kbd> <kbd>]</kbd> markers, <kbd>i</kbd> pauses, <kbd>t</kbd> light or dark. "
	"This copy carries no signature and proves nothing.</p>\n"
	"<script type=\"application/json\" id=\"record\">\n";

static int put_start(struct buffer *out)
{
	int r = buffer_put_text(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
				"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
				"base-uri 'none'; form-action 'none'");

	if (r == 0)
		r = put_policy("script-src", page_parts_js, out);
	if (r == 0)
		r = put_policy("style-src", page_parts_css, out);
	if (r == 0)
		r = buffer_put_text(out, "\">\n<meta name=\"viewport\" content=\"width=device-width\">\n"
				    "<meta name=\"referrer\" content=\"no-referrer\">\n"
				    "<title>Recorded session</title>\n<style>");
	if (r == 0)
		r = put_part(page_parts_css, out);
	return r != 0 ? r : buffer_put_text(out, body);
}

/* What is in p->line; no '<' of it can end the element or open a comment. */
static int put_line(struct page *p, struct buffer *out)
{
	size_t i, from = 0;
	int r = 0;

	for (i = 0; i < p->line.len && r == 0; i++) {
		if (p->line.data[i] != '<')
			continue;
		r = buffer_put(out, p->line.data + from, i - from);
		if (r == 0)
			r = buffer_put_text(out, "\\u003c");
		from = i + 1;
	}
	if (r == 0)
		r = buffer_put(out, p->line.data + from, p->line.len - from);
	return r != 0 ? r : buffer_put_u8(out, '\n');
}

static void begin(struct page *p, struct json *j, uint64_t time_ms, const char *kind)
{
	buffer_clear(&p->line);
	json_init(j, &p->line);
	json_array(j);
	json_uint(j, time_ms);
	json_text(j, kind);
}

static int finish(struct page *p, struct json *j, struct buffer *out)
{
	int r;

	json_array_end(j);
	r = json_result(j);
	return r != 0 ? r : put_line(p, out);
}

static int put_words(struct page *p, uint64_t time_ms, const char *kind, struct buffer *out)
{
	struct json j;

	begin(p, &j, time_ms, kind);
	json_bytes(&j, p->words.data, p->words.len);
	return finish(p, &j, out);
}

static int put_head(struct page *p, struct buffer *out)
{
	struct json j;
	int r = put_start(out);

	p->begun = true;
	buffer_clear(&p->words);
	if (r == 0)
		r = buffer_put_text(&p->words, "Session of ");
	if (r == 0)
		r = text_escape(&p->words, p->head.user, strlen(p->head.user));
	if (r == 0)
		r = buffer_put_u8(&p->words, '@');
	if (r == 0)
		r = text_escape(&p->words, p->head.hostname, strlen(p->head.hostname));
	if (r != 0)
		return r;
	buffer_clear(&p->line);
	json_init(&j, &p->line);
	json_object(&j);
	json_key(&j, "title");
	json_bytes(&j, p->words.data, p->words.len);
	json_key(&j, "start");
	json_int(&j, p->start_ns / 1000000);
	json_key(&j, "columns");
	json_uint(&j, p->head.columns);
	json_object_end(&j);
	r = json_result(&j);
	vt_resize(p->vt, p->head.columns, p->head.rows);
	p->dirty = true;
	return r != 0 ? r : put_line(p, out);
}

static bool alike(const struct vt_cell *a, const struct vt_cell *b)
{
	return a->fg == b->fg && a->bg == b->bg && a->attributes == b->attributes;
}

/* Runs of one style; wide characters apart, so that each run has a width. */
static unsigned run_len(const struct vt_cell *cells, unsigned x, unsigned columns)
{
	unsigned end = x + 1;

	if (cells[x].rune >= 0x80) {
		while (end < columns && cells[end].width == 0)
			end++;
		return end - x;
	}
	while (end < columns && alike(&cells[x], &cells[end]) && cells[end].rune < 0x80 && cells[end].width == 1)
		end++;
	return end - x;
}

static int put_row(struct page *p, struct json *j, unsigned y)
{
	const struct vt_cell *cells = vt_row(p->vt, y);
	unsigned x, n;
	int r = 0;

	json_array(j);
	json_uint(j, y);
	json_array(j);
	for (x = 0; x < p->columns && r == 0; x += n) {
		n = run_len(cells, x, p->columns);
		buffer_clear(&p->words);
		r = row_put(&p->words, cells + x, n, true);
		json_array(j);
		json_bytes(j, p->words.data, p->words.len);
		json_uint(j, n);
		json_uint(j, cells[x].fg);
		json_uint(j, cells[x].bg);
		json_uint(j, cells[x].attributes);
		json_array_end(j);
	}
	json_array_end(j);
	json_array_end(j);
	return r;
}

static int put_size(struct page *p, uint64_t time_ms, struct buffer *out)
{
	unsigned columns = vt_columns(p->vt), rows = vt_rows(p->vt);
	struct vt_cell *cells;
	struct json j;

	if (columns == p->columns && rows == p->rows)
		return 0;
	cells = calloc((size_t)columns * rows, sizeof(*cells));
	if (cells == NULL)
		return ITM_ENOMEM;
	free(p->drawn);
	p->drawn = cells;
	p->columns = columns;
	p->rows = rows;
	begin(p, &j, time_ms, "size");
	json_array(&j);
	json_uint(&j, columns);
	json_uint(&j, rows);
	json_array_end(&j);
	return finish(p, &j, out);
}

static int put_rows(struct page *p, uint64_t time_ms, struct buffer *out)
{
	size_t len = p->columns * sizeof(*p->drawn);
	bool any = false;
	struct json j;
	unsigned y;
	int r = 0;

	begin(p, &j, time_ms, "rows");
	json_array(&j);
	for (y = 0; y < p->rows && r == 0; y++) {
		struct vt_cell *drawn = p->drawn + (size_t)y * p->columns;

		if (memcmp(drawn, vt_row(p->vt, y), len) == 0)
			continue;
		memcpy(drawn, vt_row(p->vt, y), len);
		r = put_row(p, &j, y);
		any = true;
	}
	json_array_end(&j);
	if (r != 0 || !any)
		return r;
	return finish(p, &j, out);
}

static int put_cursor(struct page *p, uint64_t time_ms, struct buffer *out)
{
	unsigned x, y;
	bool visible;
	struct json j;

	vt_cursor(p->vt, &x, &y, &visible);
	if (x == p->x && y == p->y && visible == p->visible)
		return 0;
	p->x = x;
	p->y = y;
	p->visible = visible;
	begin(p, &j, time_ms, "cursor");
	json_array(&j);
	json_uint(&j, x);
	json_uint(&j, y);
	json_uint(&j, visible);
	json_array_end(&j);
	return finish(p, &j, out);
}

/* The screen as it stands, at the time of its last change. */
static int put_screen(struct page *p, struct buffer *out)
{
	int r;

	if (!p->dirty)
		return 0;
	p->dirty = false;
	r = put_size(p, p->last_ms, out);
	if (r == 0)
		r = put_rows(p, p->last_ms, out);
	return r != 0 ? r : put_cursor(p, p->last_ms, out);
}

static void feed(struct page *p, const struct record_event *e)
{
	size_t i, from = 0;

	/* Without a terminal driver nobody made CR LF of LF. */
	for (i = 0; p->head.pipe && i < e->len; i++) {
		if (e->data[i] != '\n')
			continue;
		vt_feed(p->vt, e->data + from, i - from);
		vt_feed(p->vt, "\r", 1);
		from = i;
	}
	if (e->len > 0)
		vt_feed(p->vt, e->data + from, e->len - from);
}

static int put_typed(struct page *p, const struct record_event *e, struct buffer *out)
{
	int r = e->data != NULL ? text_escape(&p->words, e->data, e->len) : ITM_ENOENT;

	return r == 0 ? put_words(p, e->time_ms, "typed", out) : r;
}

static int put_event(struct page *p, const struct source_event *event, struct buffer *out)
{
	const struct record_event *e = &event->event;
	int r;

	buffer_clear(&p->words);
	switch (e->kind) {
	case RECORD_OUT:
	case RECORD_ERR:
		feed(p, e);
		break;
	case RECORD_RESIZE:
		vt_resize(p->vt, (unsigned)(e->code >> 16 & 0xffff), (unsigned)(e->code & 0xffff));
		break;
	case RECORD_IN:
		r = put_typed(p, e, out);
		return r == ITM_ENOENT ? 0 : r;
	default:
		r = mark_put(event, &p->words);
		if (r == 0)
			r = put_words(p, e->time_ms, "mark", out);
		return r == ITM_ENOENT ? 0 : r;
	}
	if (!p->dirty)
		p->dirty_ms = e->time_ms;
	p->dirty = true;
	return 0;
}

static int put_commands(struct page *p, uint64_t time_ms, int r, struct buffer *out)
{
	const uint8_t *text;
	uint64_t accepted_ms;
	size_t at = 0, len;

	while (r == 0 && commands_next(&p->commands, &at, &accepted_ms, &text, &len)) {
		buffer_clear(&p->words);
		r = buffer_put(&p->words, text, len);
		if (r == 0)
			r = put_words(p, time_ms, "mark", out);
	}
	return r;
}

static int page_event(void *state, const struct source_event *event, struct buffer *out)
{
	struct page *p = state;
	const struct record_event *e = &event->event;
	int r = 0;

	if (e->kind == RECORD_ENV && !p->begun)
		head_read(&p->head, e->data, e->len);
	if (!p->begun) {
		p->start_ns = event->wall_ns - (int64_t)e->time_ms * 1000000;
		r = put_head(p, out);
	}
	/* What is not a change of the screen stands behind the screen before it. */
	if (r == 0 && (e->time_ms >= p->dirty_ms + PAGE_STEP_MS || (e->kind != RECORD_OUT && e->kind != RECORD_ERR)))
		r = put_screen(p, out);
	p->last_ms = e->time_ms > p->last_ms ? e->time_ms : p->last_ms;
	if (r == 0)
		r = put_event(p, event, out);
	return r != 0 ? r : put_commands(p, e->time_ms, commands_take(&p->commands, &p->head, e), out);
}

static int page_broken(void *state, const char *words, struct buffer *out)
{
	struct page *p = state;
	int r = p->begun ? 0 : put_head(p, out);

	if (r == 0)
		r = put_screen(p, out);
	buffer_clear(&p->words);
	if (r == 0)
		r = buffer_put_text(&p->words, "the record is broken here: ");
	if (r == 0)
		r = text_escape(&p->words, words, strlen(words));
	return r != 0 ? r : put_words(p, p->last_ms, "mark", out);
}

static int page_end(void *state, struct buffer *out)
{
	struct page *p = state;
	struct json j;
	int r = p->begun ? 0 : put_head(p, out);

	if (r == 0)
		r = put_screen(p, out);
	if (r == 0)
		r = put_commands(p, p->last_ms, commands_finish(&p->commands), out);
	begin(p, &j, p->last_ms, "end");
	json_null(&j);
	if (r == 0)
		r = finish(p, &j, out);
	if (r == 0)
		r = buffer_put_text(out, "</script>\n<script>");
	if (r == 0)
		r = put_part(page_parts_js, out);
	return r != 0 ? r : buffer_put_text(out, "</script>\n</body>\n</html>\n");
}

const struct sink page_sink = {
	.name = "html",
	.summary = "one page that plays in a browser, offline",
	.open = page_open,
	.close = page_close,
	.event = page_event,
	.broken = page_broken,
	.end = page_end,
	.plays = true,
};
