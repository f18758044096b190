#include "agent/forwardd/walk.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/reader.h"
#include "format/block.h"
#include "format/chunk.h"
#include "format/frame.h"
#include "format/receipt.h"
#include "format/unit.h"
#include "net/forward.h"
#include "store/spool.h"

enum {
	WALK_FRAMES_MAX = 4 << 20,   /* bytes of frames held to be sent as tail */
	WALK_PLACES = 8192,          /* blocks whose place is remembered: a reconnection needs no walk */
	WALK_WORDS = 256,
};

struct walk_place { struct spool_place after; struct block_context block; };

struct walk {
	struct spool_reader *reader;
	struct spool_place next;         /* behind the unit read last */
	struct block_context context;    /* of the last block before it */
	struct buffer group;             /* units since the last block */
	struct buffer frames;            /* u32 length, payload: seen, not covered, not sent */
	uint64_t sequence;               /* blocks up to this one need not be sent */
	uint64_t server_sequence;        /* the server's last, and its hash */
	uint8_t server_hash[HASH_SIZE];
	uint64_t receipt;                /* the highest block with a receipt */
	bool scanned;                    /* places and receipt are known up to here */
	uint64_t last;                   /* the highest block there is, as far as read */
	struct walk_place places[WALK_PLACES]; /* by sequence modulo WALK_PLACES */
	char words[WALK_WORDS];
};

struct walk *walk_new(const char *spool_dir)
{
	struct walk *w = calloc(1, sizeof *w);
	if (w == NULL)
		return NULL;
	buffer_init(&w->group, FORWARD_MAX - 1);
	buffer_init(&w->frames, WALK_FRAMES_MAX);
	w->reader = spool_reader_new(spool_dir);
	if (w->reader == NULL) {
		walk_free(w);
		return NULL;
	}
	return w;
}

void walk_free(struct walk *w)
{
	if (w == NULL)
		return;
	spool_reader_free(w->reader);
	buffer_free(&w->group);
	buffer_free(&w->frames);
	free(w);
}

void walk_limit(struct walk *w, uint64_t segment, uint64_t offset)
{
	spool_reader_limit(w->reader, segment, offset);
}

const char *walk_words(const struct walk *w)
{
	return w->words;
}

int64_t walk_wall_after(const struct walk *w, uint64_t sequence)
{
	const struct walk_place *p = &w->places[(sequence + 1) % WALK_PLACES];
	return p->block.sequence == sequence + 1 ? p->block.wall_ns : 0;
}

void walk_receipt(struct walk *w, uint64_t sequence)
{
	if (sequence > w->receipt)
		w->receipt = sequence;
}

static void walk_see_receipt(struct walk *w, const struct unit *u)
{
	struct receipt r;
	if (receipt_decode(u->payload, u->len, &r, NULL) == 0)
		walk_receipt(w, r.record.sequence);
}

static void walk_remember(struct walk *w, const struct block *b)
{
	struct walk_place *p = &w->places[b->sequence % WALK_PLACES];
	*p = (struct walk_place){ .after = w->next, .block = w->context };
	if (b->sequence > w->last)
		w->last = b->sequence;
}

/* Once, at the first connection: where the blocks are and which of them have
 * receipts.  What is broken is met again, and reported, when it is to be sent. */
static void walk_scan(struct walk *w)
{
	struct unit u;
	struct spool_place place;
	struct fault fault;
	struct block b;
	if (w->scanned || spool_reader_seek(w->reader, 0, 0) != 0)
		return;
	w->context.known = false;
	while (spool_reader_next(w->reader, &u, &place, &fault) == 1) {
		w->next = (struct spool_place){ place.segment, place.offset + u.size };
		if (u.type == UNIT_RECEIPT)
			walk_see_receipt(w, &u);
		if (u.type == UNIT_BLOCK && block_decode_after(&w->context, u.payload, u.len, &b, NULL) == 0)
			walk_remember(w, &b);
	}
	w->scanned = true;
}

uint64_t walk_last(struct walk *w)
{
	walk_scan(w);
	return w->last;
}

int walk_resume(struct walk *w, uint64_t sequence, const uint8_t hash[HASH_SIZE])
{
	walk_scan(w);
	w->server_sequence = sequence;
	memcpy(w->server_hash, hash, HASH_SIZE);
	w->sequence = w->receipt < sequence ? w->receipt : sequence;
	buffer_clear(&w->group);
	buffer_clear(&w->frames);
	const struct walk_place *p = &w->places[w->sequence % WALK_PLACES];
	/* Read again from the start if the place is forgotten, or the block there
	 * is another than the server's: walk_next says so then. */
	if (w->sequence != 0 && p->block.sequence == w->sequence &&
	    (w->sequence != sequence || memcmp(p->block.hash, hash, HASH_SIZE) == 0)) {
		w->context = p->block;
		return spool_reader_seek(w->reader, p->after.segment, p->after.offset);
	}
	w->context.known = false;
	return spool_reader_seek(w->reader, 0, 0);
}

/* Frames */

static uint32_t walk_u32(const uint8_t *p)
{
	struct reader r;
	reader_init(&r, p, 4);
	return reader_u32(&r);
}

static void walk_hold_frame(struct walk *w, const struct unit *u)
{
	/* No room: the frame will come in its chunk. */
	if (buffer_reserve(&w->frames, 4 + (size_t)u->len) != 0)
		return;
	buffer_put_u32(&w->frames, u->len);
	buffer_put(&w->frames, u->payload, u->len);
}

