#include "agent/sealer/sealer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/sealer/recovery.h"
#include "agent/sealer/restore.h"
#include "agent/sealer/sealer_state.h"
#include "base/clock.h"
#include "base/log.h"

enum {
	SYNC_MS = 80,                  /* a frame waits at most this long for fdatasync */
	SYNC_BYTES = 256 * 1024,       /* of runs taken in since the last sync */
	CHUNK_MS = 5000,
	BLOCK_CHUNKS_DUE = 1024,
	BLOCK_BYTES_DUE = 4 << 20,     /* of chunks; one block's group must fit into FORWARD_MAX */
	RETRY_FIRST_MS = 200, RETRY_MAX_MS = 2000,
	WAIT_MAX_MS = 60 * 1000,
	PAYLOAD_MAX = UNIT_PAYLOAD_MAX,
};

static int64_t system_now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static const struct sealer_clock system_clock = { system_now_ms, clock_boot_ns, clock_wall_ns, clock_boot_id };

void sealer_dirty(struct sealer *s, size_t bytes)
{
	if (s->dirty_ms == 0)
		s->dirty_ms = s->clock->now_ms();
	s->dirty_bytes += bytes;
}

void sealer_block_within(struct sealer *s, int64_t ms)
{
	int64_t due = s->clock->now_ms() + ms;
	if (s->block_due_ms == 0 || due < s->block_due_ms)
		s->block_due_ms = due;
}

/* ---- units into the spool's queue ---- */

bool sealer_group_full(const struct sealer *s)
{
	return s->digest_count >= BLOCK_CHUNKS_DUE || s->chunk_bytes >= BLOCK_BYTES_DUE;
}

int sealer_make_chunk(struct sealer *s, struct stream *st)
{
	if (s->digest_count == BLOCK_CHUNKS_MAX)
		return ITM_ELIMIT;
	if (!st->open && st->ended) { /* an END with nothing before it still has a time */
		st->boot_ns = s->clock->boot_ns();
		st->wall_ns = s->clock->wall_ns();
	}
	buffer_clear(&s->payload);
	int r = stream_make_chunk(st, &s->payload, s->digests[s->digest_count]);
	if (r == 0)
		r = spool_append(s->spool, UNIT_CHUNK, 1, s->payload.data, s->payload.len);
	if (r != 0)
		return r;
	s->lost_bytes += st->lost_bytes;
	st->lost_bytes = 0;
	s->digest_count++;
	s->chunk_bytes += s->payload.len;
	s->chunks++;
	sealer_dirty(s, 0);
	sealer_block_within(s, s->config.block_interval_ms);
	if (sealer_group_full(s))
		sealer_block_within(s, 0);
	return 0;
}

int sealer_append(struct sealer *s, uint8_t type)
{
	int r = spool_append(s->spool, type, 1, s->payload.data, s->payload.len);
	if (r == 0)
		sealer_dirty(s, 0);
	return r;
}

int sealer_append_block(struct sealer *s)
{
	uint64_t segment, offset;
	/* Every file can be read alone: its first block is in the long form. */
	spool_durable(s->spool, &segment, &offset);
	if (segment != s->context_segment)
		s->context.known = false;
	s->context_segment = segment;
	buffer_clear(&s->payload);
	int r = block_encode_after(&s->context, &s->payload, &s->chain.flying);
	return r ? r : sealer_append(s, UNIT_BLOCK);
}

int sealer_append_checkpoint(struct sealer *s)
{
	struct recovery_position *position = calloc(s->stream_count ? s->stream_count : 1, sizeof *position);
	size_t n = 0;
	if (position == NULL)
		return ITM_ENOMEM;
	for (struct stream *st = s->streams; st != NULL; st = st->next) {
		position[n++] = (struct recovery_position){ .id = st->id, .chunk = st->chunk, .frame = st->chunked,
							    .ended = st->sealed };
		/* What comes later must be readable from here on. */
		chunk_writer_reset(st->writer);
	}
	buffer_clear(&s->payload);
	int r = recovery_put_checkpoint(&s->payload, s->chain.has_last ? &s->chain.last : NULL,
					s->ledger.receipt, &s->anchor.seen, position, n);
	free(position);
	if (r == 0)
		r = sealer_append(s, UNIT_CHECKPOINT);
	if (r == 0)
		anchor_begin(&s->anchor, spool_last_segment(s->spool), s->chain.has_last ? s->chain.last.sequence : 0);
	return r;
}

static void fail(struct sealer *s)
{
	char words[sizeof s->error];
	(void)snprintf(words, sizeof words, "the spool does not take writes: %s", strerror(errno));
	if (!s->failing || strcmp(words, s->error) != 0)
		log_error("%s; nothing is acknowledged until it does", words);
	memcpy(s->error, words, sizeof words);
	s->retry_pause_ms = s->failing ? s->retry_pause_ms * 2 : RETRY_FIRST_MS;
	if (s->retry_pause_ms > RETRY_MAX_MS)
		s->retry_pause_ms = RETRY_MAX_MS;
	s->failing = true;
	s->retry_at_ms = s->clock->now_ms() + s->retry_pause_ms;
}

