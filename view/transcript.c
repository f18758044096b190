#include "view/transcript.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "store/filenote.h"
#include "terminal/text.h"
#include "terminal/vt.h"
#include "view/activities.h"
#include "view/head.h"
#include "view/notes.h"
#include "view/row.h"
#include "view/when.h"

enum {
	NOTE_MAX = 1 << 20,     /* bytes of one marker, escaped */
	TYPED_MAX = 1024,       /* bytes of one line of what was typed */
};

struct transcript {
	struct vt *vt;                  /* its clock is wall time in ms */
	struct head head;
	struct buffer *out;             /* while inside a call of ours */
	int error;                      /* first of out, inside vt's callbacks */
	int64_t now;
	struct buffer typed;            /* of a line not yet ended by Enter */
	int64_t typed_ns;               /* its first key */
	bool begun, joined;             /* joined: the last line put goes on in the next */
};

static void fail(struct transcript *t, int r)
{
	if (t->error == 0)
		t->error = r;
}

static void put_time(struct transcript *t, int64_t wall_ns)
{
	char text[WHEN_TEXT_SIZE];

	when_format_wall(wall_ns, text);
	fail(t, buffer_printf(t->out, "%s  ", text));
}

static void put_row(struct transcript *t, const struct vt_cell *cells, unsigned columns,
		    bool wrapped, uint64_t wall_ms)
{
	if (!t->joined)
		put_time(t, (int64_t)wall_ms * 1000000);
	fail(t, row_put(t->out, cells, columns, wrapped));
	if (!wrapped)
		fail(t, buffer_put_u8(t->out, '\n'));
	t->joined = wrapped;
}

static void on_line(void *context, const struct vt_cell *cells, unsigned columns, bool wrapped)
{
	struct transcript *t = context;

	if (vt_line_fresh(t->vt))
		put_row(t, cells, columns, wrapped, vt_line_time(t->vt));
}

static bool blank(const struct vt_cell *cells, unsigned columns)
{
	unsigned x;

	for (x = 0; x < columns; x++)
		if (cells[x].rune != 0 && cells[x].rune != ' ')
			return false;
	return true;
}

/* What is on the screen and was not put before, up to the last line that has
 * something. */
static void put_screen(struct transcript *t)
{
	unsigned columns = vt_columns(t->vt), rows = vt_rows(t->vt), y;

	while (rows > 0 && blank(vt_row(t->vt, rows - 1), columns))
		rows--;
	for (y = 0; y < rows; y++) {
		if (!vt_row_fresh(t->vt, y))
			continue;
		put_row(t, vt_row(t->vt, y), columns,
			y + 1 < rows && vt_row_wrapped(t->vt, y) && vt_row_fresh(t->vt, y + 1),
			vt_row_time(t->vt, y));
		vt_row_take(t->vt, y);
	}
}

static void on_clearing(void *context)
{
	put_screen(context);
}

/* "# words" on a line of its own. */
static void put_note(struct transcript *t, int64_t wall_ns, const char *words)
{
	if (t->joined)
		fail(t, buffer_put_u8(t->out, '\n'));
	t->joined = false;
	put_time(t, wall_ns);
	fail(t, buffer_printf(t->out, "# %s\n", words));
}

static void *transcript_open(bool raw)
{
	struct transcript *t = calloc(1, sizeof(*t));
	struct vt_events events = { .line = on_line, .clearing = on_clearing, .context = t };

	if (t == NULL)
		return NULL;
	head_init(&t->head);
	buffer_init(&t->typed, TYPED_MAX + 1);
	t->vt = vt_new(t->head.columns, t->head.rows);
	if (t->vt == NULL) {
		free(t);
		return NULL;
	}
	vt_set_events(t->vt, &events);
	return t;
}

static void transcript_close(void *state)
{
	struct transcript *t = state;

	vt_free(t->vt);
	buffer_free(&t->typed);
	free(t);
}

