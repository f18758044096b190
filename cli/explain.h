/* explain: what a verdict says in plain words: what is proved, by which keys,
 * and what is not. */
#ifndef ITM_CLI_EXPLAIN_H
#define ITM_CLI_EXPLAIN_H

#include <stdbool.h>

#include "cli/walk.h"
#include "format/keylist.h"

/* One sentence. */
const char *explain_meaning(enum verdict v);
/* The whole page, on standard output.  bundle: it was a bundle, and its own
 * keys were used for what is not given_*. */
struct explain_keys {
	bool bundle, given_identity, given_log, officer;
	bool has_list, list_broken, list_signed; /* a bundle's key list; signed by the officer given */
	struct keylist list;
};
void explain_print(const struct walk *w, enum verdict worst, const struct explain_keys *keys);

#endif
