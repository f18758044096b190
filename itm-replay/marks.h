/* marks: what a viewer can jump to in a session (commands typed at prompts,
 * alerts, files that passed, losses), and how much was shown when.  Read a
 * slice at a time from a source of its own, while the player plays. */
#ifndef ITM_REPLAY_MARKS_H
#define ITM_REPLAY_MARKS_H

#include <stdbool.h>
#include <stdint.h>

#include "store/source.h"

enum {
	MARKS_MAX = 100000,          /* of more, the first are kept */
	MARKS_WORDS_MAX = 16 << 20,  /* bytes of all words */
	MARKS_WORD_SIZE = 200,       /* bytes of one's words; longer ones are cut */
	MARKS_LEVELS = 8,
};

enum marks_kind { MARKS_COMMAND = 1, MARKS_EVENT = 2, MARKS_ALERT = 4 };
struct mark {
	uint64_t at_ms;
	enum marks_kind kind;
	const char *words;           /* from the recorded host: escape before printing */
};

struct marks;
/* The source is the caller's and must outlive them.  Owned; NULL out of memory. */
struct marks *marks_new(struct source *source);
void marks_free(struct marks *m);
/* Read a slice.  False: there is nothing more now. */
bool marks_work(struct marks *m);
/* Up to when it was read; UINT64_MAX = to the end, and nothing will come. */
uint64_t marks_read_ms(const struct marks *m);
/* An alert, or another mark, that is kept elsewhere.  Beyond the limits it is
 * passed over.  0 or ITM_ENOMEM. */
int marks_add(struct marks *m, uint64_t at_ms, enum marks_kind kind, const char *words, size_t len);

/* The first after ms, or the last before, of these kinds (or of all that
 * stand at one time, the first).  False: none that is known yet. */
bool marks_next(const struct marks *m, unsigned kinds, uint64_t ms, bool backward, struct mark *out);
/* How much was shown from..to (ms), 0 = nothing to MARKS_LEVELS; each level is
 * eight times the bytes a second of the one before. */
unsigned marks_level(const struct marks *m, uint64_t from_ms, uint64_t to_ms);
/* Whether one of kinds stands at from <= ms < to. */
bool marks_any(const struct marks *m, unsigned kinds, uint64_t from_ms, uint64_t to_ms);

#endif
