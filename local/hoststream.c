#include "local/hoststream.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "format/meta.h"
#include "local/message.h"

enum { SEND_AGAIN_MS = 100 }; /* the socket is full: the sealer is slow or away */

static void close_socket(struct hoststream *h)
{
	loop_remove(h->loop, &h->watch);
	if (h->sock >= 0)
		close(h->sock);
	h->sock = h->recording.outbox.sock = -1;
}

void hoststream_init(struct hoststream *h, struct loop *loop, struct control *control)
{
	*h = (struct hoststream){ .loop = loop, .control = control, .sock = -1, .watch = { .fd = -1 } };
}

static void ask(struct hoststream *h)
{
	char key[ID_TEXT_SIZE];
	uint8_t blob[ID_SIZE + 1];
	id_format(&h->id, key);
	memcpy(blob, h->id.bytes, ID_SIZE);
	blob[ID_SIZE] = MESSAGE_STREAM_VITAL;
	control_pair(h->control, "sealer", key, blob, ID_SIZE + (h->vital ? 1 : 0));
}

static bool is_open(const struct hoststream *h)
{
	return !id_is_zero(&h->id);
}

static void forget(struct hoststream *h)
{
	if (!is_open(h))
		return;
	close_socket(h);
	recording_close(&h->recording);
	h->id = (struct id){ 0 };
}

/* What a stream that was lost had not made durable. */
static uint64_t unsaved(const struct hoststream *h)
{
	const struct recording *r = &h->recording;
	return r->outbox.lost ? r->outbox.dropped + r->run.len + r->lost_bytes : 0;
}

int hoststream_begin(struct hoststream *h, const struct buffer *meta)
{
	struct id id = id_random();
	uint64_t lost_bytes = is_open(h) ? unsaved(h) : 0;
	enum space_level level = h->recording.outbox.level;
	enum space_policy policy = h->recording.outbox.policy;
	forget(h);
	if (h->control->alone)
		return 0; /* nobody could give us to a sealer */
	int r = recording_open(&h->recording, -1, &id, USERS_BEST_EFFORT);
	if (r != 0)
		return r;
	h->id = id;
	h->generation++;
	h->recording.outbox.level = level; /* until the sealer says otherwise */
	h->recording.outbox.policy = policy;
	recording_bytes(&h->recording, clock_boot_ns(), RECORD_ENV, meta->data, meta->len);
	h->recording.lost_bytes = lost_bytes;
	ask(h);
	return 0;
}

static void ready(void *context)
{
	struct hoststream *h = context;
	recording_receive(&h->recording, clock_boot_ns());
	if (h->recording.outbox.lost)
		close_socket(h);
}

bool hoststream_paired(struct hoststream *h, const char *key, int fd)
{
	struct id id;
	if (!is_open(h) || id_parse(key, &id) != 0 || !id_equal(&id, &h->id))
		return false;
	if (h->sock >= 0) {
		close(fd);
		return true;
	}
	h->sock = h->recording.outbox.sock = fd;
	h->watch = (struct loop_watch){ .fd = fd, .ready = ready, .context = h };
	if (loop_add(h->loop, &h->watch) != 0)
		close_socket(h);
	else
		recording_receive(&h->recording, clock_boot_ns());
	return true;
}

void hoststream_renewed(struct hoststream *h)
{
	if (is_open(h) && h->sock < 0)
		ask(h);
}

/* Notes that found no room, said as soon as there is some. */
static void tell_lost(struct hoststream *h)
{
	struct buffer b;
	if (h->lost == 0 || outbox_full(&h->recording.outbox))
		return;
	buffer_init(&b, 256);
	const char *text = meta_put(&b, "event", "events-lost") == 0 && meta_put_number(&b, "count", h->lost) == 0
		? buffer_text(&b) : NULL;
	if (text != NULL && recording_note(&h->recording, clock_boot_ns(), text))
		h->lost = 0;
	buffer_free(&b);
}

bool hoststream_put(struct hoststream *h, struct buffer *note)
{
	const char *text = is_open(h) ? buffer_text(note) : NULL;
	if (!is_open(h))
		return false;
	tell_lost(h);
	bool is_full = text == NULL || outbox_full(&h->recording.outbox);
	if (is_full)
		h->recording.lost_bytes += note->len; /* as recording_note counts */
	if (is_full || !recording_note(&h->recording, clock_boot_ns(), text)) {
		h->lost++;
		return false;
	}
	/* In the sealer's socket a note outlives us. */
	recording_flush(&h->recording);
	return true;
}

bool hoststream_alert(struct hoststream *h, enum alert a, const struct buffer *facts)
{
	struct buffer b;
	size_t len = facts != NULL ? facts->len : 0;
	buffer_init(&b, HOSTSTREAM_NOTE_MAX);
	meta_put(&b, "event", "alert");
	alert_begin(&b, a);
	/* Whole lines only. */
	if (len > HOSTSTREAM_NOTE_MAX - b.len)
		for (len = HOSTSTREAM_NOTE_MAX - b.len; len > 0 && facts->data[len - 1] != '\n'; len--)
			;
	if (len > 0)
		buffer_put(&b, facts->data, len);
	bool kept = hoststream_put(h, &b);
	buffer_free(&b);
	return kept;
}

bool hoststream_activity(struct hoststream *h, uint64_t boot_ns, const void *data, size_t len)
{
	if (!is_open(h))
		return false;
	tell_lost(h);
	bool is_full = outbox_full(&h->recording.outbox);
	if (is_full)
		h->recording.lost_bytes += len;
	if (is_full || !recording_whole(&h->recording, boot_ns, RECORD_ACTIVITY, data, len)) {
		h->lost++;
		return false;
	}
	return true;
}

struct hoststream_mark hoststream_mark(const struct hoststream *h)
{
	const struct recording *r = &h->recording;
	return (struct hoststream_mark){ h->generation, r->run.len > 0 ? r->number : r->number - 1 };
}

enum hoststream_fate hoststream_fate(const struct hoststream *h, struct hoststream_mark m)
{
	if (!is_open(h) || m.generation != h->generation || h->recording.outbox.lost)
		return HOSTSTREAM_LOST;
	return outbox_durable(&h->recording.outbox) >= m.frame ? HOSTSTREAM_DURABLE : HOSTSTREAM_PENDING;
}

bool hoststream_room(const struct hoststream *h)
{
	return is_open(h) && !h->recording.outbox.lost && !outbox_full(&h->recording.outbox);
}

bool hoststream_broken(const struct hoststream *h)
{
	return is_open(h) && h->recording.outbox.lost;
}

static int earlier(int a, int b)
{
	return a < 0 ? b : b < 0 || a < b ? a : b;
}

int hoststream_tick(struct hoststream *h)
{
	uint64_t now_ns = clock_boot_ns();
	if (!is_open(h) || h->recording.outbox.lost)
		return -1;
	tell_lost(h);
	recording_tick(&h->recording, now_ns);
	outbox_send(&h->recording.outbox);
	int wait = recording_wait_ms(&h->recording, now_ns);
	return h->sock >= 0 && h->recording.outbox.unsent != NULL ? earlier(wait, SEND_AGAIN_MS) : wait;
}

void hoststream_end(struct hoststream *h)
{
	if (!is_open(h))
		return;
	recording_finish(&h->recording, clock_boot_ns());
	forget(h);
}
