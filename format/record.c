#include "format/record.h"

#include "base/reader.h"

enum { KIND_MASK = 15, CODE_IS_ONE = 16, TIME_SHIFT = 5 };

static const struct { const char *name; enum record_column column; } kinds[16] = {
	[RECORD_OUT] = { "out", RECORD_COLUMN_OUT },
	[RECORD_IN] = { "in", RECORD_COLUMN_IN },
	[RECORD_ERR] = { "err", RECORD_COLUMN_OUT },
	[RECORD_RESIZE] = { "resize", RECORD_COLUMN_NONE },
	[RECORD_MARKER] = { "marker", RECORD_COLUMN_META },
	[RECORD_TTYSTATE] = { "ttystate", RECORD_COLUMN_NONE },
	[RECORD_ENV] = { "env", RECORD_COLUMN_META },
	[RECORD_ACTIVITY] = { "activity", RECORD_COLUMN_META },
	[RECORD_EXIT] = { "exit", RECORD_COLUMN_NONE },
	[RECORD_SIGNAL] = { "signal", RECORD_COLUMN_NONE },
	[RECORD_MASKED] = { "masked", RECORD_COLUMN_NONE },
	[RECORD_IDLE] = { "idle", RECORD_COLUMN_NONE },
	[RECORD_NOTE] = { "note", RECORD_COLUMN_META },
	[RECORD_GAP] = { "gap", RECORD_COLUMN_NONE },
	[RECORD_COUNTED] = { "counted", RECORD_COLUMN_NONE },
	[RECORD_SEAL] = { "seal", RECORD_COLUMN_NONE },
};

enum record_column record_column(enum record_kind kind)
{
	return kinds[kind & 15].column;
}

const char *record_name(enum record_kind kind)
{
	const char *name = kinds[kind & 15].name;
	return name ? name : "unknown";
}

/* The control pair of an event: time since the last one and kind, then code. */
static int put_control(struct buffer *b, uint64_t last_ms, uint64_t time_ms, enum record_kind kind, uint64_t code)
{
	uint64_t dt = time_ms > last_ms ? time_ms - last_ms : 0;
	unsigned one = code == 1 ? CODE_IS_ONE : 0;
	if (dt > UINT64_MAX >> TIME_SHIFT)
		return ITM_ELIMIT;
	int r = buffer_put_varint(b, dt << TIME_SHIFT | one | (unsigned)kind);
	return r != 0 || one ? r : buffer_put_varint(b, code);
}

int record_put(struct buffer *run, uint64_t *last_ms, uint64_t time_ms,
	       enum record_kind kind, uint64_t code, const void *data)
{
	size_t before = run->len;
	int r = put_control(run, *last_ms, time_ms, kind, code);
	if (r == 0 && record_column(kind) != RECORD_COLUMN_NONE)
		r = buffer_put(run, data, code);
	if (r != 0) {
		run->len = before;
		return r;
	}
	if (time_ms > *last_ms)
		*last_ms = time_ms;
	return 0;
}

/* Reads one control pair and moves *time_ms; the event's bytes are the
 * caller's to find. */
static void get_control(struct reader *r, uint64_t *time_ms, struct record_event *out)
{
	uint64_t word = reader_varint(r), dt = word >> TIME_SHIFT;
	uint64_t code = word & CODE_IS_ONE ? 1 : reader_varint(r);
	if (kinds[word & KIND_MASK].name == NULL)
		reader_fail(r, ITM_EVERSION, "unknown kind of event");
	if (code == 1 && !(word & CODE_IS_ONE))
		reader_fail(r, ITM_EFORMAT, "event's code has a shorter form");
	if (*time_ms > UINT64_MAX - dt)
		reader_fail(r, ITM_EFORMAT, "event time overflows");
	*out = (struct record_event){ .time_ms = *time_ms + dt, .kind = word & KIND_MASK, .code = code };
}

void record_run_init(struct record_run *run, const void *data, size_t len)
{
	*run = (struct record_run){ .data = data, .len = len };
}

