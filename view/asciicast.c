#include "view/asciicast.h"

#include <stdlib.h>

#include "base/json.h"
#include "view/head.h"
#include "view/safe.h"

enum { PLAIN_MAX = 4 << 20 }; /* bytes of one event, filtered */

struct asciicast {
	bool raw, begun;
	struct head head;
	struct safe safe;
	struct buffer plain;
	uint8_t cut[4];           /* raw: a character whose end is in a later event */
	size_t cut_len;
};

static void *cast_open(bool raw)
{
	struct asciicast *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return NULL;
	a->raw = raw;
	head_init(&a->head);
	buffer_init(&a->plain, PLAIN_MAX);
	return a;
}

static void cast_close(void *state)
{
	struct asciicast *a = state;

	buffer_free(&a->plain);
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

/* Length of an unfinished UTF-8 character at the end of data, 0..3. */
static size_t unfinished(const uint8_t *data, size_t len)
{
	size_t back, need;

	for (back = 1; back <= 3 && back <= len; back++) {
		uint8_t c = data[len - back];

		if ((c & 0xc0) == 0x80)
			continue;
		need = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;
		return need > back ? back : 0;
	}
	return 0;
}

static int put_raw(struct asciicast *a, const uint8_t *data, size_t len, uint64_t time_ms,
		   struct buffer *out)
{
	size_t cut, i;
	int r;

	r = buffer_put(&a->plain, a->cut, a->cut_len);
	if (r == 0)
		r = buffer_put(&a->plain, data, len);
	if (r != 0)
		return r;
	cut = unfinished(a->plain.data, a->plain.len);
	for (i = 0; i < cut; i++)
		a->cut[i] = a->plain.data[a->plain.len - cut + i];
	a->cut_len = cut;
	if (a->plain.len == cut)
		return 0;
	return put_line(time_ms, "o", a->plain.data, a->plain.len - cut, out);
}

static int put_output(struct asciicast *a, const struct record_event *e, struct buffer *out)
{
	const uint8_t *data = e->data;
	size_t i, from = 0;
	int r = 0;

	buffer_clear(&a->plain);
	if (a->raw)
		return put_raw(a, data, e->len, e->time_ms, out);
	/* Without a terminal driver nobody made CR LF of LF. */
	for (i = 0; a->head.pipe && i < e->len && r == 0; i++) {
		if (data[i] != '\n')
			continue;
		r = safe_put(&a->safe, data + from, i - from, &a->plain);
		if (r == 0)
			r = safe_put(&a->safe, "\r", 1, &a->plain);
		from = i;
	}
	if (r == 0)
		r = safe_put(&a->safe, data + from, e->len - from, &a->plain);
	if (r != 0 || a->plain.len == 0)
		return r;
	return put_line(e->time_ms, "o", a->plain.data, a->plain.len, out);
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
		return e->len > 0 ? put_output(a, e, out) : 0;
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
};
