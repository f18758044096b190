/* The writing half of evidence.h: groups into segments, what they hold into
 * evidence.db, both or neither. */
#include "store/evidence.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/atomicfile.h"
#include "base/clock.h"
#include "base/log.h"
#include "store/evidence_state.h"
#include "store/tail.h"

/* One group on its way into the store. */
struct evidence_group {
	const struct block *block;
	const struct evidence_piece *chunks;
	const struct chunk *decoded;
	size_t count;
	const struct evidence_piece *block_payload;
	uint8_t hash[HASH_SIZE];
	struct receipt_record record;    /* the block's leaf */
	uint64_t leaf, genesis_leaf;
	uint8_t nonce[16];               /* of the GENESIS' leaf */
	uint64_t segment, start;         /* where its first byte goes */
};

/* 1: stored already; 0: may be stored; ITM_EBUSY another block has its number;
 * ITM_EINVAL it is not the next one. */
static int evidence_admit(struct evidence *e, const struct evidence_group *g)
{
	const struct block *b = g->block;
	struct sql_statement *q = evidence_query(e, EVIDENCE_Q_BLOCK_GET);
	if (q == NULL)
		return ITM_EDB;
	evidence_bind_id(q, 1, &b->host);
	sql_bind_int(q, 2, (int64_t)b->sequence);
	int rc = sql_step(q);
	if (rc == 1) {
		uint8_t stored[HASH_SIZE];
		rc = sql_blob_copy(q, 0, stored, sizeof stored);
		if (rc == 0)
			rc = memcmp(stored, g->hash, sizeof stored) == 0 ? 1 : ITM_EBUSY;
	}
	sql_reset(q);
	if (rc != 0)
		return rc;
	struct evidence_host host;
	rc = evidence_host_get(e, &b->host, &host);
	if (rc != 0)
		return rc;
	if (b->sequence != host.last_sequence + 1 || memcmp(b->previous, host.last_hash, HASH_SIZE) != 0)
		return ITM_EINVAL;
	return 0;
}

/* The segment to write to, with room for one more group. */
static int evidence_room(struct evidence *e)
{
	if (e->segment != NULL && segment_end(e->segment) < e->segment_size)
		return 0;
	uint64_t number = 0;
	if (e->segment != NULL) {
		/* What this batch put there must be durable before it is left. */
		if (segment_sync(e->segment) != 0)
			return ITM_ESYS;
		number = segment_number(e->segment);
		e->full = number;
		segment_close(e->segment);
		e->segment = NULL;
	}
	struct sql_statement *q;
	int rc = sql_prepare(e->db, "SELECT max(number) FROM segment", &q);
	if (rc != 0)
		return rc;
	if (sql_step(q) == 1 && (uint64_t)sql_int(q, 0) > number)
		number = (uint64_t)sql_int(q, 0);
	sql_finalize(q);
	char dir[EVIDENCE_PATH_SIZE];
	snprintf(dir, sizeof dir, "%.*s/segments", EVIDENCE_DIR_MAX, e->dir);
	/* Names taken by files of a failed batch are passed over. */
	do {
		struct segment_header header = {
			.store = 1, .owner = e->server, .number = ++number, .wall_ns = clock_wall_ns(),
		};
		e->segment = segment_create(dir, &header, &rc);
	} while (e->segment == NULL && rc == ITM_EBUSY);
	if (e->segment == NULL)
		log_error("%s: new segment: %s", dir, error_text(rc));
	return e->segment != NULL ? 0 : rc;
}

static int evidence_group_encode(struct evidence *e, const struct evidence_group *g)
{
	buffer_clear(&e->group);
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < g->count; i++)
		rc = unit_put(&e->group, UNIT_CHUNK, 1, g->chunks[i].data, g->chunks[i].len);
	if (rc == 0)
		rc = unit_put(&e->group, UNIT_BLOCK, 1, g->block_payload->data, g->block_payload->len);
	return rc;
}

/* Rows */

int evidence_stream_get(struct evidence *e, const struct id *stream, struct id *host, uint64_t *last_number,
			uint64_t *last_frame)
{
	struct sql_statement *q = evidence_query(e, EVIDENCE_Q_STREAM_GET);
	if (q == NULL)
		return ITM_EDB;
	evidence_bind_id(q, 1, stream);
	int rc = sql_step(q);
	if (rc == 1) {
		rc = sql_blob_copy(q, 0, host->bytes, ID_SIZE);
		*last_number = (uint64_t)sql_int(q, 1);
		*last_frame = (uint64_t)sql_int(q, 2);
		sql_reset(q);
		return rc;
	}
	sql_reset(q);
	return rc == 0 ? ITM_ENOENT : rc;
}

