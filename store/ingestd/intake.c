#include "store/ingestd/intake.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "format/unit.h"

/* Streams whose running compression is kept; each costs about 2.5 MiB at
 * most.  The others are read again from their last RESET (at most 1 MiB). */
enum { INTAKE_READERS = 64 };

struct intake_reader {
	struct id host, stream;
	struct chunk_reader *reader;     /* NULL: free */
	uint64_t used;                   /* group that used it last */
	uint64_t next;                   /* chunk it can take; 0 = only a RESET */
};

struct intake {
	struct evidence *evidence;
	struct intake_reader readers[INTAKE_READERS];
	uint64_t group;                  /* counts groups */

	/* The group being judged. */
	const struct id *host;
	struct evidence_piece chunks[BLOCK_CHUNKS_MAX];
	struct chunk decoded[BLOCK_CHUNKS_MAX];
	uint8_t digests[BLOCK_CHUNKS_MAX][HASH_SIZE];
	size_t count;
	struct evidence_piece block_piece;
	struct block block;
	bool stored;                     /* it is new here */
	struct buffer scratch;
};

struct intake *intake_new(struct evidence *e)
{
	struct intake *in = calloc(1, sizeof *in);
	if (in == NULL)
		return NULL;
	in->evidence = e;
	buffer_init(&in->scratch, UNIT_PAYLOAD_MAX);
	return in;
}

void intake_forget(struct intake *in)
{
	for (size_t i = 0; i < INTAKE_READERS; i++) {
		chunk_reader_free(in->readers[i].reader);
		in->readers[i].reader = NULL;
	}
}

void intake_free(struct intake *in)
{
	if (in == NULL)
		return;
	intake_forget(in);
	buffer_free(&in->scratch);
	free(in);
}

static int intake_refuse(struct intake_refusal *r, enum forward_error_code code, const char *what, const struct fault *fault)
{
	r->code = code;
	if (fault != NULL && fault->reason != NULL)
		snprintf(r->text, sizeof r->text, "%s: %s at %" PRIu64, what, fault->reason, fault->offset);
	else
		snprintf(r->text, sizeof r->text, "%s", what);
	return ITM_EPERM;
}

/* Layout: chunk units, then one block unit, then nothing. */
static int intake_layout(struct intake *in, const uint8_t *data, size_t len, struct intake_refusal *refusal)
{
	size_t pos = 0;
	in->count = 0;
	for (;;) {
		struct unit u;
		struct fault fault = { 0 };
		if (unit_decode(data + pos, len - pos, &u, &fault) != 0) {
			fault.offset += pos;
			return intake_refuse(refusal, FORWARD_E_FORMAT, "unit", &fault);
		}
		pos += u.size;
		if (u.type == UNIT_BLOCK) {
			in->block_piece = (struct evidence_piece){ u.payload, u.len };
			if (pos != len)
				return intake_refuse(refusal, FORWARD_E_FORMAT, "bytes after the block", NULL);
			if (block_decode(u.payload, u.len, &in->block, &fault) != 0)
				return intake_refuse(refusal, FORWARD_E_FORMAT, "block", &fault);
			return 0;
		}
		if (u.type != UNIT_CHUNK)
			return intake_refuse(refusal, FORWARD_E_FORMAT, "a unit that has no place in a group", NULL);
		if (in->count == BLOCK_CHUNKS_MAX)
			return intake_refuse(refusal, FORWARD_E_FORMAT, "too many chunks", NULL);
		in->chunks[in->count++] = (struct evidence_piece){ u.payload, u.len };
	}
}

/* Readers of streams */

static struct intake_reader *intake_find(struct intake *in, const struct id *stream)
{
	for (size_t i = 0; i < INTAKE_READERS; i++) {
		struct intake_reader *r = &in->readers[i];
		if (r->reader != NULL && id_equal(&r->stream, stream) && id_equal(&r->host, in->host))
			return r;
	}
	return NULL;
}

/* A free place, or the one not used for longest. */
static struct intake_reader *intake_place(struct intake *in)
{
	struct intake_reader *oldest = &in->readers[0];
	for (size_t i = 0; i < INTAKE_READERS; i++) {
		if (in->readers[i].reader == NULL)
			return &in->readers[i];
		if (in->readers[i].used < oldest->used)
			oldest = &in->readers[i];
	}
	chunk_reader_free(oldest->reader);
	oldest->reader = NULL;
	return oldest;
}

