/* ledger: which of the newest blocks the server has answered for. */
#ifndef ITM_SEALER_LEDGER_H
#define ITM_SEALER_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "format/block.h"
#include "format/receipt.h"

enum { LEDGER_BLOCKS = 4096 };

struct ledger_entry {
	uint64_t sequence;           /* 0 = unused */
	uint8_t hash[HASH_SIZE];
	int64_t wall_ns;
	bool genesis, countersign;
};
struct ledger {
	struct ledger_entry entry[LEDGER_BLOCKS];
	uint64_t last;               /* newest block */
	uint64_t receipt;            /* highest sequence with one */
};

void ledger_block(struct ledger *l, const struct block *b);
/* 0; ITM_ECRYPTO: names another block than ours. */
int ledger_check(const struct ledger *l, const struct receipt_record *r);
/* After the check: true when it says something new.  A receipt speaks for all
 * blocks before its own. */
bool ledger_receipt(struct ledger *l, const struct receipt_record *r);
/* Wall time of the oldest block without a receipt; 0 = none that is known. */
int64_t ledger_oldest(const struct ledger *l);

#endif
