#include "agent/sealer/anchor.h"

#include <inttypes.h>
#include <string.h>

#include "agent/sealer/sealer_state.h"
#include "base/log.h"

void anchor_begin(struct anchor *a, uint64_t segment, uint64_t sequence)
{
	/* Full: the oldest mark is let go, what it stood for goes with the next. */
	if (a->mark_count == ANCHOR_MARKS) {
		memmove(a->mark, a->mark + 1, (ANCHOR_MARKS - 1) * sizeof *a->mark);
		a->mark_count--;
	}
	a->mark[a->mark_count++] = (struct anchor_mark){ segment, sequence };
}

void anchor_trim(struct sealer *s)
{
	struct anchor *a = &s->anchor;
	size_t done = 0;
	uint64_t before = 0;
	if (s->dirty_ms != 0 || spool_queued(s->spool) > 0 || s->chain.in_flight)
		return;
	/* Strictly more: the newest receipt itself stays in the spool. */
	while (done < a->mark_count && s->ledger.receipt > a->mark[done].sequence)
		before = a->mark[done++].segment;
	if (done == 0)
		return;
	int n = spool_trim(s->spool, before, room_keep(&s->room, s->config.spool_keep));
	if (n > 0)
		log_info("the server's log has it: %d old segments of the spool were removed", n);
	/* What the minimum of history kept is asked for again with the last mark. */
	if (done > 1) {
		memmove(a->mark, a->mark + done - 1, (a->mark_count - done + 1) * sizeof *a->mark);
		a->mark_count -= done - 1;
	}
}

static int anchor_log_key(struct sealer *s)
{
	if (s->config.has_log_key)
		return 0;
	if (!s->no_log_key_said)
		log_error("receipts come, but there is no log key to check them with: none is kept");
	s->no_log_key_said = true;
	return ITM_ECRYPTO;
}

/* The log must go on from what we saw of it.  ITM_EBUSY: ask again. */
static int anchor_follow(struct sealer *s, const struct receipt *r)
{
	struct anchor *a = &s->anchor;
	const char *why;
	int e = receipt_follow(r, &a->seen, &why);
	a->ask = e == ITM_EBUSY;
	if (e == ITM_ECRYPTO && (!a->refused || a->why != why))
		log_error("%s: %" PRIu64 " leaves seen, %" PRIu64 " now; its receipts are refused and the spool is kept",
			  why, a->seen.size, r->checkpoint.size);
	if (e == 0 && a->refused)
		log_info("the server's log goes on from what was seen");
	if (e != ITM_EBUSY) {
		a->refused = e != 0;
		a->why = why;
	}
	return e;
}

int sealer_receipt(struct sealer *s, uint16_t unit_type, const void *payload, size_t len)
{
	struct receipt receipt;
	if (unit_type != UNIT_RECEIPT && unit_type != UNIT_COUNTERSIGN)
		return ITM_EFORMAT;
	int r = anchor_log_key(s);
	if (r == 0)
		r = receipt_decode(payload, len, &receipt, NULL);
	if (r == 0 && receipt.record.type != (unit_type == UNIT_RECEIPT ? RECEIPT_BLOCK : RECEIPT_GENESIS))
		r = ITM_EFORMAT;
	if (r == 0 && !id_equal(&receipt.record.host, &s->config.host))
		r = ITM_ECRYPTO;
	if (r == 0)
		r = receipt_check(&receipt, s->config.log_key);
	if (r == 0)
		r = ledger_check(&s->ledger, &receipt.record);
	if (r != 0)
		return r;
	uint64_t seen = s->anchor.seen.size;
	r = anchor_follow(s, &receipt);
	if (r != 0)
		return r;
	/* No room: the next receipt speaks for these blocks too.  One that says
	 * nothing new of blocks is kept when it moved the log on: what was seen
	 * outlives a restart by it. */
	bool moved = s->anchor.seen.size > seen;
	if (spool_queued(s->spool) >= SEALER_QUEUE_STOP || (!ledger_receipt(&s->ledger, &receipt.record) && !moved))
		return 0;
	r = spool_append(s->spool, (uint8_t)unit_type, 1, payload, len);
	if (r == 0)
		sealer_dirty(s, 0);
	return r;
}
