/* sealer_link: the socket to the sealer: how far the spool is durable comes
 * in, receipts go out. */
#ifndef ITM_AGENT_FORWARDD_SEALER_LINK_H
#define ITM_AGENT_FORWARDD_SEALER_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

struct sealer_link {
	int control;             /* the supervisor; -1 = none */
	int fd;                  /* to the sealer; -1 = not (yet) there */
	bool stop;               /* the supervisor says so, or is gone */
	bool durable_known;
	bool renewed;            /* another sealer, or it wants the server asked anew: HELLO again */
	uint64_t segment, offset, log_size;
	uint64_t asked_ms;
	struct buffer waiting;   /* one receipt the sealer had no room for */
};

void sealer_link_init(struct sealer_link *l, int control);
void sealer_link_close(struct sealer_link *l);
/* Ask the supervisor for the pair if there is none. */
void sealer_link_ask(struct sealer_link *l, uint64_t now_ms);
/* Read what the supervisor says. */
void sealer_link_control(struct sealer_link *l);
/* Read what the sealer says; true when more is durable than before. */
bool sealer_link_read(struct sealer_link *l);
/* A receipt has to wait: take no more from the server. */
bool sealer_link_busy(const struct sealer_link *l);
/* Hand a receipt or countersignature over; try again what waits. */
void sealer_link_receipt(struct sealer_link *l, uint16_t unit_type, const void *payload, size_t len);
void sealer_link_flush(struct sealer_link *l);

#endif
