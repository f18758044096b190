#include "store/words.h"

#include <string.h>

#include "terminal/utf8.h"
#include "terminal/width.h"

/* Marks stay with their letter. */
bool words_is(uint32_t rune)
{
	if (rune < 0x80)
		return (rune | 32) - 'a' < 26 || rune - '0' < 10;
	return width_is_word(rune) || (rune >= 0x300 && width_of(rune) == 0);
}

/* One word character of data, folded, appended to token while it fits.  The
 * length of what was read, 0 when no word goes on here. */
static size_t split_rune(const uint8_t *data, size_t len, char token[WORDS_TOKEN_MAX], size_t *count, bool *full)
{
	uint32_t rune;
	uint8_t bytes[4];
	unsigned used = utf8_decode(data, len, &rune);
	if (used == 0 || !words_is(rune))
		return 0;
	unsigned n = utf8_encode(width_fold(rune), bytes);
	*full = *full || *count + n > WORDS_TOKEN_MAX;
	if (!*full) {
		memcpy(token + *count, bytes, n);
		*count += n;
	}
	return used;
}

int words_split(const char *text, size_t len, void *handle, words_emit *emit)
{
	const uint8_t *data = (const uint8_t *)text;
	size_t pos = 0;
	while (pos < len) {
		char token[WORDS_TOKEN_MAX];
		size_t count = 0, start = pos;
		bool full = false;
		while (pos < len) {
			uint8_t c = data[pos];
			size_t used = 1;
			if (c < 0x80 && !words_is(c))
				break;
			if (c < 0x80 && count < WORDS_TOKEN_MAX && !full)
				token[count++] = (char)width_fold(c);
			else
				used = split_rune(data + pos, len - pos, token, &count, &full);
			if (used == 0)
				break;
			pos += used;
		}
		int result = pos == start ? 0 : emit(handle, token, count, start, pos);
		if (result != 0)
			return result;
		if (pos == start)
			pos++;
	}
	return 0;
}

/* Whether the term stands at the start of data; its length in bytes. */
static bool term_at(const struct words_term *t, const uint8_t *data, size_t len, size_t *match_len)
{
	size_t pos = 0;
	uint32_t last = 0, next;
	for (size_t i = 0; i < t->count; i++) {
		uint32_t rune = pos < len ? data[pos] : 0;
		unsigned used = pos >= len ? 0 : rune < 0x80 ? 1 : utf8_decode(data + pos, len - pos, &rune);
		if (used == 0 || width_fold(rune) != t->runes[i])
			return false;
		pos += used;
		last = rune;
		if (rune == ' ')
			while (pos < len && data[pos] == ' ')
				pos++;
	}
	if (!t->open_end && words_is(last) && pos < len && utf8_decode(data + pos, len - pos, &next) > 0 && words_is(next))
		return false;
	*match_len = pos;
	return true;
}

/* Whether a letter or digit ends right before data[pos]. */
static bool after_word(const uint8_t *data, size_t pos)
{
	uint32_t rune;
	size_t start = pos;
	if (pos == 0)
		return false;
	do
		start--;
	while (start > 0 && pos - start < 4 && (data[start] & 0xc0) == 0x80);
	return utf8_decode(data + start, pos - start, &rune) == pos - start && words_is(rune);
}

bool words_find(const struct words_term *t, const char *text, size_t len, size_t from, size_t *start, size_t *match_len)
{
	const uint8_t *data = (const uint8_t *)text;
	uint32_t first = t->runes[0];
	bool word_first = !t->open_start && words_is(first);
	uint8_t capital = (uint8_t)(first - 'a' < 26 ? first - 32 : first);
	for (size_t pos = from; pos < len; pos++) {
		if (data[pos] < 0x80 && data[pos] != first && data[pos] != capital)
			continue;
		if (term_at(t, data + pos, len - pos, match_len) && !(word_first && after_word(data, pos))) {
			*start = pos;
			return true;
		}
	}
	return false;
}

bool words_glob(const char *pattern, const char *text)
{
	const char *star = NULL, *retry = NULL;
	while (*text != '\0') {
		if (*pattern == '*') {
			star = pattern++;
			retry = text;
		} else if (*pattern == '?' || (*pattern != '\0' && width_fold((uint8_t)*pattern) == width_fold((uint8_t)*text))) {
			pattern++;
			text++;
		} else if (star != NULL) {
			pattern = star + 1;
			text = ++retry;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}
