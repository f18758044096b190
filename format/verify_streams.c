#include "format/verify_state.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/reader.h"
#include "format/block.h"
#include "format/chunk.h"
#include "format/frame.h"
#include "format/keylist.h"
#include "format/meta.h"
#include "format/removal.h"

/* A removal that was declared. */
struct declared {
	struct declared *next;
	struct id host;
	uint64_t first, last;
	uint8_t sections;              /* 0 = whole chunks */
	char words[];
};

/* What is known of one stream. */
struct stream {
	struct id id;
	struct chunk_reader *reader;   /* NULL once ended */
	uint64_t chunk, frame;         /* last numbers that chunks cover */
	uint64_t seen_frame;           /* last frame unit seen */
	bool ended;
	struct declared *declared;
	struct stream *next;
};

static bool judged(const struct verifier *v, const struct id *stream)
{
	return !v->watching || id_equal(&v->watched, stream);
}

static struct stream *get_stream(struct verifier *v, const struct id *id)
{
	struct stream **slot = &v->streams[(id->bytes[0] | id->bytes[1] << 8) & 1023];
	for (struct stream *s = *slot; s != NULL; s = s->next)
		if (id_equal(&s->id, id))
			return s;
	struct stream *s = calloc(1, sizeof *s);
	if (s == NULL)
		return NULL;
	s->id = *id;
	s->next = *slot;
	*slot = s;
	return s;
}

/* Sums the declared losses; a chunk whose own events don't parse is broken. */
/* By which key list a session was sealed, and what that list says of itself. */
static void take_note(struct verifier *v, const struct record_event *event)
{
	struct verify_result *r = &v->result;
	const char *text = (const char *)event->data;
	char note[sizeof r->seal_note];
	if (event->data == NULL || strcmp(r->seal_note, KEYLIST_DEMONSTRATION) == 0)
		return;
	if (meta_get(text, event->len, "seal_list", 0, r->seal_list, sizeof r->seal_list) < 0)
		return;
	if (meta_get(text, event->len, "seal_note", 0, note, sizeof note) > 0)
		memcpy(r->seal_note, note, sizeof note);
}

static int walk_events(struct verifier *v, const struct chunk *c, struct record_cursor *cursor)
{
	struct record_event event;
	int r;
	while ((r = record_cursor_next(cursor, &event, NULL)) > 0) {
		if (event.kind == RECORD_ENV && judged(v, &c->stream))
			take_note(v, &event);
		if (event.kind != RECORD_GAP || !judged(v, &c->stream))
			continue;
		v->result.lost_bytes += event.code;
		verify_find(v, VERDICT_GAP, "the recorder declares a loss in chunk %" PRIu64, c->number);
	}
	return r;
}

/* Sections (or with 0 the whole chunk) are not here: says who declared that.
 * Each section may have gone with a removal of its own. */
static int judge_missing(struct verifier *v, const struct stream *s, uint64_t number, uint8_t sections,
			 const char *origin, uint64_t offset)
{
	uint8_t left = sections;
	bool found = false;
	if (!judged(v, &s->id))
		return 0;
	for (const struct declared *d = s->declared; d != NULL; d = d->next) {
		if (v->result.blocks > 0 && !id_equal(&d->host, &v->result.host))
			continue;
		if (number < d->first || number > d->last || (sections == 0 ? d->sections != 0 : !(left & d->sections)))
			continue;
		found = true;
		left &= (uint8_t)~d->sections;
		verify_find(v, VERDICT_REDACTED, "%s", d->words);
		if (!v->trust.has_log)
			verify_find(v, VERDICT_UNATTESTED, "no log key was given to check this against: %s", d->words);
	}
	if (found && left == 0)
		return 0;
	return verify_broken(v, origin, offset, sections == 0 ? "a chunk was removed and nobody declared it"
			     : "a section was dropped and nobody declared it");
}

static int judge_sections(struct verifier *v, const struct stream *s, const struct chunk *c, const char *origin,
			  uint64_t offset)
{
	uint8_t sections = 0;
	for (size_t i = 0; i < c->section_count; i++)
		if (c->section[i].codec == CHUNK_DROPPED)
			sections |= (uint8_t)(1u << c->section[i].kind);
	return sections != 0 ? judge_missing(v, s, c->number, sections, origin, offset) : 0;
}

