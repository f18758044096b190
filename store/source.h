/* source: one session's events in order, from wherever it is: the server's
 * store (with its provisional tail), a host's spool, or a file of units.  What
 * itm-replay, itm export and indexd read. */
#ifndef ITM_STORE_SOURCE_H
#define ITM_STORE_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/id.h"
#include "format/record.h"
#include "format/sealed.h"

struct source;

/* dir: a store (has evidence.db) or a spool (has seg-*.itm).  stream's events
 * from its first chunk.  NULL and *error (ITM_ENOENT: no such session there). */
struct source *source_open(const char *dir, const struct id *stream, int *error);
void source_close(struct source *s);

/* Times of typed bytes that are not opened are told in such steps: to know
 * when each key went down is to know something of what it was. */
enum { SOURCE_TYPED_STEP_MS = 100 };

/* Open sealed keystrokes with these keys (borrowed, NULL: leave them sealed)
 * from the session's start on; rewinds.  0, or what sealed_open says, with
 * words; ITM_ENOENT also when there is no metadata to open. */
int source_unseal(struct source *s, struct sealed *keys, char words[SEALED_WORDS_SIZE]);

/* Where something was redacted, an OUT event says so: "[redacted: why]". */
struct source_event {
	struct record_event event;   /* data borrowed until the next call, NULL for IN not opened; time_ms is since the session's start */
	int64_t wall_ns;
	bool sealed;                 /* false: from the provisional tail */
	uint64_t chunk;              /* number of its chunk; 0 in the tail */
};
/* 1 = event, 0 = nothing more now (call again later to follow), ITM_E* = the
 * record is broken here; calling again goes on with the next readable chunk. */
int source_next(struct source *s, struct source_event *out);
bool source_ended(const struct source *s);     /* the END chunk was read */
/* Start over. */
int source_rewind(struct source *s);
/* Where reading can start again without what stood before: the beginning of a
 * RESET chunk, every 1 MiB or 5 min. */
struct source_place { uint64_t chunk, start_boot_ns, last_ms, frames; };
/* Whether the event that source_next gave last is the first from such a place. */
bool source_place(const struct source *s, struct source_place *out);
/* The next event is the first from there.  Whoever opened the keystrokes reads
 * them again from their next key on.  0 or ITM_E* (as source_rewind). */
int source_go(struct source *s, const struct source_place *place);
const char *source_fault(const struct source *s);  /* words for the last error */

#endif
