#include "base/jsonread.h"

#include <string.h>

#include "base/error.h"

enum { MICRO_MAX_WHOLE = 9000000 }; /* millions: of seconds, past the year 2255 */

void jsonread_init(struct jsonread *j, const void *data, size_t len)
{
	*j = (struct jsonread){ .data = data, .len = len };
}

static void fail(struct jsonread *j, int error)
{
	if (j->error == 0)
		j->error = error;
	j->pos = j->len;
}

char jsonread_peek(struct jsonread *j)
{
	while (j->pos < j->len && memchr(" \t\r\n", j->data[j->pos], 4) != NULL)
		j->pos++;
	return j->pos < j->len ? (char)j->data[j->pos] : 0;
}

static void expect(struct jsonread *j, char c)
{
	if (jsonread_peek(j) != c || j->pos == j->len)
		fail(j, ITM_EFORMAT);
	else
		j->pos++;
}

void jsonread_enter(struct jsonread *j, char open)
{
	expect(j, open);
	if (++j->depth > JSONREAD_DEPTH)
		fail(j, ITM_ELIMIT);
	j->first = true;
}

bool jsonread_more(struct jsonread *j)
{
	char c = jsonread_peek(j);

	if (j->error != 0)
		return false;
	if (c == ']' || c == '}') {
		j->pos++;
		j->depth--;
		j->first = false;
		return false;
	}
	if (!j->first)
		expect(j, ',');
	j->first = false;
	return j->error == 0;
}

static int put(struct buffer *out, const void *data, size_t len)
{
	return out != NULL ? buffer_put(out, data, len) : 0;
}

static int put_rune(struct buffer *out, uint32_t c)
{
	uint8_t b[4];
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	static const uint8_t lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };

	for (size_t i = n; i-- > 1; c >>= 6)
		b[i] = (uint8_t)(0x80 | (c & 0x3f));
	b[0] = (uint8_t)(lead[n] | c);
	return put(out, b, n);
}

/* Four hex digits at pos; more than 0xffff = they are none. */
static uint32_t hex4(struct jsonread *j)
{
	uint32_t v = 0;

	if (j->len - j->pos < 4)
		return UINT32_MAX;
	for (size_t i = 0; i < 4; i++) {
		uint8_t c = j->data[j->pos + i], low = c | 0x20;

		if (c >= '0' && c <= '9')
			v = v << 4 | (uint32_t)(c - '0');
		else if (low >= 'a' && low <= 'f')
			v = v << 4 | (uint32_t)(low - 'a' + 10);
		else
			return UINT32_MAX;
	}
	j->pos += 4;
	return v;
}

static int unicode(struct jsonread *j, struct buffer *out)
{
	uint32_t c = hex4(j), low;
	size_t before = j->pos;

	if (c > 0xffff)
		return ITM_EFORMAT;
	if (c >= 0xd800 && c < 0xdc00 && j->len - j->pos >= 6 && j->data[j->pos] == '\\' && j->data[j->pos + 1] == 'u') {
		j->pos += 2;
		low = hex4(j);
		if (low >= 0xdc00 && low < 0xe000)
			return put_rune(out, 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00));
		j->pos = before;
	}
	return put_rune(out, c >= 0xd800 && c < 0xe000 ? 0xfffd : c);
}

static int escape(struct jsonread *j, struct buffer *out)
{
	static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
	const char *at;
	char c;

	if (j->pos == j->len)
		return ITM_EFORMAT;
	c = (char)j->data[j->pos++];
	if (c == 'u')
		return unicode(j, out);
	at = c != 0 ? strchr(names, c) : NULL;
	return at != NULL ? put(out, &values[at - names], 1) : ITM_EFORMAT;
}

void jsonread_string(struct jsonread *j, struct buffer *out)
{
	size_t from;
	int r = 0;

	expect(j, '"');
	while (j->error == 0) {
		from = j->pos;
		while (j->pos < j->len && j->data[j->pos] != '"' && j->data[j->pos] != '\\' && j->data[j->pos] >= 0x20)
			j->pos++;
		r = put(out, j->data + from, j->pos - from);
		if (r == 0 && (j->pos == j->len || j->data[j->pos] < 0x20))
			r = ITM_EFORMAT;
		if (r == 0 && j->data[j->pos++] == '"')
			return;
		if (r == 0)
			r = escape(j, out);
		if (r != 0)
			fail(j, r);
	}
}

void jsonread_key(struct jsonread *j, struct buffer *out)
{
	jsonread_string(j, out);
	expect(j, ':');
}

static bool digit(const struct jsonread *j)
{
	return j->pos < j->len && j->data[j->pos] >= '0' && j->data[j->pos] <= '9';
}

/* No exponents: none of the formats we read writes them. */
int64_t jsonread_micro(struct jsonread *j)
{
	bool negative = jsonread_peek(j) == '-';
	int64_t v = 0, unit = 1000000;

	j->pos += negative;
	if (!digit(j))
		fail(j, ITM_EFORMAT);
	for (; digit(j); j->pos++) {
		v = v * 10 + (j->data[j->pos] - '0');
		if (v > (int64_t)MICRO_MAX_WHOLE * 1000000)
			fail(j, ITM_EFORMAT);
	}
	v *= j->error == 0 ? 1000000 : 0;
	if (j->pos < j->len && j->data[j->pos] == '.')
		for (j->pos++; digit(j); j->pos++) {
			unit /= 10;
			v += unit * (j->data[j->pos] - '0');
		}
	if (j->pos < j->len && (j->data[j->pos] == 'e' || j->data[j->pos] == 'E'))
		fail(j, ITM_EFORMAT);
	return j->error != 0 ? 0 : negative ? -v : v;
}

static void skip_word(struct jsonread *j)
{
	static const char *const words[] = { "true", "false", "null" };

	for (size_t i = 0; i < 3; i++) {
		size_t n = strlen(words[i]);

		if (j->len - j->pos >= n && memcmp(j->data + j->pos, words[i], n) == 0) {
			j->pos += n;
			return;
		}
	}
	fail(j, ITM_EFORMAT);
}

void jsonread_skip(struct jsonread *j)
{
	unsigned depth = j->depth;
	bool keyed[JSONREAD_DEPTH + 1] = { false };

	do {
		char c = jsonread_peek(j);

		if (c == '[' || c == '{') {
			jsonread_enter(j, c);
			if (j->error == 0)
				keyed[j->depth] = c == '{';
		} else if (c == '"') {
			jsonread_string(j, NULL);
		} else if (c == '-' || (c >= '0' && c <= '9')) {
			/* Any number, also those that jsonread_micro refuses. */
			while (j->pos < j->len && j->data[j->pos] != 0 && strchr("+-.0123456789eE", j->data[j->pos]) != NULL)
				j->pos++;
		} else {
			skip_word(j);
		}
		while (j->error == 0 && j->depth > depth && !jsonread_more(j))
			;
		if (j->error == 0 && j->depth > depth && keyed[j->depth])
			jsonread_key(j, NULL);
	} while (j->error == 0 && j->depth > depth);
}

int jsonread_end(struct jsonread *j)
{
	if (jsonread_peek(j) != 0 || j->pos < j->len || j->depth != 0)
		fail(j, ITM_EFORMAT);
	return j->error;
}
