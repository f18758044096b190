#include "store/indexd/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "format/unit.h"
#include "store/evidence_remove.h"
#include "store/index_write.h"
#include "store/indexd/view.h"
#include "terminal/text.h"

struct stream {
	struct index *x;
	struct id id, host;
	int64_t row;                     /* of the session; 0 = not written yet */
	struct chunk_reader *reader;
	struct view sealed, ahead;
	bool has_ahead;
	uint64_t blocks;                 /* final blocks given so far ... */
	uint64_t blocks_written;         /* ... of which these are in the index */
	bool session_dirty, text_dirty, blocks_moved;
	int64_t tail_changed_wall_ns;
	uint64_t tail_ms, live_ms, used_ms;
	int error;                       /* of a write from inside a callback */
};

static int write_session(struct stream *s)
{
	const struct view *v = s->has_ahead ? &s->ahead : &s->sealed;
	struct index_write_state state = { v->boot_ns, s->blocks_written };
	int result = index_write_session(s->x, &v->session, &state, &s->row);
	if (result == 0)
		s->session_dirty = false;
	return result;
}

/* A final block is whole: written unless an earlier run did. */
static void sealed_full(void *context, struct view *v)
{
	struct stream *s = context;
	if (++s->blocks > s->blocks_written && s->error == 0) {
		s->blocks_written = s->blocks;
		s->blocks_moved = s->text_dirty = true;
		if (s->row == 0)
			s->error = write_session(s);
		if (s->error == 0)
			s->error = index_write_block(s->x, s->row, false, false, &v->block);
	}
	tblock_clear(&v->block);
}

/* Ahead of the signed part the block just grows: it is written anew each time. */
static void ahead_full(void *context, struct view *v)
{
	(void)context;
	(void)v;
}

/* An event that says it is an alert stands in both lists. */
static int host_alert(struct stream *s, const struct index_event *e)
{
	const struct view *v = s->has_ahead ? &s->ahead : &s->sealed;
	struct index_alert a = { .host = s->host, .number = e->number, .wall_ns = e->wall_ns, .provisional = e->provisional };
	if (strcmp(e->kind, "alert") != 0 || index_alert_read(e->text, e->text_len, &a) != 0)
		return 0;
	snprintf(a.hostname, sizeof a.hostname, "%s", v->session.hostname);
	return index_write_alert(s->x, s->row, &a);
}

static int host_event(void *context, const struct index_event *e)
{
	struct stream *s = context;
	if (s->row == 0)
		s->error = write_session(s);
	if (s->error == 0)
		s->error = index_write_event(s->x, s->row, e);
	if (s->error == 0)
		s->error = host_alert(s, e);
	return s->error;
}

static void drop_ahead(struct stream *s)
{
	if (s->has_ahead)
		view_free(&s->ahead);
	s->has_ahead = false;
}

/* Said once, where a removal begins. */
struct notices { struct stream *s; const struct chunk *chunk; };

static int notice(void *context, const struct evidence_removed *r)
{
	struct notices *n = context;
	char words[REMOVAL_TEXT_SIZE + 32];
	struct buffer safe;
	if (n->chunk->number != r->first || r->act != REMOVAL_REDACTION)
		return 0;
	snprintf(words, sizeof words, "[redacted: %s]", r->reason);
	buffer_init(&safe, sizeof words * 4);
	if (text_escape(&safe, words, strlen(words)) == 0 && buffer_text(&safe) != NULL)
		view_notice(&n->s->sealed, buffer_text(&safe));
	buffer_free(&safe);
	return 0;
}

static int tell_removed(struct stream *s, struct evidence *e, const struct chunk *c)
{
	for (size_t i = 0; i < c->section_count; i++)
		if (c->section[i].codec == CHUNK_DROPPED)
			return evidence_removed_of(e, &s->id, notice, &(struct notices){ s, c });
	return 0;
}

