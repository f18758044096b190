#include "view/asciicast3.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "terminal/text.h"
#include "view/commands.h"
#include "view/mark.h"
#include "view/shown.h"

enum { LABEL_MAX = 1 << 20 }; /* bytes of one marker's words */

struct asciicast3 {
	bool begun;
	uint64_t last_ms;         /* of the last line: each tells the time since it */
	struct head head;
	struct shown shown;
	struct buffer label;
	struct commands commands;
};

static void *cast_open(bool raw)
{
	struct asciicast3 *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return NULL;
	head_init(&a->head);
	shown_init(&a->shown, raw, true);
	buffer_init(&a->label, LABEL_MAX);
	commands_init(&a->commands);
	return a;
}

static void cast_close(void *state)
{
	struct asciicast3 *a = state;

	shown_free(&a->shown);
	buffer_free(&a->label);
	commands_free(&a->commands);
	free(a);
}

static int end_line(struct json *j, struct buffer *out)
{
	int r = json_result(j);

	return r != 0 ? r : buffer_put_u8(out, '\n');
}

static int put_head(struct asciicast3 *a, int64_t wall_ns, struct buffer *out)
{
	struct json j;

	json_init(&j, out);
	json_object(&j);
	json_key(&j, "version");
	json_uint(&j, 3);
	json_key(&j, "term");
	json_object(&j);
	json_key(&j, "cols");
	json_uint(&j, a->head.columns);
	json_key(&j, "rows");
	json_uint(&j, a->head.rows);
	json_key(&j, "type");
	json_text(&j, a->head.term);
	json_object_end(&j);
	json_key(&j, "timestamp");
	json_int(&j, wall_ns / 1000000000);
	json_key(&j, "env");
	json_object(&j);
	json_key(&j, "SHELL");
	json_text(&j, a->head.shell);
	json_object_end(&j);
	json_object_end(&j);
	a->begun = true;
	return end_line(&j, out);
}

static int put_line(struct asciicast3 *a, uint64_t time_ms, const char *code, const void *data, size_t len,
		    struct buffer *out)
{
	uint64_t since = time_ms > a->last_ms ? time_ms - a->last_ms : 0;
	struct json j;

	json_init(&j, out);
	json_array(&j);
	json_seconds(&j, since * 1000);
	json_text(&j, code);
	json_bytes(&j, data, len);
	json_array_end(&j);
	a->last_ms += since;
	return end_line(&j, out);
}

static int put_label(struct asciicast3 *a, uint64_t time_ms, const char *code, struct buffer *out)
{
	return put_line(a, time_ms, code, a->label.data, a->label.len, out);
}

static int put_mark(struct asciicast3 *a, const struct source_event *event, struct buffer *out)
{
	int r = mark_put(event, &a->label);

	if (r == 0)
		return put_label(a, event->event.time_ms, "m", out);
	return r == ITM_ENOENT ? 0 : r;
}

static int put_commands(struct asciicast3 *a, uint64_t time_ms, int r, struct buffer *out)
{
	const uint8_t *text;
	uint64_t accepted_ms;
	size_t at = 0, len;

	while (r == 0 && commands_next(&a->commands, &at, &accepted_ms, &text, &len))
		r = put_line(a, time_ms, "m", text, len, out);
	return r;
}

/* As a shell says it: 128 and the signal's number. */
static int put_exit(struct asciicast3 *a, const struct record_event *e, struct buffer *out)
{
	unsigned signal = (unsigned)(e->code & 0x7f);
	int r = buffer_printf(&a->label, "%u", signal != 0 ? 128 + signal : (unsigned)(e->code >> 8 & 0xff));

	return r != 0 ? r : put_label(a, e->time_ms, "x", out);
}

static int put_resize(struct asciicast3 *a, const struct record_event *e, struct buffer *out)
{
	int r = buffer_printf(&a->label, "%ux%u", (unsigned)(e->code >> 16 & 0xffff), (unsigned)(e->code & 0xffff));

	return r != 0 ? r : put_label(a, e->time_ms, "r", out);
}

static int put_event(struct asciicast3 *a, const struct source_event *event, struct buffer *out)
{
	const struct record_event *e = &event->event;
	int r;

	buffer_clear(&a->label);
	switch (e->kind) {
	case RECORD_OUT:
	case RECORD_ERR:
		r = shown_put(&a->shown, &a->head, e);
		if (r != 0 || a->shown.plain.len == 0)
			return r;
		return put_line(a, e->time_ms, "o", a->shown.plain.data, a->shown.plain.len, out);
	case RECORD_IN:
		return e->data != NULL ? put_line(a, e->time_ms, "i", e->data, e->len, out) : 0;
	case RECORD_RESIZE:
		return put_resize(a, e, out);
	case RECORD_EXIT:
		/* Nothing stands behind the exit status. */
		r = put_commands(a, e->time_ms, commands_finish(&a->commands), out);
		return r != 0 ? r : put_exit(a, e, out);
	default:
		return put_mark(a, event, out);
	}
}

static int cast_event(void *state, const struct source_event *event, struct buffer *out)
{
	struct asciicast3 *a = state;
	const struct record_event *e = &event->event;
	int r = 0;

	if (e->kind == RECORD_ENV && !a->begun)
		head_read(&a->head, e->data, e->len);
	if (!a->begun)
		r = put_head(a, event->wall_ns, out);
	if (r == 0)
		r = put_event(a, event, out);
	if (r != 0 || e->kind == RECORD_EXIT)
		return r;
	return put_commands(a, e->time_ms, commands_take(&a->commands, &a->head, e), out);
}

/* A line that is a comment, and a marker for those who only play. */
static int cast_broken(void *state, const char *words, struct buffer *out)
{
	struct asciicast3 *a = state;
	int r = a->begun ? 0 : put_head(a, 0, out);

	buffer_clear(&a->label);
	if (r == 0)
		r = buffer_put_text(&a->label, "the record is broken here: ");
	if (r == 0)
		r = text_escape(&a->label, words, strlen(words));
	if (r == 0)
		r = buffer_printf(out, "# %s\n", buffer_text(&a->label));
	return r != 0 ? r : put_label(a, a->last_ms, "m", out);
}

static int cast_end(void *state, struct buffer *out)
{
	struct asciicast3 *a = state;
	int r = a->begun ? 0 : put_head(a, 0, out);

	return r != 0 ? r : put_commands(a, a->last_ms, commands_finish(&a->commands), out);
}

const struct sink asciicast3_sink = {
	.name = "asciicast3",
	.summary = "asciicast v3, with markers",
	.open = cast_open,
	.close = cast_close,
	.event = cast_event,
	.broken = cast_broken,
	.end = cast_end,
	.plays = true,
};
