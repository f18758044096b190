#include "view/shown.h"

#include <string.h>

enum { PLAIN_MAX = 4 << 20 }; /* bytes of one event, filtered */

void shown_init(struct shown *s, bool raw, bool text)
{
	*s = (struct shown){ .raw = raw, .text = text };
	buffer_init(&s->plain, PLAIN_MAX);
}

void shown_free(struct shown *s)
{
	buffer_free(&s->plain);
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

static int put_raw(struct shown *s, const uint8_t *data, size_t len)
{
	int r = buffer_put(&s->plain, s->cut, s->cut_len);

	if (r == 0)
		r = buffer_put(&s->plain, data, len);
	if (r != 0 || !s->text)
		return r;
	s->cut_len = unfinished(s->plain.data, s->plain.len);
	s->plain.len -= s->cut_len;
	memcpy(s->cut, s->plain.data + s->plain.len, s->cut_len);
	return 0;
}

int shown_put(struct shown *s, const struct head *head, const struct record_event *e)
{
	const uint8_t *data = e->data;
	size_t i, from = 0;
	int r = 0;

	buffer_clear(&s->plain);
	if (e->len == 0)
		return 0;
	if (s->raw)
		return put_raw(s, data, e->len);
	/* Without a terminal driver nobody made CR LF of LF. */
	for (i = 0; head->pipe && i < e->len && r == 0; i++) {
		if (data[i] != '\n')
			continue;
		r = safe_put(&s->safe, data + from, i - from, &s->plain);
		if (r == 0)
			r = safe_put(&s->safe, "\r", 1, &s->plain);
		from = i;
	}
	return r != 0 ? r : safe_put(&s->safe, data + from, e->len - from, &s->plain);
}