static void feed(struct transcript *t, const uint8_t *data, size_t len)
{
	size_t i, from = 0;

	/* Without a terminal driver nobody made CR LF of LF. */
	for (i = 0; t->head.pipe && i < len; i++) {
		if (data[i] != '\n')
			continue;
		vt_feed(t->vt, data + from, i - from);
		vt_feed(t->vt, "\r", 1);
		from = i;
	}
	vt_feed(t->vt, data + from, len - from);
}

/* Rows stay on a screen of another size; only a narrower one loses text. */
static void resize(struct transcript *t, unsigned columns, unsigned rows)
{
	struct vt_events events = { .line = on_line, .context = t };

	if (columns < vt_columns(t->vt))
		put_screen(t);
	vt_set_events(t->vt, &events);
	vt_resize(t->vt, columns, rows);
	events.clearing = on_clearing;
	vt_set_events(t->vt, &events);
}

static void put_head(struct transcript *t, int64_t wall_ns, const struct record_event *e)
{
	struct buffer words;

	if (e->len > 0)
		head_read(&t->head, e->data, e->len);
	resize(t, t->head.columns, t->head.rows);
	if (t->begun)
		return;
	t->begun = true;
	bool is_host = strcmp(t->head.mode, "host") == 0;
	buffer_init(&words, NOTE_MAX);
	fail(t, buffer_put_text(&words, is_host ? "events of host " : "session of "));
	fail(t, text_escape(&words, t->head.user, strlen(t->head.user)));
	if (!is_host)
		fail(t, buffer_put_u8(&words, '@'));
	fail(t, text_escape(&words, t->head.hostname, strlen(t->head.hostname)));
	if (t->head.service[0] != '\0') {
		fail(t, buffer_put_text(&words, " by "));
		fail(t, text_escape(&words, t->head.service, strlen(t->head.service)));
	}
	fail(t, buffer_put_text(&words, ", times in UTC"));
	if (buffer_text(&words) != NULL)
		put_note(t, wall_ns, buffer_text(&words));
	buffer_free(&words);
}

static void put_marker(struct transcript *t, int64_t wall_ns, const struct record_event *e)
{
	struct buffer words;

	put_screen(t);
	buffer_init(&words, NOTE_MAX);
	fail(t, buffer_put_text(&words, "marker: "));
	fail(t, text_escape(&words, e->data, e->len));
	if (buffer_text(&words) != NULL)
		put_note(t, wall_ns, buffer_text(&words));
	buffer_free(&words);
}

/* A file of a transfer, or what happened on a host. */
/* What was typed up to here, with the time of its first key. */
static void put_typed(struct transcript *t)
{
	struct buffer words;

	if (t->typed.len == 0)
		return;
	buffer_init(&words, NOTE_MAX);
	fail(t, buffer_put_text(&words, "typed: "));
	fail(t, text_escape(&words, t->typed.data, t->typed.len));
	buffer_clear(&t->typed);
	if (buffer_text(&words) != NULL)
		put_note(t, t->typed_ns, buffer_text(&words));
	buffer_free(&words);
}

static void gather_typed(struct transcript *t, int64_t wall_ns, const struct record_event *e)
{
	for (size_t i = 0; e->data != NULL && i < e->len; i++) {
		if (t->typed.len == 0)
			t->typed_ns = wall_ns;
		fail(t, buffer_put_u8(&t->typed, e->data[i]));
		if (e->data[i] == '\r' || e->data[i] == '\n' || t->typed.len == TYPED_MAX)
			put_typed(t);
	}
}