static int declare(struct verifier *v, const struct removal *r)
{
	char words[VERIFY_DETAIL_SIZE];
	struct stream *s = get_stream(v, &r->stream);
	removal_words(r, words, sizeof words);
	struct declared *d = s != NULL ? malloc(sizeof *d + strlen(words) + 1) : NULL;
	if (d == NULL)
		return ITM_ENOMEM;
	*d = (struct declared){ .next = s->declared, .host = r->host, .first = r->first, .last = r->last, .sections = r->sections };
	memcpy(d->words, words, strlen(words) + 1);
	s->declared = d;
	v->removal_count++;
	return 0;
}

int verify_streams_removal(struct verifier *v, const struct unit *u, const char *origin, uint64_t offset)
{
	struct fault fault;
	struct removal removal;
	if (removal_decode(u->payload, u->len, &removal, &fault) != 0)
		return verify_broken(v, origin, offset + UNIT_HEADER_SIZE + fault.offset, fault.reason);
	if (removal_check(u->payload, u->len, v->trust.has_log ? v->trust.log : removal.log_key) != 0)
		return verify_broken(v, origin, offset, "removal is not signed by the trusted log key");
	if (v->removal_count == VERIFY_REMOVALS_MAX)
		return verify_broken(v, origin, offset, "more removals than can be kept in mind");
	return declare(v, &removal);
}

static const char *order_fault(const struct verifier *v, const struct stream *s, const struct chunk *c)
{
	if (s->ended)
		return "chunk after the end of its stream";
	if (v->excerpt && s->chunk == 0 && c->number != 1 && id_equal(&v->watched, &s->id))
		return "the beginning of the session is missing";
	if (s->chunk != 0 && c->number != s->chunk + 1)
		return c->number <= s->chunk ? "chunk stands twice or out of its place" : "a chunk of the stream is missing";
	if (c->last_frame < s->frame)
		return "chunk's frame number runs backwards";
	return NULL;
}

static struct chunk_reader *stream_reader(struct verifier *v, struct stream *s)
{
	if (s->reader == NULL && v->stream_count < VERIFY_STREAMS_MAX) {
		s->reader = chunk_reader_new();
		v->stream_count += s->reader != NULL;
	}
	return s->reader;
}

static void drop_reader(struct verifier *v, struct stream *s)
{
	chunk_reader_free(s->reader);
	s->reader = NULL;
	v->stream_count--;
}

/* The record begins after this stream did: what compression it needs is gone,
 * so its digest can't be made until the next RESET. */
static bool begins_mid_stream(const struct verifier *v, const struct stream *s, const struct chunk *c)
{
	return (v->lost_context || !v->started) && s->chunk == 0 && !(c->flags & CHUNK_RESET);
}

int verify_streams_chunk(struct verifier *v, const struct unit *u, const char *origin, uint64_t offset)
{
	struct chunk c;
	struct record_cursor cursor;
	struct fault fault;

	int r = chunk_decode(u->payload, u->len, &c, &fault);
	if (r != 0)
		return verify_broken(v, origin, offset + UNIT_HEADER_SIZE + fault.offset, fault.reason);
	if (v->digest_count == BLOCK_CHUNKS_MAX)
		return verify_broken(v, origin, offset, "more chunks than a block may cover");
	struct stream *s = get_stream(v, &c.stream);
	if (s == NULL)
		return ITM_ENOMEM;
	const char *wrong = order_fault(v, s, &c);
	if (wrong != NULL)
		return verify_broken(v, origin, offset, wrong);
	v->result.chunks++;
	v->watched_pending |= v->watching && id_equal(&v->watched, &c.stream);
	r = judge_sections(v, s, &c, origin, offset);
	if (r != 0)
		return r;
	if (begins_mid_stream(v, s, &c)) {
		v->digests_whole = false;
		v->digest_count++;
		return 0;
	}
	struct chunk_reader *reader = stream_reader(v, s);
	if (reader == NULL)
		return ITM_ENOMEM;
	r = chunk_reader_next(reader, u->payload, u->len, &c, &cursor, v->digests[v->digest_count], &fault);
	if (r != 0)
		return verify_broken(v, origin, offset + UNIT_HEADER_SIZE + fault.offset, fault.reason);
	v->digest_count++;
	if (walk_events(v, &c, &cursor) != 0)
		return verify_broken(v, origin, offset, "chunk's events are malformed");
	s->chunk = c.number;
	s->frame = c.last_frame;
	if (c.flags & CHUNK_END) {
		s->ended = true;
		drop_reader(v, s);
	}
	return 0;
}