int record_run_next(struct record_run *run, struct record_event *out, struct fault *fault)
{
	struct record_event event;
	struct reader r;

	if (run->pos == run->len)
		return 0;
	reader_init(&r, run->data, run->len);
	r.pos = run->pos;
	get_control(&r, &run->time_ms, &event);
	if (record_column(event.kind) != RECORD_COLUMN_NONE) {
		event.data = reader_bytes(&r, event.code);
		event.len = event.code;
	}
	if (r.error != 0)
		return reader_result(&r, fault);
	run->pos = r.pos;
	run->time_ms = event.time_ms;
	*out = event;
	return 1;
}

void record_columns_init(struct record_columns *c, size_t max_bytes)
{
	*c = (struct record_columns){ .last_ms = 0 };
	buffer_init(&c->ctl, max_bytes);
	buffer_init(&c->out, max_bytes);
	buffer_init(&c->in, max_bytes);
	buffer_init(&c->meta, max_bytes);
}

void record_columns_free(struct record_columns *c)
{
	buffer_free(&c->ctl);
	buffer_free(&c->out);
	buffer_free(&c->in);
	buffer_free(&c->meta);
}

void record_columns_clear(struct record_columns *c)
{
	buffer_clear(&c->ctl);
	buffer_clear(&c->out);
	buffer_clear(&c->in);
	buffer_clear(&c->meta);
	c->last_ms = 0;
}

static struct buffer *column_buffer(struct record_columns *c, enum record_kind kind)
{
	switch (record_column(kind)) {
	case RECORD_COLUMN_OUT: return &c->out;
	case RECORD_COLUMN_IN: return &c->in;
	case RECORD_COLUMN_META: return &c->meta;
	default: return NULL;
	}
}

int record_columns_put(struct record_columns *c, const struct record_event *event)
{
	struct buffer *bytes = column_buffer(c, event->kind);
	size_t before = c->ctl.len;
	int r = bytes ? buffer_reserve(bytes, event->len) : 0;
	if (r == 0)
		r = put_control(&c->ctl, c->last_ms, event->time_ms, event->kind, bytes ? event->len : event->code);
	if (r != 0) {
		c->ctl.len = before;
		return r;
	}
	if (bytes != NULL)
		(void)buffer_put(bytes, event->data, event->len); /* reserved above */
	if (event->time_ms > c->last_ms)
		c->last_ms = event->time_ms;
	return 0;
}

struct column_view { const uint8_t *data; size_t len; size_t *pos; bool dropped; };

static struct column_view column_view(struct record_cursor *c, enum record_column column)
{
	switch (column) {
	case RECORD_COLUMN_OUT: return (struct column_view){ c->out, c->out_len, &c->out_pos, c->out_dropped };
	case RECORD_COLUMN_IN: return (struct column_view){ c->in, c->in_len, &c->in_pos, c->in_dropped };
	default: return (struct column_view){ c->meta, c->meta_len, &c->meta_pos, c->meta_dropped };
	}
}

static int cursor_end(const struct record_cursor *c, struct fault *fault)
{
	if (c->out_pos != c->out_len || c->in_pos != c->in_len || c->meta_pos != c->meta_len)
		return error_fault(fault, ITM_EFORMAT, c->ctl_pos, "bytes in a column that no event uses");
	return 0;
}

int record_cursor_next(struct record_cursor *c, struct record_event *out, struct fault *fault)
{
	struct record_event event;
	struct reader r;

	if (c->ctl_pos == c->ctl_len)
		return cursor_end(c, fault);
	reader_init(&r, c->ctl, c->ctl_len);
	r.pos = c->ctl_pos;
	get_control(&r, &c->time_ms, &event);
	if (r.error != 0)
		return reader_result(&r, fault);
	if (record_column(event.kind) != RECORD_COLUMN_NONE) {
		struct column_view view = column_view(c, record_column(event.kind));
		if (!view.dropped) {
			if (event.code > view.len - *view.pos)
				return error_fault(fault, ITM_ETRUNC, c->ctl_pos, "event is longer than its column");
			event.data = view.len ? view.data + *view.pos : (const uint8_t *)"";
			event.len = event.code;
			*view.pos += event.len;
		}
	}
	c->ctl_pos = r.pos;
	c->time_ms = event.time_ms;
	*out = event;
	return 1;
}
