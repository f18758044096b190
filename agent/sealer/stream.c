#include "agent/sealer/stream.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A run is at most FRAME_RUN_MAX and joins fewer than STREAM_CHUNK_PLAIN bytes. */
enum { COLUMN_MAX = CHUNK_PLAIN_MAX };
static_assert((int)STREAM_CHUNK_PLAIN + (int)FRAME_RUN_MAX < (int)CHUNK_PLAIN_MAX, "a frame always fits");
#define OFFSET_MAX_MS (24ull * 3600 * 1000) /* a frame further from the chunk's start is brought to it */

struct stream *stream_new(const struct id *id, uint64_t chunk, uint64_t frame)
{
	struct stream *s = calloc(1, sizeof *s);
	if (s == NULL)
		return NULL;
	s->id = *id;
	s->sock = -1;
	s->accepted = s->durable = s->acked = s->chunked = frame;
	s->chunk = chunk;
	record_columns_init(&s->columns, COLUMN_MAX);
	s->writer = chunk_writer_new(id, chunk + 1);
	if (s->writer == NULL) {
		stream_free(s);
		return NULL;
	}
	return s;
}

void stream_free(struct stream *s)
{
	if (s == NULL)
		return;
	if (s->sock >= 0)
		close(s->sock);
	chunk_writer_free(s->writer);
	record_columns_free(&s->columns);
	free(s);
}

int stream_set_position(struct stream *s, uint64_t chunk, uint64_t frame)
{
	struct chunk_writer *writer = chunk_writer_new(&s->id, chunk + 1);
	if (writer == NULL)
		return ITM_ENOMEM;
	chunk_writer_free(s->writer);
	s->writer = writer;
	s->chunk = chunk;
	s->accepted = s->durable = s->acked = s->chunked = frame;
	return 0;
}

static void begin(struct stream *s, uint64_t boot_ns, int64_t wall_ns, int64_t now_ms)
{
	if (s->open)
		return;
	s->open = true;
	s->boot_ns = boot_ns;
	s->wall_ns = wall_ns;
	s->since_ms = now_ms;
}

static int check_run(const struct frame *f, struct fault *fault)
{
	struct record_run run;
	struct record_event event;
	int r;
	record_run_init(&run, f->run, f->run_len);
	while ((r = record_run_next(&run, &event, fault)) > 0)
		if (event.time_ms > OFFSET_MAX_MS)
			return error_fault(fault, ITM_EFORMAT, run.pos, "event a day after its frame");
	return r;
}

int stream_take(struct stream *s, const struct frame *f, int64_t now_ms, struct fault *fault)
{
	struct record_run run;
	struct record_event event;

	int r = check_run(f, fault);
	if (r != 0)
		return r;
	begin(s, f->boot_ns, f->wall_ns, now_ms);
	uint64_t offset_ms = f->boot_ns > s->boot_ns ? (f->boot_ns - s->boot_ns) / 1000000 : 0;
	if (offset_ms > OFFSET_MAX_MS)
		offset_ms = OFFSET_MAX_MS;
	struct record_columns before = s->columns;
	record_run_init(&run, f->run, f->run_len);
	while (r == 0 && record_run_next(&run, &event, NULL) > 0) {
		event.time_ms += offset_ms;
		r = record_columns_put(&s->columns, &event);
		if (r == 0 && event.kind == RECORD_GAP) {
			s->loss = true;
			s->lost_bytes += event.code;
		}
	}
	if (r != 0) {
		/* Memory may have moved; what was there counts no more. */
		s->columns.ctl.len = before.ctl.len;
		s->columns.out.len = before.out.len;
		s->columns.in.len = before.in.len;
		s->columns.meta.len = before.meta.len;
		s->columns.last_ms = before.last_ms;
		return error_fault(fault, r, 0, "no memory for the frame");
	}
	s->plain += FRAME_HEADER_SIZE + f->run_len; /* so that empty frames end somewhere too */
	s->accepted = f->number;
	s->resuming = false;
	s->ended |= (f->flags & FRAME_END) != 0;
	return 0;
}

int stream_lost(struct stream *s, const char *note, uint64_t boot_ns, int64_t wall_ns, int64_t now_ms)
{
	begin(s, boot_ns, wall_ns, now_ms);
	uint64_t time_ms = boot_ns > s->boot_ns ? (boot_ns - s->boot_ns) / 1000000 : 0;
	if (time_ms > OFFSET_MAX_MS)
		time_ms = OFFSET_MAX_MS;
	struct record_event event = { .time_ms = time_ms, .kind = RECORD_NOTE, .code = strlen(note),
				      .data = (const uint8_t *)note, .len = strlen(note) };
	struct record_event gap = { .time_ms = time_ms, .kind = RECORD_GAP };
	int r = record_columns_put(&s->columns, &event);
	if (r == 0)
		r = record_columns_put(&s->columns, &gap);
	if (r == 0)
		s->loss = s->ended = true;
	return r;
}

bool stream_pending(const struct stream *s)
{
	return s->open || (s->ended && !s->sealed);
}

int stream_make_chunk(struct stream *s, struct buffer *b, uint8_t digest[HASH_SIZE])
{
	uint64_t last_ms = s->columns.last_ms;
	struct chunk info = { .flags = (uint16_t)((s->ended ? CHUNK_END : 0) | (s->loss ? CHUNK_LOSS : 0)),
			      .last_frame = s->accepted, .boot_ns = s->boot_ns, .wall_ns = s->wall_ns,
			      .duration_ms = (uint32_t)last_ms };
	int r = chunk_writer_put(s->writer, &info, &s->columns, b, digest);
	if (r != 0)
		return r;
	record_columns_clear(&s->columns);
	s->chunk++;
	s->chunked = s->accepted;
	s->sealed = s->ended;
	s->open = s->loss = false;
	s->plain = 0;
	return 0;
}
