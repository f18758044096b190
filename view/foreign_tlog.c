/* tlog's JSON messages, one a line (tlog's doc/log_format.md): timing says how
 * many characters of in_txt and out_txt came when; what was not UTF-8 is in
 * in_bin and out_bin, with replacement characters in its place. */
#include <string.h>

#include "base/jsonread.h"
#include "terminal/utf8.h"
#include "view/foreign.h"

enum { TEXT_MAX = 16 << 20 }; /* bytes of one string or array */

struct tlog {
	bool begun;
	int64_t time_us;
	uint64_t pos_ms;
	struct foreign_head head;
	struct foreign_clock clock;
	struct buffer key, scratch, timing, in_txt, in_bin, out_txt, out_bin;
};

/* How far each was used up. */
struct used { size_t in_txt, in_bin, out_txt, out_bin; };

static void read_text(struct tlog *t, struct jsonread *j, char *out, size_t size)
{
	buffer_clear(&t->scratch);
	jsonread_string(j, &t->scratch);
	foreign_text(out, size, t->scratch.data, t->scratch.len);
}

static void read_bytes(struct jsonread *j, struct buffer *out)
{
	jsonread_enter(j, '[');
	while (jsonread_more(j)) {
		int64_t v = jsonread_micro(j) / 1000000;

		if (v < 0 || v > 255 || buffer_put_u8(out, (uint8_t)v) != 0)
			j->error = ITM_EFORMAT;
	}
}

static uint64_t read_count(struct jsonread *j)
{
	int64_t v = jsonread_micro(j);

	return v > 0 ? (uint64_t)v / 1000000 : 0;
}

static void read_member(struct tlog *t, struct jsonread *j)
{
	struct { const char *name; struct buffer *out; bool bytes; } parts[] = {
		{ "timing", &t->timing, false }, { "in_txt", &t->in_txt, false }, { "in_bin", &t->in_bin, true },
		{ "out_txt", &t->out_txt, false }, { "out_bin", &t->out_bin, true },
	};
	struct { const char *name; char *out; size_t size; } texts[] = {
		{ "host", t->head.hostname, sizeof(t->head.hostname) }, { "user", t->head.user, sizeof(t->head.user) },
		{ "term", t->head.term, sizeof(t->head.term) },
	};
	const char *key = buffer_text(&t->key);
	size_t i;

	for (i = 0; key != NULL && i < sizeof(parts) / sizeof(parts[0]); i++)
		if (strcmp(key, parts[i].name) == 0) {
			if (parts[i].bytes)
				read_bytes(j, parts[i].out);
			else
				jsonread_string(j, parts[i].out);
			return;
		}
	for (i = 0; key != NULL && i < sizeof(texts) / sizeof(texts[0]); i++)
		if (strcmp(key, texts[i].name) == 0) {
			read_text(t, j, texts[i].out, texts[i].size);
			return;
		}
	if (key != NULL && strcmp(key, "pos") == 0)
		t->pos_ms = read_count(j);
	else if (key != NULL && strcmp(key, "time") == 0)
		t->time_us = jsonread_micro(j);
	else
		jsonread_skip(j);
}

static int read_message(struct tlog *t, const uint8_t *line, size_t len)
{
	struct jsonread j;

	buffer_clear(&t->timing);
	buffer_clear(&t->in_txt);
	buffer_clear(&t->in_bin);
	buffer_clear(&t->out_txt);
	buffer_clear(&t->out_bin);
	jsonread_init(&j, line, len);
	jsonread_enter(&j, '{');
	while (jsonread_more(&j)) {
		buffer_clear(&t->key);
		jsonread_key(&j, &t->key);
		read_member(t, &j);
	}
	return jsonread_end(&j);
}

/* Bytes of the next n characters. */
static size_t characters(const struct buffer *b, size_t at, uint64_t n)
{
	uint32_t rune;
	size_t from = at;

	for (; n > 0 && at < b->len; n--) {
		unsigned len = utf8_decode(b->data + at, b->len - at, &rune);

		at += len > 0 ? len : 1;
	}
	return at - from;
}

static size_t at_most(const struct buffer *b, size_t at, uint64_t n)
{
	return n < b->len - at ? (size_t)n : b->len - at;
}

