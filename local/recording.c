#include "local/recording.h"

#include <string.h>

#include "base/clock.h"

enum {
	NS_PER_MS = 1000000,
	EVENT_HEAD_MAX = 20,   /* two varints of up to 10 bytes */
	PIECE_MIN = 256,       /* a smaller rest of a frame is not worth an event */
	/* What was read just before the bound was reached is still taken. */
	SLACK = 3 * RECORDING_RUN_AIM,
};

int recording_open(struct recording *r, int sock, const struct id *stream, enum users_failure failure)
{
	*r = (struct recording){ .stream = *stream, .failure = failure, .number = 1 };
	outbox_init(&r->outbox, sock);
	buffer_init(&r->run, FRAME_RUN_MAX);
	return buffer_reserve(&r->run, FRAME_RUN_MAX);
}

void recording_close(struct recording *r)
{
	outbox_free(&r->outbox);
	buffer_free(&r->run);
}

/* The failure policy, in one place. */
static void fail(struct recording *r, const char *reason)
{
	if (r->failure == USERS_STRICT && r->refusal == NULL)
		r->refusal = reason;
	r->losing = true;
}

static void put(struct recording *r, uint64_t now_ns, enum record_kind kind, uint64_t code, const void *data)
{
	if (r->run.len == 0) {
		r->start_ns = now_ns;
		r->start_wall_ns = clock_wall_ns();
		r->last_ms = 0;
	}
	uint64_t ms = now_ns > r->start_ns ? (now_ns - r->start_ns) / NS_PER_MS : 0;
	/* A run has room for what callers put: they cut frames first. */
	if (record_put(&r->run, &r->last_ms, ms, kind, code, data) != 0)
		r->lost_bytes += record_column(kind) != RECORD_COLUMN_NONE ? code : 0;
}

static void cut(struct recording *r, uint8_t flags)
{
	const struct frame f = {
		.stream = r->stream, .number = r->number, .boot_ns = r->start_ns, .wall_ns = r->start_wall_ns,
		.flags = flags, .run = r->run.data, .run_len = r->run.len,
	};

	if (outbox_add(&r->outbox, &f) != 0)
		return;
	r->number++;
	r->closing &= (flags & FRAME_END) == 0;
	if (r->first_ns == 0)
		r->first_ns = r->start_ns;
	buffer_clear(&r->run);
	outbox_send(&r->outbox);
}

/* Room for an event of at least want bytes, by sending the run where the
 * bound allows it. */
static bool make_room(struct recording *r, size_t want)
{
	if (r->run.len + want + EVENT_HEAD_MAX <= RECORDING_RUN_AIM)
		return true;
	if (r->outbox.bytes < OUTBOX_BOUND + SLACK)
		cut(r, 0);
	return r->run.len + want + EVENT_HEAD_MAX <= RECORDING_RUN_AIM;
}

static void close_gap(struct recording *r, uint64_t now_ns)
{
	if (r->lost_bytes == 0 || !make_room(r, 0))
		return;
	put(r, now_ns, RECORD_GAP, r->lost_bytes, NULL);
	r->lost_bytes = 0;
	r->gap_ns = now_ns;
}

static enum space_act act(const struct recording *r)
{
	return space_act(r->outbox.level, r->outbox.policy, r->failure);
}

/* How much of len bytes of output may be kept. */
static size_t thin(struct recording *r, uint64_t now_ns, size_t len)
{
	if (act(r) != SPACE_THIN) {
		r->thin_ns = 0;
		return len;
	}
	uint64_t ms = now_ns > r->thin_ns ? (now_ns - r->thin_ns) / NS_PER_MS : 0;
	if (r->thin_ns == 0 || ms > 1000ull * RECORDING_THIN_BURST / RECORDING_THIN_RATE) {
		r->thin_left = RECORDING_THIN_BURST;
		r->thin_ns = now_ns;
	} else if (ms > 0) {
		r->thin_left += (size_t)(ms * RECORDING_THIN_RATE / 1000);
		r->thin_ns += ms * NS_PER_MS;
	}
	if (r->thin_left > RECORDING_THIN_BURST)
		r->thin_left = RECORDING_THIN_BURST;
	size_t keep = len <= r->thin_left ? len : r->thin_left >= PIECE_MIN ? r->thin_left : 0;
	r->thin_left -= keep;
	return keep;
}

void recording_bytes(struct recording *r, uint64_t now_ns, enum record_kind kind, const void *data, size_t len)
{
	const uint8_t *at = data;
	size_t whole = len;

	if (kind == RECORD_OUT || kind == RECORD_ERR)
		len = thin(r, now_ns, len);
	size_t thinned = whole - len;
	if (len > 0 && thinned + r->lost_bytes > 0 && !r->losing)
		close_gap(r, now_ns); /* in its place */
	while (len > 0 && !r->losing) {
		if (!make_room(r, len < PIECE_MIN ? len : PIECE_MIN))
			break;
		size_t room = RECORDING_RUN_AIM - EVENT_HEAD_MAX - r->run.len;
		size_t piece = len < room ? len : room;
		put(r, now_ns, kind, piece, at);
		at += piece;
		len -= piece;
	}
	r->lost_bytes += len + thinned;
}

