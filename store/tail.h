/* tail: the newest frames of a stream, shipped before their block is signed:
 * shown as "not yet sealed", never evidence, not fsynced.  One file of frame
 * units a stream: tail/<host>/<stream>. */
#ifndef ITM_STORE_TAIL_H
#define ITM_STORE_TAIL_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/id.h"
#include "format/frame.h"

/* dir is the store's tail folder.  put: appends a frame; ITM_ELIMIT when the
 * stream's file, or the host's number of streams, is at its bound. */
int tail_put(const char *dir, const struct id *host, const struct frame *f, const void *payload, size_t len,
	     uint64_t max_bytes, size_t max_streams);
/* Frames up to last_frame are in signed chunks now: the file goes when nothing
 * else is in it, and is rewritten when much of it is of no use. */
int tail_trim(const char *dir, const struct id *host, const struct id *stream, uint64_t last_frame);
/* Frames numbered after_frame + 1, + 2, ... as far as they follow on each
 * other; each returns 0 to go on. */
int tail_walk(const char *dir, const struct id *host, const struct id *stream, uint64_t after_frame,
	      int (*each)(void *context, const struct frame *f), void *context);
int tail_streams(const char *dir, int (*each)(void *context, const struct id *host, const struct id *stream,
		 int64_t changed_wall_ns), void *context);
/* The only host with a tail of this stream: 0, ITM_ENOENT, ITM_EBUSY (two). */
int tail_host(const char *dir, const struct id *stream, struct id *host);

#endif
