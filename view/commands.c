#include "view/commands.h"

#include <string.h>

#include "base/error.h"

enum { FOUND_MAX = 4 << 20 }; /* bytes of what one event ends */

void commands_init(struct commands *c)
{
	*c = (struct commands){ 0 };
	buffer_init(&c->found, FOUND_MAX);
}

void commands_free(struct commands *c)
{
	lines_free(c->lines);
	buffer_free(&c->found);
}

static void on_line(void *context, const struct lines_line *line)
{
	struct commands *c = context;
	int r;

	if (line->kind != LINES_COMMAND || c->error != 0)
		return;
	r = buffer_put(&c->found, &line->time_ms, sizeof line->time_ms);
	if (r == 0)
		r = buffer_put_text(&c->found, "command: ");
	if (r == 0)
		r = buffer_put(&c->found, line->text, line->len);
	if (r == 0 && line->has_exit && line->exit_status != 0)
		r = buffer_printf(&c->found, " (exit %u)", line->exit_status);
	c->error = r != 0 ? r : buffer_put_u8(&c->found, '\n');
}

int commands_take(struct commands *c, const struct head *head, const struct record_event *e)
{
	int r = 0;

	buffer_clear(&c->found);
	if (head->pipe)
		return 0;
	if (c->lines == NULL) {
		c->lines = lines_new(head->columns, head->rows, false, on_line, c);
		if (c->lines == NULL)
			return ITM_ENOMEM;
	}
	if (e->kind == RECORD_OUT && e->len > 0)
		r = lines_feed(c->lines, e->time_ms, 0, e->data, e->len);
	else if (e->kind == RECORD_RESIZE)
		lines_resize(c->lines, e->time_ms, (unsigned)(e->code >> 16 & 0xffff), (unsigned)(e->code & 0xffff));
	else if (e->kind == RECORD_IN || (e->kind == RECORD_COUNTED && (e->code & 3) == 0))
		lines_key(c->lines);
	return r != 0 ? r : c->error;
}

int commands_finish(struct commands *c)
{
	buffer_clear(&c->found);
	if (c->lines != NULL)
		lines_finish(c->lines);
	lines_free(c->lines);
	c->lines = NULL;
	return c->error;
}

bool commands_next(const struct commands *c, size_t *at, uint64_t *time_ms, const uint8_t **text, size_t *len)
{
	if (*at == c->found.len)
		return false;
	memcpy(time_ms, c->found.data + *at, sizeof *time_ms);
	*at += sizeof *time_ms;
	*text = c->found.data + *at;
	const uint8_t *end = memchr(*text, '\n', c->found.len - *at);
	*len = end != NULL ? (size_t)(end - *text) : c->found.len - *at;
	*at += *len + (end != NULL);
	return true;
}