static int put_text(struct tlog *t, struct used *used, char type, uint64_t n, const struct foreign_taker *to)
{
	size_t len;
	int r;

	if (type == '<') {
		len = characters(&t->in_txt, used->in_txt, n);
		used->in_txt += len;
		return foreign_typed(to, &t->clock, len);
	}
	len = characters(&t->out_txt, used->out_txt, n);
	r = len > 0 ? foreign_bytes(to, &t->clock, RECORD_OUT, t->out_txt.data + used->out_txt, len) : 0;
	used->out_txt += len;
	return r;
}

static int put_binary(struct tlog *t, struct used *used, char type, uint64_t skipped, uint64_t n,
		      const struct foreign_taker *to)
{
	size_t len;
	int r;

	if (type == '[') {
		used->in_txt += characters(&t->in_txt, used->in_txt, skipped);
		len = at_most(&t->in_bin, used->in_bin, n);
		used->in_bin += len;
		return foreign_typed(to, &t->clock, len);
	}
	used->out_txt += characters(&t->out_txt, used->out_txt, skipped);
	len = at_most(&t->out_bin, used->out_bin, n);
	r = len > 0 ? foreign_bytes(to, &t->clock, RECORD_OUT, t->out_bin.data + used->out_bin, len) : 0;
	used->out_bin += len;
	return r;
}

static int put_message(struct tlog *t, const struct foreign_taker *to)
{
	const uint8_t *p = t->timing.data, *end = p + t->timing.len;
	uint64_t time_ms = t->pos_ms, a, b = 0;
	struct used used = { 0 };
	int r = 0;

	while (p < end && r == 0) {
		char type = (char)*p++;
		bool pair = type == '[' || type == ']' || type == '=';

		if (strchr("+<>[]=", type) == NULL || type == '\0' || !foreign_decimal(&p, end, UINT32_MAX, &a))
			return ITM_EFORMAT;
		if (pair && (p == end || *p++ != (type == '=' ? 'x' : '/') || !foreign_decimal(&p, end, UINT32_MAX, &b)))
			return ITM_EFORMAT;
		if (type == '+')
			time_ms += a;
		t->clock.time_ms = time_ms > t->clock.time_ms ? time_ms : t->clock.time_ms;
		if (type == '=')
			r = foreign_resize(to, &t->clock, a, b);
		else if (type != '+')
			r = pair ? put_binary(t, &used, type, a, b, to) : put_text(t, &used, type, a, to);
	}
	return r;
}

/* The size at the start is the first record of the first message. */
static void start(struct tlog *t)
{
	const uint8_t *p = t->timing.data, *end = p + t->timing.len;
	uint64_t columns, rows;

	t->begun = true;
	t->head.wall_ns = foreign_wall(t->time_us - (int64_t)t->pos_ms * 1000);
	if (p < end && *p++ == '=' && foreign_decimal(&p, end, UINT32_MAX, &columns) && p < end && *p++ == 'x' &&
	    foreign_decimal(&p, end, UINT32_MAX, &rows))
		foreign_head_size(&t->head, columns, rows);
}

static int read_lines(struct tlog *t, const struct foreign_input *in, const struct foreign_taker *to, struct fault *fault)
{
	const uint8_t *data = in->data;
	size_t pos = 0, len;
	int r = 0;

	for (; pos < in->len && r == 0; pos += len + 1) {
		const uint8_t *end = memchr(data + pos, '\n', in->len - pos);

		len = end != NULL ? (size_t)(end - data) - pos : in->len - pos;
		if (len == 0)
			continue;
		if (read_message(t, data + pos, len) != 0)
			return error_fault(fault, ITM_EFORMAT, pos, "a line is no message of tlog");
		if (!t->begun) {
			start(t);
			r = to->head(to->context, &t->head);
		}
		if (r == 0)
			r = put_message(t, to);
		if (r == ITM_EFORMAT)
			return error_fault(fault, r, pos, "the timing of a message is broken");
	}
	return r == 0 && !t->begun ? error_fault(fault, ITM_ETRUNC, 0, "the file is empty") : r;
}

static int decode(const struct foreign_input *in, const struct foreign_taker *to, struct fault *fault)
{
	struct tlog t = { 0 };
	struct buffer *const all[] = { &t.key, &t.scratch, &t.timing, &t.in_txt, &t.in_bin, &t.out_txt, &t.out_bin };
	int r;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		buffer_init(all[i], TEXT_MAX);
	r = read_lines(&t, in, to, fault);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		buffer_free(all[i]);
	return r;
}

const struct foreign foreign_tlog = { "tlog", decode };
