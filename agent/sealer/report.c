#include "agent/sealer/report.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/atomicfile.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/log.h"

enum { INTERVAL_MS = 1000, IDLE_MS = 60 * 1000, TEXT_MAX = 4096 };

static int put(struct buffer *b, const struct sealer_status *s)
{
	char boot[ID_TEXT_SIZE];
	struct id boot_id = clock_boot_id();
	id_format(&boot_id, boot);
	return buffer_printf(b,
		"pid=%d\nboot_id=%s\nwall_ns=%" PRId64 "\nsequence=%" PRIu64 "\nstreams=%" PRIu64 "\nframes=%" PRIu64
		"\nchunks=%" PRIu64 "\nblocks=%" PRIu64 "\nbad_frames=%" PRIu64 "\nlost_bytes=%" PRIu64 "\nspool_bytes=%" PRIu64
		"\nspool_capacity=%" PRIu64 "\nspool_percent=%u\nspool_level=%s\nspool_policy=%s"
		"\ndurable_segment=%" PRIu64 "\ndurable_offset=%" PRIu64 "\nstate=%s\nerror=%s\nreceipt_sequence=%" PRIu64
		"\noldest_unacknowledged_wall_ns=%" PRId64
		"\nlog_size=%" PRIu64 "\nlog_refused=%s\n",
		(int)getpid(), boot, clock_wall_ns(), s->sequence, s->streams, s->frames, s->chunks, s->blocks,
		s->bad_frames, s->lost_bytes, s->spool_bytes, s->spool_capacity, s->spool_percent,
		space_level_name(s->space), space_policy_name(s->policy), s->segment, s->offset, s->failing ? "failing" : "ok", s->error, s->receipt,
		s->oldest_unacknowledged_wall_ns, s->log_size, s->log_refused);
}

int64_t report_publish(struct report *r, const struct sealer *s, const char *path, int64_t now_ms)
{
	struct sealer_status now;
	struct buffer b;

	sealer_status(s, &now);
	if (r->written_ms != 0 && memcmp(&now, &r->last, sizeof now) == 0)
		return IDLE_MS;
	if (r->written_ms != 0 && now_ms - r->written_ms < INTERVAL_MS)
		return INTERVAL_MS - (now_ms - r->written_ms);
	buffer_init(&b, TEXT_MAX);
	int e = put(&b, &now);
	if (e == 0)
		e = atomicfile_publish(path, b.data, b.len, 0644);
	if (e != 0)
		log_error("%s: cannot write the status: %s", path, error_text(e));
	buffer_free(&b);
	r->last = now;
	r->written_ms = now_ms;
	return IDLE_MS;
}
