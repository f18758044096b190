/* stream: one recorder's frames on their way into chunks. */
#ifndef ITM_SEALER_STREAM_H
#define ITM_SEALER_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/hash.h"
#include "base/id.h"
#include "format/chunk.h"
#include "format/frame.h"
#include "format/record.h"
#include "local/space.h"

/* Bytes of frames that make a chunk full: less than a recorder's full frame of
 * 64 KiB, so that a flood is stored as chunks alone. */
enum { STREAM_CHUNK_PLAIN = 48 * 1024 };

struct stream {
	struct stream *next;
	struct id id;
	int sock;                     /* to the recorder; owned; -1 = none */
	bool polled;                  /* the loop waits for it */
	bool vital;                   /* the host's own events: taken from the reserve, too */
	enum space_level told;        /* how full the spool is, as it was told last */
	uint64_t accepted, durable, acked; /* frame numbers */
	bool resuming;                /* after a restart: what is still in the socket may start too late */
	bool ack_due;                 /* say it again: the recorder repeated itself */
	bool ended;                   /* END was seen, or the recorder is lost */
	bool sealed;                  /* the END chunk was made */
	uint64_t chunk;               /* number of the last chunk made */
	uint64_t chunked;             /* frames up to here are in chunks */
	struct chunk_writer *writer;
	struct record_columns columns;
	bool open;                    /* columns hold events */
	bool loss;                    /* a GAP among them */
	uint64_t lost_bytes;          /* sum of their GAPs */
	size_t plain;                 /* bytes of frames in columns */
	uint64_t boot_ns;             /* start of the chunk being filled */
	int64_t wall_ns;
	int64_t since_ms;             /* monotonic: first frame of the chunk being filled */
};

/* A stream that goes on after chunk `chunk` and frame `frame` (0, 0: new). */
struct stream *stream_new(const struct id *id, uint64_t chunk, uint64_t frame);    /* owned */
void stream_free(struct stream *s);
/* Before its first frame: go on after this chunk and frame.  0, ITM_ENOMEM. */
int stream_set_position(struct stream *s, uint64_t chunk, uint64_t frame);
/* Check a frame's run and put its events into the columns.  0, or ITM_E* and
 * fault, then nothing was taken. */
int stream_take(struct stream *s, const struct frame *f, int64_t now_ms, struct fault *fault);
/* An event of the sealer's own: why the stream ends here. */
int stream_lost(struct stream *s, const char *note, uint64_t boot_ns, int64_t wall_ns, int64_t now_ms);
/* Make a chunk of what is there (END when the stream has ended): appends its
 * payload to b.  0 or ITM_E* (everything is still there). */
int stream_make_chunk(struct stream *s, struct buffer *b, uint8_t digest[HASH_SIZE]);
/* There is something a chunk must be made of. */
bool stream_pending(const struct stream *s);

#endif
