#include "store/source.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "format/chunk.h"
#include "format/frame.h"
#include "format/unit.h"
#include "store/evidence_remove.h"
#include "store/source_units.h"

enum { SOURCE_FAULT_SIZE = 256, SOURCE_NOTICE_SIZE = 640 };

struct source {
	struct source_units *units;
	struct id stream;
	struct chunk_reader *reader;
	struct buffer payload;           /* of the chunk or frame being read */
	char fault[SOURCE_FAULT_SIZE];

	enum { SOURCE_NONE, SOURCE_CHUNK, SOURCE_FRAME } reading;
	struct chunk chunk;
	struct record_cursor cursor;
	struct record_run run;

	/* Words that stand where something was removed, as output: "" = none due.
	 * told: said for the chunk before, so not said again. */
	char notice[SOURCE_NOTICE_SIZE], notice_shown[SOURCE_NOTICE_SIZE];
	uint8_t told;

	bool started;
	uint64_t start_boot_ns, base_ms; /* of the session; of what is being read */
	int64_t base_wall_ns;
	uint64_t last_ms;                /* time never runs back */
	uint64_t last_number;            /* chunk read last */
	uint64_t sealed_frame, shown_frame; /* frames up to these came in chunks, or from the tail */
	uint64_t tail_events;            /* shown from the tail, to be left out of the next chunks */
	struct source_place place;       /* of the chunk being read, when it is a RESET */
	bool at_place, first_given;      /* none of its events was given yet; the first was just now */
	bool broken;                     /* until the next RESET nothing can be read */
	bool ended;
	struct sealed *keys;             /* NULL: typed bytes stay sealed */
};

struct source *source_open(const char *dir, const struct id *stream, int *error)
{
	struct source *s = calloc(1, sizeof *s);
	if (s == NULL) {
		*error = ITM_ENOMEM;
		return NULL;
	}
	s->stream = *stream;
	buffer_init(&s->payload, UNIT_PAYLOAD_MAX);
	s->reader = chunk_reader_new();
	s->units = source_units_open(dir, stream, error);
	if (s->reader == NULL)
		*error = ITM_ENOMEM;
	if (s->units == NULL || s->reader == NULL) {
		source_close(s);
		return NULL;
	}
	if (!source_units_present(s->units)) {
		*error = ITM_ENOENT;
		source_close(s);
		return NULL;
	}
	return s;
}

void source_close(struct source *s)
{
	if (s == NULL)
		return;
	source_units_close(s->units);
	chunk_reader_free(s->reader);
	buffer_free(&s->payload);
	free(s);
}

int source_rewind(struct source *s)
{
	struct chunk_reader *fresh = chunk_reader_new();
	if (fresh == NULL)
		return ITM_ENOMEM;
	int rc = source_units_rewind(s->units);
	if (rc != 0) {
		chunk_reader_free(fresh);
		return rc;
	}
	struct source old = *s;
	memset(s, 0, sizeof *s);
	s->units = old.units;
	s->stream = old.stream;
	s->payload = old.payload;
	s->reader = fresh;
	s->keys = old.keys;
	chunk_reader_free(old.reader);
	return 0;
}

bool source_place(const struct source *s, struct source_place *out)
{
	*out = s->place;
	return s->first_given;
}

int source_go(struct source *s, const struct source_place *place)
{
	int rc = source_rewind(s);
	if (rc != 0)
		return rc;
	source_units_skip(s->units, place->chunk);
	s->started = true;
	s->start_boot_ns = place->start_boot_ns;
	s->last_ms = place->last_ms;
	s->last_number = place->chunk - 1;
	s->sealed_frame = place->frames;
	if (s->keys != NULL)
		sealed_lost(s->keys);
	return 0;
}

bool source_ended(const struct source *s)
{
	return s->ended;
}

const char *source_fault(const struct source *s)
{
	return s->fault;
}

static void source_base(struct source *s, uint64_t boot_ns, int64_t wall_ns)
{
	if (!s->started) {
		s->started = true;
		s->start_boot_ns = boot_ns;
	}
	s->base_ms = boot_ns > s->start_boot_ns ? (boot_ns - s->start_boot_ns) / 1000000 : 0;
	s->base_wall_ns = wall_ns;
}

/* What is missing */

struct missing { uint64_t number; uint8_t sections; char *notice; };