struct intake_prime { struct intake *in; struct intake_reader *reader; uint64_t before; };

static int intake_feed(struct intake_reader *r, const void *data, size_t len)
{
	struct chunk c;
	uint8_t digest[HASH_SIZE];
	int rc = chunk_reader_next(r->reader, data, len, &c, NULL, digest, NULL);
	r->next = rc == 0 ? c.number + 1 : 0;
	return rc;
}

static int intake_prime_one(void *context, const struct evidence_chunk *c)
{
	struct intake_prime *p = context;
	if (c->number >= p->before)
		return 1;
	buffer_clear(&p->in->scratch);
	int rc = evidence_read_chunk(p->in->evidence, c, &p->in->scratch);
	if (rc == 0)
		rc = intake_feed(p->reader, p->in->scratch.data, p->in->scratch.len);
	return rc;
}

/* Bring the reader to where chunk `at` of this group follows: what is stored
 * since the last RESET, then the stream's earlier chunks of the group itself. */
static int intake_prime(struct intake *in, struct intake_reader *r, const struct chunk *c, size_t at)
{
	struct intake_prime prime = { in, r, c->number };
	uint64_t from;
	int rc = evidence_chunk_reset(in->evidence, &c->stream, c->number, &from);
	if (rc == 0)
		rc = evidence_chunks_of(in->evidence, &c->stream, from, intake_prime_one, &prime);
	if (rc < 0 && rc != ITM_ENOENT)
		return rc;
	for (size_t i = 0; i < at; i++)
		if (id_equal(&in->decoded[i].stream, &c->stream))
			intake_feed(r, in->chunks[i].data, in->chunks[i].len);
	return 0;
}

static int intake_reader_for(struct intake *in, const struct chunk *c, size_t at, struct intake_reader **out)
{
	struct intake_reader *r = intake_find(in, &c->stream);
	if (r == NULL) {
		r = intake_place(in);
		r->reader = chunk_reader_new();
		if (r->reader == NULL)
			return ITM_ENOMEM;
		r->host = *in->host;
		r->stream = c->stream;
		r->next = 0;
	}
	r->used = in->group;
	*out = r;
	if ((c->flags & CHUNK_RESET) || r->next == c->number)
		return 0;
	return intake_prime(in, r, c, at);
}

/* Every chunk is inflated and hashed: the digests are ours, not the host's. */
static int intake_chunks(struct intake *in, struct intake_refusal *refusal)
{
	for (size_t i = 0; i < in->count; i++) {
		struct fault fault = { 0 };
		struct intake_reader *r;
		struct chunk *c = &in->decoded[i];
		const struct evidence_piece *p = &in->chunks[i];
		int rc = chunk_decode(p->data, p->len, c, &fault);
		if (rc != 0)
			return intake_refuse(refusal, FORWARD_E_FORMAT, "chunk", &fault);
		rc = intake_reader_for(in, c, i, &r);
		if (rc != 0)
			return rc;
		rc = chunk_reader_next(r->reader, p->data, p->len, c, NULL, in->digests[i], &fault);
		r->next = rc == 0 ? c->number + 1 : 0;
		if (rc == ITM_ENOMEM)
			return rc;
		if (rc != 0)
			return intake_refuse(refusal, FORWARD_E_REFUSED, "chunk", &fault);
	}
	return 0;
}

/* The chain */

