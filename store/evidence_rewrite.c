#include "store/evidence_rewrite.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/atomicfile.h"
#include "base/clock.h"
#include "base/log.h"
#include "format/unit.h"
#include "store/evidence_state.h"

/* Where a unit was and is. */
struct moved { uint64_t from, to; };

struct rewrite {
	struct evidence *e;
	const struct evidence_changes *changes;
	uint64_t number, committed, place;  /* of the old segment */
	uint64_t fresh;                     /* number of the new one */
	const struct evidence_change *change, *end; /* of this segment, in order of offset */
	struct segment *out;
	struct moved *moved;
	size_t moved_count, moved_size;
	struct buffer unit;
};

static void rewrite_path(const struct evidence *e, uint64_t number, char out[EVIDENCE_PATH_SIZE])
{
	snprintf(out, EVIDENCE_PATH_SIZE, "%.*s/segments/new-%016" PRIx64, EVIDENCE_DIR_MAX, e->dir, number);
}

static int rewrite_note(struct rewrite *w, uint64_t from)
{
	if (w->moved_count == w->moved_size) {
		size_t size = w->moved_size ? w->moved_size * 2 : 1024;
		struct moved *more = realloc(w->moved, size * sizeof *more);
		if (more == NULL)
			return ITM_ENOMEM;
		w->moved = more;
		w->moved_size = size;
	}
	w->moved[w->moved_count++] = (struct moved){ from, segment_end(w->out) };
	return 0;
}

static int rewrite_put(struct rewrite *w, uint8_t type, uint8_t version, const void *payload, size_t len)
{
	buffer_clear(&w->unit);
	int rc = unit_put(&w->unit, type, version, payload, len);
	return rc == 0 ? segment_append(w->out, w->unit.data, w->unit.len) : rc;
}

