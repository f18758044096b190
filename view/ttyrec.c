#include "view/ttyrec.h"

#include <stdlib.h>

#include "view/shown.h"

struct ttyrec {
	struct head head;
	struct shown shown;
};

static void *ttyrec_open(bool raw)
{
	struct ttyrec *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	head_init(&t->head);
	shown_init(&t->shown, raw, false);
	return t;
}

static void ttyrec_close(void *state)
{
	struct ttyrec *t = state;

	shown_free(&t->shown);
	free(t);
}

static int ttyrec_event(void *state, const struct source_event *event, struct buffer *out)
{
	struct ttyrec *t = state;
	const struct record_event *e = &event->event;
	int64_t us = event->wall_ns > 0 ? event->wall_ns / 1000 : 0;
	int r;

	if (e->kind == RECORD_ENV)
		head_read(&t->head, e->data, e->len);
	if (e->kind != RECORD_OUT && e->kind != RECORD_ERR)
		return 0;
	r = shown_put(&t->shown, &t->head, e);
	if (r != 0 || t->shown.plain.len == 0)
		return r;
	r = buffer_put_u32(out, (uint32_t)(us / 1000000));
	if (r == 0)
		r = buffer_put_u32(out, (uint32_t)(us % 1000000));
	if (r == 0)
		r = buffer_put_u32(out, (uint32_t)t->shown.plain.len);
	return r != 0 ? r : buffer_put(out, t->shown.plain.data, t->shown.plain.len);
}

/* The format has no word for it: itm export says it on stderr. */
static int ttyrec_broken(void *state, const char *words, struct buffer *out)
{
	return 0;
}

static int ttyrec_end(void *state, struct buffer *out)
{
	return 0;
}

const struct sink ttyrec_sink = {
	.name = "ttyrec",
	.summary = "output only, for ttyplay",
	.open = ttyrec_open,
	.close = ttyrec_close,
	.event = ttyrec_event,
	.broken = ttyrec_broken,
	.end = ttyrec_end,
	.plays = true,
};
