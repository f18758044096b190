/* The sealer's inlet: the streams there are, which frames are taken, and how
 * much room there is for them. */
#include <inttypes.h>
#include <stdio.h>

#include "agent/sealer/sealer_state.h"
#include "base/log.h"

enum { END_MS = 100 /* after an END: others may end with it */ };

struct stream *sealer_stream(struct sealer *s, const struct id *id)
{
	for (struct stream *st = s->streams; st != NULL; st = st->next)
		if (id_equal(&st->id, id))
			return st;
	struct stream *st = stream_new(id, 0, 0);
	if (st == NULL)
		return NULL;
	st->next = s->streams;
	s->streams = st;
	s->stream_count++;
	return st;
}

struct stream *sealer_streams(struct sealer *s)
{
	return s->streams;
}

void sealer_forget(struct sealer *s, struct stream *st)
{
	for (struct stream **at = &s->streams; *at != NULL; at = &(*at)->next) {
		if (*at != st)
			continue;
		*at = st->next;
		s->stream_count--;
		stream_free(st);
		return;
	}
}

/* Which numbers are right: 1 new, 0 seen before, ITM_E*. */
static int check_number(struct stream *st, const struct frame *f, struct fault *fault)
{
	if (!id_equal(&f->stream, &st->id))
		return error_fault(fault, ITM_EFORMAT, 0, "frame of another stream");
	if (f->number <= st->accepted) {
		st->ack_due = true;
		return 0;
	}
	if (f->number != st->accepted + 1 && st->resuming)
		return 0; /* it comes again, after those the last sealer lost */
	if (f->number != st->accepted + 1)
		return error_fault(fault, ITM_EFORMAT, 16, "frame numbers have a hole");
	if (st->ended)
		return error_fault(fault, ITM_EFORMAT, 16, "frame after the last one");
	return 1;
}

int sealer_frame(struct sealer *s, struct stream *st, const void *data, size_t len, struct fault *fault)
{
	struct frame f;
	int r = frame_decode(data, len, &f, fault);
	if (r == 0)
		r = check_number(st, &f, fault);
	if (r == 0)
		return 0;
	if (r == 1)
		r = stream_take(st, &f, s->clock->now_ms(), fault);
	if (r != 0) {
		s->bad_frames++;
		return r;
	}
	s->frames++;
	s->taken += f.run_len + FRAME_HEADER_SIZE;
	if (s->room.level == SPACE_NONE)
		s->vital_taken += f.run_len + FRAME_HEADER_SIZE;
	sealer_dirty(s, f.run_len + FRAME_HEADER_SIZE);
	sealer_block_within(s, st->ended ? END_MS : s->config.block_interval_ms);
	/* A full chunk makes its last frame durable by itself. */
	if (st->plain >= STREAM_CHUNK_PLAIN || st->ended)
		r = sealer_make_chunk(s, st);
	else
		r = spool_append(s->spool, UNIT_FRAME, 1, data, len);
	if (r == ITM_ELIMIT) /* BLOCK_CHUNKS_MAX: the frame counts by itself, the chunk comes later */
		r = spool_append(s->spool, UNIT_FRAME, 1, data, len);
	return r == 0 ? 0 : error_fault(fault, ITM_ENOMEM, 0, "no room for the frame");
}

int sealer_lost(struct sealer *s, struct stream *st, const char *why)
{
	char note[128];
	if (st->ended)
		return 0;
	(void)snprintf(note, sizeof note, "end=%s\n", why);
	int r = stream_lost(st, note, s->clock->boot_ns(), s->clock->wall_ns(), s->clock->now_ms());
	if (r == 0) {
		sealer_dirty(s, 0);
		sealer_block_within(s, END_MS);
	}
	return r;
}

bool sealer_done(const struct stream *st)
{
	return st->sealed && st->durable == st->accepted && (st->acked == st->durable || st->sock < 0);
}

/* ---- room ---- */

/* What was taken in and is not in the spool yet, or will be there once more as
 * chunks. */
static uint64_t pending(const struct sealer *s)
{
	uint64_t bytes = spool_queued(s->spool);
	for (const struct stream *st = s->streams; st != NULL; st = st->next)
		if (stream_pending(st))
			bytes += st->plain + ROOM_CHUNK_OVERHEAD;
	return bytes;
}

void sealer_look_for_room(struct sealer *s)
{
	struct room_measure m = { .bytes = spool_bytes(s->spool), .free = spool_room(s->spool),
				  .max = s->config.spool_max, .reserve = s->reserve, .pending = pending(s) };
	bool changed = room_judge(&s->room, &m);
	s->taken = 0;
	spool_set_segment_size(s->spool, room_segment(&s->room, s->config.spool_segment ? s->config.spool_segment : SPOOL_SEGMENT_SIZE));
	if (!changed)
		return;
	s->vital_taken = 0;
	if (s->room.level >= SPACE_FULL)
		log_error("the spool is %u %% full (%" PRIu64 " of %" PRIu64 " bytes): policy %s", s->room.percent, m.bytes,
			  s->room.capacity, space_policy_name(s->config.spool_full));
	else
		log_info("the spool is %u %% full (%" PRIu64 " of %" PRIu64 " bytes)", s->room.percent, m.bytes,
			 s->room.capacity);
}

void sealer_reserve(struct sealer *s)
{
	uint64_t bytes = spool_bytes(s->spool);
	s->reserve = room_reserve(bytes, spool_room(s->spool), s->config.spool_max);
	spool_set_reserve(s->spool, s->reserve);
}

enum space_level sealer_space(const struct sealer *s)
{
	return s->room.level;
}

bool sealer_accepting(const struct sealer *s, const struct stream *st)
{
	if (s->failing || spool_queued(s->spool) >= SEALER_QUEUE_STOP)
		return false;
	/* A frame needs its own bytes now, and once more in its chunk. */
	bool room = s->room.level != SPACE_NONE && s->room.left >= ROOM_SLACK + 2 * s->taken;
	/* The host's own events say why sessions stop: of the reserve they may take
	 * an eighth, and once more as chunks. */
	return room || (st->vital && s->vital_taken < s->reserve / 8);
}