static int intake_chain(struct intake *in, const struct evidence_host *h, struct intake_refusal *refusal)
{
	const struct block *b = &in->block;
	struct fault fault = { 0 };
	bool genesis = (b->flags & BLOCK_GENESIS) != 0;
	if (b->sequence != h->last_sequence + 1)
		return intake_refuse(refusal, FORWARD_E_REFUSED, "not the next block", NULL);
	if (memcmp(b->previous, h->last_hash, HASH_SIZE) != 0)
		return intake_refuse(refusal, FORWARD_E_REFUSED, "another block stands before it", NULL);
	if (b->chunk_count != in->count)
		return intake_refuse(refusal, FORWARD_E_REFUSED, "the block counts other chunks", NULL);
	if (!genesis && h->last_sequence == 0)
		return intake_refuse(refusal, FORWARD_E_REFUSED, "a chain begins with GENESIS", NULL);
	if (genesis && memcmp(b->genesis.identity_key, h->identity, SIGN_PUBLIC_SIZE) != 0)
		return intake_refuse(refusal, FORWARD_E_REFUSED, "GENESIS under an identity that was not enrolled", NULL);
	int rc = intake_chunks(in, refusal);
	if (rc != 0)
		return rc;
	if (block_check(b, (const uint8_t (*)[HASH_SIZE])in->digests, genesis ? b->genesis.own_key : h->next_key, &fault) != 0)
		return intake_refuse(refusal, FORWARD_E_REFUSED, "block", &fault);
	return 0;
}

/* A second block of a number.  The first stays; this one is kept aside, and
 * somebody must look: a cloned machine, or a chain written anew. */
static int intake_fork(struct intake *in, const void *data, size_t len, struct intake_refusal *refusal)
{
	char why[128];
	snprintf(why, sizeof why, "FORK: a second block %" PRIu64, in->block.sequence);
	evidence_quarantine(in->evidence, in->host, why, data, len);
	return intake_refuse(refusal, FORWARD_E_FORK, why, NULL);
}

static void intake_drop_readers(struct intake *in)
{
	for (size_t i = 0; i < INTAKE_READERS; i++) {
		struct intake_reader *r = &in->readers[i];
		if (r->reader != NULL && r->used == in->group) {
			chunk_reader_free(r->reader);
			r->reader = NULL;
		}
	}
}

static int intake_judge(struct intake *in, const void *data, size_t len, struct answers *answers,
			struct intake_refusal *refusal)
{
	struct evidence_host h;
	struct evidence_logged logged;
	uint8_t hash[HASH_SIZE];
	int rc = intake_layout(in, data, len, refusal);
	if (rc != 0)
		return rc;
	if (!id_equal(&in->block.host, in->host))
		return intake_refuse(refusal, FORWARD_E_REFUSED, "the block of another host", NULL);
	rc = evidence_host_get(in->evidence, in->host, &h);
	if (rc == ITM_ENOENT)
		return intake_refuse(refusal, FORWARD_E_UNKNOWN_HOST, "not enrolled", NULL);
	if (rc != 0)
		return rc;
	if (h.revoked)
		return intake_refuse(refusal, FORWARD_E_REVOKED, "revoked", NULL);
	block_hash(&in->block, hash);
	if (in->block.sequence <= h.last_sequence) {
		rc = evidence_logged(in->evidence, in->host, in->block.sequence, hash, &logged);
		if (rc == ITM_ENOENT)
			return intake_fork(in, data, len, refusal);
	} else {
		rc = intake_chain(in, &h, refusal);
		if (rc == 0)
			rc = evidence_put(in->evidence, &in->block, in->chunks, in->decoded, in->count, &in->block_piece);
		in->stored = rc == 0;
		if (rc != 0)
			intake_drop_readers(in);
	}
	return rc == 0 ? answers_add(answers, in->block.sequence, hash, in->block.flags & BLOCK_GENESIS) : rc;
}

int intake_group(struct intake *in, const struct id *host, const void *data, size_t len, struct answers *answers,
		 struct intake_refusal *refusal)
{
	in->group++;
	in->stored = false;
	in->host = host;
	return intake_judge(in, data, len, answers, refusal);
}

const struct block *intake_stored(const struct intake *in)
{
	return in->stored ? &in->block : NULL;
}

int intake_tail(struct intake *in, const struct id *host, const void *data, size_t len, struct intake_refusal *refusal)
{
	struct fault fault = { 0 };
	struct frame f;
	if (frame_decode(data, len, &f, &fault) != 0)
		return intake_refuse(refusal, FORWARD_E_FORMAT, "frame", &fault);
	int rc = evidence_tail_put(in->evidence, host, &f, data, len);
	/* The tail is not evidence: what does not fit comes with its block. */
	if (rc != 0)
		log_debug("tail: %s", error_text(rc));
	return 0;
}
