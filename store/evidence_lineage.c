/* The blocks one session hangs on; of evidence.h. */
#include "store/evidence.h"

#include <stdbool.h>
#include <stdio.h>

#include "store/evidence_remove.h"
#include "store/evidence_state.h"

enum { EVIDENCE_GROUP_MAX = 64 << 20 }; /* bytes of one group */
/* Compression starts over at least every 5 min, so the chunks that share a
 * block with the session's can be read from here on. */
#define EVIDENCE_LEAD_NS (6ull * 60 * 1000000000)

struct evidence_span {
	struct id host;
	uint64_t genesis, first, last;   /* sequences */
	uint64_t whole_from;             /* groups from here on come whole */
	uint64_t shown;                  /* leaves of the checkpoint the last receipt was made by */
};

struct evidence_link {
	uint64_t sequence, segment, start, offset, len;
	uint8_t hash[HASH_SIZE];
	uint16_t flags;                  /* block.h */
};

static int evidence_span_note(void *context, const struct evidence_chunk *c)
{
	struct evidence_span *span = context;

	if (span->first == 0) {
		span->first = c->sequence;
		span->host = c->host;
	}
	span->last = c->sequence;
	return 0;
}

/* One number out of the table of blocks; 0 when there is none. */
static int evidence_span_ask(struct evidence *e, const struct evidence_span *span, const char *text, uint64_t *out)
{
	struct sql_statement *q;
	int rc = sql_prepare(e->db, text, &q);

	if (rc != 0)
		return rc;
	evidence_bind_id(q, 1, &span->host);
	sql_bind_int(q, 2, (int64_t)span->first);
	sql_bind_int(q, 3, (int64_t)span->genesis);
	sql_bind_int(q, 4, (int64_t)EVIDENCE_LEAD_NS);
	rc = sql_step(q);
	*out = rc == 1 ? (uint64_t)sql_int(q, 0) : 0;
	sql_finalize(q);
	return rc < 0 ? rc : 0;
}

static int evidence_span_find(struct evidence *e, const struct id *stream, struct evidence_span *span)
{
	int rc = evidence_chunks_of(e, stream, 0, evidence_span_note, span);

	if (rc == 0 && span->first == 0)
		rc = ITM_ENOENT;
	if (rc == 0)
		rc = evidence_span_ask(e, span, "SELECT max(sequence) FROM block WHERE host = ?1 AND sequence <= ?2"
				       " AND flags & 1 AND ?3 >= 0 AND ?4 > 0", &span->genesis);
	if (rc == 0)
		rc = evidence_span_ask(e, span, "SELECT min(b.sequence) FROM block b, block s WHERE s.host = ?1"
				       " AND s.sequence = ?2 AND b.host = ?1 AND b.sequence BETWEEN ?3 AND ?2"
				       " AND b.boot_ns >= s.boot_ns - ?4", &span->whole_from);
	return rc;
}

static int evidence_give_payload(uint8_t type, const struct buffer *payload, const char *place, uint64_t offset,
				 evidence_each_unit *each, void *context)
{
	struct unit u = { .type = type, .version = 1, .payload = payload->data, .len = (uint32_t)payload->len,
			  .size = payload->len + UNIT_HEADER_SIZE };

	return payload->len == 0 ? 0 : each(context, &u, place, offset);
}

/* The server's words on a block, wherever they stand. */
static int evidence_give_words(struct evidence *e, const struct id *host, const struct evidence_link *link, bool last,
			       uint64_t *shown, const char *place, evidence_each_unit *each, void *context)
{
	struct evidence_words w;
	int rc;

	buffer_init(&w.countersign, UNIT_PAYLOAD_MAX);
	buffer_init(&w.receipt, UNIT_PAYLOAD_MAX);
	buffer_init(&w.second, UNIT_PAYLOAD_MAX);
	rc = evidence_receipt(e, host, link->sequence, link->hash, last, shown, &w);
	if (rc == ITM_ENOENT)
		rc = 0;
	if (rc == 0)
		rc = evidence_give_payload(UNIT_COUNTERSIGN, &w.countersign, place, link->offset, each, context);
	if (rc == 0)
		rc = evidence_give_payload(UNIT_RECEIPT, &w.receipt, place, link->offset, each, context);
	if (rc == 0)
		rc = evidence_give_payload(UNIT_RECEIPT, &w.second, place, link->offset, each, context);
	buffer_free(&w.countersign);
	buffer_free(&w.receipt);
	buffer_free(&w.second);
	return rc;
}

