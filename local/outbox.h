/* outbox: frames on their way to the sealer, kept until it says that they are
 * durable, and sent again when it starts anew. */
#ifndef ITM_LOCAL_OUTBOX_H
#define ITM_LOCAL_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format/frame.h"
#include "local/space.h"

enum { OUTBOX_BOUND = 1024 * 1024 }; /* bytes of unacknowledged frames, plus one frame */

struct outbox_item;

struct outbox {
	int sock;                    /* SEQPACKET to the sealer, borrowed; -1 = none yet, frames are kept */
	struct outbox_item *first, *last, *unsent;
	size_t bytes;                /* kept */
	uint64_t last_number;        /* newest frame added */
	uint32_t restarts;           /* of the sealer, that it told of */
	size_t dropped;              /* bytes kept when it was lost */
	bool lost;                   /* the sealer's side is gone for good */
	enum space_level level;      /* how full the spool is, and what the host does then: the */
	enum space_policy policy;    /* sealer's last word */
};

void outbox_init(struct outbox *o, int sock);
void outbox_free(struct outbox *o);
/* Keeps a copy of the frame.  0, ITM_ENOMEM, ITM_ECLOSED once lost. */
int outbox_add(struct outbox *o, const struct frame *frame);
/* Sends what it can without waiting. */
void outbox_send(struct outbox *o);
/* Reads what the sealer says, without waiting.  True when some frame became
 * durable. */
bool outbox_receive(struct outbox *o);
bool outbox_full(const struct outbox *o);
bool outbox_empty(const struct outbox *o);
/* Frames up to this number are durable. */
uint64_t outbox_durable(const struct outbox *o);
/* poll(2) events to wait for; 0 once lost. */
short outbox_events(const struct outbox *o);

#endif