static int evidence_stream_claim(struct evidence *e, const struct id *stream, const struct id *host)
{
	struct sql_statement *q = evidence_query(e, EVIDENCE_Q_STREAM_ADD);
	if (q == NULL)
		return ITM_EDB;
	evidence_bind_id(q, 1, stream);
	evidence_bind_id(q, 2, host);
	return sql_finish(q);
}

static int evidence_stream_move(struct evidence *e, const struct chunk *c)
{
	struct sql_statement *q = evidence_query(e, EVIDENCE_Q_STREAM_MOVE);
	if (q == NULL)
		return ITM_EDB;
	evidence_bind_id(q, 1, &c->stream);
	sql_bind_int(q, 2, (int64_t)c->number);
	sql_bind_int(q, 3, (int64_t)c->last_frame);
	sql_bind_int(q, 4, c->flags);
	return sql_finish(q);
}

static int evidence_chunk_row(struct evidence *e, const struct evidence_group *g, const struct chunk *c,
			      uint64_t offset, size_t len, bool shadow)
{
	struct sql_statement *q = evidence_query(e, EVIDENCE_Q_CHUNK_ADD);
	if (q == NULL)
		return ITM_EDB;
	evidence_bind_id(q, 1, &g->block->host);
	evidence_bind_id(q, 2, &c->stream);
	sql_bind_int(q, 3, (int64_t)c->number);
	sql_bind_int(q, 4, (int64_t)c->last_frame);
	sql_bind_int(q, 5, (int64_t)g->block->sequence);
	sql_bind_int(q, 6, (int64_t)g->segment);
	sql_bind_int(q, 7, (int64_t)offset);
	sql_bind_int(q, 8, (int64_t)len);
	sql_bind_int(q, 9, (int64_t)c->boot_ns);
	sql_bind_int(q, 10, c->wall_ns);
	sql_bind_int(q, 11, c->duration_ms);
	sql_bind_int(q, 12, c->flags);
	sql_bind_int(q, 13, shadow);
	return sql_finish(q);
}

static int evidence_trim_later(struct evidence *e, const struct id *host, const struct chunk *c)
{
	if (e->trim_count == e->trim_size) {
		size_t size = e->trim_size ? e->trim_size * 2 : 64;
		struct evidence_trim *more = realloc(e->trim, size * sizeof *more);
		if (more == NULL)
			return ITM_ENOMEM;
		e->trim = more;
		e->trim_size = size;
	}
	e->trim[e->trim_count++] = (struct evidence_trim){ *host, c->stream, c->last_frame };
	return 0;
}

/* A chunk that its host signed is stored whatever it says.  But one host can't
 * put chunks into another's stream, nor a second chunk in place of the first:
 * those are kept in the shadow, with an event. */
static int evidence_chunk_put(struct evidence *e, const struct evidence_group *g, const struct chunk *c,
			      uint64_t offset, size_t len)
{
	struct id owner;
	uint64_t last_number, last_frame;
	int rc = evidence_stream_claim(e, &c->stream, &g->block->host);
	if (rc == 0)
		rc = evidence_stream_get(e, &c->stream, &owner, &last_number, &last_frame);
	if (rc != 0)
		return rc;
	bool foreign = !id_equal(&owner, &g->block->host);
	bool shadow = foreign || c->number <= last_number;
	if (shadow) {
		char words[256], text[ID_TEXT_SIZE];
		id_format(&c->stream, text);
		snprintf(words, sizeof words, "stream %s chunk %" PRIu64 " in block %" PRIu64 ": %s", text, c->number,
			 g->block->sequence, foreign ? "the stream is another host's" : "after chunk of that number");
		rc = evidence_event(e, &g->block->host, foreign ? "stream-claimed" : "chunk-repeated", words);
	} else {
		rc = evidence_stream_move(e, c);
		if (rc == 0)
			rc = evidence_trim_later(e, &g->block->host, c);
	}
	return rc == 0 ? evidence_chunk_row(e, g, c, offset, len, shadow) : rc;
}

