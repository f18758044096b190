#include "store/indexd/follow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "format/act.h"
#include "format/meta.h"
#include "store/evidence_remove.h"
#include "store/index_write.h"
#include "store/indexd/stream.h"

enum {
	STREAMS_MAX = 256,               /* kept in memory; others are read again when they move */
	HOSTS_MAX = 4096,
	SCRUB_EVERY_MS = 10 * 1000,      /* tries to empty the log of the database while a reader is in the way */
	RESTART_SLACK_MS = 60 * 1000,    /* by how much a clock may be set without it looking like a restart */
};

struct host_boot { struct id host; int64_t boot_wall_ns; };

struct tail_seen { struct id host, stream; int64_t changed_wall_ns; };

struct follow {
	struct index *x;
	struct evidence *e;
	struct stream *streams[STREAMS_MAX];
	size_t count;
	struct tail_seen *tails;
	size_t tail_count, tail_size;
	struct host_boot *hosts;
	size_t host_count, host_size;
	uint64_t position, now_ms;
	uint64_t acts;                   /* leaves of the log looked at for the server's alerts */
	uint64_t removed;                /* what was removed is out of the index up to this row */
	uint64_t scrub_ms;               /* when the files are next tried to be cleaned of it; 0 = they are */
	uint64_t chunks_done, pass_chunks;
	bool caught_up;
};

struct follow *follow_new(struct index *x, struct evidence *e, int *error)
{
	struct follow *f = calloc(1, sizeof *f);
	*error = ITM_ENOMEM;
	if (f == NULL)
		return NULL;
	f->x = x;
	f->e = e;
	*error = index_write_position(x, &f->position);
	if (*error == 0)
		*error = index_write_removed(x, &f->removed);
	if (*error == 0)
		*error = index_write_acts(x, &f->acts);
	f->scrub_ms = 1; /* an earlier run may not have come to it */
	if (*error != 0) {
		free(f);
		return NULL;
	}
	return f;
}

static void drop_streams(struct follow *f)
{
	while (f->count > 0)
		stream_free(f->streams[--f->count]);
}

void follow_free(struct follow *f)
{
	if (f == NULL)
		return;
	drop_streams(f);
	free(f->tails);
	free(f->hosts);
	free(f);
}

static struct stream *find(const struct follow *f, const struct id *id)
{
	for (size_t i = 0; i < f->count; i++)
		if (id_equal(stream_id(f->streams[i]), id))
			return f->streams[i];
	return NULL;
}

/* Make room: the one that was quiet for longest goes; what it had to write is
 * written first. */
static int evict(struct follow *f)
{
	size_t oldest = 0;
	for (size_t i = 1; i < f->count; i++)
		if (stream_used_ms(f->streams[i]) < stream_used_ms(f->streams[oldest]))
			oldest = i;
	int result = stream_write(f->streams[oldest], f->now_ms + STREAM_LIVE_MS);
	stream_free(f->streams[oldest]);
	f->streams[oldest] = f->streams[--f->count];
	return result;
}

static int get(struct follow *f, const struct id *host, const struct id *id, struct stream **out)
{
	int result = 0;
	*out = find(f, id);
	if (*out != NULL)
		return 0;
	if (f->count == STREAMS_MAX)
		result = evict(f);
	if (result != 0)
		return result;
	*out = stream_open(f->x, f->e, host, id, f->position, &result);
	if (*out != NULL)
		f->streams[f->count++] = *out;
	return result;
}

/* When the host's current boot began, by its own clocks.  A later one than
 * known: what ran before and never ended is over. */
