/* recording: events become frames; what happens when frames can no longer be
 * handed over is decided here, from policy.
 *
 * Nothing here waits.  A frame goes out when its run reaches 64 KiB, 120 ms
 * after its first event, or at the end. */
#ifndef ITM_LOCAL_RECORDING_H
#define ITM_LOCAL_RECORDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/id.h"
#include "format/record.h"
#include "local/outbox.h"
#include "local/users.h"

enum {
	RECORDING_RUN_AIM = 64 * 1024,  /* bytes */
	RECORDING_HOLD_MS = 120,        /* from a frame's first event to its sending */
	RECORDING_STALL_MS = 2000,      /* full and nothing made durable: loss */
	RECORDING_FIRST_MS = 1500,      /* strict: so long for the first frame to become durable */
	/* While the spool is full and policy thins: an administrator's work is far
	 * below (62 KB an hour), a flood far above. */
	RECORDING_THIN_BURST = 16 * 1024, /* bytes of output */
	RECORDING_THIN_RATE = 1024,       /* bytes a second */
	RECORDING_THIN_GAP_MS = 1000,     /* at most one GAP in this time without output in between */
};

struct recording {
	struct outbox outbox;
	struct id stream;
	enum users_failure failure;
	struct buffer run;
	uint64_t number;         /* of the frame being filled */
	uint64_t start_ns;       /* of its first event, boot clock */
	int64_t start_wall_ns;
	uint64_t last_ms;
	uint64_t progress_ns;    /* when a frame was last made durable, or the bound was reached */
	uint64_t first_ns;       /* of the first frame that was sent, 0 = none */
	bool stored;             /* a frame was made durable */
	bool was_full;
	bool losing;             /* bytes are counted, not kept */
	bool last;               /* the producer has ended */
	bool closing;            /* there was no memory for the last frame yet */
	size_t thin_left;        /* bytes of output that may be kept while thinning */
	uint64_t thin_ns;        /* when that was reckoned; 0 = not thinning */
	uint64_t gap_ns;         /* of the last GAP */
	uint64_t lost_bytes;     /* since the last RECORD_GAP */
	const char *refusal;     /* strict: why the session must end */
};

/* sock is the stream socket, borrowed; with -1 frames are kept until
 * outbox.sock is set.  0 or ITM_ENOMEM. */
int recording_open(struct recording *r, int sock, const struct id *stream, enum users_failure failure);
void recording_close(struct recording *r);

/* now_ns is CLOCK_BOOTTIME, here and below.  Bytes of any length are cut into
 * events that fit a frame.  Kinds without bytes take code. */
void recording_bytes(struct recording *r, uint64_t now_ns, enum record_kind kind, const void *data, size_t len);
void recording_code(struct recording *r, uint64_t now_ns, enum record_kind kind, uint64_t code);
/* One event, never cut.  False: no room; its length counts as lost. */
bool recording_whole(struct recording *r, uint64_t now_ns, enum record_kind kind, const void *data, size_t len);
bool recording_note(struct recording *r, uint64_t now_ns, const char *text);

/* Send what there is now instead of when it is due. */
void recording_flush(struct recording *r);

/* After every wake-up: sends frames that are due. */
void recording_tick(struct recording *r, uint64_t now_ns);
/* When poll(2) reported something on the stream socket. */
void recording_receive(struct recording *r, uint64_t now_ns);
/* ms until tick has something to do, -1 = never. */
int recording_wait_ms(const struct recording *r, uint64_t now_ns);
short recording_events(const struct recording *r);

/* The producer must pause: what it gives now may be lost, or policy holds it. */
bool recording_full(const struct recording *r);
/* The producer has ended: what is left of its output is not held. */
void recording_last(struct recording *r);
/* Text when the session has to end because it can't be recorded, else NULL. */
const char *recording_refusal(const struct recording *r);

/* Last frame.  settled: everything is durable, or nobody is left to take it. */
void recording_finish(struct recording *r, uint64_t now_ns);
bool recording_settled(const struct recording *r);

#endif
