#include "store/hostnote.h"

#include <stdio.h>

#include "base/clock.h"
#include "format/meta.h"
#include "terminal/text.h"

static void read_text(const struct record_event *e, const char *key, char *out, size_t size)
{
	char value[256];
	struct buffer escaped;
	out[0] = '\0';
	int len = meta_get((const char *)e->data, e->len, key, 0, value, sizeof value);
	if (len < 0)
		return;
	buffer_init(&escaped, sizeof value * 16);
	if (text_escape(&escaped, value, (size_t)len) == 0 && buffer_text(&escaped) != NULL)
		snprintf(out, size, "%.*s", (int)(size - 1), buffer_text(&escaped));
	buffer_free(&escaped);
}

static struct id read_id(const struct record_event *e, const char *key)
{
	char value[64];
	struct id id;
	read_text(e, key, value, sizeof value);
	return id_parse(value, &id) == 0 ? id : (struct id){ 0 };
}

int hostnote_read(const struct record_event *note, int64_t told_wall_ns, struct index_event *out)
{
	char kind[sizeof out->kind], when[CLOCK_TEXT_SIZE];
	if (note->kind != RECORD_NOTE || note->data == NULL)
		return ITM_ENOENT;
	read_text(note, "event", kind, sizeof kind);
	if (kind[0] == '\0')
		return ITM_ENOENT;
	snprintf(out->kind, sizeof out->kind, "%s", kind);
	read_text(note, "user", out->user, sizeof out->user);
	read_text(note, "when", when, sizeof when);
	out->login = read_id(note, "login_id");
	out->about = read_id(note, "stream");
	if (clock_parse(when, &out->wall_ns) != 0)
		out->wall_ns = told_wall_ns;
	out->text = (const char *)note->data;
	out->text_len = note->len;
	return 0;
}
