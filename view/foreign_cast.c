/* asciicast 2 and 3 (docs.asciinema.org/manual/asciicast): a line with an
 * object, then a line for each [time, code, data]; in 3 times are since the
 * line before, and lines with # are comments. */
#include <string.h>

#include "base/jsonread.h"
#include "view/foreign.h"

enum { TEXT_MAX = 16 << 20 }; /* bytes of one string */

struct cast {
	int64_t version, start_us;
	uint64_t columns, rows;
	struct foreign_head head;
	struct foreign_clock clock;
	uint64_t time_us;
	struct buffer key, text;
};

static void read_text(struct cast *c, struct jsonread *j, char *out, size_t size)
{
	buffer_clear(&c->text);
	if (jsonread_peek(j) != '"') {
		jsonread_skip(j);
		return;
	}
	jsonread_string(j, &c->text);
	foreign_text(out, size, c->text.data, c->text.len);
}

static bool key_is(const struct cast *c, const char *name)
{
	return c->key.len == strlen(name) && memcmp(c->key.data, name, c->key.len) == 0;
}

static uint64_t read_count(struct jsonread *j)
{
	int64_t v = jsonread_micro(j);

	return v > 0 ? (uint64_t)v / 1000000 : 0;
}

static void read_object(struct cast *c, struct jsonread *j, unsigned depth)
{
	jsonread_enter(j, '{');
	while (jsonread_more(j)) {
		buffer_clear(&c->key);
		jsonread_key(j, &c->key);
		if (depth == 0 && key_is(c, "version"))
			c->version = (int64_t)read_count(j);
		else if (key_is(c, depth == 0 ? "width" : "cols"))
			c->columns = read_count(j);
		else if (key_is(c, depth == 0 ? "height" : "rows"))
			c->rows = read_count(j);
		else if (depth == 0 && key_is(c, "timestamp"))
			c->start_us = jsonread_micro(j);
		else if (depth == 0 && key_is(c, "command"))
			read_text(c, j, c->head.command, sizeof(c->head.command));
		else if (depth == 1 && (key_is(c, "TERM") || key_is(c, "type")))
			read_text(c, j, c->head.term, sizeof(c->head.term));
		else if (depth == 1 && key_is(c, "SHELL"))
			read_text(c, j, c->head.shell, sizeof(c->head.shell));
		else if (depth == 0 && (key_is(c, "term") || key_is(c, "env")) && jsonread_peek(j) == '{')
			read_object(c, j, 1);
		else
			jsonread_skip(j);
	}
}

static int read_head(struct cast *c, const uint8_t *line, size_t len, struct fault *fault)
{
	struct jsonread j;

	jsonread_init(&j, line, len);
	read_object(c, &j, 0);
	if (jsonread_end(&j) != 0)
		return error_fault(fault, ITM_EFORMAT, 0, "the first line is no JSON object");
	if (c->version != 2 && c->version != 3)
		return error_fault(fault, ITM_EVERSION, 0, "asciicast of another version than 2 and 3");
	foreign_head_size(&c->head, c->columns, c->rows);
	c->head.wall_ns = foreign_wall(c->start_us);
	return 0;
}

static int put_event(struct cast *c, char code, const struct foreign_taker *to)
{
	const uint8_t *p = c->text.data, *end = p + c->text.len;
	uint64_t a, b;

	switch (code) {
	case 'o':
		return foreign_bytes(to, &c->clock, RECORD_OUT, p, c->text.len);
	case 'i':
		return foreign_typed(to, &c->clock, c->text.len);
	case 'm':
		return foreign_bytes(to, &c->clock, RECORD_MARKER, p, c->text.len);
	case 'r':
		if (!foreign_decimal(&p, end, UINT32_MAX, &a) || p == end || *p++ != 'x' ||
		    !foreign_decimal(&p, end, UINT32_MAX, &b))
			return 0;
		return foreign_resize(to, &c->clock, a, b);
	case 'x':
		return foreign_decimal(&p, end, 255, &a) ? foreign_number(to, &c->clock, RECORD_EXIT, a << 8) : 0;
	default:
		return 0;
	}
}

static int read_event(struct cast *c, const uint8_t *line, size_t len, const struct foreign_taker *to)
{
	struct jsonread j;
	char code = 0;
	int64_t us;

	jsonread_init(&j, line, len);
	jsonread_enter(&j, '[');
	jsonread_more(&j);
	us = jsonread_micro(&j);
	jsonread_more(&j);
	buffer_clear(&c->text);
	jsonread_string(&j, &c->text);
	if (c->text.len == 1)
		code = (char)c->text.data[0];
	jsonread_more(&j);
	buffer_clear(&c->text);
	if (jsonread_peek(&j) == '"')
		jsonread_string(&j, &c->text);
	else
		jsonread_skip(&j);
	if (jsonread_more(&j) || jsonread_end(&j) != 0)
		return j.error != 0 ? j.error : ITM_EFORMAT;
	us = us > 0 ? us : 0;
	if (c->version == 3)
		c->time_us += (uint64_t)us;
	else if ((uint64_t)us > c->time_us)
		c->time_us = (uint64_t)us;
	if (c->time_us > UINT64_C(1) << 60)
		return ITM_EFORMAT;
	c->clock.time_ms = c->time_us / 1000;
	return put_event(c, code, to);
}

static int read_lines(struct cast *c, const struct foreign_input *in, const struct foreign_taker *to, struct fault *fault)
{
	const uint8_t *data = in->data, *line;
	size_t pos = 0, len;
	bool first = true;
	int r = 0;

	for (; pos < in->len && r == 0; pos += len + 1) {
		const uint8_t *end = memchr(data + pos, '\n', in->len - pos);

		line = data + pos;
		len = end != NULL ? (size_t)(end - line) : in->len - pos;
		if (first) {
			r = read_head(c, line, len, fault);
			if (r == 0)
				r = to->head(to->context, &c->head);
		} else if (len > 0 && line[0] != '#') {
			r = read_event(c, line, len, to);
			if (r == ITM_EFORMAT || r == ITM_ELIMIT)
				return error_fault(fault, r, pos, "a line is no [time, code, data]");
		}
		first = false;
	}
	return first ? error_fault(fault, ITM_ETRUNC, 0, "the file is empty") : r;
}

static int decode(const struct foreign_input *in, const struct foreign_taker *to, struct fault *fault)
{
	struct cast c = { 0 };
	int r;

	buffer_init(&c.key, 4096);
	buffer_init(&c.text, TEXT_MAX);
	r = read_lines(&c, in, to, fault);
	buffer_free(&c.key);
	buffer_free(&c.text);
	return r;
}

const struct foreign foreign_cast = { "asciicast", decode };
