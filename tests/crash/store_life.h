/* store_life: a store of two made-up hosts for tests that alter it: blocks,
 * acts, a hold, now and then a redaction; and made anew with something else. */
#ifndef ITM_TESTS_CRASH_STORE_LIFE_H
#define ITM_TESTS_CRASH_STORE_LIFE_H

#include <stdbool.h>
#include <stdint.h>

#include "format/receipt.h"
#include "tests/unit/chain.h"

enum { STORE_HOSTS = 2 };
/* What a server that has the log's key, and no host's, can leave out or put in. */
enum store_change {
	STORE_TAIL, STORE_MIDDLE, STORE_HOST, STORE_ACT, STORE_ORDER, STORE_OTHER_KEY, STORE_FORGED_BLOCK, STORE_CHANGES,
	STORE_WHOLE = STORE_CHANGES
};

struct store_life {
	char dir[64];
	struct id server;
	struct sign_key log;
	struct chain chain[STORE_HOSTS];
	struct id stream[STORE_HOSTS];   /* the first session of each, ended */
	bool redacted;
	struct receipt_seen seen;        /* by the hosts and the witness */
};
extern struct store_life store_life;

uint64_t chance(uint64_t below);
void life_store_must(bool ok, const char *what);
void store_life_set_up(uint64_t seed);
void store_life_begin(void);
void store_life_end(void);
/* The store's folder without what is in it; its folders. */
void store_life_empty(void);
void store_life_folders(void);
void store_life_anew(enum store_change change);

#endif
