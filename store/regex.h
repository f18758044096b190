/* regex: regular expressions with bounded work; the only door to PCRE2.
 *
 * Perl's syntax over UTF-8; letters differ in case unless asked otherwise.  A
 * match that needs more than REGEX_STEPS tries is given up. */
#ifndef ITM_STORE_REGEX_H
#define ITM_STORE_REGEX_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum {
	REGEX_STEPS = 100000,     /* of one match; some ms */
	REGEX_DEPTH = 1000,       /* of backtracking */
	REGEX_HEAP_KIB = 8192,
};

struct regex;
/* Owned; NULL with a fault whose offset is inside the pattern. */
struct regex *regex_new(const char *pattern, size_t len, bool any_case, struct fault *fault);
void regex_free(struct regex *r);
/* The first match at or after `from`: 1, 0 none, ITM_ETIMEOUT given up. */
int regex_find(struct regex *r, const char *text, size_t len, size_t from, size_t *start, size_t *match_len);

#endif