static int read_chunk(struct stream *s, struct evidence *e, const struct evidence_chunk *c)
{
	struct buffer data;
	struct fault fault = { 0, "unreadable" };
	struct chunk chunk;
	struct record_cursor cursor;
	uint8_t digest[HASH_SIZE];
	buffer_init(&data, UNIT_PAYLOAD_MAX);
	int result = evidence_read_chunk(e, c, &data);
	if (result == 0)
		result = chunk_reader_next(s->reader, data.data, data.len, &chunk, &cursor, digest, &fault);
	if (result == 0)
		result = tell_removed(s, e, &chunk);
	if (result == 0)
		result = view_chunk(&s->sealed, &chunk, &cursor, &fault);
	if (result == 0 && chunk.flags & CHUNK_END) {
		view_finish(&s->sealed);
		if (s->sealed.block.count > 0)
			sealed_full(s, &s->sealed);
		s->sealed.session.ended = true;
	}
	buffer_free(&data);
	if (result == ITM_ENOMEM || result == ITM_EDB)
		return result;
	if (result != 0) {
		char id[ID_TEXT_SIZE];
		id_format(&s->id, id);
		log_error("%s: chunk %llu is not in the index: %s (%s)", id, (unsigned long long)c->number,
			  fault.reason, error_text(result));
	}
	return s->error;
}

struct replay { struct stream *s; struct evidence *e; uint64_t position; };

static int replay_chunk(void *context, const struct evidence_chunk *c)
{
	struct replay *r = context;
	return c->row <= r->position ? read_chunk(r->s, r->e, c) : 0;
}

struct stream *stream_open(struct index *x, struct evidence *e, const struct id *host, const struct id *id,
			   uint64_t position, int *error)
{
	struct stream *s = calloc(1, sizeof *s);
	struct index_session session;
	struct index_write_state state;
	*error = ITM_ENOMEM;
	if (s == NULL)
		return NULL;
	s->x = x;
	s->id = *id;
	s->host = *host;
	view_init(&s->sealed, host, id, sealed_full, s);
	s->sealed.event = host_event;
	s->reader = chunk_reader_new();
	if (s->reader == NULL)
		goto fail;
	*error = index_write_find(x, id, &session, &state, &s->row);
	if (*error == ITM_ENOENT)
		*error = 0;
	else if (*error == 0 && session.ended)
		s->sealed.session = session;
	else if (*error == 0) {
		s->blocks_written = state.blocks;
		struct replay r = { s, e, position };
		*error = evidence_chunks_of(e, id, 1, replay_chunk, &r);
		s->session_dirty = s->text_dirty = true;
	}
	if (*error != 0)
		goto fail;
	return s;
fail:
	stream_free(s);
	return NULL;
}

void stream_free(struct stream *s)
{
	if (s == NULL)
		return;
	drop_ahead(s);
	view_free(&s->sealed);
	chunk_reader_free(s->reader);
	free(s);
}

const struct id *stream_id(const struct stream *s) { return &s->id; }
bool stream_ended(const struct stream *s) { return s->sealed.session.ended; }
uint64_t stream_used_ms(const struct stream *s) { return s->used_ms; }
bool stream_dirty(const struct stream *s) { return s->session_dirty || s->text_dirty; }

int stream_chunk(struct stream *s, struct evidence *e, const struct evidence_chunk *c, uint64_t now_ms)
{
	s->used_ms = now_ms;
	if (s->sealed.session.ended)
		return 0;
	drop_ahead(s);
	s->tail_changed_wall_ns = 0;
	int result = read_chunk(s, e, c);
	/* Afterwards: a block that filled up inside the chunk may have written the session as it was then. */
	s->session_dirty = s->text_dirty = true;
	return result;
}

static int tail_frame(void *context, const struct frame *f)
{
	struct stream *s = context;
	struct fault fault = { 0, "" };
	/* Only what follows without a hole: the rest comes with its chunk. */
	if (f->number != s->ahead.last_frame + 1)
		return 1;
	int result = view_frame(&s->ahead, f, &fault);
	if (result == ITM_ENOMEM)
		return result;
	s->session_dirty = s->text_dirty = true;
	return result != 0;
}

int stream_tail(struct stream *s, struct evidence *e, int64_t changed_wall_ns, uint64_t now_ms)
{
	if (s->sealed.session.ended || changed_wall_ns == s->tail_changed_wall_ns || now_ms < s->tail_ms + STREAM_LIVE_MS)
		return 0;
	if (!s->has_ahead && view_copy(&s->ahead, &s->sealed, ahead_full, s) != 0)
		return ITM_ENOMEM;
	s->has_ahead = true;
	s->tail_ms = s->used_ms = now_ms;
	s->tail_changed_wall_ns = changed_wall_ns;
	int result = evidence_tail_of(e, &s->id, s->ahead.last_frame, tail_frame, s);
	if (result < 0 && result != ITM_ENOMEM) {
		log_debug("a tail can't be read: %s", error_text(result));
		return 0;
	}
	return result < 0 ? result : 0;
}

