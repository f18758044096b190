#include "store/excerpt.h"

#include <stdlib.h>
#include <string.h>

#include "base/reader.h"
#include "format/block.h"
#include "format/chunk.h"
#include "format/receipt.h"
#include "format/removal.h"

enum { EXCERPT_STREAMS_MAX = 4096 };

/* A stream of the host, for the digests of its chunks. */
struct excerpt_stream {
	struct id id;
	struct chunk_reader *reader;
};

/* A chunk before the block that covers it. */
struct excerpt_pending {
	bool ours, known;                /* known: its digest could be made */
	uint8_t type, digest[HASH_SIZE];
	size_t start, len;               /* of our payload, in held */
};

struct excerpt {
	struct excerpt_info info;
	struct block_context context;
	struct buffer out, held, list, removals;
	struct excerpt_pending *pending;
	size_t pending_count;
	struct excerpt_stream *stream;
	size_t stream_count;
	bool began, ours_pending;
	const char *fault;
};

struct excerpt *excerpt_new(const struct id *stream)
{
	struct excerpt *x = calloc(1, sizeof(*x));

	if (x == NULL)
		return NULL;
	x->info.stream = *stream;
	buffer_init(&x->out, EXCERPT_MAX);
	buffer_init(&x->held, EXCERPT_MAX);
	buffer_init(&x->removals, EXCERPT_MAX);
	buffer_init(&x->list, BLOCK_CHUNKS_MAX * HASH_SIZE);
	x->pending = calloc(BLOCK_CHUNKS_MAX, sizeof(*x->pending));
	x->stream = calloc(EXCERPT_STREAMS_MAX, sizeof(*x->stream));
	if (x->pending == NULL || x->stream == NULL) {
		excerpt_free(x);
		return NULL;
	}
	return x;
}

void excerpt_free(struct excerpt *x)
{
	size_t i;

	if (x == NULL)
		return;
	for (i = 0; i < x->stream_count; i++)
		chunk_reader_free(x->stream[i].reader);
	buffer_free(&x->out);
	buffer_free(&x->held);
	buffer_free(&x->list);
	buffer_free(&x->removals);
	free(x->pending);
	free(x->stream);
	free(x);
}

const char *excerpt_fault(const struct excerpt *x)
{
	return x->fault != NULL ? x->fault : "out of memory, or larger than an export may be";
}

static int excerpt_broken(struct excerpt *x, const char *words)
{
	x->fault = words;
	return ITM_EFORMAT;
}

static struct excerpt_stream *excerpt_stream_of(struct excerpt *x, const struct id *id)
{
	struct excerpt_stream *s;
	size_t i;

	for (i = 0; i < x->stream_count; i++)
		if (id_equal(&x->stream[i].id, id))
			return &x->stream[i];
	if (x->stream_count == EXCERPT_STREAMS_MAX)
		return NULL;
	s = &x->stream[x->stream_count];
	s->reader = chunk_reader_new();
	if (s->reader == NULL)
		return NULL;
	s->id = *id;
	x->stream_count++;
	return s;
}

static void excerpt_stream_drop(struct excerpt *x, struct excerpt_stream *s)
{
	chunk_reader_free(s->reader);
	*s = x->stream[--x->stream_count];
}

static int excerpt_hold(struct excerpt *x, struct excerpt_pending *p, const struct unit *u, const struct id *stream)
{
	p->type = u->type;
	p->ours = id_equal(stream, &x->info.stream);
	if (!p->ours)
		return 0;
	p->start = x->held.len;
	p->len = u->len;
	x->ours_pending = true;
	return buffer_put(&x->held, u->payload, u->len);
}

static int excerpt_chunk(struct excerpt *x, const struct unit *u)
{
	struct excerpt_pending *p;
	struct excerpt_stream *s;
	struct chunk chunk;

	if (x->pending_count == BLOCK_CHUNKS_MAX || chunk_decode(u->payload, u->len, &chunk, NULL) != 0)
		return excerpt_broken(x, "a chunk of the host's record cannot be read");
	s = excerpt_stream_of(x, &chunk.stream);
	if (s == NULL)
		return excerpt_broken(x, "too many sessions at one time");
	p = &x->pending[x->pending_count++];
	*p = (struct excerpt_pending){ 0 };
	/* What begins before our time can't be hashed until its next RESET. */
	p->known = chunk_reader_next(s->reader, u->payload, u->len, &chunk, NULL, p->digest, NULL) == 0;
	if (chunk.flags & CHUNK_END)
		excerpt_stream_drop(x, s);
	if (id_equal(&chunk.stream, &x->info.stream)) {
		x->info.ended |= (chunk.flags & CHUNK_END) != 0;
		x->info.chunks++;
	}
	return excerpt_hold(x, p, u, &chunk.stream);
}

