/* view: a session as it stands after some of its events: what is known of it,
 * its emulator, and the lines that are in no block yet. */
#ifndef ITM_STORE_INDEXD_VIEW_H
#define ITM_STORE_INDEXD_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "format/chunk.h"
#include "format/frame.h"
#include "format/record.h"
#include "store/index.h"
#include "store/tblock.h"
#include "terminal/lines.h"

struct view {
	struct index_session session;
	bool begun;                      /* the first chunk or frame was seen */
	uint64_t boot_ns;                /* its start */
	uint64_t time_ms;                /* of the last event */
	uint64_t last_frame;             /* frames up to this one are in */
	struct lines *lines;             /* NULL before the first output */
	struct tblock block;
	/* Called when block is full; clears it or leaves it growing. */
	void (*full)(void *context, struct view *v);
	/* Called for each event of a host's own stream; NULL = they are passed over. */
	int (*event)(void *context, const struct index_event *e);
	uint64_t events;                 /* given so far */
	int64_t wall_ns;                 /* start of the chunk or frame being read */
	void *context;
	int error;                       /* the first ITM_E* of a line or event */
};

void view_init(struct view *v, const struct id *host, const struct id *stream,
	       void (*full)(void *context, struct view *v), void *context);
void view_free(struct view *v);
/* Deep copy into an uninitialised one, with an empty block.  0 or ITM_ENOMEM. */
int view_copy(struct view *to, const struct view *from, void (*full)(void *context, struct view *v), void *context);

/* A chunk's events.  0 or ITM_E*: what came before the bad place counts. */
int view_chunk(struct view *v, const struct chunk *c, struct record_cursor *cursor, struct fault *fault);
/* Words that stand where something was removed. */
void view_notice(struct view *v, const char *text);
/* A frame's events. */
int view_frame(struct view *v, const struct frame *f, struct fault *fault);
/* The END chunk was seen: what is left on the screen becomes lines. */
void view_finish(struct view *v);

#endif