static int note_boot(struct follow *f, const struct evidence_chunk *c)
{
	int64_t boot_wall_ns = c->wall_ns - (int64_t)c->boot_ns;
	struct host_boot *h = NULL;
	for (size_t i = 0; i < f->host_count && h == NULL; i++)
		if (id_equal(&f->hosts[i].host, &c->host))
			h = &f->hosts[i];
	if (h == NULL) {
		if (f->host_count == f->host_size) {
			size_t size = f->host_size ? f->host_size * 2 : 16;
			struct host_boot *more = size <= HOSTS_MAX ? realloc(f->hosts, size * sizeof *more) : NULL;
			if (more == NULL)
				return 0;
			f->hosts = more;
			f->host_size = size;
		}
		h = &f->hosts[f->host_count++];
		*h = (struct host_boot){ c->host, INT64_MIN };
	}
	if (h->boot_wall_ns != INT64_MIN && boot_wall_ns < h->boot_wall_ns + (int64_t)RESTART_SLACK_MS * 1000000)
		return 0;
	h->boot_wall_ns = boot_wall_ns;
	return index_write_restarted(f->x, &c->host, boot_wall_ns);
}

static int on_chunk(void *context, const struct evidence_chunk *c)
{
	struct follow *f = context;
	struct stream *s;
	int result = note_boot(f, c);
	if (result == 0)
		result = get(f, &c->host, &c->stream, &s);
	if (result == 0)
		result = stream_chunk(s, f->e, c, f->now_ms);
	if (result != 0)
		return result;
	f->position = c->row;
	f->pass_chunks++;
	return 0;
}

static int on_tail(void *context, const struct id *host, const struct id *stream, int64_t changed_wall_ns)
{
	struct follow *f = context;
	if (f->tail_count == f->tail_size) {
		size_t size = f->tail_size ? f->tail_size * 2 : 64;
		struct tail_seen *more = realloc(f->tails, size * sizeof *more);
		if (more == NULL)
			return ITM_ENOMEM;
		f->tails = more;
		f->tail_size = size;
	}
	f->tails[f->tail_count++] = (struct tail_seen){ *host, *stream, changed_wall_ns };
	return 0;
}

static int read_tails(struct follow *f)
{
	f->tail_count = 0;
	int result = evidence_tail_streams(f->e, on_tail, f);
	if (result == ITM_ENOMEM)
		return result;
	for (size_t i = 0; i < f->count; i++) {
		bool there = false;
		for (size_t k = 0; k < f->tail_count && !there; k++)
			there = id_equal(&f->tails[k].stream, stream_id(f->streams[i]));
		if (!there)
			stream_no_tail(f->streams[i]);
	}
	for (size_t k = 0; k < f->tail_count; k++) {
		struct stream *s;
		result = get(f, &f->tails[k].host, &f->tails[k].stream, &s);
		if (result == 0)
			result = stream_tail(s, f->e, f->tails[k].changed_wall_ns, f->now_ms);
		if (result != 0)
			return result;
	}
	return 0;
}

static int write_streams(struct follow *f)
{
	for (size_t i = 0; i < f->count; i++) {
		if (!stream_dirty(f->streams[i]))
			continue;
		int result = stream_write(f->streams[i], f->now_ms);
		if (result != 0)
			return result;
	}
	return 0;
}

static bool idle(const struct follow *f)
{
	for (size_t i = 0; i < f->count; i++)
		if (stream_dirty(f->streams[i]))
			return false;
	return f->pass_chunks == 0;
}

/* Streams that ended need nothing more in memory. */
static void forget_ended(struct follow *f)
{
	for (size_t i = 0; i < f->count; )
		if (stream_ended(f->streams[i]) && !stream_dirty(f->streams[i])) {
			stream_free(f->streams[i]);
			f->streams[i] = f->streams[--f->count];
		} else {
			i++;
		}
}

/* What was removed from the evidence goes from the index: the session is taken
 * out, and what is left of it is read again. */

static void drop_stream(struct follow *f, const struct id *id)
{
	for (size_t i = 0; i < f->count; i++)
		if (id_equal(stream_id(f->streams[i]), id)) {
			stream_free(f->streams[i]);
			f->streams[i] = f->streams[--f->count];
			return;
		}
}

static int read_again(void *context, const struct evidence_chunk *c)
{
	struct follow *f = context;
	struct stream *s;
	/* Later ones come by themselves. */
	if (c->row > f->position)
		return 0;
	int result = get(f, &c->host, &c->stream, &s);
	return result == 0 ? stream_chunk(s, f->e, c, f->now_ms) : result;
}

