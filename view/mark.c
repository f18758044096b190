#include "view/mark.h"

#include "base/error.h"
#include "store/filenote.h"
#include "terminal/text.h"
#include "view/notes.h"

static int put_words(struct buffer *out, const char *before, const struct record_event *e)
{
	int r = buffer_put_text(out, before);

	return r != 0 ? r : text_escape(out, e->data, e->len);
}

/* argv: a NUL after each. */
static int put_command(struct buffer *out, const struct record_event *e)
{
	size_t i, from = 0;
	int r = buffer_put_text(out, "command:");

	for (i = 0; i < e->len && r == 0; i++) {
		if (e->data[i] != 0 && i + 1 < e->len)
			continue;
		r = buffer_put_u8(out, ' ');
		if (r == 0)
			r = text_escape(out, e->data + from, i - from + (e->data[i] != 0));
		from = i + 1;
	}
	return r;
}

int mark_put(const struct source_event *event, struct buffer *out)
{
	const struct record_event *e = &event->event;
	unsigned long long n = e->code;
	int r;

	switch (e->kind) {
	case RECORD_MARKER:
		return put_words(out, "", e);
	case RECORD_EXEC:
		return put_command(out, e);
	case RECORD_NOTE:
		if (e->data == NULL)
			return ITM_ENOENT;
		r = filenote_put(out, e->data, e->len);
		return r == ITM_ENOENT ? notes_line(e, event->wall_ns, out) : r;
	case RECORD_GAP:
		return buffer_printf(out, "gap: %llu bytes lost here", n);
	case RECORD_MASKED:
		return buffer_printf(out, "%llu bytes typed without echo, not stored", n);
	case RECORD_SIGNAL:
		return buffer_printf(out, "signal %llu", n);
	default:
		return ITM_ENOENT;
	}
}