/* The declarations of all that changes here, once each. */
static int rewrite_declare(struct rewrite *w)
{
	for (const struct evidence_change *c = w->change; c < w->end; c++) {
		bool said = false;
		for (const struct evidence_change *before = w->change; before < c && !said; before++)
			said = before->item == c->item;
		const struct buffer *d = &w->changes->declarations[c->item];
		int rc = said ? 0 : rewrite_put(w, UNIT_REMOVAL, 1, d->data, d->len);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int rewrite_unit(struct rewrite *w, const struct unit *u, uint64_t offset)
{
	const struct evidence_change *c = w->change;
	int rc = rewrite_note(w, offset);
	if (rc != 0)
		return rc;
	if (c == w->end || c->offset != offset + UNIT_HEADER_SIZE)
		return rewrite_put(w, u->type, u->version, u->payload, u->len);
	if (u->type != UNIT_CHUNK)
		return ITM_EFORMAT;
	w->change++;
	return rewrite_put(w, c->type, 1, w->changes->payloads.data + c->start, c->len);
}

static int rewrite_copy(struct rewrite *w)
{
	char path[EVIDENCE_PATH_SIZE];
	struct fault fault = { .reason = "cannot be read" };
	uint64_t offset = 0;
	struct unit u;
	int rc;
	evidence_segment_path(w->e, w->number, path);
	struct segment_reader *reader = segment_reader_open(path, &rc, &fault);
	if (reader == NULL)
		return rc;
	segment_reader_limit(reader, w->committed);
	rc = rewrite_declare(w);
	while (rc == 0 && w->committed > SEGMENT_HEADER_SIZE && (rc = segment_reader_next(reader, &u, &offset, &fault)) == 1)
		rc = rewrite_unit(w, &u, offset);
	segment_reader_close(reader);
	if (rc == 0 && w->change != w->end)
		rc = ITM_EFORMAT;
	if (rc != 0)
		log_error("%s: byte %" PRIu64 ": %s", path, offset, fault.reason != NULL ? fault.reason : error_text(rc));
	return rc;
}

static void rewrite_step(const struct rewrite *w)
{
	if (w->e->step != NULL)
		w->e->step(w->e->step_context);
}

/* Durable under its own name, and read-only, before the database knows it. */
static int rewrite_finish_file(struct rewrite *w)
{
	char from[EVIDENCE_PATH_SIZE], to[EVIDENCE_PATH_SIZE], dir[EVIDENCE_PATH_SIZE];
	rewrite_path(w->e, w->fresh, from);
	evidence_segment_path(w->e, w->fresh, to);
	snprintf(dir, sizeof dir, "%.*s/segments", EVIDENCE_DIR_MAX, w->e->dir);
	rewrite_step(w);
	if (segment_sync(w->out) != 0)
		return ITM_ESYS;
	rewrite_step(w);
	if (segment_seal(from) != 0 || rename(from, to) != 0)
		return ITM_ESYS;
	rewrite_step(w);
	int rc = atomicfile_sync_dir(dir);
	rewrite_step(w);
	return rc;
}

/* Rows */

static int64_t rewrite_where(const struct rewrite *w, uint64_t from)
{
	size_t low = 0, high = w->moved_count;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (w->moved[middle].from < from)
			low = middle + 1;
		else
			high = middle;
	}
	return low < w->moved_count && w->moved[low].from == from ? (int64_t)w->moved[low].to : -1;
}

struct place_row { uint64_t row, at[2]; struct id host; };
struct place_rows { struct place_row *list; size_t count, size; };

static int rows_add(struct place_rows *rows, struct place_row row)
{
	if (rows->count == rows->size) {
		size_t size = rows->size ? rows->size * 2 : 1024;
		struct place_row *more = realloc(rows->list, size * sizeof *more);
		if (more == NULL)
			return ITM_ENOMEM;
		rows->list = more;
		rows->size = size;
	}
	rows->list[rows->count++] = row;
	return 0;
}

/* Rows first collected, then changed: a statement that walks a table must not
 * see its own changes. */
static int rewrite_collect(struct rewrite *w, const char *text, struct place_rows *rows, bool block)
{
	struct sql_statement *q;
	int rc = sql_prepare(w->e->db, text, &q);
	if (rc != 0)
		return rc;
	sql_bind_int(q, 1, (int64_t)w->number);
	while ((rc = sql_step(q)) == 1) {
		struct place_row r = { .row = (uint64_t)sql_int(q, 0) };
		for (int i = 0; i < (block ? 2 : 1); i++)
			r.at[i] = (uint64_t)sql_int(q, 1 + i);
		if (block)
			rc = sql_blob_copy(q, 3, r.host.bytes, ID_SIZE);
		rc = rc < 0 ? rc : rows_add(rows, r);
		if (rc != 0)
			break;
	}
	sql_finalize(q);
	return rc;
}

/* The new place of a payload; 0 stays 0 (there is none). */
static int rewrite_payload(const struct rewrite *w, uint64_t at, int64_t *out)
{
	int64_t unit = at == 0 ? 0 : rewrite_where(w, at - UNIT_HEADER_SIZE);
	*out = at == 0 ? 0 : unit + UNIT_HEADER_SIZE;
	return unit < 0 ? ITM_EFORMAT : 0;
}

static int rewrite_blocks(struct rewrite *w)
{
	struct place_rows rows = { 0 };
	struct sql_statement *q = NULL;
	int rc = rewrite_collect(w, "SELECT sequence, first_offset, offset, host"
				 " FROM block WHERE segment = ?1", &rows, true);
	if (rc == 0)
		rc = sql_prepare(w->e->db, "UPDATE block SET segment = ?3, first_offset = ?4, offset = ?5"
				 " WHERE host = ?1 AND sequence = ?2", &q);
	for (size_t i = 0; rc == 0 && i < rows.count; i++) {
		const struct place_row *r = &rows.list[i];
		int64_t first = rewrite_where(w, r->at[0]), to;
		rc = first < 0 ? ITM_EFORMAT : rewrite_payload(w, r->at[1], &to);
		if (rc != 0)
			break;
		evidence_bind_id(q, 1, &r->host);
		sql_bind_int(q, 2, (int64_t)r->row);
		sql_bind_int(q, 3, (int64_t)w->fresh);
		sql_bind_int(q, 4, first);
		sql_bind_int(q, 5, to);
		rc = sql_finish(q);
	}
	sql_finalize(q);
	free(rows.list);
	return rc;
}

static int rewrite_chunks(struct rewrite *w)
{
	struct place_rows rows = { 0 };
	struct sql_statement *q = NULL;
	int rc = rewrite_collect(w, "SELECT row, offset FROM chunk WHERE segment = ?1", &rows, false);
	if (rc == 0)
		rc = sql_prepare(w->e->db, "UPDATE chunk SET segment = ?2, offset = ?3 WHERE row = ?1", &q);
	for (size_t i = 0; rc == 0 && i < rows.count; i++) {
		int64_t to;
		rc = rewrite_payload(w, rows.list[i].at[0], &to);
		if (rc != 0)
			break;
		sql_bind_int(q, 1, (int64_t)rows.list[i].row);
		sql_bind_int(q, 2, (int64_t)w->fresh);
		sql_bind_int(q, 3, to);
		rc = sql_finish(q);
	}
	sql_finalize(q);
	free(rows.list);
	return rc;
}

static int rewrite_run(struct rewrite *w, const char *text, const int64_t *values, int count)
{
	struct sql_statement *q;
	int rc = sql_prepare(w->e->db, text, &q);
	if (rc != 0)
		return rc;
	for (int i = 0; i < count; i++)
		sql_bind_int(q, 1 + i, values[i]);
	rc = sql_finish(q);
	sql_finalize(q);
	return rc;
}

static int rewrite_segment_rows(struct rewrite *w)
{
	const int64_t old[] = { (int64_t)w->number, (int64_t)(clock_boot_ns() / 1000000) };
	const int64_t fresh[] = { (int64_t)w->fresh, (int64_t)segment_end(w->out), (int64_t)w->place };
	int rc = rewrite_run(w, "DELETE FROM segment WHERE number = ?1", old, 1);
	if (rc == 0)
		rc = rewrite_run(w, "INSERT INTO segment VALUES(?1, ?2, ?3)", fresh, 3);
	return rc == 0 ? rewrite_run(w, "INSERT INTO leaving VALUES(?1, ?2)", old, 2) : rc;
}

static int rewrite_changed(struct rewrite *w, const struct evidence_change *c)
{
	const int64_t values[] = { (int64_t)c->row, (int64_t)c->len };
	return c->type == UNIT_TOMBSTONE ? rewrite_run(w, "DELETE FROM chunk WHERE row = ?1", values, 1)
					 : rewrite_run(w, "UPDATE chunk SET len = ?2 WHERE row = ?1", values, 2);
}

static int rewrite_rows(struct rewrite *w, const struct evidence_change *first)
{
	int rc = rewrite_chunks(w);
	for (const struct evidence_change *c = first; rc == 0 && c < w->end; c++)
		rc = rewrite_changed(w, c);
	if (rc == 0)
		rc = rewrite_blocks(w);
	return rc == 0 ? rewrite_segment_rows(w) : rc;
}

/* One segment */

static int rewrite_number(struct evidence *e, uint64_t *out)
{
	char path[EVIDENCE_PATH_SIZE];
	struct sql_statement *q;
	int rc = sql_prepare(e->db, "SELECT max((SELECT coalesce(max(number), 0) FROM segment),"
			     " (SELECT coalesce(max(number), 0) FROM leaving))", &q);
	if (rc != 0)
		return rc;
	rc = sql_step(q);
	uint64_t number = rc == 1 ? (uint64_t)sql_int(q, 0) : 0;
	sql_finalize(q);
	/* Names taken by files of a failed batch are passed over. */
	do
		evidence_segment_path(e, ++number, path);
	while (access(path, F_OK) == 0);
	*out = number;
	return rc == 1 ? 0 : ITM_EDB;
}

static int rewrite_one(struct rewrite *w)
{
	const struct evidence_change *first = w->change;
	char path[EVIDENCE_PATH_SIZE];
	int rc = rewrite_number(w->e, &w->fresh);
	if (rc != 0)
		return rc;
	struct segment_header header = {
		.store = 1, .owner = w->e->server, .number = w->fresh, .wall_ns = clock_wall_ns(), .stands_for = w->place,
	};
	rewrite_path(w->e, w->fresh, path);
	w->out = segment_create_as(path, &header, &rc);
	if (w->out == NULL) {
		log_error("%s: %s", path, error_text(rc));
		return rc;
	}
	w->moved_count = 0;
	rewrite_step(w);
	rc = rewrite_copy(w);
	if (rc == 0)
		rc = rewrite_finish_file(w);
	if (rc == 0)
		rc = rewrite_rows(w, first);
	rewrite_step(w);
	segment_close(w->out);
	w->out = NULL;
	return rc;
}

/* Which segments */

struct rewrite_segment { uint64_t number, committed, place; };
struct rewrite_segments { struct rewrite_segment *list; size_t count, size; struct evidence *e; const struct evidence_changes *changes; };

static int change_order(const void *a, const void *b)
{
	const struct evidence_change *x = a, *y = b;
	if (x->segment != y->segment)
		return x->segment < y->segment ? -1 : 1;
	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static const struct evidence_change *change_first(const struct evidence_changes *c, uint64_t segment)
{
	size_t low = 0, high = c->count;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (c->list[middle].segment < segment)
			low = middle + 1;
		else
			high = middle;
	}
	return c->list + low;
}

/* The torn end of a crash may hold a copy of what is to go: such a segment is
 * written anew too. */
static bool segment_torn(struct evidence *e, uint64_t number, uint64_t committed)
{
	char path[EVIDENCE_PATH_SIZE];
	struct stat st;
	evidence_segment_path(e, number, path);
	return stat(path, &st) == 0 && (uint64_t)st.st_size > committed;
}

static int segments_collect(struct rewrite_segments *s)
{
	struct sql_statement *q;
	int rc = sql_prepare(s->e->db, "SELECT number, committed, place FROM segment ORDER BY place", &q);
	if (rc != 0)
		return rc;
	while ((rc = sql_step(q)) == 1) {
		struct rewrite_segment one = { (uint64_t)sql_int(q, 0), (uint64_t)sql_int(q, 1), (uint64_t)sql_int(q, 2) };
		const struct evidence_change *c = change_first(s->changes, one.number);
		if ((c == s->changes->list + s->changes->count || c->segment != one.number) &&
		    !segment_torn(s->e, one.number, one.committed))
			continue;
		if (s->count == s->size) {
			size_t size = s->size ? s->size * 2 : 64;
			struct rewrite_segment *more = realloc(s->list, size * sizeof *more);
			if (more == NULL) {
				rc = ITM_ENOMEM;
				break;
			}
			s->list = more;
			s->size = size;
		}
		s->list[s->count++] = one;
	}
	sql_finalize(q);
	return rc;
}

/* Nothing more is appended to a segment that is about to be replaced. */
static void close_open_segment(struct evidence *e)
{
	char path[EVIDENCE_PATH_SIZE];
	if (e->segment == NULL)
		return;
	evidence_segment_path(e, segment_number(e->segment), path);
	segment_close(e->segment);
	e->segment = NULL;
	if (segment_seal(path) != 0)
		log_error("%s: cannot be made read-only: %s", path, error_text(ITM_ESYS));
}

static void rewrite_undo(struct evidence *e, const uint64_t *made, size_t count, uint64_t unfinished)
{
	char path[EVIDENCE_PATH_SIZE];
	for (size_t i = 0; i < count; i++) {
		evidence_segment_path(e, made[i], path);
		unlink(path);
	}
	if (unfinished == 0)
		return;
	rewrite_path(e, unfinished, path);
	unlink(path);
	evidence_segment_path(e, unfinished, path);
	unlink(path);
}

int evidence_rewrite(struct evidence *e, struct evidence_changes *changes)
{
	struct rewrite_segments segments = { .e = e, .changes = changes };
	struct rewrite w = { .e = e, .changes = changes };
	uint64_t *made = NULL;
	size_t done = 0;
	qsort(changes->list, changes->count, sizeof *changes->list, change_order);
	close_open_segment(e);
	buffer_init(&w.unit, UNIT_HEADER_SIZE + UNIT_PAYLOAD_MAX);
	int rc = segments_collect(&segments);
	if (rc == 0) {
		made = calloc(segments.count + 1, sizeof *made);
		rc = made == NULL ? ITM_ENOMEM : 0;
	}
	for (; rc == 0 && done < segments.count; done++) {
		const struct rewrite_segment *s = &segments.list[done];
		w.number = s->number;
		w.committed = s->committed;
		w.place = s->place;
		w.fresh = 0;
		w.change = change_first(changes, s->number);
		for (w.end = w.change; w.end < changes->list + changes->count && w.end->segment == s->number; )
			w.end++;
		rc = rewrite_one(&w);
		if (rc != 0)
			break;
		made[done] = w.fresh;
	}
	if (rc != 0)
		rewrite_undo(e, made, done, w.fresh);
	free(made);
	free(segments.list);
	free(w.moved);
	buffer_free(&w.unit);
	return rc;
}
