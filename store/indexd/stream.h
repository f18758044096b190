/* stream: one session on its way into the index: what is signed, and ahead of
 * it what is known of the provisional tail. */
#ifndef ITM_STORE_INDEXD_STREAM_H
#define ITM_STORE_INDEXD_STREAM_H

#include "store/evidence.h"
#include "store/index.h"

struct stream;
/* Continues from the index: a stream with chunks up to `position` there is
 * read again from its first one, without writing a second time.  Owned; NULL
 * and *error. */
struct stream *stream_open(struct index *x, struct evidence *e, const struct id *host, const struct id *stream,
			   uint64_t position, int *error);
void stream_free(struct stream *s);
const struct id *stream_id(const struct stream *s);
bool stream_ended(const struct stream *s);
uint64_t stream_used_ms(const struct stream *s);        /* last time it was touched */

/* The next signed chunk.  Broken content is logged and passed over (0);
 * ITM_EDB and ITM_ENOMEM stop. */
int stream_chunk(struct stream *s, struct evidence *e, const struct evidence_chunk *c, uint64_t now_ms);
/* Read what is new in the tail, when it changed since the last look and that
 * is long enough ago. */
int stream_tail(struct stream *s, struct evidence *e, int64_t changed_wall_ns, uint64_t now_ms);
/* The tail is gone. */
void stream_no_tail(struct stream *s);
/* Bring session row and replaceable text up to date, where something changed;
 * the text at most every STREAM_LIVE_MS unless signed blocks were written. */
enum { STREAM_LIVE_MS = 400 };
int stream_write(struct stream *s, uint64_t now_ms);
bool stream_dirty(const struct stream *s);

#endif
