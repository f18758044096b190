#include "view/sink.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "view/asciicast.h"
#include "view/asciicast3.h"
#include "view/events.h"
#include "view/page.h"
#include "view/transcript.h"
#include "view/ttyrec.h"
#include "view/typescript.h"

enum {
	SINK_BUFFER_MAX = 64 << 20,   /* bytes; a page with 1000 x 500 cells, each of another colour */
	SINK_FLUSH = 64 * 1024,       /* bytes gathered before a write */
	SINK_POLL_MS = 100,
	SINK_BROKEN_MAX = 10000,      /* a source that only fails must not hold us for ever */
};

static const struct sink *const sinks[] = {
	&asciicast_sink, &asciicast3_sink, &ttyrec_sink, &typescript_sink, &page_sink, &transcript_sink, &events_sink,
};

const struct sink *sink_at(unsigned n)
{
	return n < sizeof(sinks) / sizeof(sinks[0]) ? sinks[n] : NULL;
}

const struct sink *sink_find(const char *name)
{
	const struct sink *s;
	unsigned n;

	for (n = 0; (s = sink_at(n)) != NULL; n++)
		if (strcmp(s->name, name) == 0)
			return s;
	return NULL;
}

static int flush(int fd, struct buffer *b)
{
	size_t done = 0;
	ssize_t n;

	while (done < b->len) {
		n = write(fd, b->data + done, b->len - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ITM_ESYS;
		done += (size_t)n;
	}
	buffer_clear(b);
	return 0;
}

static int flush_all(const struct sink_run *run, void *state, struct buffer *out)
{
	int r = flush(run->fd, out);

	if (r == 0 && run->sink->second != NULL)
		r = flush(run->second_fd, run->sink->second(state));
	return r;
}

static bool wanted(const struct sink_run *run, const struct source_event *e)
{
	uint64_t t = e->event.time_ms;

	return e->event.kind == RECORD_ENV ||
	       (t >= run->from_ms && (run->to_ms == 0 || t <= run->to_ms));
}

/* One step: 1 = go on, 0 = all is out, ITM_E*. */
static int step(struct sink_run *run, void *state, struct buffer *out)
{
	struct source_event event;
	int r = source_next(run->source, &event);

	if (r == 1) {
		run->events++;
		r = wanted(run, &event) ? run->sink->event(state, &event, out) : 0;
		return r != 0 ? r : 1;
	}
	if (r == 0)
		return 0;
	if (++run->broken > SINK_BROKEN_MAX)
		return 0;
	r = run->sink->broken(state, source_fault(run->source), out);
	return r != 0 ? r : 1;
}

int sink_run(struct sink_run *run, const volatile int *stop)
{
	void *state = run->sink->open(run->raw);
	struct buffer out;
	int r;

	if (state == NULL)
		return ITM_ENOMEM;
	buffer_init(&out, SINK_BUFFER_MAX);
	for (;;) {
		r = step(run, state, &out);
		if (r < 0)
			break;
		if (r == 0 && (!run->follow || source_ended(run->source) || (stop && *stop))) {
			r = run->sink->end(state, &out);
			break;
		}
		if ((r == 0 || out.len >= SINK_FLUSH) && flush_all(run, state, &out) != 0) {
			r = ITM_ESYS;
			break;
		}
		if (r == 0)
			poll(NULL, 0, SINK_POLL_MS);
	}
	if (r == 0)
		r = flush_all(run, state, &out);
	buffer_free(&out);
	run->sink->close(state);
	return r;
}
