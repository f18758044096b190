/* words: how text is divided into words for the index, and how what is looked
 * for is found in a line.
 *
 * Words are runs of letters, digits and the marks on them, folded, cut to
 * WORDS_TOKEN_MAX bytes.  Paths, addresses and flags are indexed by their
 * parts; words_find finds them whole. */
#ifndef ITM_STORE_WORDS_H
#define ITM_STORE_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WORDS_TOKEN_MAX = 64 }; /* bytes of a word that are indexed; the text is compared whole */

bool words_is(uint32_t rune);

/* Calls emit for each word, folded; the first result other than 0 ends it and
 * is returned. */
typedef int words_emit(void *handle, const char *token, size_t len, size_t start, size_t end);
int words_split(const char *text, size_t len, void *handle, words_emit *emit);

/* What is looked for: folded characters; a blank stands for any number of
 * them.  Where it begins or ends with a letter or digit, a word must begin or
 * end there, unless the side is open. */
struct words_term {
	const uint32_t *runes;  /* borrowed; not empty */
	size_t count;
	bool open_start, open_end;
};
/* The first place at or after `from`. */
bool words_find(const struct words_term *t, const char *text, size_t len, size_t from, size_t *start, size_t *match_len);

/* * and ?, any case; time is bounded by the product of the lengths. */
bool words_glob(const char *pattern, const char *text);

#endif