void recording_code(struct recording *r, uint64_t now_ns, enum record_kind kind, uint64_t code)
{
	/* Events without bytes may use what is left of a frame above the aim. */
	if (make_room(r, 0) || r->run.len + EVENT_HEAD_MAX <= FRAME_RUN_MAX)
		put(r, now_ns, kind, code, NULL);
}

bool recording_whole(struct recording *r, uint64_t now_ns, enum record_kind kind, const void *data, size_t len)
{
	if (!make_room(r, len) && r->run.len + len + EVENT_HEAD_MAX > FRAME_RUN_MAX) {
		r->lost_bytes += len;
		return false;
	}
	put(r, now_ns, kind, len, data);
	return true;
}

bool recording_note(struct recording *r, uint64_t now_ns, const char *text)
{
	return recording_whole(r, now_ns, RECORD_NOTE, text, strlen(text));
}

void recording_flush(struct recording *r)
{
	if (r->run.len > 0 && !outbox_full(&r->outbox))
		cut(r, 0);
}

static bool due(const struct recording *r, uint64_t now_ns)
{
	return r->run.len > 0 && now_ns - r->start_ns >= (uint64_t)RECORDING_HOLD_MS * NS_PER_MS;
}

/* A full disk shows in the first frame: who may not work unrecorded is not let
 * in to fill our buffer first. */
static bool awaits_first(const struct recording *r)
{
	return r->failure == USERS_STRICT && !r->stored && r->first_ns != 0 && r->refusal == NULL;
}

static uint64_t first_deadline(const struct recording *r)
{
	return r->first_ns + (uint64_t)RECORDING_FIRST_MS * NS_PER_MS;
}

static void watch_progress(struct recording *r, uint64_t now_ns)
{
	bool is_full = outbox_full(&r->outbox);

	if (r->outbox.lost) {
		fail(r, "the recording can no longer be stored");
	} else if (is_full && act(r) == SPACE_HOLD) {
		r->progress_ns = now_ns; /* nothing more comes, so nothing is lost */
	} else if (awaits_first(r) && now_ns >= first_deadline(r)) {
		fail(r, "the recording is not being stored");
	} else if (!is_full) {
		r->losing = false;
	} else if (!r->was_full) {
		r->progress_ns = now_ns;
	} else if (now_ns - r->progress_ns >= (uint64_t)RECORDING_STALL_MS * NS_PER_MS) {
		fail(r, "the recording is not being stored");
	}
	r->was_full = is_full;
}

void recording_tick(struct recording *r, uint64_t now_ns)
{
	watch_progress(r, now_ns);
	if (!r->losing && (r->thin_ns == 0 || now_ns - r->gap_ns >= (uint64_t)RECORDING_THIN_GAP_MS * NS_PER_MS))
		close_gap(r, now_ns);
	if (r->closing)
		cut(r, FRAME_END);
	if (due(r, now_ns) && !outbox_full(&r->outbox))
		cut(r, 0);
}

void recording_receive(struct recording *r, uint64_t now_ns)
{
	if (outbox_receive(&r->outbox)) {
		r->progress_ns = now_ns;
		r->stored = true;
	}
	outbox_send(&r->outbox);
}

int recording_wait_ms(const struct recording *r, uint64_t now_ns)
{
	uint64_t at = UINT64_MAX;

	if (r->outbox.lost)
		return -1;
	if (outbox_full(&r->outbox)) {
		if (r->losing)
			return -1;
		at = (r->was_full ? r->progress_ns : now_ns) + (uint64_t)RECORDING_STALL_MS * NS_PER_MS;
	} else if (r->run.len > 0) {
		at = r->start_ns + (uint64_t)RECORDING_HOLD_MS * NS_PER_MS;
	}
	if (r->lost_bytes > 0 && !r->losing && r->thin_ns != 0 && !outbox_full(&r->outbox) &&
	    r->gap_ns + (uint64_t)RECORDING_THIN_GAP_MS * NS_PER_MS < at)
		at = r->gap_ns + (uint64_t)RECORDING_THIN_GAP_MS * NS_PER_MS;
	if (r->closing)
		at = now_ns + (uint64_t)RECORDING_HOLD_MS * NS_PER_MS;
	if (awaits_first(r) && first_deadline(r) < at)
		at = first_deadline(r);
	if (at == UINT64_MAX)
		return -1;
	return at <= now_ns ? 0 : (int)((at - now_ns + NS_PER_MS - 1) / NS_PER_MS);
}

short recording_events(const struct recording *r)
{
	return outbox_events(&r->outbox);
}

bool recording_full(const struct recording *r)
{
	return !r->losing && (outbox_full(&r->outbox) || (act(r) == SPACE_HOLD && !r->last));
}

void recording_last(struct recording *r)
{
	r->last = true;
}

const char *recording_refusal(const struct recording *r)
{
	return r->refusal;
}

void recording_finish(struct recording *r, uint64_t now_ns)
{
	if (r->lost_bytes > 0)
		recording_code(r, now_ns, RECORD_GAP, r->lost_bytes);
	r->lost_bytes = 0;
	if (r->run.len == 0) {
		r->start_ns = now_ns;
		r->start_wall_ns = clock_wall_ns();
	}
	r->closing = true;
	cut(r, FRAME_END);
}

bool recording_settled(const struct recording *r)
{
	return r->outbox.lost || (!r->closing && outbox_empty(&r->outbox));
}
