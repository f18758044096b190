#include "terminal/scraps.h"

#include <string.h>

#include "base/error.h"
#include "terminal/utf8.h"
#include "terminal/width.h"

void scraps_init(struct scraps *s, unsigned least, void (*each)(void *context, const uint8_t *text, size_t len), void *context)
{
	*s = (struct scraps){ .least = least, .each = each, .context = context };
	parser_reset(&s->parser);
	buffer_init(&s->piece, SCRAPS_MAX);
	buffer_init(&s->joined, SCRAPS_MAX);
}

void scraps_free(struct scraps *s)
{
	buffer_free(&s->piece);
	buffer_free(&s->joined);
}

int scraps_copy(struct scraps *to, const struct scraps *from)
{
	struct scraps mine = *to;
	*to = *from;
	to->each = mine.each;
	to->context = mine.context;
	to->piece = mine.piece;
	to->joined = mine.joined;
	return buffer_put(&to->piece, from->piece.data, from->piece.len) == 0 &&
	       buffer_put(&to->joined, from->joined.data, from->joined.len) == 0 ? 0 : ITM_ENOMEM;
}

/* Append; what is full is given, and its end kept for what follows. */
static void put(struct scraps *s, struct buffer *b, const uint8_t *data, size_t len, bool give)
{
	if (b->len + len > SCRAPS_MAX) {
		if (give)
			s->each(s->context, b->data, b->len);
		buffer_consume(b, b->len - SCRAPS_OVERLAP);
	}
	(void)buffer_put(b, data, len);
}

static void end_joined(struct scraps *s)
{
	if (s->joined_count >= SCRAPS_LEAST)
		s->each(s->context, s->joined.data, s->joined.len);
	buffer_clear(&s->joined);
	s->joined_count = 0;
}

static void end_piece(struct scraps *s)
{
	if (s->hidden && s->piece_count >= s->least)
		s->each(s->context, s->piece.data, s->piece.len);
	if (s->piece_count > SCRAPS_SHORT)
		end_joined(s);
	else if (s->piece_count > 0)
		put(s, &s->joined, s->piece.data, s->piece.len, true);
	s->joined_count += s->piece_count <= SCRAPS_SHORT ? s->piece_count : 0;
	buffer_clear(&s->piece);
	s->piece_count = 0;
}

static void take_rune(struct scraps *s)
{
	uint32_t rune;
	if (utf8_decode(s->rune, s->rune_len, &rune) != s->rune_len || width_of(rune) < 0)
		return;
	put(s, &s->piece, s->rune, s->rune_len, s->hidden);
	s->piece_count++;
}

/* One byte of a character beyond ASCII. */
static void take_high(struct scraps *s, uint8_t byte)
{
	if ((byte & 0xc0) != 0x80 || s->rune_len == 0 || s->rune_len == 4)
		s->rune_len = 0;
	s->rune[s->rune_len++] = byte;
	unsigned whole = s->rune[0] >= 0xf0 ? 4 : s->rune[0] >= 0xe0 ? 3 : 2;
	if (s->rune_len == whole) {
		take_rune(s);
		s->rune_len = 0;
	}
}

void scraps_feed(struct scraps *s, const uint8_t *data, size_t len, bool hidden)
{
	s->hidden = hidden || (s->hidden && s->piece_count > 0);
	for (size_t i = 0; i < len; i++) {
		switch (parser_step(&s->parser, data[i])) {
		case PARSER_PRINT:
			put(s, &s->piece, data + i, 1, s->hidden);
			s->piece_count++;
			break;
		case PARSER_HIGH:
			take_high(s, data[i]);
			break;
		case PARSER_EXECUTE:
			/* NUL and the like are nothing to a terminal. */
			if (data[i] >= 0x08 && data[i] <= 0x0d)
				end_piece(s);
			if (data[i] >= 0x0a && data[i] <= 0x0c)
				end_joined(s);
			break;
		case PARSER_DISPATCH_ESC:
			end_piece(s);
			break;
		case PARSER_DISPATCH_CSI:
			if (data[i] != 'm')
				end_piece(s);
			break;
		case PARSER_NONE:
		case PARSER_PUT:
		case PARSER_END:
			break;
		}
	}
}

void scraps_finish(struct scraps *s)
{
	end_piece(s);
	end_joined(s);
	s->hidden = false;
	s->rune_len = 0;
	parser_reset(&s->parser);
}
