#include "store/source_units.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "format/chunk.h"
#include "format/frame.h"
#include "store/evidence.h"
#include "store/evidence_remove.h"
#include "store/segment.h"
#include "store/spool.h"

enum {
	SOURCE_UNITS_PENDING = 8 << 20, /* bytes of frames held back for one stream */
	SOURCE_UNITS_PATH = 4096,
};

struct source_units {
	struct id stream;
	char path[SOURCE_UNITS_PATH];
	char words[256];
	/* One of the three. */
	struct evidence *store;
	struct spool_reader *spool;
	struct segment_reader *file;

	uint64_t next_number;            /* store: chunks from this on */
	bool finished;                   /* nothing after a broken place can be read */
	/* Frames seen and not yet covered by a chunk: u32 length, payload. */
	struct buffer frames;
	struct buffer chunk;             /* found by source_units_present, to be given out first */
};

static int source_units_start(struct source_units *u)
{
	char name[SOURCE_UNITS_PATH + 16];
	struct stat st;
	int rc = 0;
	struct fault fault;
	if (stat(u->path, &st) != 0)
		return ITM_ENOENT;
	if (!S_ISDIR(st.st_mode)) {
		u->file = segment_reader_open(u->path, &rc, &fault);
		return u->file != NULL ? 0 : rc;
	}
	snprintf(name, sizeof name, "%s/evidence.db", u->path);
	if (stat(name, &st) == 0) {
		u->store = evidence_open(u->path, NULL, false, &rc);
		return u->store != NULL ? 0 : rc;
	}
	u->spool = spool_reader_new(u->path);
	if (u->spool == NULL)
		return ITM_ENOMEM;
	return spool_reader_seek(u->spool, 0, 0);
}

struct source_units *source_units_open(const char *path, const struct id *stream, int *error)
{
	struct source_units *u = calloc(1, sizeof *u);
	if (u == NULL) {
		*error = ITM_ENOMEM;
		return NULL;
	}
	u->stream = *stream;
	u->next_number = 1;
	snprintf(u->path, sizeof u->path, "%s", path);
	buffer_init(&u->frames, SOURCE_UNITS_PENDING);
	buffer_init(&u->chunk, UNIT_PAYLOAD_MAX);
	*error = source_units_start(u);
	if (*error != 0) {
		source_units_close(u);
		return NULL;
	}
	return u;
}

static void source_units_stop(struct source_units *u)
{
	evidence_close(u->store);
	spool_reader_free(u->spool);
	segment_reader_close(u->file);
	u->store = NULL;
	u->spool = NULL;
	u->file = NULL;
}

void source_units_close(struct source_units *u)
{
	if (u == NULL)
		return;
	source_units_stop(u);
	buffer_free(&u->frames);
	buffer_free(&u->chunk);
	free(u);
}

int source_units_rewind(struct source_units *u)
{
	u->next_number = 1;
	u->finished = false;
	buffer_clear(&u->frames);
	buffer_clear(&u->chunk);
	if (u->store != NULL)
		return 0;
	source_units_stop(u);
	return source_units_start(u);
}

void source_units_skip(struct source_units *u, uint64_t number)
{
	u->next_number = number;
}

/* The store */

struct source_take { struct source_units *u; struct evidence_chunk chunk; };

static int source_take_chunk(void *context, const struct evidence_chunk *c)
{
	struct source_take *t = context;
	t->chunk = *c;
	return 1;
}

static int source_store_chunk(struct source_units *u, struct buffer *out, const char **words)
{
	struct source_take take = { .u = u };
	int rc = evidence_chunks_of(u->store, &u->stream, u->next_number, source_take_chunk, &take);
	if (rc != 1)
		return rc;
	u->next_number = take.chunk.number + 1;
	rc = evidence_read_chunk(u->store, &take.chunk, out);
	if (rc == 0)
		return 1;
	snprintf(u->words, sizeof u->words, "segment %" PRIu64 " at %" PRIu64 " cannot be read: %s", take.chunk.segment,
		 take.chunk.offset, error_text(rc));
	*words = u->words;
	return rc;
}

static int source_hold_frame(struct source_units *u, const void *payload, size_t len)
{
	int rc = buffer_reserve(&u->frames, 4 + len);
	if (rc != 0)
		return rc; /* shown once they are sealed */
	buffer_put_u32(&u->frames, (uint32_t)len);
	return buffer_put(&u->frames, payload, len);
}