static int excerpt_tombstone(struct excerpt *x, const struct unit *u)
{
	struct excerpt_pending *p;
	struct reader r;
	struct id stream;

	reader_init(&r, u->payload, u->len);
	reader_copy(&r, stream.bytes, ID_SIZE);
	reader_u64(&r);
	reader_u64(&r);
	if (x->pending_count == BLOCK_CHUNKS_MAX || reader_left(&r) < HASH_SIZE)
		return excerpt_broken(x, "a tombstone of the host's record cannot be read");
	p = &x->pending[x->pending_count++];
	*p = (struct excerpt_pending){ .known = true };
	reader_copy(&r, p->digest, HASH_SIZE);
	return excerpt_hold(x, p, u, &stream);
}

/* What was removed of the session, by whom and why, stands at the beginning. */
static int excerpt_removal(struct excerpt *x, const struct unit *u)
{
	struct removal removal;

	if (removal_decode(u->payload, u->len, &removal, NULL) != 0)
		return excerpt_broken(x, "a removal in the host's record cannot be read");
	if (!id_equal(&removal.stream, &x->info.stream))
		return 0;
	return unit_put(&x->removals, u->type, u->version, u->payload, u->len);
}

static int excerpt_flush_list(struct excerpt *x)
{
	int r = 0;

	if (x->list.len > 0)
		r = unit_put(&x->out, UNIT_WITHHELD, 1, x->list.data, x->list.len);
	buffer_clear(&x->list);
	return r;
}

/* Our chunks, and digests in the place of the others'. */
static int excerpt_group(struct excerpt *x)
{
	const struct excerpt_pending *p;
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < x->pending_count; i++) {
		p = &x->pending[i];
		if (!p->ours && !p->known)
			return excerpt_broken(x, "a chunk beside the session's cannot be read: what it continues is not here");
		if (!p->ours) {
			r = buffer_put(&x->list, p->digest, HASH_SIZE);
			continue;
		}
		r = excerpt_flush_list(x);
		if (r == 0)
			r = unit_put(&x->out, p->type, 1, x->held.data + p->start, p->len);
	}
	return r != 0 ? r : excerpt_flush_list(x);
}

static void excerpt_forget(struct excerpt *x)
{
	x->pending_count = 0;
	x->ours_pending = false;
	buffer_clear(&x->held);
}

static int excerpt_block(struct excerpt *x, const struct unit *u)
{
	struct buffer payload;
	struct block block;
	int r = 0;

	if (block_decode_after(&x->context, u->payload, u->len, &block, NULL) != 0)
		return excerpt_broken(x, "a block of the host's record cannot be read");
	if ((block.flags & BLOCK_GENESIS) && !x->began) {
		buffer_clear(&x->out);
		x->info.blocks = 0;
	}
	if (x->ours_pending) {
		x->info.first_block = x->began ? x->info.first_block : block.sequence;
		x->info.last_block = block.sequence;
		x->info.wall_ns = block.wall_ns;
		x->began = true;
		r = excerpt_group(x);
	}
	x->info.host = block.host;
	x->info.blocks++;
	excerpt_forget(x);
	/* A spool's short form needs what came before; here each stands for itself. */
	buffer_init(&payload, UNIT_PAYLOAD_MAX);
	if (r == 0)
		r = block_encode(&payload, &block);
	if (r == 0)
		r = unit_put(&x->out, UNIT_BLOCK, u->version, payload.data, payload.len);
	buffer_free(&payload);
	return r;
}

static int excerpt_receipt(struct excerpt *x, const struct unit *u)
{
	struct receipt receipt;
	int r;

	if (receipt_decode(u->payload, u->len, &receipt, NULL) != 0)
		return excerpt_broken(x, "a receipt of the host's record cannot be read");
	if (u->type == UNIT_RECEIPT && (!x->began || receipt.record.sequence < x->info.first_block))
		return 0;
	x->info.receipts += u->type == UNIT_RECEIPT;
	r = unit_put(&x->out, u->type, u->version, u->payload, u->len);
	return r == 0 && x->info.ended && x->pending_count == 0 && receipt.record.sequence >= x->info.last_block ? 1 : r;
}

int excerpt_unit(struct excerpt *x, const struct unit *u)
{
	switch (u->type) {
	case UNIT_CHUNK: return excerpt_chunk(x, u);
	case UNIT_REMOVAL: return excerpt_removal(x, u);
	case UNIT_TOMBSTONE: return excerpt_tombstone(x, u);
	case UNIT_BLOCK: return excerpt_block(x, u);
	case UNIT_RECEIPT:
	case UNIT_COUNTERSIGN: return excerpt_receipt(x, u);
	}
	return 0;
}

int excerpt_finish(struct excerpt *x, struct excerpt_info *info, const struct buffer **file)
{
	struct segment_header h = { .store = SEGMENT_EXCERPT, .owner = x->info.stream, .number = 1, .wall_ns = x->info.wall_ns };
	uint8_t header[SEGMENT_HEADER_SIZE];

	if (!x->began)
		return ITM_ENOENT;
	unit_segment_encode(&h, header);
	buffer_clear(&x->held);
	if (buffer_put(&x->held, header, sizeof(header)) != 0 ||
	    buffer_put(&x->held, x->removals.data, x->removals.len) != 0 || buffer_put(&x->held, x->out.data, x->out.len) != 0)
		return ITM_ENOMEM;
	*info = x->info;
	*file = &x->held;
	return 0;
}
