#include "store/tblock.h"

#include <stdlib.h>

#include "base/reader.h"
#include "format/compress.h"

enum { CODEC_PLAIN = 0, CODEC_ZSTD = 1, SMALL = 200 /* bytes not worth compressing */ };

void tblock_init(struct tblock *t)
{
	*t = (struct tblock){ 0 };
	buffer_init(&t->text, TBLOCK_PLAIN_MAX);
}

void tblock_free(struct tblock *t)
{
	buffer_free(&t->text);
	free(t->marks);
	tblock_init(t);
}

void tblock_clear(struct tblock *t)
{
	buffer_clear(&t->text);
	t->count = 0;
}

static int grow(struct tblock *t)
{
	if (t->count < t->size)
		return 0;
	if (t->count >= TBLOCK_LINES_MAX)
		return ITM_ELIMIT;
	size_t size = t->size ? t->size * 2 : TBLOCK_LINES;
	struct lines_line *marks = realloc(t->marks, size * sizeof *marks);
	if (marks == NULL)
		return ITM_ENOMEM;
	t->marks = marks;
	t->size = size;
	return 0;
}

int tblock_add(struct tblock *t, const struct lines_line *line)
{
	size_t len = line->len;
	int result = grow(t);
	/* Encoded it must still be under the decoder's limit. */
	if (result == 0 && t->text.len + len + 32 * (t->count + 2) > TBLOCK_PLAIN_MAX)
		result = ITM_ELIMIT;
	if (result == 0)
		result = buffer_reserve(&t->text, len + 1);
	if (result != 0)
		return result;
	(void)buffer_put(&t->text, line->text, len);
	(void)buffer_put_u8(&t->text, '\n');
	t->marks[t->count] = *line;
	t->marks[t->count++].text = NULL;
	return 0;
}

bool tblock_full(const struct tblock *t)
{
	return t->count >= TBLOCK_LINES || t->text.len >= TBLOCK_BYTES;
}

void tblock_span(const struct tblock *t, uint64_t *start_ms, uint64_t *end_ms)
{
	*start_ms = *end_ms = t->count > 0 ? t->marks[0].time_ms : 0;
	for (size_t i = 1; i < t->count; i++) {
		if (t->marks[i].time_ms < *start_ms)
			*start_ms = t->marks[i].time_ms;
		if (t->marks[i].time_ms > *end_ms)
			*end_ms = t->marks[i].time_ms;
	}
}

static int put_lines(const struct tblock *t, struct buffer *plain)
{
	uint64_t start_ms, end_ms;
	tblock_span(t, &start_ms, &end_ms);
	size_t offset = 0;
	int result = 0;
	for (size_t i = 0; i < t->count && result == 0; i++) {
		const struct lines_line *m = &t->marks[i];
		result = buffer_put_varint(plain, m->time_ms - start_ms);
		if (result == 0)
			result = buffer_put_u8(plain, (uint8_t)m->kind);
		if (result == 0)
			result = buffer_put_varint(plain, m->len);
		if (result == 0)
			result = buffer_put(plain, t->text.data + offset, m->len);
		if (result == 0 && m->kind == LINES_COMMAND)
			result = buffer_put_varint(plain, m->has_exit ? m->exit_status + 1u : 0);
		offset += m->len + 1;
	}
	return result;
}

int tblock_encode(const struct tblock *t, struct compress *c, struct buffer *out)
{
	struct buffer plain;
	buffer_init(&plain, TBLOCK_PLAIN_MAX);
	size_t start = out->len;
	int result = put_lines(t, &plain);
	bool small = plain.len < SMALL;
	if (result == 0)
		result = buffer_put_u8(out, small ? CODEC_PLAIN : CODEC_ZSTD);
	if (result == 0)
		result = buffer_put_varint(out, plain.len);
	if (result == 0 && small) {
		result = buffer_put(out, plain.data, plain.len);
	} else if (result == 0) {
		compress_reset(c);
		result = compress_put(c, plain.data, plain.len, out);
	}
	if (result != 0)
		out->len = start;
	buffer_free(&plain);
	return result;
}

static int get_lines(struct tblock *t, const struct buffer *plain, uint64_t start_ms, struct fault *fault)
{
	struct reader r;
	reader_init(&r, plain->data, plain->len);
	while (reader_left(&r) > 0) {
		uint64_t time_ms = start_ms + reader_varint(&r);
		uint8_t kind = reader_u8(&r);
		uint64_t len = reader_varint(&r);
		const uint8_t *text = len <= reader_left(&r) ? reader_bytes(&r, (size_t)len) : NULL;
		if (r.error == 0 && text == NULL)
			reader_fail(&r, ITM_ETRUNC, "a line is longer than its block");
		if (r.error == 0 && kind > LINES_PROGRAM)
			reader_fail(&r, ITM_EVERSION, "unknown kind of a line");
		uint64_t exit = r.error == 0 && kind == LINES_COMMAND ? reader_varint(&r) : 0;
		if (r.error == 0 && exit > 256)
			reader_fail(&r, ITM_EFORMAT, "no exit status");
		if (r.error != 0)
			break;
		int result = tblock_add(t, &(struct lines_line){ time_ms, kind, (const char *)text, (size_t)len, exit > 0,
								 (uint8_t)(exit > 0 ? exit - 1 : 0) });
		if (result != 0)
			return error_fault(fault, result, r.pos, "too many lines in a block");
	}
	return reader_result(&r, fault);
}

int tblock_decode(struct tblock *t, const void *body, size_t len, uint64_t start_ms,
		  struct inflate *inflate, struct fault *fault)
{
	struct reader r;
	reader_init(&r, body, len);
	uint8_t codec = reader_u8(&r);
	uint64_t plain_len = reader_varint(&r);
	tblock_clear(t);
	if (r.error == 0 && codec > CODEC_ZSTD)
		reader_fail(&r, ITM_EVERSION, "unknown codec of a text block");
	if (r.error == 0 && plain_len > TBLOCK_PLAIN_MAX)
		reader_fail(&r, ITM_ELIMIT, "text block too large");
	if (r.error != 0)
		return reader_result(&r, fault);
	size_t left = reader_left(&r);
	const uint8_t *stored = (const uint8_t *)body + r.pos;
	struct buffer plain;
	buffer_init(&plain, TBLOCK_PLAIN_MAX);
	int result;
	if (codec == CODEC_PLAIN) {
		result = left == plain_len ? buffer_put(&plain, stored, left)
					   : error_fault(fault, ITM_EFORMAT, r.pos, "wrong length of a text block");
	} else {
		inflate_reset(inflate);
		result = inflate_put(inflate, stored, left, (size_t)plain_len, &plain);
		if (result != 0)
			error_fault(fault, result, r.pos, "text block does not inflate");
	}
	if (result == 0)
		result = get_lines(t, &plain, start_ms, fault);
	if (result != 0)
		tblock_clear(t);
	buffer_free(&plain);
	return result;
}

bool tblock_next(const struct tblock *t, size_t *n, size_t *offset, struct lines_line *out)
{
	if (*n >= t->count)
		return false;
	const struct lines_line *m = &t->marks[(*n)++];
	*out = *m;
	out->text = (const char *)t->text.data + *offset;
	*offset += m->len + 1;
	return true;
}

bool tblock_last(const struct tblock *t, size_t *n, size_t *offset, struct lines_line *out)
{
	if (*n == 0)
		return false;
	const struct lines_line *m = &t->marks[--*n];
	*offset -= m->len + 1;
	*out = *m;
	out->text = (const char *)t->text.data + *offset;
	return true;
}
