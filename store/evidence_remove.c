#include "store/evidence_remove.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "format/block.h"
#include "store/evidence_hold.h"
#include "store/evidence_rewrite.h"
#include "store/evidence_state.h"
#include "store/tail.h"

enum {
	REMOVE_PAYLOADS_MAX = 256 << 20,  /* bytes of new units at one time */
	REMOVE_RUN_MS = 360 * 1000,       /* a stream's compression starts over after 5 min at most, and 1 min to be sure */
};

/* A stream's chunks while it is decided which of them change. */
struct remove_stream {
	struct evidence_chunk *chunk;
	size_t count, size;
	bool over;                        /* nothing can continue the last reset run */
};

static int remove_say(char words[EVIDENCE_REMOVE_ERROR_SIZE], int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int remove_say(char words[EVIDENCE_REMOVE_ERROR_SIZE], int code, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(words, EVIDENCE_REMOVE_ERROR_SIZE, format, args);
	va_end(args);
	return code;
}

static int remove_keep(void *context, const struct evidence_chunk *c)
{
	struct remove_stream *s = context;
	if (s->count == s->size) {
		size_t size = s->size ? s->size * 2 : 256;
		struct evidence_chunk *more = realloc(s->chunk, size * sizeof *more);
		if (more == NULL)
			return ITM_ENOMEM;
		s->chunk = more;
		s->size = size;
	}
	s->chunk[s->count++] = *c;
	return 0;
}

/* Whether a chunk may still come that needs the last reset run: not when the
 * stream has ended, when the host began a new chain of keys since (its sealer
 * starts compression over), when its chain is further on than a run may last,
 * or when the host is gone for good. */
static int remove_is_over(struct evidence *e, const struct remove_stream *s, bool *over)
{
	const struct evidence_chunk *last = &s->chunk[s->count - 1], *reset = last;
	struct evidence_host host;
	struct sql_statement *q;
	for (size_t i = s->count; i-- > 0 && !(reset->flags & CHUNK_RESET); )
		reset = &s->chunk[i];
	*over = last->flags & CHUNK_END;
	if (*over)
		return 0;
	int rc = evidence_host_get(e, &last->host, &host);
	if (rc == 0 && host.revoked) {
		*over = true;
		return 0;
	}
	rc = sql_prepare(e->db, "SELECT 1 FROM block WHERE host = ?1 AND sequence > ?2 AND ((flags & ?3) OR boot_ns > ?4) LIMIT 1", &q);
	if (rc != 0)
		return rc;
	evidence_bind_id(q, 1, &last->host);
	sql_bind_int(q, 2, (int64_t)last->sequence);
	sql_bind_int(q, 3, BLOCK_GENESIS);
	sql_bind_int(q, 4, (int64_t)(reset->boot_ns + (uint64_t)REMOVE_RUN_MS * 1000000));
	rc = sql_step(q);
	*over = rc == 1;
	sql_finalize(q);
	return rc < 0 ? rc : 0;
}

static bool remove_touches(const struct evidence_removal *r, const struct evidence_chunk *c)
{
	int64_t end = c->wall_ns + (int64_t)c->duration_ms * 1000000;
	return (r->from_wall_ns == 0 || end >= r->from_wall_ns) && (r->to_wall_ns == 0 || c->wall_ns < r->to_wall_ns);
}

/* The chunks [first, last] that change, and where reading must begin. */
static int remove_choose(const struct evidence_removal *r, const struct remove_stream *s, size_t *begin, size_t *first,
			 size_t *last, char words[EVIDENCE_REMOVE_ERROR_SIZE])
{
	bool runs = r->declaration.sections == 0 || (r->declaration.sections & 1 << CHUNK_OUT);
	size_t a = 0, b = s->count;
	while (a < s->count && !remove_touches(r, &s->chunk[a]))
		a++;
	if (a == s->count)
		return remove_say(words, ITM_ENOENT, "nothing of this session is stored from that time");
	while (b > a && !remove_touches(r, &s->chunk[b - 1]))
		b--;
	b--;
	size_t start = a;
	while (start > 0 && !(s->chunk[start].flags & CHUNK_RESET))
		start--;
	if (runs) {
		a = start;
		while (b + 1 < s->count && !(s->chunk[b + 1].flags & CHUNK_RESET))
			b++;
		if (b + 1 == s->count && !s->over)
			return remove_say(words, ITM_EBUSY, "the session is still being written: try again %d minutes after its end, "
					  "or take an earlier --to", REMOVE_RUN_MS / 60000);
	}
	*begin = start;
	*first = a;
	*last = b;
	return 0;
}

/* The chunk as it is to be, or its tombstone; len 0: nothing changes. */
static int remove_encode(const struct removal *d, struct chunk *c, const uint8_t digest[HASH_SIZE], struct buffer *out,
			 uint8_t *type)
{
	bool changed = false;
	*type = UNIT_TOMBSTONE;
	if (d->sections == 0) {
		int e = buffer_put(out, c->stream.bytes, ID_SIZE);
		e |= buffer_put_u64(out, c->number);
		e |= buffer_put_u64(out, c->last_frame);
		return e | buffer_put(out, digest, HASH_SIZE);
	}
	*type = UNIT_CHUNK;
	for (size_t i = 0; i < c->section_count; i++)
		if ((d->sections & 1u << c->section[i].kind) && c->section[i].codec != CHUNK_DROPPED) {
			chunk_drop(c, i);
			changed = true;
		}
	return changed ? chunk_encode(out, c) : 0;
}

static int remove_add(struct evidence_changes *changes, const struct evidence_chunk *c, uint8_t type, size_t start,
		      size_t item)
{
	if (changes->count == changes->size) {
		size_t size = changes->size ? changes->size * 2 : 1024;
		struct evidence_change *more = realloc(changes->list, size * sizeof *more);
		if (more == NULL)
			return ITM_ENOMEM;
		changes->list = more;
		changes->size = size;
	}
	changes->list[changes->count++] = (struct evidence_change){
		.segment = c->segment, .offset = c->offset, .row = c->row, .type = type, .start = start,
		.len = changes->payloads.len - start, .item = item,
	};
	return 0;
}

/* Read the chunks from the reset on: hashes of what is inflated are needed
 * where the body goes. */
static int remove_read(struct evidence *e, struct evidence_removal *r, const struct remove_stream *s, const size_t at[3],
		       struct evidence_changes *changes, size_t item, char words[EVIDENCE_REMOVE_ERROR_SIZE])
{
	struct chunk_reader *reader = chunk_reader_new();
	struct buffer data;
	int rc = reader != NULL ? 0 : ITM_ENOMEM;
	buffer_init(&data, UNIT_PAYLOAD_MAX);
	for (size_t i = at[0]; rc == 0 && i <= at[2]; i++) {
		const struct evidence_chunk *c = &s->chunk[i];
		uint8_t digest[HASH_SIZE], type;
		struct fault fault = { .reason = "cannot be read" };
		struct chunk chunk;
		size_t start = changes->payloads.len;
		buffer_clear(&data);
		rc = evidence_read_chunk(e, c, &data);
		if (rc == 0)
			rc = chunk_reader_next(reader, data.data, data.len, &chunk, NULL, digest, &fault);
		if (rc != 0) {
			remove_say(words, rc, "chunk %" PRIu64 " of the session: %s: nothing was removed", c->number, fault.reason);
			break;
		}
		if (i < at[1])
			continue;
		rc = remove_encode(&r->declaration, &chunk, digest, &changes->payloads, &type);
		if (rc == 0 && changes->payloads.len > start) {
			rc = remove_add(changes, c, type, start, item);
			r->chunks++;
		} else if (rc != 0) {
			remove_say(words, rc, "too much at one time: take a shorter time with --from and --to");
		}
	}
	chunk_reader_free(reader);
	buffer_free(&data);
	return rc;
}

static int remove_record(struct evidence *e, const struct removal *d, const struct buffer *payload)
{
	struct sql_statement *q;
	int rc = sql_prepare(e->db, "INSERT INTO removal(wall_ns, host, stream, act, sections, first, last, who, reason, approval,"
			     " payload) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)", &q);
	if (rc != 0)
		return rc;
	sql_bind_int(q, 1, d->wall_ns);
	evidence_bind_id(q, 2, &d->host);
	evidence_bind_id(q, 3, &d->stream);
	sql_bind_int(q, 4, d->act);
	sql_bind_int(q, 5, d->sections);
	sql_bind_int(q, 6, (int64_t)d->first);
	sql_bind_int(q, 7, (int64_t)d->last);
	sql_bind_text(q, 8, d->who);
	sql_bind_text(q, 9, d->reason);
	sql_bind_text(q, 10, d->approval);
	sql_bind_blob(q, 11, payload->data, payload->len);
	rc = sql_finish(q);
	sql_finalize(q);
	return rc;
}

static int remove_plan(struct evidence *e, struct evidence_removal *r, struct remove_stream *s, const struct sign_key *log_key,
		       struct evidence_changes *changes, size_t item, char words[EVIDENCE_REMOVE_ERROR_SIZE])
{
	struct removal *d = &r->declaration;
	uint64_t hold;
	size_t at[3] = { 0 };
	int rc = evidence_hold_covers(e, &d->stream, &hold);
	if (rc == 1)
		return remove_say(words, ITM_EPERM, "hold %" PRIu64 " covers this session: nothing of it may be removed", hold);
	if (rc == 0)
		rc = evidence_chunks_of(e, &d->stream, 1, remove_keep, s);
	if (rc == 0 && s->count == 0)
		return remove_say(words, ITM_ENOENT, "there is nothing signed of this session to remove");
	if (rc == 0)
		rc = remove_is_over(e, s, &s->over);
	if (rc == 0)
		rc = remove_choose(r, s, &at[0], &at[1], &at[2], words);
	if (rc == 0)
		rc = remove_read(e, r, s, at, changes, item, words);
	if (rc != 0)
		return rc;
	if (r->chunks == 0)
		return remove_say(words, ITM_ENOENT, "the session has no such part, or it was removed already");
	d->server = e->server;
	d->host = s->chunk[0].host;
	d->first = s->chunk[at[1]].number;
	d->last = s->chunk[at[2]].number;
	buffer_init(&changes->declarations[item], UNIT_PAYLOAD_MAX);
	rc = removal_encode(&changes->declarations[item], d, log_key);
	return rc == 0 ? remove_record(e, d, &changes->declarations[item]) : rc;
}

/* Frames of the tail hold the same text. */
static void remove_tail(struct evidence *e, const struct evidence_removal *r)
{
	char dir[EVIDENCE_PATH_SIZE];
	snprintf(dir, sizeof dir, "%.*s/tail", EVIDENCE_DIR_MAX, e->dir);
	int rc = r->declaration.sections != 0 ? 0 : tail_trim(dir, &r->declaration.host, &r->declaration.stream, UINT64_MAX);
	if (rc != 0 && rc != ITM_ENOENT)
		log_error("%s: %s", dir, error_text(rc));
}

int evidence_remove(struct evidence *e, struct evidence_removal *items, size_t count, const struct sign_key *log_key,
		    char words[EVIDENCE_REMOVE_ERROR_SIZE])
{
	struct buffer declarations[EVIDENCE_REMOVE_MAX] = { 0 };
	struct evidence_changes changes = { .declarations = declarations };
	int rc = !e->write || !e->batch || count > EVIDENCE_REMOVE_MAX ? ITM_EINVAL : e->batch_error;
	buffer_init(&changes.payloads, REMOVE_PAYLOADS_MAX);
	words[0] = '\0';
	for (size_t i = 0; rc == 0 && i < count; i++) {
		struct remove_stream s = { 0 };
		items[i].chunks = 0;
		rc = remove_plan(e, &items[i], &s, log_key, &changes, i, words);
		free(s.chunk);
	}
	if (rc == 0)
		rc = evidence_rewrite(e, &changes);
	for (size_t i = 0; rc == 0 && i < count; i++)
		remove_tail(e, &items[i]);
	if (rc != 0 && words[0] == '\0')
		remove_say(words, rc, "%s; the server's log says more", error_text(rc));
	if (rc != 0 && e->batch_error == 0)
		e->batch_error = rc;
	for (size_t i = 0; i < count && i < EVIDENCE_REMOVE_MAX; i++)
		buffer_free(&declarations[i]);
	buffer_free(&changes.payloads);
	free(changes.list);
	return rc;
}

/* Retention */

int evidence_remove_due(struct evidence *e, int64_t received_before_wall_ns, struct id out[EVIDENCE_REMOVE_MAX])
{
	struct sql_statement *q;
	int count = 0;
	/* The server's own time: what a host says of its clock decides nothing. */
	int rc = sql_prepare(e->db, "SELECT s.id FROM stream s JOIN chunk c ON c.stream = s.id AND c.number = s.last_number"
			     " AND c.shadow = 0 JOIN block b ON b.host = c.host AND b.sequence = c.sequence"
			     " WHERE b.received_wall_ns < ?1", &q);
	if (rc != 0)
		return rc;
	sql_bind_int(q, 1, received_before_wall_ns);
	while (count < EVIDENCE_REMOVE_MAX && (rc = sql_step(q)) == 1) {
		struct remove_stream s = { 0 };
		struct id stream;
		uint64_t hold;
		bool over = false;
		rc = sql_blob_copy(q, 0, stream.bytes, ID_SIZE);
		if (rc == 0)
			rc = evidence_hold_covers(e, &stream, &hold);
		if (rc == 0)
			rc = evidence_chunks_of(e, &stream, 1, remove_keep, &s);
		if (rc == 0 && s.count > 0)
			rc = remove_is_over(e, &s, &over);
		free(s.chunk);
		if (rc < 0)
			break;
		if (rc == 0 && over)
			out[count++] = stream;
	}
	sql_finalize(q);
	return rc < 0 ? rc : count;
}

/* What was removed */

static int removed_walk(struct sql_statement *q, int (*each)(void *context, const struct evidence_removed *r), void *context)
{
	int rc;
	while ((rc = sql_step(q)) == 1) {
		struct evidence_removed r = {
			.row = (uint64_t)sql_int(q, 0), .act = (enum removal_act)sql_int(q, 3), .sections = (uint8_t)sql_int(q, 4),
			.first = (uint64_t)sql_int(q, 5), .last = (uint64_t)sql_int(q, 6), .wall_ns = sql_int(q, 7),
			.who = sql_text(q, 8), .reason = sql_text(q, 9), .approval = sql_text(q, 10),
		};
		r.payload = sql_blob(q, 11, &r.payload_len);
		sql_blob_copy(q, 1, r.host.bytes, ID_SIZE);
		sql_blob_copy(q, 2, r.stream.bytes, ID_SIZE);
		rc = each(context, &r);
		if (rc != 0)
			break;
	}
	sql_finalize(q);
	return rc;
}

#define REMOVED "SELECT row, host, stream, act, sections, first, last, wall_ns, who, reason, approval, payload FROM removal"

int evidence_removed_after(struct evidence *e, uint64_t row,
			   int (*each)(void *context, const struct evidence_removed *r), void *context)
{
	struct sql_statement *q;
	int rc = sql_prepare(e->db, REMOVED " WHERE row > ?1 ORDER BY row", &q);
	if (rc != 0)
		return rc;
	sql_bind_int(q, 1, (int64_t)row);
	return removed_walk(q, each, context);
}

int evidence_removed_of(struct evidence *e, const struct id *stream,
			int (*each)(void *context, const struct evidence_removed *r), void *context)
{
	struct sql_statement *q;
	int rc = sql_prepare(e->db, REMOVED " WHERE stream = ?1 ORDER BY row", &q);
	if (rc != 0)
		return rc;
	evidence_bind_id(q, 1, stream);
	return removed_walk(q, each, context);
}
