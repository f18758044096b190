#include "view/catalog.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "format/chunk.h"
#include "format/frame.h"
#include "format/meta.h"
#include "store/spool.h"
#include "view/places.h"

enum { PREFIX_MIN = 4 }; /* characters of an id's prefix */

static struct index_session *find_or_add(struct catalog *c, const struct id *stream)
{
	struct index_session *grown;
	size_t i, size;

	for (i = c->count; i > 0; i--)
		if (id_equal(&c->sessions[i - 1].stream, stream))
			return &c->sessions[i - 1];
	if (c->count == CATALOG_SESSIONS_MAX)
		return NULL;
	if (c->count == c->size) {
		size = c->size ? c->size * 2 : 64;
		grown = realloc(c->sessions, size * sizeof(*grown));
		if (grown == NULL)
			return NULL;
		c->sessions = grown;
		c->size = size;
	}
	grown = &c->sessions[c->count++];
	*grown = (struct index_session){ .stream = *stream, .provisional = true };
	return grown;
}

/* What does not fit or is broken is shown as empty. */
static void take_text(const char *text, size_t len, const char *key, char *out, size_t size)
{
	if (meta_get(text, len, key, 0, out, size) < 0)
		out[0] = '\0';
}

static void take_head(struct index_session *s, const struct record_event *e)
{
	const char *text = (const char *)e->data;
	char uid[16];

	take_text(text, e->len, "user", s->user, sizeof(s->user));
	take_text(text, e->len, "hostname", s->hostname, sizeof(s->hostname));
	take_text(text, e->len, "service", s->service, sizeof(s->service));
	take_text(text, e->len, "rhost", s->rhost, sizeof(s->rhost));
	take_text(text, e->len, "tty", s->tty, sizeof(s->tty));
	take_text(text, e->len, "mode", s->mode, sizeof(s->mode));
	take_text(text, e->len, "shell", s->shell, sizeof(s->shell));
	take_text(text, e->len, "uid", uid, sizeof(uid));
	s->uid = (uint32_t)strtoul(uid, NULL, 10);
}

static void take_event(struct index_session *s, const struct record_event *e)
{
	switch (e->kind) {
	case RECORD_ENV:
		if (e->len > 0)
			take_head(s, e);
		break;
	case RECORD_EXIT:
		s->has_exit = true;
		s->exit_status = (int)e->code;
		break;
	case RECORD_OUT:
	case RECORD_ERR:
		s->out_bytes += e->code;
		break;
	case RECORD_MASKED:
		s->masked += e->code;
		break;
	case RECORD_GAP:
		s->lost_bytes += e->code;
		break;
	default:
		break;
	}
}

static void take_time(struct index_session *s, int64_t wall_ns, uint64_t duration_ms)
{
	int64_t end = wall_ns + (int64_t)duration_ms * 1000000;

	if (s->start_wall_ns == 0 || wall_ns < s->start_wall_ns)
		s->start_wall_ns = wall_ns;
	if (end > s->last_wall_ns)
		s->last_wall_ns = end;
	s->duration_ms = (uint64_t)(s->last_wall_ns - s->start_wall_ns) / 1000000;
}

/* Each chunk by itself: only its header, and its events when it can be read
 * without the ones before it (the first one, with the metadata, can). */
static int take_chunk(struct catalog *c, struct chunk_reader *reader, const struct unit *u)
{
	struct record_cursor cursor;
	struct record_event e;
	struct index_session *s;
	struct chunk chunk;
	uint8_t digest[HASH_SIZE];

	if (chunk_decode(u->payload, u->len, &chunk, NULL) != 0)
		return 0;
	s = find_or_add(c, &chunk.stream);
	if (s == NULL)
		return ITM_ELIMIT;
	take_time(s, chunk.wall_ns, chunk.duration_ms);
	s->chunks++;
	s->provisional = false;
	s->ended |= (chunk.flags & CHUNK_END) != 0;
	if ((chunk.flags & CHUNK_RESET) == 0 ||
	    chunk_reader_next(reader, u->payload, u->len, &chunk, &cursor, digest, NULL) != 0)
		return 0;
	while (record_cursor_next(&cursor, &e, NULL) == 1)
		take_event(s, &e);
	return 0;
}

