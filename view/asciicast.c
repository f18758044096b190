#include "view/asciicast.h"

#include <stdlib.h>

#include "base/json.h"
#include "view/head.h"
#include "view/shown.h"

struct asciicast {
	bool begun;
	struct head head;
	struct shown shown;
};

static void *cast_open(bool raw)
{
	struct asciicast *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return NULL;
	head_init(&a->head);
	shown_init(&a->shown, raw, true);
	return a;
}

static void cast_close(void *state)
{
	struct asciicast *a = state;

	shown_free(&a->shown);
	free(a);
}

static int put_head(struct asciicast *a, int64_t wall_ns, struct buffer *out)
{
	struct json j;
	int r;

	json_init(&j, out);
	json_object(&j);
	json_key(&j, "version");
	json_uint(&j, 2);
	json_key(&j, "width");
	json_uint(&j, a->head.columns);
	json_key(&j, "height");
	json_uint(&j, a->head.rows);
	json_key(&j, "timestamp");
	json_int(&j, wall_ns / 1000000000);
	json_key(&j, "env");
	json_object(&j);
	json_key(&j, "TERM");
	json_text(&j, a->head.term);
	json_key(&j, "SHELL");
	json_text(&j, a->head.shell);
	json_object_end(&j);
	json_object_end(&j);
	r = json_result(&j);
	a->begun = true;
	return r != 0 ? r : buffer_put_u8(out, '\n');
}

static int put_line(uint64_t time_ms, const char *code, const void *data, size_t len,
		    struct buffer *out)
{
	struct json j;
	int r;

	json_init(&j, out);
	json_array(&j);
	json_seconds(&j, time_ms * 1000);
	json_text(&j, code);
	json_bytes(&j, data, len);
	json_array_end(&j);
	r = json_result(&j);
	return r != 0 ? r : buffer_put_u8(out, '\n');
}

static int put_output(struct asciicast *a, const struct record_event *e, struct buffer *out)
{
	int r = shown_put(&a->shown, &a->head, e);

	if (r != 0 || a->shown.plain.len == 0)
		return r;
	return put_line(e->time_ms, "o", a->shown.plain.data, a->shown.plain.len, out);
}

static int put_resize(const struct record_event *e, struct buffer *out)
{
	struct buffer size;
	int r;

	buffer_init(&size, 64);
	r = buffer_printf(&size, "%ux%u", (unsigned)(e->code >> 16 & 0xffff),
			  (unsigned)(e->code & 0xffff));
	if (r == 0)
		r = put_line(e->time_ms, "r", size.data, size.len, out);
	buffer_free(&size);
	return r;
}

static int cast_event(void *state, const struct source_event *event, struct buffer *out)
{
	struct asciicast *a = state;
	const struct record_event *e = &event->event;
	int r;

	if (e->kind == RECORD_ENV && !a->begun)
		head_read(&a->head, e->data, e->len);
	if (!a->begun) {
		r = put_head(a, event->wall_ns, out);
		if (r != 0)
			return r;
	}
	switch (e->kind) {
	case RECORD_OUT:
	case RECORD_ERR:
		return put_output(a, e, out);
	case RECORD_IN:
		return e->data != NULL ? put_line(e->time_ms, "i", e->data, e->len, out) : 0;
	case RECORD_RESIZE:
		return put_resize(e, out);
	case RECORD_MARKER:
		return put_line(e->time_ms, "m", e->data, e->len, out);
	default:
		return 0;
	}
}

/* The format has no word for it: itm export says it on stderr. */
static int cast_broken(void *state, const char *words, struct buffer *out)
{
	return 0;
}

static int cast_end(void *state, struct buffer *out)
{
	struct asciicast *a = state;

	return a->begun ? 0 : put_head(a, 0, out);
}

const struct sink asciicast_sink = {
	.name = "asciicast",
	.summary = "asciicast v2, for asciinema",
	.open = cast_open,
	.close = cast_close,
	.event = cast_event,
	.broken = cast_broken,
	.end = cast_end,
	.plays = true,
};
