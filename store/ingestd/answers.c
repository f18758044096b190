#include "store/ingestd/answers.h"

#include <stdlib.h>
#include <string.h>

#include "net/forward.h"

enum { ANSWERS_GENESES_MAX = 65536 }; /* of one connection between two checkpoints */

void answers_free(struct answers *a)
{
	free(a->genesis);
	*a = (struct answers){ 0 };
}

static int answers_add_genesis(struct answers *a, const struct answers_block *b)
{
	if (a->genesis_count == a->genesis_size) {
		size_t size = a->genesis_size ? 2 * a->genesis_size : 4;
		struct answers_block *more = size <= ANSWERS_GENESES_MAX ? realloc(a->genesis, size * sizeof *more) : NULL;
		if (more == NULL)
			return ITM_ENOMEM;
		a->genesis = more;
		a->genesis_size = size;
	}
	a->genesis[a->genesis_count++] = *b;
	return 0;
}

int answers_add(struct answers *a, uint64_t sequence, const uint8_t hash[HASH_SIZE], bool genesis)
{
	struct answers_block b = { .sequence = sequence };
	memcpy(b.hash, hash, HASH_SIZE);
	int rc = genesis ? answers_add_genesis(a, &b) : 0;
	if (rc != 0)
		return rc;
	if (!a->due || sequence > a->newest.sequence)
		a->newest = b;
	a->due = true;
	return 0;
}

/* ITM_EBUSY: the checkpoint does not cover it yet. */
static int answers_one(struct answers *a, struct evidence *e, struct tlog *log, const struct id *host,
		       const struct answers_block *b, bool genesis, struct buffer *out)
{
	struct evidence_logged logged;
	struct buffer receipt;
	int rc = evidence_logged(e, host, b->sequence, b->hash, &logged);
	uint64_t leaf = genesis ? logged.genesis_leaf : logged.leaf;
	if (rc != 0)
		return rc;
	if (leaf >= tlog_size(log))
		return ITM_EBUSY;
	buffer_init(&receipt, RECEIPT_MAX);
	rc = tlog_receipt(log, genesis ? &logged.genesis_record : &logged.record, leaf, a->seen, &receipt);
	if (rc == 0)
		rc = forward_put(out, genesis ? FORWARD_COUNTERSIGN : FORWARD_RECEIPT, receipt.data, receipt.len);
	buffer_free(&receipt);
	/* A host that has seen more than there is goes on hearing so. */
	if (rc == 0 && a->seen < tlog_size(log))
		a->seen = tlog_size(log);
	return rc;
}

int answers_put(struct answers *a, struct evidence *e, struct tlog *log, const struct id *host, struct buffer *out)
{
	size_t done = 0;
	int rc = 0;
	if (!a->due)
		return 0;
	while (rc == 0 && done < a->genesis_count) {
		rc = answers_one(a, e, log, host, &a->genesis[done], true, out);
		if (rc == 0)
			done++;
	}
	if (done > 0)
		memmove(a->genesis, a->genesis + done, (a->genesis_count - done) * sizeof *a->genesis);
	a->genesis_count -= done;
	if (rc == 0)
		rc = answers_one(a, e, log, host, &a->newest, false, out);
	if (rc == 0)
		a->due = false;
	return rc == ITM_EBUSY || rc == ITM_ELIMIT ? 0 : rc;
}
