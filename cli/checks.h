/* checks: what was looked at on a host and found good, worth knowing, or
 * wrong; each in one line of words. */
#ifndef ITM_CLI_CHECKS_H
#define ITM_CLI_CHECKS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/json.h"

enum checks_state {
	CHECKS_OK,
	CHECKS_NOTE,    /* works; an administrator should know */
	CHECKS_WRONG,   /* recording is not what policy says */
};

enum { CHECKS_MAX = 128, CHECKS_WORDS_SIZE = 320 };

struct checks {
	struct checks_item { enum checks_state state; const char *name; char words[CHECKS_WORDS_SIZE]; } item[CHECKS_MAX];
	size_t count, dropped;   /* dropped: beyond CHECKS_MAX */
};

/* name: static text.  Returns state == CHECKS_OK. */
bool checks_add(struct checks *c, enum checks_state state, const char *name, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* How many are in that state. */
size_t checks_count(const struct checks *c, enum checks_state state);
const struct checks_item *checks_first(const struct checks *c, enum checks_state state);

/* Lines "  ok    name  words" on stdout, those below `least` left out. */
void checks_print(const struct checks *c, enum checks_state least);
void checks_json(const struct checks *c, struct json *j);

#endif
