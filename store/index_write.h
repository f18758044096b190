/* index_write: what itm-indexd puts into index.db. */
#ifndef ITM_STORE_INDEX_WRITE_H
#define ITM_STORE_INDEX_WRITE_H

#include "store/index.h"
#include "store/tblock.h"

int index_write_begin(struct index *x);
int index_write_commit(struct index *x);
void index_write_rollback(struct index *x);

/* How far the evidence is in the index; 0 at first. */
int index_write_position(struct index *x, uint64_t *row);
int index_write_set_position(struct index *x, uint64_t row);

/* What the writer keeps with a session beyond what readers see. */
struct index_write_state {
	uint64_t boot_ns;        /* of the session's start */
	uint64_t blocks;         /* final blocks written so far */
};
/* Insert or replace the row of s->stream; *id is its number. */
int index_write_session(struct index *x, const struct index_session *s, const struct index_write_state *state, int64_t *id);
/* ITM_ENOENT when there is none. */
int index_write_find(struct index *x, const struct id *stream, struct index_session *s,
		     struct index_write_state *state, int64_t *id);
/* Sessions of the host that began before boot_ns in a boot whose clock was
 * already past it, and never ended, are over: the host has restarted. */
int index_write_restarted(struct index *x, const struct id *host, int64_t wall_ns);

/* Everything of a session goes: its row, text, events.  0 also when there is
 * nothing.  After the commit, scrub: what was removed leaves the log of the
 * database too; ITM_EBUSY: later. */
int index_write_forget(struct index *x, const struct id *stream);
int index_write_scrub(struct index *x);
/* How far what was removed from the evidence is out of the index; 0 at first. */
int index_write_removed(struct index *x, uint64_t *row);
int index_write_set_removed(struct index *x, uint64_t row);

/* A block of text.  live: it will be replaced (drop_live) when more is known. */
int index_write_block(struct index *x, int64_t session, bool live, bool provisional, const struct tblock *t);
int index_write_drop_live(struct index *x, int64_t session);

/* An event of the host's stream that is session `session`; one with the same
 * number is replaced. */
int index_write_event(struct index *x, int64_t session, const struct index_event *e);
/* An alert of the stream that is session `session`, or of the server (0). */
int index_write_alert(struct index *x, int64_t session, const struct index_alert *a);
/* How many leaves of the central log were looked at for the server's alerts. */
int index_write_acts(struct index *x, uint64_t *leaf);
int index_write_set_acts(struct index *x, uint64_t leaf);
/* Number of sessions. */
int index_write_count(struct index *x, uint64_t *sessions);

#endif
