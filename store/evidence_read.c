/* The reading half of evidence.h. */
#include "store/evidence.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "store/evidence_state.h"
#include "store/tail.h"

#define CHUNK_COLUMNS "row, host, stream, number, last_frame, sequence, segment, offset, len, boot_ns, wall_ns," \
	" duration_ms, flags"

static void evidence_chunk_take(struct sql_statement *q, struct evidence_chunk *c)
{
	c->row = (uint64_t)sql_int(q, 0);
	sql_blob_copy(q, 1, c->host.bytes, ID_SIZE);
	sql_blob_copy(q, 2, c->stream.bytes, ID_SIZE);
	c->number = (uint64_t)sql_int(q, 3);
	c->last_frame = (uint64_t)sql_int(q, 4);
	c->sequence = (uint64_t)sql_int(q, 5);
	c->segment = (uint64_t)sql_int(q, 6);
	c->offset = (uint64_t)sql_int(q, 7);
	c->len = (uint64_t)sql_int(q, 8);
	c->boot_ns = (uint64_t)sql_int(q, 9);
	c->wall_ns = sql_int(q, 10);
	c->duration_ms = (uint32_t)sql_int(q, 11);
	c->flags = (uint16_t)sql_int(q, 12);
}

static int evidence_chunk_walk(struct sql_statement *q, evidence_each_chunk *each, void *context)
{
	int rc;
	while ((rc = sql_step(q)) == 1) {
		struct evidence_chunk c;
		evidence_chunk_take(q, &c);
		rc = each(context, &c);
		if (rc != 0)
			break;
	}
	sql_finalize(q);
	return rc;
}

int evidence_chunks_after(struct evidence *e, uint64_t row, uint64_t limit, evidence_each_chunk *each, void *context)
{
	struct sql_statement *q;
	int rc = sql_prepare(e->db, "SELECT " CHUNK_COLUMNS " FROM chunk WHERE row > ?1 AND shadow = 0"
			     " ORDER BY row LIMIT ?2", &q);
	if (rc != 0)
		return rc;
	sql_bind_int(q, 1, (int64_t)row);
	sql_bind_int(q, 2, limit == 0 || limit > INT64_MAX ? -1 : (int64_t)limit);
	return evidence_chunk_walk(q, each, context);
}

int evidence_chunks_of(struct evidence *e, const struct id *stream, uint64_t from_number, evidence_each_chunk *each,
		       void *context)
{
	struct sql_statement *q;
	int rc = sql_prepare(e->db, "SELECT " CHUNK_COLUMNS " FROM chunk WHERE stream = ?1 AND number >= ?2"
			     " AND shadow = 0 ORDER BY number", &q);
	if (rc != 0)
		return rc;
	evidence_bind_id(q, 1, stream);
	sql_bind_int(q, 2, (int64_t)from_number);
	return evidence_chunk_walk(q, each, context);
}

int evidence_chunk_reset(struct evidence *e, const struct id *stream, uint64_t number, uint64_t *out)
{
	struct sql_statement *q = evidence_query(e, EVIDENCE_Q_CHUNK_RESET);
	if (q == NULL)
		return ITM_EDB;
	evidence_bind_id(q, 1, stream);
	sql_bind_int(q, 2, (int64_t)number);
	int rc = sql_step(q);
	if (rc == 1)
		*out = (uint64_t)sql_int(q, 0);
	sql_reset(q);
	return rc == 1 ? 0 : rc == 0 ? ITM_ENOENT : rc;
}

/* Where the chunk is by now. */
static int evidence_chunk_again(struct evidence *e, uint64_t row, struct evidence_chunk *c)
{
	struct sql_statement *q;
	int rc = sql_prepare(e->db, "SELECT " CHUNK_COLUMNS " FROM chunk WHERE row = ?1", &q);
	if (rc != 0)
		return rc;
	sql_bind_int(q, 1, (int64_t)row);
	rc = sql_step(q);
	if (rc == 1)
		evidence_chunk_take(q, c);
	sql_finalize(q);
	return rc == 1 ? 0 : rc == 0 ? ITM_ENOENT : rc;
}

int evidence_read_chunk(struct evidence *e, const struct evidence_chunk *c, struct buffer *out)
{
	if (c->len > UNIT_PAYLOAD_MAX)
		return ITM_ELIMIT;
	char path[EVIDENCE_PATH_SIZE];
	evidence_segment_path(e, c->segment, path);
	int rc = segment_read(path, c->offset, (size_t)c->len, out);
	if (rc != ITM_ENOENT)
		return rc;
	/* Its segment was replaced since c was looked up. */
	struct evidence_chunk now;
	rc = evidence_chunk_again(e, c->row, &now);
	if (rc != 0 || now.segment == c->segment || now.len > UNIT_PAYLOAD_MAX)
		return rc != 0 ? rc : ITM_ENOENT;
	evidence_segment_path(e, now.segment, path);
	return segment_read(path, now.offset, (size_t)now.len, out);
}

/* The tail */

static void evidence_tail_dir(const struct evidence *e, char out[EVIDENCE_PATH_SIZE])
{
	snprintf(out, EVIDENCE_PATH_SIZE, "%.*s/tail", EVIDENCE_DIR_MAX, e->dir);
}

int evidence_tail_of(struct evidence *e, const struct id *stream, uint64_t after_frame,
		     int (*each)(void *context, const struct frame *f), void *context)
{
	char dir[EVIDENCE_PATH_SIZE];
	struct id host;
	uint64_t last_number, last_frame = 0;
	evidence_tail_dir(e, dir);
	int rc = evidence_stream_get(e, stream, &host, &last_number, &last_frame);
	if (rc == ITM_ENOENT)
		rc = tail_host(dir, stream, &host);
	if (rc == ITM_ENOENT)
		return 0;
	if (rc != 0)
		return rc;
	return tail_walk(dir, &host, stream, after_frame > last_frame ? after_frame : last_frame, each, context);
}

int evidence_tail_streams(struct evidence *e, int (*each)(void *context, const struct id *host, const struct id *stream,
			  int64_t changed_wall_ns), void *context)
{
	char dir[EVIDENCE_PATH_SIZE];
	evidence_tail_dir(e, dir);
	return tail_streams(dir, each, context);
}
