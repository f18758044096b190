/* segment: one file of units behind a 64-byte header, written at its end and
 * read in order; the store's segments, and any other file of that form. */
#ifndef ITM_STORE_SEGMENT_H
#define ITM_STORE_SEGMENT_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/id.h"
#include "format/unit.h"

enum { SEGMENT_NAME_SIZE = 32 };

/* "<16 hex digits>.itm" */
void segment_name(uint64_t number, char out[SEGMENT_NAME_SIZE]);
/* 0 or ITM_EFORMAT when a file name is not of that form. */
int segment_parse_name(const char *name, uint64_t *number);

/* Writing.  create makes dir/<name> (0640, O_EXCL) with its header, both
 * durable with the folder; NULL and *error (ITM_EBUSY: the name is taken). */
struct segment;
struct segment *segment_create(const char *dir, const struct segment_header *header, int *error);
/* The same under any name, and not durable yet. */
struct segment *segment_create_as(const char *path, const struct segment_header *header, int *error);
void segment_close(struct segment *s);
uint64_t segment_number(const struct segment *s);
uint64_t segment_end(const struct segment *s);     /* where the next byte goes */
/* Appends; not durable before segment_sync.  After any failure the segment
 * must be closed and its end since the last sync given up. */
int segment_append(struct segment *s, const void *data, size_t len);
int segment_sync(struct segment *s);
/* Mode 0440: nothing more will be written to this file. */
int segment_seal(const char *path);

/* Reading: whole units in file order. */
struct segment_reader;
struct segment_reader *segment_reader_open(const char *path, int *error, struct fault *fault); /* owned */
void segment_reader_close(struct segment_reader *r);
const struct segment_header *segment_reader_header(const struct segment_reader *r);
/* Bytes from `end` on are not part of the record (the torn end of a crash):
 * evidence_segments gives it.  0 = the file's end. */
void segment_reader_limit(struct segment_reader *r, uint64_t end);
/* 1 = unit, borrowed until the next call, and its offset in the file; 0 = end
 * (call again later to follow a file that grows); ITM_E* and fault for a unit
 * that is broken or cut off: nothing after it can be read. */
int segment_reader_next(struct segment_reader *r, struct unit *out, uint64_t *offset, struct fault *fault);

/* len bytes at offset, appended to out (evidence.db says where). */
int segment_read(const char *path, uint64_t offset, size_t len, struct buffer *out);

#endif
