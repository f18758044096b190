#include "itm-replay/show.h"

#include "view/activities.h"
#include "view/notes.h"
#include "view/when.h"

enum { NOTE_MAX = 1 << 16 }; /* bytes of a host's event in words */

static void feed_output(struct vt *vt, bool pipe, const uint8_t *data, size_t len)
{
	size_t i, from = 0;

	/* Without a terminal driver nobody made CR LF of LF. */
	for (i = 0; pipe && i < len; i++) {
		if (data[i] != '\n')
			continue;
		vt_feed(vt, data + from, i - from);
		vt_feed(vt, "\r", 1);
		from = i;
	}
	if (len > from)
		vt_feed(vt, data + from, len - from);
}

/* What happened on a host is a line of its own, as a transcript has it. */
static void feed_note(struct vt *vt, const struct source_event *event)
{
	char when[WHEN_TEXT_SIZE];
	struct buffer line;

	buffer_init(&line, NOTE_MAX);
	when_format_wall(event->wall_ns, when);
	int r = buffer_printf(&line, "%s  ", when);
	if (r == 0)
		r = event->event.kind == RECORD_ACTIVITY ? activities_line(&line, event->event.data, event->event.len)
							 : notes_line(&event->event, event->wall_ns, &line);
	if (r == 0 && buffer_put_text(&line, "\r\n") == 0)
		vt_feed(vt, line.data, line.len);
	buffer_free(&line);
}

void show_event(const struct source_event *event, struct vt *vt, struct head *head, struct typed *typed)
{
	const struct record_event *e = &event->event;

	switch (e->kind) {
	case RECORD_OUT:
	case RECORD_ERR:
		feed_output(vt, head->pipe, e->data, e->len);
		break;
	case RECORD_RESIZE:
		vt_resize(vt, (unsigned)(e->code >> 16 & 0xffff), (unsigned)(e->code & 0xffff));
		break;
	case RECORD_ENV:
		if (e->len > 0) {
			head_read(head, e->data, e->len);
			vt_resize(vt, head->columns, head->rows);
		}
		break;
	case RECORD_NOTE:
	case RECORD_ACTIVITY:
		feed_note(vt, event);
		break;
	case RECORD_IN:
		if (e->data != NULL)
			typed_add(typed, e->data, e->len);
		break;
	default:
		break;
	}
}

bool show_visible(const struct record_event *e)
{
	return ((e->kind == RECORD_OUT || e->kind == RECORD_ERR) && e->len > 0) ||
	       e->kind == RECORD_RESIZE || e->kind == RECORD_NOTE || e->kind == RECORD_ACTIVITY;
}
