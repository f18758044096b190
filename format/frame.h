/* frame: what a recorder hands over and the spool makes durable within a
 * second: a stream, a number, a start time and a run of events.
 *
 *   0 stream id · 16 u64 number (from 1, +1 each) · 24 u64 start, boot ns ·
 *  32 i64 start, wall ns · 40 u8 flags · 41 the run (record.h) */
#ifndef ITM_FORMAT_FRAME_H
#define ITM_FORMAT_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/id.h"

enum {
	FRAME_HEADER_SIZE = 41,
	FRAME_RUN_MAX = 96 * 1024,   /* bytes of one run; recorders aim at 64 KiB */
	FRAME_END = 0x01,            /* flag: the stream's last frame */
};

struct frame {
	struct id stream;
	uint64_t number;
	uint64_t boot_ns;
	int64_t wall_ns;
	uint8_t flags;
	const uint8_t *run;          /* borrowed */
	size_t run_len;
};

int frame_encode(struct buffer *b, const struct frame *f);      /* payload only, no unit */
/* Checks sizes and flags, not the run (record_run_next does). */
int frame_decode(const void *data, size_t len, struct frame *out, struct fault *fault);

#endif
