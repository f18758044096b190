#include "view/events.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "store/hostnote.h"
#include "view/activities.h"
#include "view/notes.h"

/* The format has no state; open must give something to hold. */
static void *events_open(bool raw)
{
	return malloc(1);
}

static int put_common(struct json *j, const struct source_event *event)
{
	char wall[CLOCK_TEXT_SIZE];

	clock_format(event->wall_ns, wall);
	json_object(j);
	json_key(j, "time");
	json_seconds(j, event->event.time_ms * 1000);
	json_key(j, "wall");
	json_text(j, wall);
	json_key(j, "kind");
	json_text(j, record_name(event->event.kind));
	return json_result(j);
}

/* What happened on a host, key by key.  False: the note is of another kind. */
static bool put_happening(struct json *j, const struct source_event *event)
{
	struct index_event e = { 0 };

	if (hostnote_read(&event->event, event->wall_ns, &e) != 0)
		return false;
	json_key(j, "event");
	json_text(j, e.kind);
	json_key(j, "note");
	notes_json(j, &e);
	return true;
}

static bool put_activity(struct json *j, const struct record_event *e)
{
	if (e->kind != RECORD_ACTIVITY || e->data == NULL)
		return false;
	json_key(j, "activity");
	if (activities_json(j, e->data, e->len) != 0)
		json_null(j);
	return true;
}

static int events_event(void *state, const struct source_event *event, struct buffer *out)
{
	const struct record_event *e = &event->event;
	struct json j;
	int r;

	json_init(&j, out);
	r = put_common(&j, event);
	if (r != 0)
		return r;
	if (e->kind == RECORD_RESIZE) {
		json_key(&j, "columns");
		json_uint(&j, e->code >> 16);
		json_key(&j, "rows");
		json_uint(&j, e->code & 0xffff);
	} else if (put_activity(&j, e)) {
		;
	} else if (!put_happening(&j, event) && e->data != NULL) {
		json_key(&j, "data");
		json_bytes(&j, e->data, e->len);
	} else if (e->data == NULL) {
		json_key(&j, "code");
		json_uint(&j, e->code);
	}
	json_key(&j, "sealed");
	json_bool(&j, event->sealed);
	json_key(&j, "chunk");
	json_uint(&j, event->chunk);
	json_object_end(&j);
	r = json_result(&j);
	return r != 0 ? r : buffer_put_u8(out, '\n');
}

static int events_broken(void *state, const char *words, struct buffer *out)
{
	struct json j;
	int r;

	json_init(&j, out);
	json_object(&j);
	json_key(&j, "kind");
	json_text(&j, "broken");
	json_key(&j, "reason");
	json_text(&j, words);
	json_object_end(&j);
	r = json_result(&j);
	return r != 0 ? r : buffer_put_u8(out, '\n');
}

static int events_end(void *state, struct buffer *out)
{
	return 0;
}

const struct sink events_sink = {
	.name = "json",
	.summary = "events as JSON lines",
	.open = events_open,
	.close = free,
	.event = events_event,
	.broken = events_broken,
	.end = events_end,
};
