/* narrow: which blocks of text a query has to look at, asked of their
 * signatures. */
#ifndef ITM_STORE_NARROW_H
#define ITM_STORE_NARROW_H

#include <stdbool.h>
#include <stddef.h>

#include "store/query.h"
#include "store/signature.h"
#include "store/words.h"

enum { NARROW_STEPS_MAX = 1024 };

/* In postfix order: a word gives a set of blocks, "and" and "or" take two. */
enum narrow_kind { NARROW_WORD, NARROW_AND, NARROW_OR };
struct narrow_step {
	enum narrow_kind kind;
	struct signature_word word;
	char text[WORDS_TOKEN_MAX + 1];  /* of the word, for those who look on; ends in * when words may go on */
};
struct narrow {
	struct narrow_step steps[NARROW_STEPS_MAX];
	size_t count;
	bool cut;                        /* there was no room for all */
};

/* Whether every match stands in a block these steps let through; false: the
 * query has no such steps, every block must be looked at. */
bool narrow_query(struct narrow *n, const struct query *q);
/* One block. */
bool narrow_block(const struct narrow *n, const struct signature *s);
/* The blocks of a shelf.  slice gives one of its slices, borrowed until its
 * next call.  0 or what slice returned. */
typedef int narrow_slice(void *context, unsigned slice, const struct signature_shelf **out);
int narrow_shelf(const struct narrow *n, narrow_slice *slice, void *context, struct signature_set *out);

#endif
