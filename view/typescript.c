/* Lines of the timing file, as read from script(1)'s own: "H 0 NAME VALUE",
 * "O SECONDS BYTES", "S SECONDS SIGNAME WORDS"; seconds since the line before.
 * The first line of the typescript is passed over by scriptreplay, its last by
 * not being in the timing. */
#include "view/typescript.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "terminal/text.h"
#include "view/shown.h"

enum { TIMING_MAX = 16 << 20 }; /* bytes between two writes */

struct typescript {
	bool begun, exited;
	uint64_t last_ms;
	unsigned status;
	struct head head;
	struct shown shown;
	struct buffer timing;
	char wall[CLOCK_TEXT_SIZE]; /* of the last event */
};

static void *typescript_open(bool raw)
{
	struct typescript *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	head_init(&t->head);
	shown_init(&t->shown, raw, false);
	buffer_init(&t->timing, TIMING_MAX);
	return t;
}

static void typescript_close(void *state)
{
	struct typescript *t = state;

	shown_free(&t->shown);
	buffer_free(&t->timing);
	free(t);
}

static struct buffer *typescript_second(void *state)
{
	struct typescript *t = state;

	return &t->timing;
}

static int put_value(struct buffer *b, const char *name, const char *value)
{
	int r;

	if (*value == '\0')
		return 0;
	r = buffer_printf(b, "H 0.000000 %s ", name);
	if (r == 0)
		r = text_escape(b, value, strlen(value));
	return r != 0 ? r : buffer_put_u8(b, '\n');
}

static int put_head(struct typescript *t, struct buffer *out)
{
	struct buffer *b = &t->timing;
	int r;

	t->begun = true;
	r = put_value(b, "START_TIME", t->wall);
	if (r == 0)
		r = put_value(b, "TERM", t->head.term);
	if (r == 0)
		r = buffer_printf(b, "H 0.000000 COLUMNS %u\nH 0.000000 LINES %u\n", t->head.columns, t->head.rows);
	if (r == 0)
		r = put_value(b, "SHELL", t->head.shell);
	if (r == 0)
		r = buffer_printf(out, "Script started on %s [COLUMNS=\"%u\" LINES=\"%u\"]\n", t->wall,
				  t->head.columns, t->head.rows);
	return r;
}

/* "X seconds " */
static int put_time(struct typescript *t, char type, uint64_t time_ms)
{
	uint64_t since = time_ms > t->last_ms ? time_ms - t->last_ms : 0;

	t->last_ms += since;
	return buffer_printf(&t->timing, "%c %llu.%03u000 ", type, (unsigned long long)(since / 1000),
			     (unsigned)(since % 1000));
}

static int put_output(struct typescript *t, const struct record_event *e, struct buffer *out)
{
	int r = shown_put(&t->shown, &t->head, e);

	if (r != 0 || t->shown.plain.len == 0)
		return r;
	r = put_time(t, 'O', e->time_ms);
	if (r == 0)
		r = buffer_printf(&t->timing, "%zu\n", t->shown.plain.len);
	return r != 0 ? r : buffer_put(out, t->shown.plain.data, t->shown.plain.len);
}

static int put_signal(struct typescript *t, const struct record_event *e)
{
	const char *name = e->code < NSIG ? sigabbrev_np((int)e->code) : NULL;
	int r = put_time(t, 'S', e->time_ms);

	if (r != 0)
		return r;
	return name != NULL ? buffer_printf(&t->timing, "SIG%s\n", name)
			    : buffer_printf(&t->timing, "SIG%llu\n", (unsigned long long)e->code);
}

static int put_resize(struct typescript *t, const struct record_event *e)
{
	int r = put_time(t, 'S', e->time_ms);

	return r != 0 ? r : buffer_printf(&t->timing, "SIGWINCH ROWS=%u COLS=%u\n", (unsigned)(e->code & 0xffff),
					  (unsigned)(e->code >> 16 & 0xffff));
}

static int typescript_event(void *state, const struct source_event *event, struct buffer *out)
{
	struct typescript *t = state;
	const struct record_event *e = &event->event;
	int r = 0;

	clock_format(event->wall_ns, t->wall);
	if (e->kind == RECORD_ENV && !t->begun)
		head_read(&t->head, e->data, e->len);
	if (!t->begun)
		r = put_head(t, out);
	if (r != 0)
		return r;
	switch (e->kind) {
	case RECORD_OUT:
	case RECORD_ERR:
		return put_output(t, e, out);
	case RECORD_RESIZE:
		return put_resize(t, e);
	case RECORD_SIGNAL:
		return put_signal(t, e);
	case RECORD_EXIT:
		t->exited = true;
		t->status = (unsigned)((e->code & 0x7f) != 0 ? 128 + (e->code & 0x7f) : e->code >> 8 & 0xff);
		return 0;
	default:
		return 0;
	}
}

/* The format has no word for it: itm export says it on stderr. */
static int typescript_broken(void *state, const char *words, struct buffer *out)
{
	return 0;
}

static int typescript_end(void *state, struct buffer *out)
{
	struct typescript *t = state;
	int r = t->begun ? 0 : put_head(t, out);

	if (r == 0)
		r = buffer_printf(&t->timing, "H 0.000000 DURATION %llu.%03u000\n",
				  (unsigned long long)(t->last_ms / 1000), (unsigned)(t->last_ms % 1000));
	if (r == 0 && t->exited)
		r = buffer_printf(&t->timing, "H 0.000000 EXIT_CODE %u\n", t->status);
	return r != 0 ? r : buffer_printf(out, "\nScript done on %s\n", t->wall);
}

const struct sink typescript_sink = {
	.name = "typescript",
	.summary = "output and its timing, for scriptreplay",
	.suffix = ".timing",
	.open = typescript_open,
	.close = typescript_close,
	.second = typescript_second,
	.event = typescript_event,
	.broken = typescript_broken,
	.end = typescript_end,
	.plays = true,
};
