/* record: the events of one stream, and the two ways they are laid out: as a
 * run (recorder to sealer, in frames) and as columns (in chunks).
 *
 * A run is, per event: varint(dt_ms << 5 | one << 4 | kind), varint(code), then
 * the event's bytes when its kind carries bytes (code is their length).  A code
 * of 1 (most keys, most echoes) is always said by `one` and not written.
 * Columns keep the first two (CTL) apart from the bytes (OUT, IN, META). */
#ifndef ITM_FORMAT_RECORD_H
#define ITM_FORMAT_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

/* Stored in 4 bits; numbers are never reused. */
enum record_kind {
	RECORD_OUT = 0,      /* bytes shown on the terminal, or stdout; column OUT */
	RECORD_IN = 1,       /* bytes typed, encrypted (sealed.h); column IN */
	RECORD_ERR = 2,      /* bytes of stderr (pipe mode); column OUT */
	RECORD_RESIZE = 3,   /* code = columns << 16 | rows */
	RECORD_MARKER = 4,   /* text; column META */
	RECORD_TTYSTATE = 5, /* code = bit 0 ECHO, bit 1 ICANON, bit 2 ISIG of the inner terminal */
	RECORD_ENV = 6,      /* session metadata, meta.h; column META */
	RECORD_ACTIVITY = 7, /* what the process monitor saw, activity.h; column META */
	RECORD_EXIT = 8,     /* code = wait(2) status of the session's program */
	RECORD_SIGNAL = 9,   /* code = signal that reached the session from outside */
	RECORD_MASKED = 10,  /* code = bytes typed at a no-echo prompt; never stored */
	RECORD_IDLE = 11,    /* code = 0; keeps the clock going; no bytes */
	RECORD_NOTE = 12,    /* text "key=value" lines for the reader; column META */
	RECORD_GAP = 13,     /* code = bytes lost here */
	RECORD_COUNTED = 14, /* code = count << 2 | stream (0 in, 1 out, 2 err): bytes seen, not stored */
	RECORD_SEAL = 15,    /* code = step of the key that encrypts IN from here on (sealed.h) */
};

enum record_column { RECORD_COLUMN_NONE, RECORD_COLUMN_OUT, RECORD_COLUMN_IN, RECORD_COLUMN_META };

struct record_event {
	uint64_t time_ms;       /* since the run's or chunk's start */
	enum record_kind kind;
	uint64_t code;          /* as above; for kinds with bytes = len */
	const uint8_t *data;    /* borrowed; NULL for kinds without bytes */
	size_t len;
};

/* Which column a kind's bytes go to; NONE for kinds without bytes. */
enum record_column record_column(enum record_kind kind);
const char *record_name(enum record_kind kind);

/* Append one event to a run.  last_ms is the time of the event before it
 * (0 at the start) and is moved on; a time before it is taken as equal.
 * 0, ITM_ELIMIT, ITM_ENOMEM; on failure nothing is appended. */
int record_put(struct buffer *run, uint64_t *last_ms, uint64_t time_ms,
	       enum record_kind kind, uint64_t code, const void *data);

/* Walk a run.  next: 1 = *out is the next event, 0 = end, else ITM_E* (and
 * fault).  Data is borrowed from the run. */
struct record_run { const uint8_t *data; size_t len, pos; uint64_t time_ms; };
void record_run_init(struct record_run *run, const void *data, size_t len);
int record_run_next(struct record_run *run, struct record_event *out, struct fault *fault);

/* Columns being filled.  Init with the limit of each buffer. */
struct record_columns { struct buffer ctl, out, in, meta; uint64_t last_ms; };
void record_columns_init(struct record_columns *c, size_t max_bytes);
void record_columns_free(struct record_columns *c);
void record_columns_clear(struct record_columns *c);
/* All or nothing, like record_put. */
int record_columns_put(struct record_columns *c, const struct record_event *event);

/* Walk columns.  out/in/meta may be NULL with len 0 when the section was
 * dropped (redacted): then events of that column have data NULL, len 0 and
 * their true length in code.  At the end every byte must have been used. */
struct record_cursor {
	const uint8_t *ctl, *out, *in, *meta;
	size_t ctl_len, out_len, in_len, meta_len;
	size_t ctl_pos, out_pos, in_pos, meta_pos;
	bool out_dropped, in_dropped, meta_dropped;
	uint64_t time_ms;
};
int record_cursor_next(struct record_cursor *c, struct record_event *out, struct fault *fault);

#endif