static int evidence_leaf_rows(struct evidence *e, struct evidence_group *g)
{
	g->record = (struct receipt_record){
		.type = RECEIPT_BLOCK, .host = g->block->host, .sequence = g->block->sequence,
		.received_wall_ns = clock_wall_ns(), .server = e->server,
	};
	memcpy(g->record.block_hash, g->hash, HASH_SIZE);
	int rc = evidence_leaf_put(e, &g->record, &g->leaf);
	if (rc != 0 || !(g->block->flags & BLOCK_GENESIS))
		return rc;
	struct receipt_record genesis = g->record;
	genesis.type = RECEIPT_GENESIS;
	sign_random(g->nonce, sizeof g->nonce);
	memcpy(genesis.nonce, g->nonce, sizeof g->nonce);
	return evidence_leaf_put(e, &genesis, &g->genesis_leaf);
}

static int evidence_block_row(struct evidence *e, struct evidence_group *g, uint64_t offset)
{
	const struct block *b = g->block;
	bool genesis = (b->flags & BLOCK_GENESIS) != 0;
	int rc = evidence_leaf_rows(e, g);
	struct sql_statement *q = rc == 0 ? evidence_query(e, EVIDENCE_Q_BLOCK_ADD) : NULL;
	if (q == NULL)
		return rc != 0 ? rc : ITM_EDB;
	evidence_bind_id(q, 1, &b->host);
	sql_bind_int(q, 2, (int64_t)b->sequence);
	sql_bind_blob(q, 3, g->hash, HASH_SIZE);
	sql_bind_int(q, 4, (int64_t)g->segment);
	sql_bind_int(q, 5, (int64_t)g->start);
	sql_bind_int(q, 6, (int64_t)offset);
	sql_bind_int(q, 7, (int64_t)g->block_payload->len);
	sql_bind_int(q, 8, (int64_t)g->leaf);
	if (genesis) {
		sql_bind_int(q, 9, (int64_t)g->genesis_leaf);
		sql_bind_blob(q, 10, g->nonce, sizeof g->nonce);
	} else {
		sql_bind_null(q, 9);
		sql_bind_null(q, 10);
	}
	sql_bind_int(q, 11, b->flags);
	sql_bind_int(q, 12, b->wall_ns);
	sql_bind_int(q, 13, (int64_t)b->boot_ns);
	sql_bind_int(q, 14, g->record.received_wall_ns);
	sql_bind_int(q, 15, (int64_t)g->count);
	return sql_finish(q);
}

static int evidence_rows(struct evidence *e, struct evidence_group *g)
{
	const struct block *b = g->block;
	uint64_t offset = g->start + UNIT_HEADER_SIZE;
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < g->count; i++) {
		rc = evidence_chunk_put(e, g, &g->decoded[i], offset, g->chunks[i].len);
		offset += g->chunks[i].len + UNIT_HEADER_SIZE;
	}
	if (rc == 0)
		rc = evidence_block_row(e, g, offset);
	if (rc != 0)
		return rc;
	struct sql_statement *q = evidence_query(e, EVIDENCE_Q_HOST_CHAIN);
	if (q == NULL)
		return ITM_EDB;
	evidence_bind_id(q, 1, &b->host);
	sql_bind_int(q, 2, (int64_t)b->sequence);
	sql_bind_blob(q, 3, g->hash, HASH_SIZE);
	sql_bind_blob(q, 4, b->next_key, SIGN_PUBLIC_SIZE);
	sql_bind_int(q, 5, clock_wall_ns());
	rc = sql_finish(q);
	q = rc == 0 ? evidence_query(e, EVIDENCE_Q_SEGMENT_PUT) : NULL;
	if (q == NULL)
		return rc != 0 ? rc : ITM_EDB;
	sql_bind_int(q, 1, (int64_t)g->segment);
	sql_bind_int(q, 2, (int64_t)(g->start + e->group.len));
	return sql_finish(q);
}

/* Groups */

/* After a failed write or sync the file's end is not to be trusted: nothing
 * more goes there.  The database still says where its committed part ends. */
static void evidence_give_up_segment(struct evidence *e)
{
	segment_close(e->segment);
	e->segment = NULL;
}

