/* chunk: one stream's events over at most 5 s or 64 KiB, in columns, each
 * column a section with its own salted hash.
 *
 * Two encodings.  The *canonical header* is what is hashed; digest =
 * SHA-256(0x11 | canonical header):
 *   version u8=1, hash type u8=1 (SHA-256), flags u16, stream id 16, number
 *   u64, last frame u64, boot ns u64, wall ns i64, duration ms u32, 0 u32,
 *   section count u8; per section: kind u8, plain length u32, hash 32
 * The *stored* form leaves out each hash whose body is there (it is
 * recomputed, so reading is verifying):
 *   form u8 (1 one salt, 2 own salts), flags | section count << 4 u8, stream
 *   id 16, number varint, last frame varint, boot ms varint, wall ms varint
 *   (zigzag), duration varint, dictionary varint, with form 1: salt 16; per
 *   section: kind | codec << 4 u8, plain length varint, then codec DROPPED: hash 32;
 *   else with form 2: salt 16; then, but for RAW, stored length varint; stored
 *   bytes
 * Both times are whole ms.  Section hash = SHA-256(0x10 | section salt | plain).
 * With form 1 a section's salt is the first 16 bytes of SHA-256(0x1f | salt |
 * kind u8); it has no DROPPED sections, so that no salt of a dropped section
 * is left.  Sections stand in rising kind; none twice; empty ones are left
 * out. */
#ifndef ITM_FORMAT_CHUNK_H
#define ITM_FORMAT_CHUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/id.h"
#include "format/record.h"

enum {
	CHUNK_PLAIN_MAX = 256 * 1024,    /* bytes of one section, uncompressed */
	CHUNK_SECTIONS_MAX = 5,
	CHUNK_SALT_SIZE = 16,
	CHUNK_DICTIONARY = 1,            /* dictionary.h, for CTL and OUT */
};

enum chunk_flag {
	CHUNK_FIRST = 0x01,   /* number 1; carries META with the session's metadata */
	CHUNK_END = 0x02,     /* the stream is complete */
	CHUNK_RESET = 0x04,   /* compression starts over: readable without what came before */
	CHUNK_LOSS = 0x08,    /* holds a GAP event */
};

enum chunk_section_kind { CHUNK_CTL = 1, CHUNK_OUT = 2, CHUNK_IN = 3, CHUNK_META = 4, CHUNK_EVT = 5 };
enum chunk_codec { CHUNK_RAW = 0, CHUNK_ZSTD = 1 /* stream continued since RESET */, CHUNK_ZSTD_WHOLE = 2, CHUNK_DROPPED = 3 };

struct chunk_section {
	enum chunk_section_kind kind;
	enum chunk_codec codec;
	uint32_t plain_len;
	uint8_t salt[CHUNK_SALT_SIZE]; /* its own, or derived by chunk_salt */
	const uint8_t *stored;   /* borrowed; NULL when dropped */
	size_t stored_len;
	uint8_t hash[HASH_SIZE]; /* given when dropped, else filled by chunk_reader */
};

struct chunk {
	uint16_t flags;
	struct id stream;
	uint64_t number;         /* from 1 */
	uint64_t last_frame;     /* frames of the stream up to this one are in chunks */
	uint64_t boot_ns;
	int64_t wall_ns;
	uint32_t duration_ms;
	uint32_t dictionary;     /* with RESET: CHUNK_DICTIONARY, or 0; else 0 */
	bool own_salts;          /* form 2: once a section was dropped */
	uint8_t salt[CHUNK_SALT_SIZE]; /* form 1 */
	size_t section_count;
	struct chunk_section section[CHUNK_SECTIONS_MAX];
};

int chunk_encode(struct buffer *b, const struct chunk *c);
/* The salt of a section of a chunk with one salt. */
void chunk_salt(const struct chunk *c, enum chunk_section_kind kind, uint8_t out[CHUNK_SALT_SIZE]);
/* Drop section i, of which only its hash remains (hashes must be known, see
 * chunk_reader).  The sections that stay get their salts explicitly. */
void chunk_drop(struct chunk *c, size_t i);
/* Layout and salts; no section is inflated or hashed. */
int chunk_decode(const void *data, size_t len, struct chunk *out, struct fault *fault);
/* Needs every section's hash (see chunk_reader). */
void chunk_digest(const struct chunk *c, uint8_t out[HASH_SIZE]);

/* Makes a stream's chunks, in order; holds the running compression. */
struct chunk_writer;
struct chunk_writer *chunk_writer_new(const struct id *stream, uint64_t first_number); /* owned */
void chunk_writer_free(struct chunk_writer *w);
/* Encodes the columns as the next chunk: header fields flags (FIRST and RESET
 * are set here), last_frame, boot_ns, wall_ns (cut to ms), duration_ms from info.  Appends
 * the stored form (no unit) to b and gives the digest.  RESET every 1 MiB of
 * plain or 5 min, and after an error. */
int chunk_writer_put(struct chunk_writer *w, const struct chunk *info, const struct record_columns *columns,
		     struct buffer *b, uint8_t digest[HASH_SIZE]);
/* Force the next chunk to be a RESET (after a gap or a restart). */
void chunk_writer_reset(struct chunk_writer *w);

/* Reads one stream's chunks in order: inflates within the stated lengths,
 * recomputes hashes.  A chunk that is not RESET needs the ones before it since
 * the last RESET; otherwise ITM_EINVAL ("needs the chunk before it"). */
struct chunk_reader;
struct chunk_reader *chunk_reader_new(void);                             /* owned */
void chunk_reader_free(struct chunk_reader *r);
/* Decodes data; *out borrows data, *cursor borrows the reader until the next
 * call.  Hashes are filled in, digest is given.  cursor may be NULL. */
int chunk_reader_next(struct chunk_reader *r, const void *data, size_t len, struct chunk *out,
		      struct record_cursor *cursor, uint8_t digest[HASH_SIZE], struct fault *fault);

#endif