static int take_frame(struct catalog *c, const struct unit *u)
{
	struct record_run run;
	struct record_event e;
	struct index_session *s;
	struct frame f;
	uint64_t last_ms = 0;

	if (frame_decode(u->payload, u->len, &f, NULL) != 0)
		return 0;
	s = find_or_add(c, &f.stream);
	if (s == NULL)
		return ITM_ELIMIT;
	record_run_init(&run, f.run, f.run_len);
	while (record_run_next(&run, &e, NULL) == 1) {
		last_ms = e.time_ms;
		if (e.kind == RECORD_ENV && e.len > 0)
			take_head(s, &e);
	}
	take_time(s, f.wall_ns, last_ms);
	return 0;
}

static int newest_first(const void *a, const void *b)
{
	const struct index_session *x = a, *y = b;

	return (x->start_wall_ns < y->start_wall_ns) - (x->start_wall_ns > y->start_wall_ns);
}

static int read_units(struct catalog *c, struct spool_reader *spool, struct chunk_reader *chunks)
{
	struct spool_place place;
	struct unit u;
	int r;

	for (;;) {
		r = spool_reader_next(spool, &u, &place, NULL);
		if (r == 0)
			return 0;
		if (r < 0) {
			if (spool_reader_next_segment(spool) != 1)
				return 0;
			continue;
		}
		if (u.type == UNIT_CHUNK)
			r = take_chunk(c, chunks, &u);
		else if (u.type == UNIT_FRAME)
			r = take_frame(c, &u);
		if (r < 0)
			return r;
	}
}

int catalog_read(struct catalog *c, const char *spool_dir)
{
	struct spool_reader *spool;
	struct chunk_reader *chunks;
	int r = ITM_ENOMEM;

	*c = (struct catalog){ 0 };
	if (!places_is_spool(spool_dir))
		return ITM_ENOENT;
	spool = spool_reader_new(spool_dir);
	chunks = chunk_reader_new();
	if (spool != NULL && chunks != NULL)
		r = read_units(c, spool, chunks);
	chunk_reader_free(chunks);
	spool_reader_free(spool);
	if (r != 0)
		catalog_free(c);
	else if (c->count > 1)
		qsort(c->sessions, c->count, sizeof(*c->sessions), newest_first);
	return r;
}

void catalog_free(struct catalog *c)
{
	free(c->sessions);
	*c = (struct catalog){ 0 };
}

int catalog_find(const struct catalog *c, const char *name, struct index_session *out)
{
	const struct index_session *found = NULL;
	char text[ID_TEXT_SIZE], wanted[ID_TEXT_SIZE];
	struct id id;
	size_t i, len = strlen(name);

	if (strcmp(name, "last") == 0) {
		for (i = 0; i < c->count; i++)
			if (!index_is_stream(c->sessions[i].mode)) {
				*out = c->sessions[i];
				return 0;
			}
		return ITM_ENOENT;
	}
	if (len < PREFIX_MIN || len >= ID_TEXT_SIZE)
		return ITM_ENOENT;
	/* A full id may be written in any of Crockford's ways. */
	snprintf(wanted, sizeof(wanted), "%s", name);
	if (id_parse(name, &id) == 0)
		id_format(&id, wanted);
	for (i = 0; i < c->count; i++) {
		id_format(&c->sessions[i].stream, text);
		if (strncasecmp(text, wanted, len) != 0)
			continue;
		if (found != NULL)
			return ITM_EBUSY;
		found = &c->sessions[i];
	}
	if (found == NULL)
		return ITM_ENOENT;
	*out = *found;
	return 0;
}

bool catalog_matches(const struct index_session *s, const struct index_filter *f)
{
	return (f->all || !index_is_stream(s->mode)) &&
	       (f->user == NULL || fnmatch(f->user, s->user, 0) == 0) &&
	       (f->host == NULL || fnmatch(f->host, s->hostname, 0) == 0) &&
	       (f->service == NULL || fnmatch(f->service, s->service, 0) == 0) &&
	       (f->after_wall_ns == 0 || s->start_wall_ns >= f->after_wall_ns) &&
	       (f->before_wall_ns == 0 || s->start_wall_ns < f->before_wall_ns) &&
	       (!f->live_only || !s->ended);
}