/* Frames of the chunk's stream up to its last one need not be sent any more. */
static void walk_cover(struct walk *w, const struct chunk *c)
{
	size_t from = 0, to = 0;
	while (from < w->frames.len) {
		uint8_t *p = w->frames.data + from;
		size_t size = 4 + (size_t)walk_u32(p);
		struct frame f;
		bool covered = frame_decode(p + 4, size - 4, &f, NULL) != 0 ||
			       (id_equal(&f.stream, &c->stream) && f.number <= c->last_frame);
		if (!covered) {
			memmove(w->frames.data + to, p, size);
			to += size;
		}
		from += size;
	}
	w->frames.len = to;
}

static int walk_send_frame(struct walk *w, struct buffer *out, struct walk_message *message)
{
	if (w->frames.len == 0)
		return 0;
	uint32_t len = walk_u32(w->frames.data);
	struct frame f;
	int rc = forward_put(out, FORWARD_TAIL, w->frames.data + 4, len);
	if (rc != 0)
		return rc;
	*message = (struct walk_message){ .group = false };
	if (frame_decode(w->frames.data + 4, len, &f, NULL) == 0)
		message->wall_ns = f.wall_ns;
	buffer_consume(&w->frames, 4 + (size_t)len);
	return 1;
}

/* Blocks */

static int walk_keep_unit(struct walk *w, const struct unit *u, const struct spool_place *place)
{
	if (unit_put(&w->group, u->type, u->version, u->payload, u->len) == 0)
		return 0;
	snprintf(w->words, sizeof w->words, "the block at segment %" PRIu64 " offset %" PRIu64 " is over %d bytes",
		 place->segment, place->offset, FORWARD_MAX);
	return ITM_ELIMIT;
}

/* On the wire a block stands for itself: the server may have to compare it
 * with one it has. */
static int walk_keep_block(struct walk *w, const struct block *b, const struct spool_place *place)
{
	struct buffer payload;
	buffer_init(&payload, UNIT_PAYLOAD_MAX);
	int rc = block_encode(&payload, b);
	const struct unit u = { .type = UNIT_BLOCK, .version = 1, .payload = payload.data, .len = (uint32_t)payload.len };
	if (rc == 0)
		rc = walk_keep_unit(w, &u, place);
	buffer_free(&payload);
	return rc;
}

static int walk_compare(struct walk *w, const struct block *b)
{
	uint8_t hash[HASH_SIZE];
	block_hash(b, hash);
	if (b->sequence != w->server_sequence || memcmp(hash, w->server_hash, HASH_SIZE) == 0)
		return 0;
	snprintf(w->words, sizeof w->words, "FORK: the server has another block %" PRIu64, b->sequence);
	return ITM_EBUSY;
}

static int walk_block(struct walk *w, const struct unit *u, const struct spool_place *place, struct buffer *out,
		      struct walk_message *message)
{
	struct block b;
	struct fault fault = { 0 };
	int rc = block_decode_after(&w->context, u->payload, u->len, &b, &fault);
	if (rc != 0) {
		snprintf(w->words, sizeof w->words, "block at segment %" PRIu64 " offset %" PRIu64 ": %s", place->segment,
			 place->offset, fault.reason);
		return rc;
	}
	walk_remember(w, &b);
	rc = walk_compare(w, &b);
	if (rc != 0)
		return rc;
	if (b.sequence <= w->sequence) {
		buffer_clear(&w->group);
		return 0;
	}
	if (b.sequence != w->sequence + 1 && b.sequence > w->server_sequence + 1) {
		snprintf(w->words, sizeof w->words, "GAP: the spool goes on with block %" PRIu64 ", the server has %" PRIu64,
			 b.sequence, w->server_sequence);
		return ITM_ENOENT;
	}
	rc = walk_keep_block(w, &b, place);
	if (rc == 0)
		rc = forward_put(out, FORWARD_GROUP, w->group.data, w->group.len);
	if (rc != 0)
		return rc;
	buffer_clear(&w->group);
	w->sequence = b.sequence;
	*message = (struct walk_message){ .group = true, .sequence = b.sequence, .wall_ns = b.wall_ns };
	return 1;
}

static int walk_unit(struct walk *w, const struct unit *u, const struct spool_place *place, struct buffer *out,
		     struct walk_message *message)
{
	struct chunk c;
	switch (u->type) {
	case UNIT_FRAME:
		walk_hold_frame(w, u);
		return 0;
	case UNIT_CHUNK:
		if (chunk_decode(u->payload, u->len, &c, NULL) == 0)
			walk_cover(w, &c);
		return walk_keep_unit(w, u, place);
	case UNIT_BLOCK:
		return walk_block(w, u, place, out, message);
	case UNIT_RECEIPT:
		walk_see_receipt(w, u);
		return 0;
	default: /* notes: the host's own */
		return 0;
	}
}

int walk_next(struct walk *w, struct buffer *out, struct walk_message *message)
{
	for (;;) {
		struct unit u;
		struct spool_place place;
		struct fault fault = { 0 };
		int rc = spool_reader_next(w->reader, &u, &place, &fault);
		if (rc == 0)
			return walk_send_frame(w, out, message);
		if (rc < 0) {
			snprintf(w->words, sizeof w->words, "spool segment %" PRIu64 " offset %" PRIu64 ": %s", place.segment,
				 place.offset, fault.reason != NULL ? fault.reason : error_text(rc));
			return rc;
		}
		w->next = (struct spool_place){ place.segment, place.offset + u.size };
		rc = walk_unit(w, &u, &place, out, message);
		if (rc != 0)
			return rc;
	}
}