static int source_why(void *context, const struct evidence_removed *r)
{
	struct missing *m = context;
	if (m->number < r->first || m->number > r->last || (m->sections & r->sections) == 0)
		return 0;
	/* A reason is one line; what else it holds must not act on a terminal. */
	size_t len = (size_t)snprintf(m->notice, SOURCE_NOTICE_SIZE, "\r\n[redacted: %.*s]\r\n", REMOVAL_TEXT_SIZE, r->reason);
	for (size_t i = 2; i + 2 < len; i++)
		if ((unsigned char)m->notice[i] < 0x20 || m->notice[i] == 0x7f || (unsigned char)m->notice[i] == 0xc2)
			m->notice[i] = '?';
	return 0;
}

/* At the first chunk of a run of those whose output or input is gone. */
static void source_missing(struct source *s)
{
	struct missing m = { .number = s->chunk.number, .notice = s->notice };
	for (size_t i = 0; i < s->chunk.section_count; i++)
		if (s->chunk.section[i].codec == CHUNK_DROPPED)
			m.sections |= (uint8_t)(1u << s->chunk.section[i].kind);
	s->notice[0] = '\0';
	if (m.sections & ~s->told) {
		snprintf(s->notice, sizeof s->notice, "\r\n[redacted]\r\n");
		source_units_removed(s->units, source_why, &m);
	}
	s->told = m.sections;
}

/* Take up the chunk in payload.  0 = being read, 1 = passed over, ITM_E*. */
static int source_begin_chunk(struct source *s)
{
	struct fault fault = { 0 };
	struct chunk head;
	uint8_t digest[HASH_SIZE];
	int rc = chunk_decode(s->payload.data, s->payload.len, &head, &fault);
	if (rc == 0 && head.number <= s->last_number)
		return 1;
	uint64_t expected = s->last_number + 1;
	if (rc == 0)
		rc = chunk_reader_next(s->reader, s->payload.data, s->payload.len, &s->chunk, &s->cursor, digest, &fault);
	if (rc == ITM_EINVAL && s->broken) {
		s->last_number = head.number;
		return 1; /* said already when the chunk it needs was found broken */
	}
	if (rc != 0) {
		s->broken = true;
		snprintf(s->fault, sizeof s->fault, "after chunk %" PRIu64 ": %s at %" PRIu64, s->last_number,
			 fault.reason != NULL ? fault.reason : error_text(rc), fault.offset);
		return rc;
	}
	source_missing(s);
	/* Not while a part of it was shown from the tail already. */
	s->at_place = (head.flags & CHUNK_RESET) != 0 && s->tail_events == 0;
	bool hole = head.number != expected && !s->broken;
	s->broken = false;
	s->last_number = head.number;
	s->reading = SOURCE_CHUNK;
	source_base(s, head.boot_ns, head.wall_ns);
	s->place = (struct source_place){ .chunk = head.number, .start_boot_ns = s->start_boot_ns, .last_ms = s->last_ms,
					  .frames = s->sealed_frame };
	if (hole) {
		/* What was shown from the tail says nothing about this chunk. */
		s->tail_events = 0;
		snprintf(s->fault, sizeof s->fault, "chunks %" PRIu64 " to %" PRIu64 " are missing", expected, head.number - 1);
		return ITM_EFORMAT;
	}
	return 0;
}

static int source_begin_frame(struct source *s)
{
	struct fault fault = { 0 };
	struct frame f;
	int rc = frame_decode(s->payload.data, s->payload.len, &f, &fault);
	if (rc != 0) {
		snprintf(s->fault, sizeof s->fault, "a frame of the tail: %s", fault.reason);
		return rc;
	}
	uint64_t known = s->sealed_frame > s->shown_frame ? s->sealed_frame : s->shown_frame;
	if (f.number <= known)
		return 1;
	s->shown_frame = f.number;
	s->reading = SOURCE_FRAME;
	record_run_init(&s->run, f.run, f.run_len);
	source_base(s, f.boot_ns, f.wall_ns);
	return 0;
}

/* The chunk or frame being read is through. */
static void source_finish_part(struct source *s)
{
	if (s->reading == SOURCE_CHUNK) {
		s->sealed_frame = s->chunk.last_frame;
		if (s->sealed_frame >= s->shown_frame)
			s->tail_events = 0;
		if (s->chunk.flags & CHUNK_END)
			s->ended = true;
	}
	s->reading = SOURCE_NONE;
}

/* What is typed is for those who opened it; others learn about when. */
static void source_typed(struct source *s, struct source_event *out)
{
	struct record_event *e = &out->event;
	if (s->keys != NULL) {
		sealed_event(s->keys, e);
		return;
	}
	bool typed = e->kind == RECORD_IN || (e->kind == RECORD_COUNTED && (e->code & 3) == 0);
	if (!typed)
		return;
	uint64_t over_ms = e->time_ms % SOURCE_TYPED_STEP_MS;
	e->time_ms -= over_ms;
	out->wall_ns -= (int64_t)(over_ms * 1000000);
	e->data = NULL;
	e->len = 0;
}

