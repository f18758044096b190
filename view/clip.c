#include "view/clip.h"

#include "base/error.h"

enum { FRAME_MAX = 64 << 20, NS_PER_MS = 1000000 };  /* bytes; the largest screen needs 20 M */

int clip_init(struct clip *x, uint64_t from_ms)
{
	*x = (struct clip){ .from_ms = from_ms, .vt = vt_new(80, 24) };
	head_init(&x->head);
	buffer_init(&x->frame, FRAME_MAX);
	return x->vt != NULL ? 0 : ITM_ENOMEM;
}

void clip_free(struct clip *x)
{
	vt_free(x->vt);
	buffer_free(&x->frame);
}

static void look(struct clip *x, const struct record_event *e)
{
	if (e->kind == RECORD_OUT && e->len > 0)
		vt_feed(x->vt, e->data, e->len);
	else if (e->kind == RECORD_RESIZE)
		vt_resize(x->vt, (unsigned)(e->code >> 16 & 0xffff), (unsigned)(e->code & 0xffff));
}

static void shift(const struct clip *x, struct source_event *event)
{
	uint64_t *ms = &event->event.time_ms;

	if (*ms < x->from_ms)
		event->wall_ns += (int64_t)(x->from_ms - *ms) * NS_PER_MS;
	*ms = *ms > x->from_ms ? *ms - x->from_ms : 0;
}

static int begin(struct clip *x, const struct source_event *first, struct source_event *resize,
		 struct source_event *screen)
{
	uint64_t size = (uint64_t)vt_columns(x->vt) << 16 | vt_rows(x->vt);
	int r = vt_keyframe(x->vt, &x->frame);

	vt_free(x->vt);
	x->vt = NULL;
	x->begun = true;
	if (r != 0)
		return r;
	*resize = *screen = *first;
	resize->event = (struct record_event){ .kind = RECORD_RESIZE, .code = size };
	screen->event = (struct record_event){ .kind = RECORD_OUT, .code = x->frame.len, .data = x->frame.data, .len = x->frame.len };
	return 2;
}

int clip_take(struct clip *x, struct source_event *event, struct source_event *resize, struct source_event *screen)
{
	const struct record_event *e = &event->event;

	if (e->kind == RECORD_ENV && e->len > 0) {
		head_read(&x->head, e->data, e->len);
		if (!x->begun)
			vt_resize(x->vt, x->head.columns, x->head.rows);
		shift(x, event);
		return 1;
	}
	if (x->begun || x->head.pipe) {
		bool before = e->time_ms < x->from_ms;
		shift(x, event);
		return x->begun || !before;
	}
	/* Not in the midst of a sequence: what it began with would be lost. */
	if (e->time_ms < x->from_ms || !vt_settled(x->vt)) {
		look(x, e);
		return 0;
	}
	shift(x, event);
	return begin(x, event, resize, screen);
}
