/* unit: the envelope around everything in spool and store segments and on the
 * wire: type, version, length, CRC32C.
 *
 *   0  u8   type; bit 7 set: a reader that doesn't know it must refuse
 *   1  u8   version of that type
 *   2  u16  0
 *   4  u32  payload length, at most UNIT_PAYLOAD_MAX
 *   8  u32  CRC32C over bytes 0..7 and the payload
 *  12  payload */
#ifndef ITM_FORMAT_UNIT_H
#define ITM_FORMAT_UNIT_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/id.h"

enum {
	UNIT_HEADER_SIZE = 12,
	UNIT_PAYLOAD_MAX = 1 << 20, /* bytes */
	UNIT_MUST = 0x80,
};

/* Never reused. */
enum unit_type {
	UNIT_FRAME = 0x81,      /* frame.h: durable, unsigned */
	UNIT_CHUNK = 0x82,      /* chunk.h */
	UNIT_BLOCK = 0x83,      /* block.h: signs the chunks since the block before it */
	UNIT_RECEIPT = 0x84,    /* receipt.h */
	UNIT_COUNTERSIGN = 0x85,/* receipt.h: the server's word on a GENESIS */
	UNIT_TOMBSTONE = 0x86,  /* digest of a chunk that was removed by declaration */
	UNIT_REMOVAL = 0x87,    /* removal.h: the server declares what it removed; before the chunks it is about */
	UNIT_WITHHELD = 0x8a,   /* in an excerpt: digests, 32 bytes each, of chunks of other streams */
	UNIT_TORN = 0x07,       /* bytes found torn after a crash, kept as they were */
	UNIT_CHECKPOINT = 0x08, /* the sealer's own note: all before it is signed; where its streams stand */
};

struct unit {
	uint8_t type, version;
	const uint8_t *payload; /* borrowed */
	uint32_t len;           /* of the payload */
	size_t size;            /* of the whole unit */
};

/* 0, ITM_ELIMIT (payload over the maximum), ITM_ENOMEM. */
int unit_put(struct buffer *b, uint8_t type, uint8_t version, const void *payload, size_t len);

/* Decode the unit at the start of data.  0; ITM_ETRUNC (data ends inside it:
 * the reader may wait for more, or call it torn); ITM_EFORMAT, ITM_ELIMIT,
 * ITM_ECRC.  Unknown types are returned as they are: the caller skips those
 * without UNIT_MUST and refuses (ITM_EVERSION) the others. */
int unit_decode(const void *data, size_t len, struct unit *out, struct fault *fault);

/* Segment file header, 64 bytes, at the start of every spool and store file.
 *   0 "ITMSPOOL", "ITMSTORE" or "ITMEXCPT" · 8 u16 version 1 · 10 u16 64 · 12 u32 0 ·
 *  16 host id (spool), server id (store) or stream id (excerpt) · 32 u64 segment number ·
 *  40 i64 wall ns at creation · 48 u64 number of the segment it stands for
 *  (0 = its own) · 56 u32 0 · 60 u32 CRC32C of 0..59 */
enum { SEGMENT_HEADER_SIZE = 64 };
enum { SEGMENT_SPOOL = 0, SEGMENT_STORE = 1, SEGMENT_EXCERPT = 2 };
struct segment_header {
	uint8_t store;          /* SEGMENT_* */
	struct id owner;
	uint64_t number;
	int64_t wall_ns;
	uint64_t stands_for;    /* a rewritten segment takes this one's place in the order; 0 = none */
};
void unit_segment_encode(const struct segment_header *h, uint8_t out[SEGMENT_HEADER_SIZE]);
int unit_segment_decode(const void *data, size_t len, struct segment_header *out, struct fault *fault);

#endif