static int on_removed(void *context, const struct evidence_removed *r)
{
	struct follow *f = context;
	drop_stream(f, &r->stream);
	int result = index_write_forget(f->x, &r->stream);
	if (result == 0)
		result = evidence_chunks_of(f->e, &r->stream, 1, read_again, f);
	struct stream *s = find(f, &r->stream);
	if (result == 0 && s != NULL)
		result = stream_write(s, f->now_ms);
	f->removed = r->row;
	f->scrub_ms = f->now_ms;
	return result;
}

static int read_removed(struct follow *f)
{
	uint64_t before = f->removed;
	int result = evidence_removed_after(f->e, f->removed, on_removed, f);
	return result == 0 && f->removed != before ? index_write_set_removed(f->x, f->removed) : result;
}

/* The server's own alerts are acts of its log (store/ingestd/alarm.h). */

static int on_act(void *context, const struct evidence_act *act)
{
	struct follow *f = context;
	struct index_alert a = { .number = act->leaf };
	struct act *said = malloc(sizeof *said);
	int result = said != NULL ? 0 : ITM_ENOMEM;
	f->acts = act->leaf + 1;
	/* One whose text is gone or changed is named by itm verify. */
	if (result == 0 && act->text != NULL && act_decode(act->text, act->len, said, NULL) == 0 &&
	    strcmp(said->verb, ACT_ALERT) == 0 && index_alert_read(said->detail, strlen(said->detail), &a) == 0 &&
	    id_parse(said->subject, &a.host) == 0) {
		a.wall_ns = said->wall_ns;
		(void)meta_get(a.text, a.text_len, "hostname", 0, a.hostname, sizeof a.hostname);
		result = index_write_alert(f->x, 0, &a);
	}
	free(said);
	return result;
}

static int read_acts(struct follow *f)
{
	uint64_t before = f->acts;
	int result = evidence_acts(f->e, f->acts, on_act, f);
	return result == 0 && f->acts != before ? index_write_set_acts(f->x, f->acts) : result;
}

static int pass(struct follow *f)
{
	int result = read_removed(f);
	if (result == 0)
		result = read_acts(f);
	if (result == 0)
		result = evidence_chunks_after(f->e, f->position, FOLLOW_CHUNKS, on_chunk, f);
	if (result == 0 && f->pass_chunks < FOLLOW_CHUNKS)
		result = read_tails(f);
	if (result == 0 && !idle(f))
		result = write_streams(f);
	if (result == 0 && f->pass_chunks > 0)
		result = index_write_set_position(f->x, f->position);
	return result;
}

int follow_pass(struct follow *f, uint64_t now_ms)
{
	uint64_t position = f->position, removed = f->removed, acts = f->acts;
	f->now_ms = now_ms;
	f->pass_chunks = 0;
	int result = index_write_begin(f->x);
	if (result == 0) {
		result = pass(f);
		if (result == 0)
			result = index_write_commit(f->x);
		else
			index_write_rollback(f->x);
	}
	if (result != 0) {
		/* What is in memory may be ahead of the index: read it again. */
		drop_streams(f);
		f->host_count = 0;
		f->position = position;
		f->removed = removed;
		f->acts = acts;
		return result;
	}
	if (f->scrub_ms != 0 && now_ms >= f->scrub_ms)
		f->scrub_ms = index_write_scrub(f->x) == 0 ? 0 : now_ms + SCRUB_EVERY_MS;
	f->chunks_done += f->pass_chunks;
	f->caught_up = f->pass_chunks < FOLLOW_CHUNKS;
	forget_ended(f);
	return !f->caught_up;
}

void follow_state(struct follow *f, struct follow_state *out)
{
	*out = (struct follow_state){ .position = f->position, .open_streams = f->count,
				      .chunks_done = f->chunks_done, .caught_up = f->caught_up };
	(void)index_write_count(f->x, &out->sessions);
}
