#include "agent/sealer/recovery.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/reader.h"
#include "format/frame.h"
#include "format/receipt.h"

enum { CHECKPOINT_VERSION = 1, FRAMES_MAX = 4 << 20, BLOCK_PAYLOAD_MAX = 1024 };

int recovery_put_checkpoint(struct buffer *b, const struct block *block, uint64_t receipt, const struct receipt_seen *seen,
			    const struct recovery_position *streams, size_t count)
{
	struct buffer payload;
	buffer_init(&payload, BLOCK_PAYLOAD_MAX);
	int r = block ? block_encode(&payload, block) : 0;
	if (r == 0)
		r = buffer_put_u8(b, CHECKPOINT_VERSION);
	if (r == 0)
		r = buffer_put_u32(b, (uint32_t)payload.len);
	if (r == 0)
		r = buffer_put(b, payload.data, payload.len);
	if (r == 0)
		r = buffer_put_u64(b, receipt);
	if (r == 0)
		r = buffer_put_u64(b, seen->size);
	if (r == 0)
		r = buffer_put(b, seen->root, HASH_SIZE);
	if (r == 0)
		r = buffer_put_u32(b, (uint32_t)count);
	for (size_t i = 0; i < count && r == 0; i++) {
		r = buffer_put(b, streams[i].id.bytes, ID_SIZE);
		if (r == 0)
			r = buffer_put_u64(b, streams[i].chunk);
		if (r == 0)
			r = buffer_put_u64(b, streams[i].frame);
		if (r == 0)
			r = buffer_put_u8(b, streams[i].ended);
	}
	buffer_free(&payload);
	return r;
}

static void stream_gone(struct recovery_stream **at)
{
	struct recovery_stream *s = *at;
	*at = s->next;
	chunk_reader_free(s->reader);
	buffer_free(&s->frames);
	free(s);
}

/* Made when it is not there. */
static struct recovery_stream *get_stream(struct recovery *r, const struct id *id)
{
	struct recovery_stream **at = &r->streams;
	while (*at != NULL && !id_equal(&(*at)->id, id))
		at = &(*at)->next;
	if (*at != NULL)
		return *at;
	struct recovery_stream *s = calloc(1, sizeof *s);
	if (s == NULL)
		return NULL;
	s->id = *id;
	buffer_init(&s->frames, FRAMES_MAX);
	*at = s;
	return s;
}

static int take_checkpoint(struct recovery *r, const struct unit *u)
{
	struct reader p;
	struct block block;

	reader_init(&p, u->payload, u->len);
	if (reader_u8(&p) != CHECKPOINT_VERSION)
		reader_fail(&p, ITM_EVERSION, "unknown checkpoint");
	size_t len = reader_u32(&p);
	const uint8_t *payload = reader_bytes(&p, len);
	if (payload != NULL && len > 0 && block_decode(payload, len, &block, NULL) != 0)
		reader_fail(&p, ITM_EFORMAT, "checkpoint's block");
	uint64_t receipt = reader_u64(&p);
	struct receipt_seen seen = { .size = reader_u64(&p) };
	reader_copy(&p, seen.root, HASH_SIZE);
	uint32_t count = reader_u32(&p);
	if (p.error == 0 && reader_left(&p) != (size_t)count * (ID_SIZE + 17))
		reader_fail(&p, ITM_EFORMAT, "checkpoint's streams");
	if (p.error != 0)
		return p.error;
	while (r->streams != NULL)
		stream_gone(&r->streams);
	r->has_block = len > 0;
	r->context = (struct block_context){ .known = false };
	if (r->has_block) {
		r->block = block;
		block_context_set(&r->context, &block);
	}
	r->receipt = receipt;
	r->seen = seen;
	r->digest_count = r->chunk_bytes = 0;
	for (uint32_t i = 0; i < count; i++) {
		struct id id;
		reader_copy(&p, id.bytes, ID_SIZE);
		struct recovery_stream *s = get_stream(r, &id);
		if (s == NULL)
			return ITM_ENOMEM;
		s->chunk = reader_u64(&p);
		s->frame = s->last_frame = reader_u64(&p);
		s->ended = reader_u8(&p) != 0;
	}
	return 0;
}

static int take_frame(struct recovery *r, const struct unit *u, struct fault *fault)
{
	struct frame f;
	int e = frame_decode(u->payload, u->len, &f, fault);
	if (e != 0)
		return e;
	struct recovery_stream *s = get_stream(r, &f.stream);
	if (s == NULL)
		return ITM_ENOMEM;
	if (f.number <= s->last_frame)
		return 0;
	e = buffer_put_u32(&s->frames, u->len);
	if (e == 0)
		e = buffer_put(&s->frames, u->payload, u->len);
	if (e == 0)
		s->last_frame = f.number;
	return e;
}

