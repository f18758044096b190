/* spool: the host's segment files: frames, chunks, blocks and receipts in
 * order.  One writer (the sealer), any readers.
 *
 * Files seg-<16 hex digits>.itm, made in incoming/, fsynced, renamed; a new
 * one every 16 MiB and at every start of the writer.  State is derived from
 * the files; there is no index to lose. */
#ifndef ITM_STORE_SPOOL_H
#define ITM_STORE_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/id.h"
#include "format/unit.h"

enum { SPOOL_SEGMENT_SIZE = 16 << 20 }; /* bytes after which a new segment begins */

struct spool;
/* Takes the writer's lock (flock on spool/lock); ITM_EBUSY when held. */
struct spool *spool_open(const char *dir, const struct id *host, int *error);
void spool_close(struct spool *s);
/* Append one unit to the current segment (buffered in the kernel, not yet
 * durable).  On a failed or short write the segment is given up: what was not
 * durable must be written again; ITM_ESYS. */
int spool_append(struct spool *s, uint8_t unit_type, uint8_t version, const void *payload, size_t len);
/* fdatasync.  After a failure nothing since the last success counts; a new
 * segment is begun. */
int spool_sync(struct spool *s);
/* The durable end: readers may go up to here. */
void spool_durable(const struct spool *s, uint64_t *segment, uint64_t *offset);
uint64_t spool_bytes(const struct spool *s);       /* all segments */

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
 * limit; ITM_E* and fault for a broken unit (place says where): next_segment skips on. */
int spool_reader_next(struct spool_reader *r, struct unit *out, struct spool_place *place, struct fault *fault);
int spool_reader_next_segment(struct spool_reader *r);   /* 1 there is one, 0 none */

#endif