void stream_no_tail(struct stream *s)
{
	if (!s->has_ahead)
		return;
	drop_ahead(s);
	s->tail_changed_wall_ns = 0;
	s->session_dirty = s->text_dirty = true;
}

/* Replaceable text: lines in no final block, and what is on the screen; what
 * only the tail knows apart from what is signed. */
enum { KNOWN_MAX = 2048 };
struct live {
	struct stream *s;
	struct tblock block[2];          /* signed, provisional */
	uint64_t known[KNOWN_MAX];       /* lines that are on the signed screen */
	size_t known_count;
	int error;
};

static uint64_t line_hash(const struct lines_line *line)
{
	uint64_t h = 0xcbf29ce484222325u ^ line->time_ms * 0x9e3779b97f4a7c15u; /* FNV-1a */
	for (size_t i = 0; i < line->len; i++)
		h = (h ^ (uint8_t)line->text[i]) * 0x100000001b3u;
	return h;
}

static void know_line(void *context, const struct lines_line *line)
{
	struct live *w = context;
	if (w->known_count < KNOWN_MAX)
		w->known[w->known_count++] = line_hash(line);
}

static void live_block(struct live *w, bool provisional)
{
	struct tblock *t = &w->block[provisional];
	if (w->error == 0 && t->count > 0)
		w->error = index_write_block(w->s->x, w->s->row, true, provisional, t);
	tblock_clear(t);
}

static void live_put(struct live *w, bool provisional, const struct lines_line *line)
{
	if (w->error == 0)
		w->error = tblock_add(&w->block[provisional], line);
	if (tblock_full(&w->block[provisional]))
		live_block(w, provisional);
}

static void signed_line(void *context, const struct lines_line *line)
{
	live_put(context, false, line);
}

static void ahead_line(void *context, const struct lines_line *line)
{
	struct live *w = context;
	uint64_t hash = line_hash(line);
	bool known = false;
	for (size_t i = 0; i < w->known_count && !known; i++)
		known = w->known[i] == hash;
	live_put(w, !known, line);
}

static void block_lines(struct live *w, const struct tblock *t, lines_each *each)
{
	struct lines_line line;
	size_t n = 0, offset = 0;
	while (tblock_next(t, &n, &offset, &line))
		each(w, &line);
}

static void screen_lines(struct live *w, const struct view *v, lines_each *each)
{
	int result = v->lines != NULL ? lines_peek(v->lines, each, w) : 0;
	if (w->error == 0)
		w->error = result;
}

static int write_live(struct stream *s)
{
	int result = index_write_drop_live(s->x, s->row);
	if (result != 0 || s->sealed.session.ended)
		return result;
	struct live *w = calloc(1, sizeof *w);
	if (w == NULL)
		return ITM_ENOMEM;
	w->s = s;
	tblock_init(&w->block[0]);
	tblock_init(&w->block[1]);
	block_lines(w, &s->sealed.block, signed_line);
	if (s->has_ahead) {
		screen_lines(w, &s->sealed, know_line);
		block_lines(w, &s->ahead.block, ahead_line);
		screen_lines(w, &s->ahead, ahead_line);
	} else {
		screen_lines(w, &s->sealed, signed_line);
	}
	live_block(w, false);
	live_block(w, true);
	result = w->error;
	tblock_free(&w->block[0]);
	tblock_free(&w->block[1]);
	free(w);
	return result;
}

int stream_write(struct stream *s, uint64_t now_ms)
{
	const struct view *v = s->has_ahead ? &s->ahead : &s->sealed;
	if (s->error != 0)
		return s->error;
	if (!v->begun)
		return 0;       /* nothing known yet, or long ended */
	bool due = s->blocks_moved || v->session.ended || now_ms >= s->live_ms + STREAM_LIVE_MS;
	int result = s->session_dirty || s->row == 0 ? write_session(s) : 0;
	if (result == 0 && s->text_dirty && due) {
		result = write_live(s);
		s->live_ms = now_ms;
		s->text_dirty = s->blocks_moved = false;
	}
	return result;
}
