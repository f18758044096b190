#include "view/sink.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "view/asciicast.h"
#include "view/asciicast3.h"
#include "view/clip.h"
#include "view/events.h"
#include "view/page.h"
#include "view/transcript.h"
#include "view/ttyrec.h"
#include "view/typescript.h"
#include "view/when.h"

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

/* What a run has beside what its caller gave. */
struct running {
	struct sink_run *run;
	void *state;
	struct buffer out;
	struct clip clip;      /* from_ms 0: the whole session */
};

static int pass(struct running *g, struct source_event *event)
{
	struct source_event resize, screen;
	const struct sink *sink = g->run->sink;
	int r = 1;

	if (g->clip.from_ms > 0)
		r = clip_take(&g->clip, event, &resize, &screen);
	if (r == 2) {
		r = sink->event(g->state, &resize, &g->out);
		r = r == 0 ? sink->event(g->state, &screen, &g->out) : r;
		r = r == 0 ? 1 : r;
	}
	return r == 1 ? sink->event(g->state, event, &g->out) : r;
}

static bool passes(const struct running *g, const struct source_event *e)
{
	bool early = g->clip.from_ms > 0 && e->event.time_ms < g->run->from_ms;

	return early || wanted(g->run, e);
}

/* One step: 1 = go on, 0 = all is out, ITM_E*. */
static int step(struct running *g)
{
	struct sink_run *run = g->run;
	struct source_event event;
	int r = source_next(run->source, &event);

	if (r == 1) {
		run->events++;
		r = passes(g, &event) ? pass(g, &event) : 0;
		return r != 0 ? r : 1;
	}
	if (r == 0)
		return 0;
	if (++run->broken > SINK_BROKEN_MAX)
		return 0;
	r = run->sink->broken(g->state, source_fault(run->source), &g->out);
	return r != 0 ? r : 1;
}

int sink_run(struct sink_run *run, const volatile int *stop)
{
	struct running g = { .run = run, .state = run->sink->open(run->raw) };
	int r;

	if (g.state == NULL || clip_init(&g.clip, run->sink->plays ? run->from_ms : 0) != 0) {
		if (g.state != NULL)
			run->sink->close(g.state);
		return ITM_ENOMEM;
	}
	buffer_init(&g.out, SINK_BUFFER_MAX);
	for (;;) {
		r = step(&g);
		if (r < 0)
			break;
		if (r == 0 && (!run->follow || source_ended(run->source) || (stop && *stop))) {
			r = run->sink->end(g.state, &g.out);
			break;
		}
		if ((r == 0 || g.out.len >= SINK_FLUSH) && flush_all(run, g.state, &g.out) != 0) {
			r = ITM_ESYS;
			break;
		}
		if (r == 0)
			poll(NULL, 0, SINK_POLL_MS);
	}
	if (r == 0)
		r = flush_all(run, g.state, &g.out);
	clip_free(&g.clip);
	buffer_free(&g.out);
	run->sink->close(g.state);
	return r;
}

int sink_when(struct source *source, const char *text, uint64_t *ms)
{
	struct source_event event = { 0 };
	int r = source_next(source, &event);
	int again = source_rewind(source);

	if (r < 0 || again != 0)
		return r < 0 ? r : again;
	return when_parse(text, r == 1 ? event.wall_ns : 0, ms);
}
