/* spool: the host's segment files: frames, chunks, blocks and receipts in
 * order.  One writer (the sealer), any readers.
 *
 * Files seg-<16 hex digits>.itm, made in incoming/, fsynced, renamed; a new
 * one at every start of the writer and when the sealer asks for it.  State is
 * derived from the files; there is no index to lose.
 *
 * Nothing is ever cut off.  Bytes that did not become durable (a failed
 * fdatasync, a unit torn by a crash) stay where they are; the first units of
 * the next segment are then UNIT_TORN notes { u64 segment, u64 offset, u64
 * length }, and every reader takes that segment as ending at that offset.
 * A note cannot hide a block: the chain's numbers would have a hole.
 *
 * A file of its own, spool/reserve, takes room that is given back when a write
 * finds none, so that what ends the chain still fits. */
#ifndef ITM_STORE_SPOOL_H
#define ITM_STORE_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/id.h"
#include "format/unit.h"

enum {
	SPOOL_SEGMENT_SIZE = 16 << 20, /* bytes after which a segment counts as full, unless told otherwise */
	SPOOL_QUEUE_MAX = 8 << 20,     /* bytes not yet durable */
	SPOOL_TORN_SIZE = 24,          /* payload of UNIT_TORN */
};

/* The calls that can fail; tests put their own in their place. */
struct spool_calls {
	ssize_t (*write)(int fd, const void *data, size_t len);
	int (*sync)(int fd);
	/* Bytes that the filesystem of this folder still has for us; NULL = the system's. */
	int (*room)(int dir, uint64_t *bytes);
};

struct spool;
/* Takes the writer's lock (flock on spool/lock) and finds where the files
 * end; no segment is begun before spool_begin.  ITM_EBUSY when held. */
struct spool *spool_open(const char *dir, const struct id *host, int *error);
void spool_use_calls(struct spool *s, const struct spool_calls *calls);
void spool_close(struct spool *s);
/* Declare bytes of an earlier segment torn; before spool_begin. */
int spool_torn(struct spool *s, uint64_t segment, uint64_t offset, uint64_t len);
/* Begin the next segment; the notes about torn bytes come first in it. 0 or
 * ITM_ESYS (call again later). */
int spool_begin(struct spool *s);
/* The current segment holds more than SPOOL_SEGMENT_SIZE, or than was set (0 =
 * SPOOL_SEGMENT_SIZE). */
void spool_set_segment_size(struct spool *s, uint64_t bytes);
bool spool_full(const struct spool *s);

/* Put one unit into the queue.  The queue keeps it until it is durable,
 * through any number of failures.  0, ITM_ELIMIT (queue or unit too large),
 * ITM_ENOMEM. */
int spool_append(struct spool *s, uint8_t unit_type, uint8_t version, const void *payload, size_t len);
size_t spool_queued(const struct spool *s);  /* bytes not yet durable */
/* Hand the queue to the kernel: outlives this process, not a power cut.
 * 0 or ITM_ESYS: try again later. */
int spool_flush(struct spool *s);
/* The same and fdatasync.  After 0 everything appended is durable.  After
 * ITM_ESYS nothing since the last success is: call again later; after a
 * failed fdatasync all of it is written again, to a new segment. */
int spool_sync(struct spool *s);
/* Remove whole segments with numbers below `before`, oldest first, but leave the
 * newest `keep` bytes of all segments.  The caller knows that nothing in them
 * is needed any more.  How many went. */
int spool_trim(struct spool *s, uint64_t before, uint64_t keep);
/* Keep so many bytes (and an inode) aside; made when there is room. 0 = none. */
void spool_set_reserve(struct spool *s, uint64_t bytes);
/* Bytes there are for segments besides the reserve; 0 on a filesystem that is
 * read-only or cannot be asked.  Makes a reserve that was used again, where
 * there is room for twice as much. */
uint64_t spool_room(struct spool *s);
bool spool_reserved(const struct spool *s);        /* the reserve is there */
/* The durable end: readers may go up to here. */
void spool_durable(const struct spool *s, uint64_t *segment, uint64_t *offset);
uint64_t spool_bytes(const struct spool *s);       /* all segments */
uint64_t spool_first_segment(const struct spool *s); /* 0 = the spool was empty at open */
uint64_t spool_last_segment(const struct spool *s);  /* the newest there is; 0 = none */

/* Reading.  Walks units from the start of segment `segment` (0 = the first
 * there is) at `offset` (0 = after the header) up to a limit. */
struct spool_reader;
struct spool_reader *spool_reader_new(const char *dir);                  /* owned */
void spool_reader_free(struct spool_reader *r);
int spool_reader_seek(struct spool_reader *r, uint64_t segment, uint64_t offset);
/* Readers other than recovery set this from the sealer's DURABLE message. */
void spool_reader_limit(struct spool_reader *r, uint64_t segment, uint64_t offset);
struct spool_place { uint64_t segment, offset; };
/* 1 = unit (borrowed until the next call) and its place; 0 = nothing (more) up to the
 * limit; ITM_E* and fault for a broken unit (place says where): next_segment skips on.
 * An incomplete unit at the end of the last segment is 0: it may still grow. */
int spool_reader_next(struct spool_reader *r, struct unit *out, struct spool_place *place, struct fault *fault);
int spool_reader_next_segment(struct spool_reader *r);   /* 1 there is one, 0 none */
/* After 0: bytes behind the last whole unit of the last segment (a unit being
 * written, or torn by a crash and not yet declared), and where they begin.
 * After ITM_E*: bytes from the broken unit to the end of its segment. */
uint64_t spool_reader_rest(const struct spool_reader *r, struct spool_place *place);

#endif
