/* hoststream: a daemon's own stream in the record: what happens on the host
 * beside terminals, as notes (the broker, mode=host) or activity (the monitor,
 * mode=processes) in a stream like any other, sealed in the same chain.
 *
 * One stream for each run of the daemon.  Notes are kept until the sealer says
 * that they are durable, at most 1 MiB; what comes on top of that is counted,
 * and the stream says how much (a GAP and a note). */
#ifndef ITM_LOCAL_HOSTSTREAM_H
#define ITM_LOCAL_HOSTSTREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/id.h"
#include "format/alert.h"
#include "local/control.h"
#include "local/loop.h"
#include "local/recording.h"

enum { HOSTSTREAM_NOTE_MAX = 8192 }; /* bytes of one note */

struct hoststream {
	struct loop *loop;
	struct control *control;
	struct recording recording;
	bool vital;                      /* sealed although there is hardly room: few and short notes alone */
	struct id id;                    /* zero = closed, or run without a supervisor */
	unsigned generation;             /* counts the streams of this daemon */
	int sock;                        /* to the sealer, owned; -1 = not there yet */
	struct loop_watch watch;
	uint64_t lost;                   /* notes since the last that said so */
};

void hoststream_init(struct hoststream *h, struct loop *loop, struct control *control);
/* A new stream, which begins with this metadata; what a lost one before it
 * had not made durable is declared in it.  0 or ITM_ENOMEM. */
int hoststream_begin(struct hoststream *h, const struct buffer *meta);
/* Whether the socket is ours: then it is taken. */
bool hoststream_paired(struct hoststream *h, const char *key, int fd);
void hoststream_renewed(struct hoststream *h);
/* One note of key=value lines.  False: no room; it is counted. */
bool hoststream_put(struct hoststream *h, struct buffer *note);
/* An alert: the note event=alert, alert=, severity=, then facts (key=value
 * lines of meta.h; NULL = none; cut at a line when there are too many).  False:
 * no room; it is counted. */
bool hoststream_alert(struct hoststream *h, enum alert a, const struct buffer *facts);
/* Activity (activity.h) at boot_ns, sent with what comes in the same frame. */
bool hoststream_activity(struct hoststream *h, uint64_t boot_ns, const void *data, size_t len);

/* Where the newest note is, to ask later whether it is durable.  A stream that
 * is lost takes its marks with it: then the answer is "lost". */
struct hoststream_mark { unsigned generation; uint64_t frame; };
enum hoststream_fate { HOSTSTREAM_PENDING, HOSTSTREAM_DURABLE, HOSTSTREAM_LOST };
struct hoststream_mark hoststream_mark(const struct hoststream *h);
enum hoststream_fate hoststream_fate(const struct hoststream *h, struct hoststream_mark m);

/* Whether there is room for more: what is kept elsewhere can wait there. */
bool hoststream_room(const struct hoststream *h);
/* The sealer gave the stream up: begin another. */
bool hoststream_broken(const struct hoststream *h);
/* ms until there is something to do, -1 = nothing. */
int hoststream_tick(struct hoststream *h);
/* Last frame, given to the sealer at once if it can take it; then forgets the
 * stream. */
void hoststream_end(struct hoststream *h);

#endif