static int take_chunk(struct recovery *r, const struct unit *u, struct fault *fault)
{
	struct chunk c;
	int e = chunk_decode(u->payload, u->len, &c, fault);
	if (e != 0)
		return e;
	struct recovery_stream *s = get_stream(r, &c.stream);
	if (s == NULL)
		return ITM_ENOMEM;
	if (s->reader == NULL)
		s->reader = chunk_reader_new();
	if (s->reader == NULL)
		return ITM_ENOMEM;
	if (r->digest_count == BLOCK_CHUNKS_MAX)
		return error_fault(fault, ITM_ELIMIT, 0, "more chunks without a block than a block may cover");
	e = chunk_reader_next(s->reader, u->payload, u->len, &c, NULL, r->digests[r->digest_count], fault);
	if (e != 0)
		return e;
	r->digest_count++;
	r->chunk_bytes += u->len;
	s->chunk = c.number;
	s->frame = c.last_frame;
	if (s->last_frame <= c.last_frame) {
		s->last_frame = c.last_frame;
		buffer_clear(&s->frames);
	}
	s->ended |= (c.flags & CHUNK_END) != 0;
	return 0;
}

static int take_block(struct recovery *r, const struct unit *u, struct fault *fault)
{
	int e = block_decode_after(&r->context, u->payload, u->len, &r->block, fault);
	if (e != 0)
		return e;
	r->has_block = true;
	r->digest_count = r->chunk_bytes = 0;
	return 0;
}

static void take_receipt(struct recovery *r, const struct unit *u)
{
	struct receipt receipt;
	if (receipt_decode(u->payload, u->len, &receipt, NULL) != 0)
		return; /* it was checked when it was appended: the verifier will say what this is */
	if (receipt.record.type == RECEIPT_BLOCK && receipt.record.sequence > r->receipt)
		r->receipt = receipt.record.sequence;
	if (receipt.checkpoint.size >= r->seen.size) {
		r->seen.size = receipt.checkpoint.size;
		memcpy(r->seen.root, receipt.checkpoint.root, HASH_SIZE);
	}
}

static int take(struct recovery *r, const struct unit *u, struct fault *fault)
{
	switch (u->type) {
	case UNIT_CHECKPOINT: return take_checkpoint(r, u);
	case UNIT_FRAME: return take_frame(r, u, fault);
	case UNIT_CHUNK: return take_chunk(r, u, fault);
	case UNIT_BLOCK: return take_block(r, u, fault);
	case UNIT_RECEIPT: case UNIT_COUNTERSIGN: take_receipt(r, u); return 0;
	default: return 0;
	}
}

/* The newest segment with a whole checkpoint; the first when there is none. */
static uint64_t find_start(struct spool_reader *reader, uint64_t first, uint64_t last)
{
	for (uint64_t number = last; number > first; number--) {
		struct unit u;
		struct spool_place place;
		(void)spool_reader_seek(reader, number, 0);
		while (spool_reader_next(reader, &u, &place, NULL) == 1 && place.segment == number)
			if (u.type == UNIT_CHECKPOINT)
				return number;
	}
	return first;
}

/* A broken unit of the newest segment is what a crash left; one in an older
 * segment is damage, which is not ours to excuse. */
static void broken(struct recovery *r, const struct spool_reader *reader, const struct spool_place *place,
		   uint64_t last, const struct fault *fault)
{
	log_error("spool segment %" PRIx64 " byte %" PRIu64 ": %s", place->segment, place->offset,
		  fault->reason ? fault->reason : "broken");
	if (place->segment != last || place->offset < SEGMENT_HEADER_SIZE)
		return;
	struct spool_place ignored;
	r->torn = true;
	r->torn_at = *place;
	r->torn_len = spool_reader_rest(reader, &ignored);
}

static int walk(struct recovery *r, struct spool_reader *reader, uint64_t last)
{
	for (;;) {
		struct unit u;
		struct spool_place place;
		struct fault fault = { 0 };
		int e = spool_reader_next(reader, &u, &place, &fault);
		if (e == 0)
			return 0;
		if (e == 1)
			e = take(r, &u, &fault);
		if (e == 0)
			continue;
		if (e == ITM_ENOMEM || e == ITM_ESYS)
			return e;
		broken(r, reader, &place, last, &fault);
		if (!spool_reader_next_segment(reader))
			return 0;
	}
}

int recovery_read(struct recovery *r, const char *dir, uint64_t first, uint64_t last)
{
	*r = (struct recovery){ 0 };
	r->digests = calloc(BLOCK_CHUNKS_MAX, sizeof *r->digests);
	if (r->digests == NULL)
		return ITM_ENOMEM;
	if (last == 0)
		return 0;
	struct spool_reader *reader = spool_reader_new(dir);
	if (reader == NULL)
		return ITM_ESYS;
	(void)spool_reader_seek(reader, find_start(reader, first, last), 0);
	int e = walk(r, reader, last);
	struct spool_place place;
	uint64_t rest = spool_reader_rest(reader, &place);
	if (e == 0 && rest > 0 && place.segment == last && !r->torn) {
		r->torn = true;
		r->torn_at = place;
		r->torn_len = rest;
	}
	spool_reader_free(reader);
	return e;
}

void recovery_free(struct recovery *r)
{
	while (r->streams != NULL)
		stream_gone(&r->streams);
	free(r->digests);
	r->digests = NULL;
}