static void block_is_durable(struct sealer *s)
{
	chain_durable(&s->chain);
	ledger_block(&s->ledger, &s->chain.last);
	size_t left = s->digest_count - s->flying_count;
	memmove(s->digests, s->digests + s->flying_count, left * sizeof *s->digests);
	s->digest_count = left;
	s->flying_count = 0;
	s->chunk_bytes = 0;
	s->blocks++;
	s->last_block_ms = s->clock->now_ms();
	s->block_due_ms = 0;
	for (struct stream *st = s->streams; st != NULL; st = st->next)
		if (stream_pending(st))
			sealer_block_within(s, s->config.block_interval_ms);
	if (left > 0 || s->cut_short)
		sealer_block_within(s, 0);
	s->cut_short = false;
}

/* 0: durable.  1: not now.  ITM_E*: can't go on. */
int sealer_sync(struct sealer *s)
{
	if (spool_sync(s->spool) != 0) {
		fail(s);
		return 1;
	}
	if (s->failing)
		log_info("the spool takes writes again");
	s->failing = false;
	s->error[0] = '\0';
	s->dirty_ms = 0;
	s->dirty_bytes = 0;
	for (struct stream *st = s->streams; st != NULL; st = st->next)
		st->durable = st->accepted;
	if (s->chain.in_flight)
		block_is_durable(s);
	anchor_trim(s);
	return 0;
}

/* Sign what is there; durable when it returns 0. */
int sealer_make_block(struct sealer *s, uint16_t flags)
{
	if (s->chain.in_flight)
		return sealer_sync(s);
	/* Chunks reach the kernel before the slot names them. */
	if (spool_flush(s->spool) != 0) {
		fail(s);
		return 1;
	}
	if (s->digest_count == 0 && !(flags & (BLOCK_CLOSE | BLOCK_RECOVERY)))
		flags |= BLOCK_HEARTBEAT;
	buffer_clear(&s->payload);
	int r = chain_make(&s->chain, flags, s->digests, s->digest_count, s->clock->boot_ns(), s->clock->wall_ns(),
			   &s->payload);
	if (r == 0)
		r = sealer_append_block(s);
	if (r != 0)
		return r;
	s->flying_count = s->digest_count;
	return sealer_sync(s);
}

static int chunk_all(struct sealer *s)
{
	for (struct stream *st = s->streams; st != NULL; st = st->next) {
		if (!stream_pending(st))
			continue;
		if (sealer_group_full(s)) {
			s->cut_short = true; /* the rest follows in a block of its own, at once */
			return 0;
		}
		int r = sealer_make_chunk(s, st);
		if (r != 0)
			return r;
	}
	return 0;
}

/* Segments change only when all is signed, so that a restart needs to read
 * one, not the whole spool. */
static int maybe_next_segment(struct sealer *s)
{
	if (!s->checkpoint_due && spool_full(s->spool) && spool_queued(s->spool) == 0 &&
	    s->clock->now_ms() >= s->next_segment_ms) {
		for (struct stream *st = s->streams; st != NULL; st = st->next)
			if (stream_pending(st))
				return 0;
		if (s->digest_count > 0)
			return 0;
		if (spool_begin(s->spool) != 0) {
			s->next_segment_ms = s->clock->now_ms() + RETRY_MAX_MS;
			return 0; /* the old one goes on being used */
		}
		s->checkpoint_due = true;
	}
	if (!s->checkpoint_due)
		return 0;
	s->checkpoint_due = false;
	return sealer_append_checkpoint(s);
}

/* ---- life ---- */

struct sealer *sealer_open(const struct sealer_config *config, const struct id *live, size_t live_count, int *error)
{
	struct sealer *s = calloc(1, sizeof *s);
	int r = ITM_ENOMEM;
	if (s == NULL)
		goto fail;
	s->config = *config;
	s->clock = config->clock ? config->clock : &system_clock;
	buffer_init(&s->payload, PAYLOAD_MAX);
	s->digests = calloc(BLOCK_CHUNKS_MAX, sizeof *s->digests);
	if (s->digests == NULL)
		goto fail;
	s->chain = (struct chain){ .slot = config->slot, .host = config->host, .boot = s->clock->boot_id(),
				   .identity = &s->config.identity };
	s->spool = spool_open(config->spool, &config->host, &r);
	if (s->spool == NULL)
		goto fail;
	spool_use_calls(s->spool, config->calls);
	sealer_reserve(s);
	sealer_look_for_room(s);
	s->last_block_ms = s->clock->now_ms();
	r = restore_run(s, live, live_count);
	if (r == 0)
		return s;
fail:
	sealer_free(s);
	*error = r;
	return NULL;
}