static void put_happening(struct transcript *t, int64_t wall_ns, const struct record_event *e)
{
	struct buffer words;

	buffer_init(&words, NOTE_MAX);
	int r = ITM_ENOENT;
	if (e->data != NULL)
		r = e->kind == RECORD_ACTIVITY ? activities_line(&words, e->data, e->len)
					       : filenote_put(&words, e->data, e->len);
	if (r == ITM_ENOENT)
		r = notes_line(e, wall_ns, &words);
	if (r == 0 && buffer_text(&words) != NULL) {
		put_screen(t);
		put_note(t, wall_ns, buffer_text(&words));
	} else if (r != ITM_ENOENT) {
		fail(t, r);
	}
	buffer_free(&words);
}

static void put_numbers(struct transcript *t, int64_t wall_ns, const struct record_event *e)
{
	char words[128];
	unsigned long long n = e->code;

	switch (e->kind) {
	case RECORD_GAP:
		snprintf(words, sizeof(words), "gap: %llu bytes lost here", n);
		break;
	case RECORD_MASKED:
		snprintf(words, sizeof(words), "%llu bytes typed without echo, not stored", n);
		break;
	case RECORD_SIGNAL:
		snprintf(words, sizeof(words), "signal %llu", n);
		break;
	case RECORD_EXIT:
		if ((n & 0x7f) != 0)
			snprintf(words, sizeof(words), "ended by signal %llu", n & 0x7f);
		else
			snprintf(words, sizeof(words), "exit status %llu", n >> 8 & 0xff);
		break;
	case RECORD_COUNTED:
		/* Stream 0 is the keyboard: counted by the thousand, said by itm sessions. */
		if ((n & 3) == 0)
			return;
		snprintf(words, sizeof(words), "%llu bytes of %s seen, not stored", n >> 2,
			 (n & 3) == 1 ? "output" : "error output");
		break;
	default:
		return;
	}
	put_screen(t);
	put_note(t, wall_ns, words);
}

static int transcript_event(void *state, const struct source_event *event, struct buffer *out)
{
	struct transcript *t = state;
	const struct record_event *e = &event->event;

	t->out = out;
	t->error = 0;
	t->now = event->wall_ns;
	vt_set_time(t->vt, (uint64_t)(t->now > 0 ? t->now : 0) / 1000000);
	switch (e->kind) {
	case RECORD_OUT:
	case RECORD_ERR:
		if (e->len > 0)
			feed(t, e->data, e->len);
		break;
	case RECORD_IN:
		gather_typed(t, event->wall_ns, e);
		break;
	case RECORD_RESIZE:
		resize(t, (unsigned)(e->code >> 16 & 0xffff), (unsigned)(e->code & 0xffff));
		break;
	case RECORD_ENV:
		put_head(t, event->wall_ns, e);
		break;
	case RECORD_MARKER:
		put_marker(t, event->wall_ns, e);
		break;
	case RECORD_NOTE:
	case RECORD_ACTIVITY:
		put_happening(t, event->wall_ns, e);
		break;
	default:
		put_numbers(t, event->wall_ns, e);
		break;
	}
	return t->error;
}

static int transcript_broken(void *state, const char *words, struct buffer *out)
{
	struct transcript *t = state;
	struct buffer text;

	t->out = out;
	t->error = 0;
	put_screen(t);
	buffer_init(&text, NOTE_MAX);
	fail(t, buffer_put_text(&text, "the record is broken here: "));
	fail(t, text_escape(&text, words, strlen(words)));
	if (buffer_text(&text) != NULL)
		put_note(t, t->now, buffer_text(&text));
	buffer_free(&text);
	return t->error;
}

static int transcript_end(void *state, struct buffer *out)
{
	struct transcript *t = state;

	t->out = out;
	t->error = 0;
	put_typed(t);
	put_screen(t);
	if (t->joined)
		fail(t, buffer_put_u8(out, '\n'));
	t->joined = false;
	return t->error;
}

const struct sink transcript_sink = {
	.name = "text",
	.summary = "what was on the screen, with the time of each line",
	.open = transcript_open,
	.close = transcript_close,
	.event = transcript_event,
	.broken = transcript_broken,
	.end = transcript_end,
};
