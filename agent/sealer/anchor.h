/* anchor: what the central log has said: receipts checked, the log followed
 * from one checkpoint to the next, and old segments of the spool given up when
 * all they hold is in the log. */
#ifndef ITM_SEALER_ANCHOR_H
#define ITM_SEALER_ANCHOR_H

#include <stdbool.h>
#include <stdint.h>

#include "format/receipt.h"

enum { ANCHOR_MARKS = 256 };

/* Where a segment begins, all blocks up to sequence stand before it. */
struct anchor_mark { uint64_t segment, sequence; };

struct anchor {
	struct receipt_seen seen;    /* the log's last checkpoint we believed */
	bool refused;                /* the log went back or was forked, by the last receipt */
	bool ask;                    /* a receipt could not be judged: it must begin where we stand */
	const char *why;             /* words on refused; NULL = none */
	struct anchor_mark mark[ANCHOR_MARKS];
	size_t mark_count;
};

/* sealer_receipt of sealer.h is here too. */
struct sealer;
/* A segment was begun and everything before it is signed. */
void anchor_begin(struct anchor *a, uint64_t segment, uint64_t sequence);
/* Trim what receipts allow, now that all that was appended is durable. */
void anchor_trim(struct sealer *s);

#endif