/* from: the group's start, or, for a link, the block's own. */
static int evidence_give_group(struct evidence *e, const struct evidence_link *link, uint64_t from, struct buffer *bytes,
			       const char *place, evidence_each_unit *each, void *context)
{
	uint64_t end = link->offset + link->len;
	char path[EVIDENCE_PATH_SIZE];
	struct unit u;
	size_t at;
	int rc;

	if (from > end || end - from > EVIDENCE_GROUP_MAX)
		return ITM_EFORMAT;
	evidence_segment_path(e, link->segment, path);
	buffer_clear(bytes);
	rc = segment_read(path, from, (size_t)(end - from), bytes);
	for (at = 0; rc == 0 && at < bytes->len; at += u.size) {
		rc = unit_decode(bytes->data + at, bytes->len - at, &u, NULL);
		if (rc == 0)
			rc = each(context, &u, place, from + at);
	}
	return rc;
}

static int evidence_give_link(struct evidence *e, struct evidence_span *span, const struct evidence_link *link,
			      struct buffer *bytes, evidence_each_unit *each, void *context)
{
	char place[SEGMENT_NAME_SIZE];
	uint64_t from = link->sequence >= span->whole_from ? link->start : link->offset - UNIT_HEADER_SIZE;
	int rc;

	segment_name(link->segment, place);
	rc = evidence_give_group(e, link, from, bytes, place, each, context);
	/* A GENESIS needs its countersignature; the last block's receipt speaks for
	 * all before it. */
	if (rc != 0 || (link->sequence != span->last && !(link->flags & BLOCK_GENESIS)))
		return rc;
	return evidence_give_words(e, &span->host, link, link->sequence == span->last, &span->shown, place, each, context);
}

struct evidence_giving { evidence_each_unit *each; void *context; };

/* Declarations come before the chunks they are about. */
static int evidence_give_removal(void *context, const struct evidence_removed *r)
{
	const struct evidence_giving *g = context;
	struct unit u = { .type = UNIT_REMOVAL, .version = 1, .payload = r->payload, .len = (uint32_t)r->payload_len,
			  .size = r->payload_len + UNIT_HEADER_SIZE };

	return g->each(g->context, &u, "evidence.db: removal", r->row);
}

int evidence_lineage(struct evidence *e, const struct id *stream, evidence_each_unit *each, void *context)
{
	struct evidence_span span = { 0 };
	struct sql_statement *q;
	struct buffer bytes;
	int rc = evidence_span_find(e, stream, &span);

	if (rc == 0)
		rc = evidence_removed_of(e, stream, evidence_give_removal, &(struct evidence_giving){ each, context });
	if (rc == 0)
		rc = sql_prepare(e->db, "SELECT sequence, segment, first_offset, offset, len, hash, flags FROM block"
				 " WHERE host = ?1 AND sequence BETWEEN ?2 AND ?3 ORDER BY sequence", &q);
	if (rc != 0)
		return rc;
	buffer_init(&bytes, EVIDENCE_GROUP_MAX);
	evidence_bind_id(q, 1, &span.host);
	sql_bind_int(q, 2, (int64_t)span.genesis);
	sql_bind_int(q, 3, (int64_t)span.last);
	while ((rc = sql_step(q)) == 1) {
		struct evidence_link link = {
			.sequence = (uint64_t)sql_int(q, 0), .segment = (uint64_t)sql_int(q, 1),
			.start = (uint64_t)sql_int(q, 2), .offset = (uint64_t)sql_int(q, 3), .len = (uint64_t)sql_int(q, 4),
			.flags = (uint16_t)sql_int(q, 6),
		};

		sql_blob_copy(q, 5, link.hash, HASH_SIZE);
		rc = evidence_give_link(e, &span, &link, &bytes, each, context);
		if (rc != 0)
			break;
	}
	sql_finalize(q);
	buffer_free(&bytes);
	return rc;
}