static int source_hold_tail(void *context, const struct frame *f)
{
	struct source_units *u = context;
	struct buffer b;
	buffer_init(&b, UNIT_PAYLOAD_MAX);
	int rc = frame_encode(&b, f);
	if (rc == 0)
		rc = source_hold_frame(u, b.data, b.len);
	buffer_free(&b);
	return rc;
}

/* Where the held frame after number `after` begins, older ones dropped. */
static bool source_held(struct source_units *u, uint64_t after, struct frame *f)
{
	size_t pos = 0;
	bool found = false;
	while (!found && pos + 4 <= u->frames.len) {
		const uint8_t *p = u->frames.data + pos;
		uint32_t len = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
		if (frame_decode(p + 4, len, f, NULL) == 0 && f->number > after)
			found = true;
		else
			pos += 4 + len;
	}
	buffer_consume(&u->frames, pos);
	return found;
}

/* Units in file order */

/* 1 = a unit; 0 = none now; ITM_E* broken here. */
static int source_next_unit(struct source_units *u, struct unit *unit, const char **words)
{
	struct fault fault = { 0 };
	struct spool_place place = { 0 };
	int rc;
	if (u->finished)
		return 0;
	if (u->file != NULL)
		rc = segment_reader_next(u->file, unit, &place.offset, &fault);
	else
		rc = spool_reader_next(u->spool, unit, &place, &fault);
	if (rc >= 0)
		return rc;
	snprintf(u->words, sizeof u->words, "segment %" PRIu64 " at %" PRIu64 ": %s", place.segment, place.offset,
		 fault.reason != NULL ? fault.reason : error_text(rc));
	*words = u->words;
	u->finished = u->file != NULL || spool_reader_next_segment(u->spool) != 1;
	return rc;
}

static int source_units_walk(struct source_units *u, struct buffer *out, const char **words)
{
	struct unit unit;
	int rc;
	while ((rc = source_next_unit(u, &unit, words)) == 1) {
		struct chunk c;
		struct frame f;
		if (unit.type == UNIT_CHUNK && chunk_decode(unit.payload, unit.len, &c, NULL) == 0 &&
		    id_equal(&c.stream, &u->stream)) {
			source_held(u, c.last_frame, &f); /* drops what it covers */
			rc = buffer_put(out, unit.payload, unit.len);
			return rc == 0 ? 1 : rc;
		}
		if (unit.type == UNIT_FRAME && frame_decode(unit.payload, unit.len, &f, NULL) == 0 &&
		    id_equal(&f.stream, &u->stream))
			source_hold_frame(u, unit.payload, unit.len);
	}
	return rc;
}

/* Both */

int source_units_chunk(struct source_units *u, struct buffer *out, const char **words)
{
	if (u->chunk.len > 0) {
		int rc = buffer_put(out, u->chunk.data, u->chunk.len);
		buffer_clear(&u->chunk);
		return rc == 0 ? 1 : rc;
	}
	return u->store != NULL ? source_store_chunk(u, out, words) : source_units_walk(u, out, words);
}

int source_units_frame(struct source_units *u, uint64_t after, struct buffer *out)
{
	struct frame f;
	if (!source_held(u, after, &f)) {
		if (u->store == NULL)
			return 0;
		int rc = evidence_tail_of(u->store, &u->stream, after, source_hold_tail, u);
		if (rc != 0 && rc != ITM_EBUSY && rc != ITM_ELIMIT)
			return rc;
		if (!source_held(u, after, &f))
			return 0;
	}
	/* The bytes may have moved: decode again where they are now. */
	const uint8_t *p = u->frames.data;
	uint32_t len = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
	if (frame_decode(p + 4, len, &f, NULL) != 0 || f.number != after + 1)
		return 0; /* a hole: the frame between will come, or be sealed */
	int rc = buffer_put(out, p + 4, len);
	buffer_consume(&u->frames, 4 + (size_t)len);
	return rc == 0 ? 1 : rc;
}

bool source_units_present(struct source_units *u)
{
	const char *words = NULL;
	struct frame f;
	int rc;
	while ((rc = source_units_chunk(u, &u->chunk, &words)) < 0 && !u->finished && u->store == NULL)
		;
	if (rc != 0 || u->frames.len > 0)
		return true;
	if (u->store != NULL)
		evidence_tail_of(u->store, &u->stream, 0, source_hold_tail, u);
	return source_held(u, 0, &f);
}

/* Removed */

int source_units_removed(struct source_units *u, int (*each)(void *context, const struct evidence_removed *r), void *context)
{
	return u->store != NULL ? evidence_removed_of(u->store, &u->stream, each, context) : 0;
}
