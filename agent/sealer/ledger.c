#include "agent/sealer/ledger.h"

#include <string.h>

#include "base/error.h"

void ledger_block(struct ledger *l, const struct block *b)
{
	struct ledger_entry *e = &l->entry[b->sequence % LEDGER_BLOCKS];
	*e = (struct ledger_entry){ .sequence = b->sequence, .wall_ns = b->wall_ns,
				    .genesis = (b->flags & BLOCK_GENESIS) != 0 };
	block_hash(b, e->hash);
	l->last = b->sequence;
}

int ledger_check(const struct ledger *l, const struct receipt_record *r)
{
	const struct ledger_entry *e = &l->entry[r->sequence % LEDGER_BLOCKS];
	if (r->sequence == 0 || r->sequence > l->last)
		return ITM_ECRYPTO;
	/* Older than what we remember: the verifier compares the hash. */
	if (e->sequence != r->sequence)
		return 0;
	if (memcmp(e->hash, r->block_hash, HASH_SIZE) != 0 || (r->type == RECEIPT_GENESIS && !e->genesis))
		return ITM_ECRYPTO;
	return 0;
}

bool ledger_receipt(struct ledger *l, const struct receipt_record *r)
{
	struct ledger_entry *e = &l->entry[r->sequence % LEDGER_BLOCKS];
	if (r->type == RECEIPT_GENESIS) {
		bool known = e->sequence == r->sequence && e->countersign;
		if (e->sequence == r->sequence)
			e->countersign = true;
		return !known;
	}
	if (r->sequence <= l->receipt)
		return false;
	l->receipt = r->sequence;
	return true;
}

int64_t ledger_oldest(const struct ledger *l)
{
	uint64_t from = l->last >= LEDGER_BLOCKS ? l->last - LEDGER_BLOCKS + 1 : 1;
	if (l->receipt >= from)
		from = l->receipt + 1;
	for (uint64_t n = from; n <= l->last; n++) {
		const struct ledger_entry *e = &l->entry[n % LEDGER_BLOCKS];
		if (e->sequence == n)
			return e->wall_ns;
	}
	return 0;
}