void sealer_free(struct sealer *s)
{
	if (s == NULL)
		return;
	int saved = errno;
	while (s->streams != NULL) {
		struct stream *st = s->streams;
		s->streams = st->next;
		stream_free(st);
	}
	spool_close(s->spool);
	chain_wipe(&s->chain);
	sign_wipe(&s->config.identity, sizeof s->config.identity);
	buffer_free(&s->payload);
	free(s->digests);
	free(s);
	errno = saved;
}

/* ---- time ---- */

static int64_t soonest(int64_t a, int64_t b)
{
	return b < a ? b : a;
}

/* One thing that is due now.  0 done, 1 the disk does not take it, 2 nothing
 * is due; *due: when something will be. */
static int one_step(struct sealer *s, int64_t now, int64_t *due)
{
	*due = s->last_block_ms + s->config.heartbeat_ms;
	if (s->block_due_ms != 0)
		*due = soonest(*due, s->block_due_ms);
	if (*due <= now) {
		int r = chunk_all(s);
		return r ? r : sealer_make_block(s, 0);
	}
	for (struct stream *st = s->streams; st != NULL; st = st->next) {
		if (!st->open)
			continue;
		if (st->since_ms + CHUNK_MS <= now)
			return sealer_make_chunk(s, st);
		*due = soonest(*due, st->since_ms + CHUNK_MS);
	}
	if (s->dirty_ms == 0)
		return 2;
	if (s->dirty_bytes >= SYNC_BYTES || spool_queued(s->spool) >= SYNC_BYTES || s->dirty_ms + SYNC_MS <= now)
		return sealer_sync(s);
	*due = soonest(*due, s->dirty_ms + SYNC_MS);
	return 2;
}

int sealer_turn(struct sealer *s, int64_t *wait_ms, bool *progress)
{
	int64_t now = s->clock->now_ms(), due = now;
	uint64_t blocks = s->blocks;
	int r = 0;

	*progress = false;
	sealer_look_for_room(s);
	if (s->failing && now < s->retry_at_ms) {
		*wait_ms = s->retry_at_ms - now;
		return 0;
	}
	if (s->failing)
		r = sealer_sync(s);
	/* Bounded: each step moves a due time on. */
	for (int i = 0; r == 0 && i < 64; i++) {
		bool dirty = s->dirty_ms != 0;
		r = one_step(s, now, &due);
		*progress |= (dirty && s->dirty_ms == 0) || s->blocks != blocks;
		if (r == 0)
			r = maybe_next_segment(s);
		now = s->clock->now_ms();
	}
	if (r < 0)
		return r;
	if (s->failing)
		due = s->retry_at_ms;
	*wait_ms = due > now ? soonest(due - now, WAIT_MAX_MS) : 0;
	return 0;
}

int sealer_stop(struct sealer *s, int64_t patience_ms)
{
	int64_t until = s->clock->now_ms() + patience_ms;
	for (;;) {
		int r = s->failing || s->chain.in_flight ? sealer_sync(s) : 0;
		bool rest = false;
		if (r == 0)
			r = chunk_all(s);
		for (struct stream *st = s->streams; st != NULL; st = st->next)
			rest |= stream_pending(st);
		if (r == 0)
			r = sealer_make_block(s, rest ? 0 : BLOCK_CLOSE);
		if (r < 0 || (r == 0 && !rest))
			return r;
		if (s->clock->now_ms() >= until)
			return ITM_ESYS;
		const struct timespec pause = { .tv_nsec = 50 * 1000000 };
		if (r != 0)
			nanosleep(&pause, NULL);
	}
}

void sealer_log(struct sealer *s, uint64_t *size, bool *ask)
{
	*size = s->anchor.seen.size;
	*ask = s->anchor.ask;
	s->anchor.ask = false;
}

void sealer_durable(const struct sealer *s, uint64_t *segment, uint64_t *offset)
{
	spool_durable(s->spool, segment, offset);
}

void sealer_status(const struct sealer *s, struct sealer_status *out)
{
	memset(out, 0, sizeof *out); /* compared as bytes, padding too */
	*out = (struct sealer_status){
		.sequence = s->chain.has_last ? s->chain.last.sequence : 0, .streams = s->stream_count,
		.frames = s->frames, .chunks = s->chunks, .blocks = s->blocks, .bad_frames = s->bad_frames, .lost_bytes = s->lost_bytes,
		.spool_bytes = spool_bytes(s->spool), .spool_capacity = s->room.capacity, .spool_percent = s->room.percent,
		.space = s->room.level, .policy = s->config.spool_full, .receipt = s->ledger.receipt,
		.oldest_unacknowledged_wall_ns = ledger_oldest(&s->ledger),
		.failing = s->failing, .error = s->error,
		.log_size = s->anchor.seen.size, .log_refused = s->anchor.refused ? s->anchor.why : "",
	};
	spool_durable(s->spool, &out->segment, &out->offset);
}