int verify_streams_withheld(struct verifier *v, const struct unit *u, const char *origin, uint64_t offset)
{
	size_t count = u->len / HASH_SIZE;

	if (!v->excerpt)
		return verify_broken(v, origin, offset, "digests stand where chunks belong");
	if (count == 0 || u->len % HASH_SIZE != 0 || count > BLOCK_CHUNKS_MAX - v->digest_count)
		return verify_broken(v, origin, offset, "list of digests is malformed");
	memcpy(v->digests[v->digest_count], u->payload, u->len);
	v->digest_count += count;
	return 0;
}

/* The digest of a removed chunk stands for it: stream id, number, last frame, digest. */
int verify_streams_tombstone(struct verifier *v, const struct unit *u, const char *origin, uint64_t offset)
{
	struct reader r;
	struct id id;
	reader_init(&r, u->payload, u->len);
	reader_copy(&r, id.bytes, ID_SIZE);
	uint64_t number = reader_u64(&r), frame = reader_u64(&r);
	const uint8_t *digest = reader_bytes(&r, HASH_SIZE);
	reader_end(&r);
	if (r.error != 0)
		return verify_broken(v, origin, offset, "tombstone is malformed");
	struct stream *s = get_stream(v, &id);
	if (s == NULL)
		return ITM_ENOMEM;
	bool may_begin = s->chunk == 0 && v->lost_context && !(v->excerpt && id_equal(&v->watched, &id));
	bool follows = number == s->chunk + 1 || may_begin;
	if (v->digest_count == BLOCK_CHUNKS_MAX || !follows || frame < s->frame)
		return verify_broken(v, origin, offset, "tombstone stands out of its place");
	memcpy(v->digests[v->digest_count++], digest, HASH_SIZE);
	v->watched_pending |= v->watching && id_equal(&v->watched, &id);
	s->chunk = number;
	s->frame = frame;
	return judge_missing(v, s, number, 0, origin, offset);
}

int verify_streams_frame(struct verifier *v, const struct unit *u, const char *origin, uint64_t offset)
{
	struct frame f;
	struct fault fault;
	int r = frame_decode(u->payload, u->len, &f, &fault);
	if (r != 0)
		return verify_broken(v, origin, offset + UNIT_HEADER_SIZE + fault.offset, fault.reason);
	struct stream *s = get_stream(v, &f.stream);
	if (s == NULL)
		return ITM_ENOMEM;
	if (f.number <= s->frame || f.number <= s->seen_frame)
		return verify_broken(v, origin, offset, "frame stands after the chunk that covers it, or twice");
	s->seen_frame = f.number;
	v->result.frames_unsigned++;
	return 0;
}

void verify_streams_judge(struct verifier *v)
{
	bool watched_seen = false;
	for (size_t i = 0; i < sizeof v->streams / sizeof v->streams[0]; i++) {
		for (const struct stream *s = v->streams[i]; s != NULL; s = s->next) {
			if (!judged(v, &s->id))
				continue;
			watched_seen |= s->chunk != 0 || s->seen_frame != 0 || v->lost_context;
			if (s->seen_frame > s->frame)
				verify_find(v, VERDICT_OPEN_TAIL, "frames after the last signed chunk are not signed yet");
			else if (v->watching && !s->ended)
				verify_find(v, VERDICT_OPEN_TAIL, "the session has no end: it is live, or was cut off");
		}
	}
	if (v->watching && !watched_seen)
		verify_find(v, VERDICT_TAMPERED, "TAMPERED: the session is not in the record");
}

void verify_streams_free(struct verifier *v)
{
	for (size_t i = 0; i < sizeof v->streams / sizeof v->streams[0]; i++) {
		while (v->streams[i] != NULL) {
			struct stream *s = v->streams[i];
			v->streams[i] = s->next;
			chunk_reader_free(s->reader);
			while (s->declared != NULL) {
				struct declared *d = s->declared;
				s->declared = d->next;
				free(d);
			}
			free(s);
		}
	}
}