/* 1 = an event, 0 = the part is through, ITM_E*. */
static int source_step(struct source *s, struct source_event *out)
{
	struct fault fault = { 0 };
	int rc;
	if (s->reading == SOURCE_CHUNK && s->notice[0] != '\0') {
		size_t len = strlen(s->notice);
		*out = (struct source_event){
			.event = { .time_ms = s->base_ms > s->last_ms ? s->base_ms : s->last_ms, .kind = RECORD_OUT, .code = len,
				   .data = (const uint8_t *)s->notice_shown, .len = len },
			.wall_ns = s->base_wall_ns, .sealed = true, .chunk = s->chunk.number,
		};
		memcpy(s->notice_shown, s->notice, len + 1);
		s->last_ms = out->event.time_ms;
		s->notice[0] = '\0';
		return 1;
	}
	do
		rc = s->reading == SOURCE_CHUNK ? record_cursor_next(&s->cursor, &out->event, &fault)
						: record_run_next(&s->run, &out->event, &fault);
	while (rc == 1 && s->reading == SOURCE_CHUNK && s->tail_events > 0 && s->tail_events--);
	if (rc < 0)
		snprintf(s->fault, sizeof s->fault, "in chunk %" PRIu64 ": %s", s->last_number,
			 fault.reason != NULL ? fault.reason : error_text(rc));
	if (rc != 1)
		return rc;
	out->sealed = s->reading == SOURCE_CHUNK;
	out->chunk = out->sealed ? s->chunk.number : 0;
	out->wall_ns = s->base_wall_ns + (int64_t)(out->event.time_ms * 1000000);
	out->event.time_ms += s->base_ms;
	source_typed(s, out);
	if (out->event.time_ms < s->last_ms)
		out->event.time_ms = s->last_ms;
	s->last_ms = out->event.time_ms;
	if (!out->sealed)
		s->tail_events++;
	return 1;
}

/* Get the next chunk, or else frame.  0 = being read, 1 = try again,
 * ITM_ENOENT = nothing more now, other ITM_E* = broken. */
static int source_fetch(struct source *s)
{
	const char *words = NULL;
	buffer_clear(&s->payload);
	int rc = source_units_chunk(s->units, &s->payload, &words);
	if (rc == 1)
		return source_begin_chunk(s);
	if (rc < 0) {
		snprintf(s->fault, sizeof s->fault, "%s", words != NULL ? words : error_text(rc));
		s->broken = true;
		return rc;
	}
	if (s->ended)
		return ITM_ENOENT;
	uint64_t known = s->sealed_frame > s->shown_frame ? s->sealed_frame : s->shown_frame;
	rc = source_units_frame(s->units, known, &s->payload);
	if (rc == 1)
		return source_begin_frame(s);
	return rc == 0 ? ITM_ENOENT : rc;
}

static int next(struct source *s, struct source_event *out)
{
	for (;;) {
		int rc;
		if (s->reading != SOURCE_NONE) {
			rc = source_step(s, out);
			if (rc == 1)
				return 1;
			source_finish_part(s);
			if (rc < 0)
				return rc;
		}
		rc = source_fetch(s);
		if (rc == ITM_ENOENT)
			return 0;
		if (rc < 0)
			return rc;
	}
}

int source_next(struct source *s, struct source_event *out)
{
	int rc = next(s, out);
	s->first_given = rc == 1 && s->at_place && s->reading == SOURCE_CHUNK;
	if (rc == 1)
		s->at_place = false;
	if (rc < 0 && s->keys != NULL)
		sealed_lost(s->keys);
	return rc;
}

int source_unseal(struct source *s, struct sealed *keys, char words[SEALED_WORDS_SIZE])
{
	struct source_event first;
	s->keys = NULL;
	int rc = source_rewind(s);
	if (rc != 0 || keys == NULL)
		return rc;
	snprintf(words, SEALED_WORDS_SIZE, "the session's metadata can't be read");
	rc = source_next(s, &first);
	if (rc < 0)
		return rc;
	if (rc == 0 || first.event.kind != RECORD_ENV || first.event.data == NULL)
		return ITM_ENOENT;
	rc = sealed_open(keys, &s->stream, first.event.data, first.event.len, words);
	int back = source_rewind(s);
	if (rc == 0)
		rc = back;
	if (rc == 0)
		s->keys = keys;
	return rc;
}
