#include "agent/sealer/restore.h"

#include <string.h>

#include "agent/sealer/recovery.h"
#include "agent/sealer/sealer_state.h"
#include "base/log.h"
#include "base/reader.h"

static bool is_live(const struct id *id, const struct id *live, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (id_equal(id, &live[i]))
			return true;
	return false;
}

/* A chunk, after a block when there are too many for one. */
static int make_chunk_or_block(struct sealer *s, struct stream *st)
{
	int r = sealer_group_full(s) ? sealer_make_block(s, BLOCK_RECOVERY) : 0;
	return r ? r : sealer_make_chunk(s, st);
}

static int feed_frames(struct sealer *s, struct stream *st, const struct buffer *frames)
{
	struct reader r;
	reader_init(&r, frames->data, frames->len);
	while (reader_left(&r) > 0) {
		struct frame f;
		struct fault fault;
		size_t len = reader_u32(&r);
		const uint8_t *payload = reader_bytes(&r, len);
		if (payload == NULL || frame_decode(payload, len, &f, &fault) != 0)
			return ITM_EFORMAT; /* both were checked when they were collected */
		int e = stream_take(st, &f, s->clock->now_ms(), &fault);
		if (e == ITM_ENOMEM)
			return e;
		if (e != 0)
			log_error("a frame in the spool is not readable: %s", fault.reason);
		st->accepted = f.number;
		e = st->plain >= STREAM_CHUNK_PLAIN ? make_chunk_or_block(s, st) : 0;
		if (e != 0)
			return e;
	}
	return 0;
}

static int recover_stream(struct sealer *s, const struct recovery_stream *from, bool alive)
{
	if (from->ended && !alive)
		return 0;
	struct stream *st = sealer_stream(s, &from->id);
	if (st == NULL)
		return ITM_ENOMEM;
	int r = stream_set_position(st, from->chunk, from->frame);
	if (r == 0)
		r = feed_frames(s, st, &from->frames);
	st->resuming = alive;
	if (from->ended)
		st->ended = st->sealed = true;
	if (r == 0 && !alive && !st->ended)
		r = stream_lost(st, "end=recorder lost\n", s->clock->boot_ns(), s->clock->wall_ns(), s->clock->now_ms());
	if (r == 0 && stream_pending(st))
		r = make_chunk_or_block(s, st);
	st->acked = 0; /* said again once it is durable */
	st->durable = 0;
	return r;
}

/* Everything a crash left unsigned goes into a RECOVERY block. */
static int sign_the_rest(struct sealer *s, const struct recovery *rec, const struct id *live, size_t live_count)
{
	size_t covered = 0;
	buffer_clear(&s->payload);
	enum chain_start how = chain_open(&s->chain, rec->has_block ? &rec->block : NULL, s->digests,
					  s->digest_count, &s->payload, &covered);
	int r = 0;
	if (how == CHAIN_AGAIN) {
		r = sealer_append_block(s);
		s->flying_count = covered;
		if (r == 0)
			r = sealer_sync(s);
	}
	for (const struct recovery_stream *st = rec->streams; st != NULL && r == 0; st = st->next)
		r = recover_stream(s, st, is_live(&st->id, live, live_count));
	if (r == 0 && (s->digest_count > 0 || how == CHAIN_GENESIS))
		r = sealer_make_block(s, rec->has_block && s->digest_count > 0 ? BLOCK_RECOVERY : 0);
	if (r == 0)
		r = sealer_append_checkpoint(s);
	return r == 0 ? sealer_sync(s) : r;
}

int restore_run(struct sealer *s, const struct id *live, size_t live_count)
{
	struct recovery rec;
	int r = recovery_read(&rec, s->config.spool, spool_first_segment(s->spool), spool_last_segment(s->spool));
	if (r == 0 && rec.torn)
		r = spool_torn(s->spool, rec.torn_at.segment, rec.torn_at.offset, rec.torn_len);
	if (r == 0) {
		s->digest_count = rec.digest_count;
		s->chunk_bytes = rec.chunk_bytes;
		memcpy(s->digests, rec.digests, rec.digest_count * sizeof *s->digests);
		s->ledger.receipt = rec.receipt;
		s->anchor.seen = rec.seen;
		if (rec.has_block)
			ledger_block(&s->ledger, &rec.block);
		r = spool_begin(s->spool);
	}
	if (r == 0)
		r = sign_the_rest(s, &rec, live, live_count);
	recovery_free(&rec);
	return r == 1 ? ITM_ESYS : r;
}
