/* ingest_look: looks at a store that was killed or cut off and filled again:
 * every block is there, once, in the database, the segments and the log. */
#ifndef ITM_TESTS_CRASH_INGEST_LOOK_H
#define ITM_TESTS_CRASH_INGEST_LOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "tests/unit/chain.h"

struct ingest_wanted {
	const char *store;
	const struct chain *chain;       /* of the host that made them */
	const uint8_t *log_key;
	size_t count, genesis;           /* blocks, and of that kind */
	const uint8_t (*hash)[HASH_SIZE];
};

/* Ends the process with status 1, and says what is wrong. */
void ingest_must(bool ok, const char *what);
/* All of it, or the end of the process. */
void ingest_look(const struct ingest_wanted *c);

#endif