static int evidence_put_group(struct evidence *e, struct evidence_group *g)
{
	size_t trims = e->trim_count;
	int rc = evidence_room(e);
	if (rc == 0)
		rc = evidence_group_encode(e, g);
	if (rc != 0)
		return rc;
	g->segment = segment_number(e->segment);
	g->start = segment_end(e->segment);
	rc = sql_save(e->db);
	if (rc != 0)
		return rc;
	rc = evidence_rows(e, g);
	/* The bytes last: when rows were refused no stray group stands between
	 * committed ones. */
	if (rc == 0 && segment_append(e->segment, e->group.data, e->group.len) != 0) {
		rc = ITM_ESYS;
		log_error("%s: segment %" PRIu64 ": %s", e->dir, g->segment, error_text(rc));
		/* Earlier groups of this batch stand in the same file. */
		if (segment_sync(e->segment) != 0)
			e->batch_error = ITM_ESYS;
		evidence_give_up_segment(e);
	}
	if (rc != 0) {
		sql_undo(e->db);
		e->trim_count = trims;
		return rc;
	}
	return sql_keep(e->db);
}

int evidence_put(struct evidence *e, const struct block *block, const struct evidence_piece *chunks,
		 const struct chunk *decoded, size_t count, const struct evidence_piece *block_payload)
{
	if (!e->write)
		return ITM_EPERM;
	struct evidence_group g = {
		.block = block, .chunks = chunks, .decoded = decoded, .count = count,
		.block_payload = block_payload,
	};
	bool alone = !e->batch;
	int rc = alone ? evidence_begin(e) : e->batch_error;
	if (rc != 0)
		return rc;
	block_hash(block, g.hash);
	rc = evidence_admit(e, &g);
	if (rc == 0)
		rc = evidence_put_group(e, &g);
	if (rc == 1)
		rc = 0;
	if (alone) {
		int committed = evidence_commit(e);
		rc = rc != 0 ? rc : committed;
	}
	return rc;
}

int evidence_begin(struct evidence *e)
{
	int rc = sql_begin(e->db);
	if (rc != 0)
		return rc;
	e->batch = true;
	e->batch_error = 0;
	e->trim_count = 0;
	e->full = 0;
	return 0;
}

static void evidence_after_commit(struct evidence *e)
{
	char path[EVIDENCE_PATH_SIZE];
	if (e->full != 0) {
		evidence_segment_path(e, e->full, path);
		if (segment_seal(path) != 0)
			log_error("%s: cannot be made read-only: %s", path, error_text(ITM_ESYS));
	}
	snprintf(path, sizeof path, "%.*s/tail", EVIDENCE_DIR_MAX, e->dir);
	for (size_t i = 0; i < e->trim_count; i++) {
		const struct evidence_trim *t = &e->trim[i];
		int rc = tail_trim(path, &t->host, &t->stream, t->last_frame);
		if (rc != 0)
			log_error("%s: trim: %s", path, error_text(rc));
	}
}

int evidence_commit(struct evidence *e)
{
	int rc = e->batch_error;
	if (rc == 0 && e->segment != NULL && segment_sync(e->segment) != 0)
		rc = ITM_ESYS;
	if (rc == 0)
		rc = sql_commit(e->db);
	else
		sql_rollback(e->db);
	e->batch = false;
	if (rc == 0) {
		evidence_after_commit(e);
		return 0;
	}
	log_error("%s: a batch could not be stored: %s", e->dir, error_text(rc));
	evidence_give_up_segment(e);
	return rc;
}

int evidence_give_up(struct evidence *e)
{
	sql_rollback(e->db);
	e->batch = false;
	evidence_give_up_segment(e);
	return 0;
}

/* Beside the chain */

int evidence_tail_put(struct evidence *e, const struct id *host, const struct frame *f, const void *payload, size_t len)
{
	struct id owner;
	uint64_t last_number, last_frame = 0;
	int rc = evidence_stream_get(e, &f->stream, &owner, &last_number, &last_frame);
	if (rc == 0 && !id_equal(&owner, host))
		return ITM_EPERM;
	if (rc != 0 && rc != ITM_ENOENT)
		return rc;
	if (f->number <= last_frame)
		return 0;
	char dir[EVIDENCE_PATH_SIZE];
	snprintf(dir, sizeof dir, "%.*s/tail", EVIDENCE_DIR_MAX, e->dir);
	return tail_put(dir, host, f, payload, len, EVIDENCE_TAIL_MAX, EVIDENCE_TAIL_STREAMS_MAX);
}
