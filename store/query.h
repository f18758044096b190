/* query: the search language: parsed into terms and conditions, turned into an
 * expression for the full-text index, and matched against lines.
 *
 *   word         a whole word, any case; with other characters in it
 *                (/etc/passwd, 10.0.0.1) the whole of it, as it stands
 *   word*        words that begin so (at least two characters before the *)
 *   "two words"  as it stands, whole words; a blank matches any number of them;
 *                \" and \\ inside
 *   -word -"…"   lines without it; --word is the word itself, with its dashes
 *   out:word     the same as word: what was shown (the only text kept so far)
 *   user: host:  of the session, with * and ?, any case
 *   session:     its id or the start of it (4 characters and more), or last
 *   after: before:   2026-11-23 or 2026-11-23T18:00 (UTC)
 * All words must be on one line.  A word before a colon that names none of
 * these is text: root:x:0 finds a line of /etc/passwd. */
#ifndef ITM_STORE_QUERY_H
#define ITM_STORE_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

enum {
	QUERY_MAX = 4096,        /* bytes of a query */
	QUERY_TERMS_MAX = 32,
	QUERY_RUNES_MAX = 256,   /* characters of one term */
	QUERY_VALUE_SIZE = 256,
	QUERY_TOKEN_MAX = 64,    /* bytes of a word that are indexed; the text is compared whole */
};

struct query_term {
	uint32_t runes[QUERY_RUNES_MAX]; /* folded */
	size_t count;
	bool negative, prefix;
};

struct query {
	struct query_term terms[QUERY_TERMS_MAX];
	size_t term_count;
	char user[QUERY_VALUE_SIZE], host[QUERY_VALUE_SIZE], session[QUERY_VALUE_SIZE]; /* "" = any */
	int64_t after_wall_ns, before_wall_ns;   /* 0 = open */
};

/* 0 or ITM_EFORMAT, ITM_ELIMIT with fault.offset at the character. */
int query_parse(const char *text, size_t len, struct query *out, struct fault *fault);
/* Appends the MATCH expression for FTS5: every word quoted, AND between. */
int query_expression(const struct query *q, struct buffer *out);
/* Whether a line has all terms and no negative one; where the first one is. */
bool query_match(const struct query *q, const char *line, size_t len, size_t *start, size_t *match_len);
/* * and ?, any case; time is bounded by the product of the lengths. */
bool query_glob(const char *pattern, const char *text);

/* How text is divided into words for the index: runs of letters, digits and
 * the marks on them, folded, cut to QUERY_TOKEN_MAX bytes.  Paths, addresses
 * and flags are indexed by their parts; query_match finds them whole.  Fits
 * sql_split. */
typedef int query_emit(void *handle, const char *token, size_t len, size_t start, size_t end, bool same_place);
int query_split(const char *text, size_t len, bool query, void *handle, query_emit *emit);

#endif
