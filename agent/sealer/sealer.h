/* sealer: takes frames in, makes them durable, makes chunks and blocks of
 * them.  Knows no sockets: the loop brings frames and carries answers. */
#ifndef ITM_SEALER_SEALER_H
#define ITM_SEALER_SEALER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/sealer/stream.h"
#include "base/error.h"
#include "base/id.h"
#include "format/sign.h"
#include "local/space.h"
#include "store/spool.h"

/* Time comes from here, so that tests can have their own. */
struct sealer_clock {
	int64_t (*now_ms)(void);      /* monotonic */
	uint64_t (*boot_ns)(void);
	int64_t (*wall_ns)(void);
	struct id (*boot_id)(void);
};

struct sealer_config {
	const char *spool;
	struct id host;
	struct sign_key identity;
	bool has_log_key;
	uint8_t log_key[SIGN_PUBLIC_SIZE];
	int64_t block_interval_ms, heartbeat_ms;
	uint64_t spool_segment;       /* bytes of a segment; 0 = the default */
	uint64_t spool_keep;          /* bytes of the newest segments that are never trimmed */
	uint64_t spool_max;           /* bytes of all segments; 0 = what the filesystem has */
	enum space_policy spool_full;
	void *slot;                   /* mapped, borrowed (slot.h) */
	const struct sealer_clock *clock;       /* NULL = the system's */
	const struct spool_calls *calls;        /* NULL = the system's */
};

struct sealer_status {
	uint64_t sequence, streams, frames, chunks, blocks, bad_frames, lost_bytes;
	uint64_t spool_bytes, spool_capacity, segment, offset, receipt;
	unsigned spool_percent;
	enum space_level space;
	enum space_policy policy;
	int64_t oldest_unacknowledged_wall_ns;  /* 0 = none */
	uint64_t log_size;            /* leaves of the server's log, last believed */
	const char *log_refused;      /* why its receipts are refused; "" = they are not */
	bool failing;
	const char *error;            /* words of the last failure; "" = none */
};

struct sealer;
/* Open the spool and recover it: sign what a crash left unsigned.  live: the
 * streams whose recorders are still there.  0, or NULL and *error. */
struct sealer *sealer_open(const struct sealer_config *config, const struct id *live, size_t live_count, int *error);
/* Does not close the chain; see sealer_stop. */
void sealer_free(struct sealer *s);

/* The stream with this id, made when it is new; NULL out of memory. */
struct stream *sealer_stream(struct sealer *s, const struct id *id);
struct stream *sealer_streams(struct sealer *s);          /* list, by ->next */
/* Take one frame payload of st's recorder.  0; ITM_EFORMAT and its like with
 * fault: the peer is bad; ITM_ENOMEM or ITM_ESYS: this process can't go on. */
int sealer_frame(struct sealer *s, struct stream *st, const void *data, size_t len, struct fault *fault);
/* The recorder is gone, or was dropped.  A stream that had not ended gets an
 * END chunk that says why. */
int sealer_lost(struct sealer *s, struct stream *st, const char *why);
/* Nothing more is wanted from a stream: END is sealed, durable and acked. */
bool sealer_done(const struct stream *st);
void sealer_forget(struct sealer *s, struct stream *st);  /* frees it */
/* A receipt or countersignature from the forwarder (anchor.c).  0; ITM_EBUSY
 * when it must be asked for again (sealer_log); other ITM_E* when it is not
 * believed. */
int sealer_receipt(struct sealer *s, uint16_t unit_type, const void *payload, size_t len);

/* False: leave this stream's frames in their socket for now. */
bool sealer_accepting(const struct sealer *s, const struct stream *st);
/* How full the spool is, as its streams are to be told. */
enum space_level sealer_space(const struct sealer *s);
/* Do what is due: chunks, blocks, syncs.  *wait_ms: until there is more to do.
 * *progress: frames or blocks became durable.  0 or ITM_E* (can't go on). */
int sealer_turn(struct sealer *s, int64_t *wait_ms, bool *progress);
/* Seal everything and close the chain, at most patience_ms long.  0; ITM_ESYS
 * when the disk does not take it. */
int sealer_stop(struct sealer *s, int64_t patience_ms);
/* What the forwarder is told: leaves of the log last seen; ask: it is to ask
 * the server anew from there (said once). */
void sealer_log(struct sealer *s, uint64_t *size, bool *ask);
void sealer_durable(const struct sealer *s, uint64_t *segment, uint64_t *offset);
void sealer_status(const struct sealer *s, struct sealer_status *out);

#endif
