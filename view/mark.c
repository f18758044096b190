#include "view/mark.h"

#include "base/error.h"
#include "store/filenote.h"
#include "terminal/text.h"
#include "view/notes.h"

int mark_put(const struct source_event *event, struct buffer *out)
{
	const struct record_event *e = &event->event;
	unsigned long long n = e->code;
	int r;

	switch (e->kind) {
	case RECORD_MARKER:
		return text_escape(out, e->data, e->len);
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
