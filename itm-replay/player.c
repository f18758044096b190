#include "itm-replay/player_state.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "itm-replay/show.h"

enum {
	SLICE_BYTES = 4 << 20,    /* shown before the viewer gets a word in again */
	WORDS_US = 4000000,       /* how long a message stays while it plays */
	BROKEN_MAX = 10000,       /* a source that only fails must not hold us for ever */
};

static void on_line(void *context, const struct vt_cell *cells, unsigned columns, bool wrapped)
{
	struct player *p = context;

	if (p->job == JOB_FIND || p->job == JOB_FIND_BACK)
		finder_line(&p->finder, cells, columns, wrapped);
}

void player_say(struct player *p, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(p->words, sizeof(p->words), format, ap);
	va_end(ap);
	p->words_left_us = WORDS_US;
}

/* Have the next event at hand.  False: there is none now. */
bool player_fetch(struct player *p)
{
	int r;

	while (!p->have_next) {
		r = source_next(p->source, &p->next);
		if (r == 0 || p->broken > BROKEN_MAX) {
			p->at_end = true;
			return false;
		}
		if (r < 0) {
			p->broken++;
			player_say(p, "the record is broken here: %s", source_fault(p->source));
			continue;
		}
		p->have_next = true;
		p->at_end = false;
		struct source_place place;
		if (source_place(p->source, &place) && !p->measuring)
			stations_add(&p->stations, &place, p->vt, p->last_ms, p->last_wall_ns);
	}
	return true;
}

static void feed_exit(struct player *p, uint64_t status)
{
	p->exited = true;
	if ((status & 0x7f) != 0)
		player_say(p, "ended by signal %u", (unsigned)(status & 0x7f));
	else
		player_say(p, "exit status %u", (unsigned)(status >> 8 & 0xff));
}

/* Show the event at hand.  Returns the bytes it held. */
size_t player_feed(struct player *p)
{
	const struct record_event *e = &p->next.event;

	show_event(&p->next, p->vt, &p->head, &p->typed);
	if (e->kind == RECORD_EXIT)
		feed_exit(p, e->code);
	else if (e->kind == RECORD_GAP)
		player_say(p, "gap: %llu bytes lost here", (unsigned long long)e->code);
	p->have_next = false;
	if (e->time_ms > p->last_ms)
		p->last_ms = e->time_ms;
	p->last_wall_ns = p->next.wall_ns;
	if (p->last_ms > p->total_ms)
		p->total_ms = p->last_ms;
	return e->len;
}

void player_rewind(struct player *p)
{
	typed_clear(&p->typed);
	if (source_rewind(p->source) != 0)
		player_say(p, "cannot start over: %s", source_fault(p->source));
	vt_reset(p->vt);
	vt_resize(p->vt, 80, 24);
	p->have_next = p->at_end = p->exited = false;
	p->broken = 0;
	p->position_ms = 0;
	p->last_ms = 0;
	p->words[0] = '\0';
}

static void watch_lines(struct player *p)
{
	const struct vt_events events = { .line = on_line, .context = p };

	vt_set_events(p->vt, &events);
}

/* To the last station before ms, unless we are between it and ms already. */
static void go_near(struct player *p, uint64_t ms)
{
	const struct station *s = stations_before(&p->stations, ms);
	bool is_back = ms < p->last_ms;

	if (s == NULL || (!is_back && s->at_ms <= p->last_ms)) {
		if (is_back)
			player_rewind(p);
		return;
	}
	struct vt *vt = vt_copy(s->vt);
	uint64_t at_ms = s->at_ms;
	int64_t wall_ns = s->wall_ns;
	if (vt == NULL || source_go(p->source, &s->place) != 0) {
		vt_free(vt);
		player_rewind(p);
		return;
	}
	vt_free(p->vt);
	p->vt = vt;
	watch_lines(p);
	typed_clear(&p->typed);
	p->have_next = p->at_end = p->exited = false;
	p->broken = 0;
	p->last_ms = at_ms;
	p->last_wall_ns = wall_ns;
	p->position_ms = (double)at_ms;
}

/* How long the session is, by reading it once. */
static void measure(struct player *p)
{
	p->measuring = true;
	while (player_fetch(p)) {
		if (p->next.event.time_ms > p->total_ms)
			p->total_ms = p->next.event.time_ms;
		p->have_next = false;
	}
	p->measuring = false;
	player_rewind(p);
}

/* What was there at once: its size and whose it is. */
static void show_start(struct player *p)
{
	size_t bytes = 0;

	while (bytes < SLICE_BYTES && player_fetch(p) && p->next.event.time_ms == 0)
		bytes += player_feed(p) + 1;
}

struct player *player_new(struct source *source, const struct player_config *config)
{
	struct player *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->vt = vt_new(80, 24);
	if (p->vt == NULL) {
		free(p);
		return NULL;
	}
	watch_lines(p);
	finder_init(&p->finder);
	head_init(&p->head);
	p->source = source;
	p->config = *config;
	p->speed = config->speed;
	if (p->speed < PLAYER_SPEED_MIN || p->speed > PLAYER_SPEED_MAX)
		p->speed = PLAYER_SPEED_DEFAULT;
	p->skip_idle = config->idle_ms > 0;
	p->total_ms = config->total_ms;
	if (p->total_ms == 0)
		measure(p);
	if (config->marks != NULL)
		p->marks = marks_new(config->marks);
	if (config->follow)
		player_seek_end(p);
	else
		show_start(p);
	return p;
}

void player_free(struct player *p)
{
	if (p == NULL)
		return;
	finder_free(&p->finder);
	stations_free(&p->stations);
	marks_free(p->marks);
	vt_free(p->vt);
	free(p);
}

struct marks *player_marks(struct player *p)
{
	return p->marks;
}

const struct vt *player_screen(const struct player *p)
{
	return p->vt;
}

void player_look(const struct player *p, struct player_view *out)
{
	uint64_t at = (uint64_t)p->position_ms;

	*out = (struct player_view){
		.paused = p->paused, .live = p->live, .ended = source_ended(p->source) && p->at_end,
		.at_end = p->at_end && !p->have_next, .busy = p->job != JOB_NONE,
		.skip_idle = p->skip_idle, .speed = p->speed,
		.position_ms = at, .total_ms = p->total_ms,
		.wall_ns = p->last_wall_ns + (int64_t)(at > p->last_ms ? at - p->last_ms : 0) * 1000000,
		.words = p->words, .head = &p->head, .query = p->finder.query,
		.typed = p->typed.text, .marks = p->marks,
	};
}

/* At the tail of a session that goes on: show what is there. */
static int64_t advance_live(struct player *p)
{
	size_t bytes = 0;

	p->at_end = false;
	while (bytes < SLICE_BYTES && player_fetch(p))
		bytes += player_feed(p);
	p->position_ms = (double)p->last_ms;
	if (!p->at_end)
		return 0;
	if (source_ended(p->source)) {
		p->live = false;
		p->paused = true;
		return -1;
	}
	return PLAYER_LIVE_POLL_US;
}

/* Session ms a viewer's ms stands for until the event at hand. */
static double rate(const struct player *p)
{
	uint64_t at = p->next.event.time_ms;
	uint64_t gap = at > p->last_ms ? at - p->last_ms : 0;
	double r = (double)p->speed / PLAYER_SPEED_ONE;

	if (p->skip_idle && gap > p->config.idle_ms && gap > PLAYER_IDLE_SHOWN_MS * r)
		return (double)gap / PLAYER_IDLE_SHOWN_MS;
	return r;
}

static int64_t reach_end(struct player *p)
{
	if (p->config.follow && !source_ended(p->source)) {
		p->live = true;
		return PLAYER_LIVE_POLL_US;
	}
	p->paused = true;
	if (p->words[0] == '\0')
		player_say(p, "%s", source_ended(p->source) ? "end" : "end of what is recorded so far");
	return -1;
}

static int64_t advance_play(struct player *p, uint64_t dt_us)
{
	double left_ms = (double)dt_us / 1000.0, need_ms;
	size_t bytes = 0;

	while (bytes < SLICE_BYTES) {
		if (!player_fetch(p))
			return reach_end(p);
		need_ms = ((double)p->next.event.time_ms - p->position_ms) / rate(p);
		if (need_ms > left_ms) {
			p->position_ms += left_ms * rate(p);
			need_ms -= left_ms;
			return need_ms > 3600e3 ? (int64_t)3600000000 : (int64_t)(need_ms * 1000.0) + 1;
		}
		if (need_ms > 0) {
			left_ms -= need_ms;
			p->position_ms = (double)p->next.event.time_ms;
		}
		bytes += player_feed(p);
	}
	return 0;
}

static int64_t advance(struct player *p, uint64_t dt_us)
{
	if (p->job != JOB_NONE)
		return player_work(p);
	if (!p->paused) {
		p->words_left_us -= dt_us < p->words_left_us ? dt_us : p->words_left_us;
		if (p->words_left_us == 0)
			p->words[0] = '\0';
	}
	if (p->live)
		return advance_live(p);
	if (p->paused)
		return -1;
	return advance_play(p, dt_us);
}

int64_t player_advance(struct player *p, uint64_t dt_us)
{
	int64_t next_us = advance(p, dt_us);

	return next_us != 0 && p->marks != NULL && marks_work(p->marks) ? 0 : next_us;
}

void player_pause(struct player *p, bool paused)
{
	p->paused = paused;
	p->live = false;
	if (!paused)
		p->words[0] = '\0';
}

void player_toggle(struct player *p)
{
	bool playing = p->live || !p->paused;

	/* At the end, play means from the start. */
	if (!playing && p->at_end && !p->have_next && source_ended(p->source))
		player_seek(p, 0);
	player_pause(p, playing);
}

void player_seek(struct player *p, uint64_t ms)
{
	if (ms > p->total_ms)
		ms = p->total_ms;
	p->live = false;
	go_near(p, ms);
	p->words[0] = p->arrival[0] = '\0';
	p->target_ms = ms;
	p->job = JOB_SEEK;
}

void player_seek_by(struct player *p, int64_t ms)
{
	uint64_t at = p->job == JOB_SEEK ? p->target_ms : (uint64_t)p->position_ms;
	uint64_t back = ms < 0 ? (uint64_t)0 - (uint64_t)ms : 0;

	if (ms < 0)
		player_seek(p, at > back ? at - back : 0);
	else
		player_seek(p, at + (uint64_t)ms);
}

void player_seek_tenth(struct player *p, unsigned tenth)
{
	player_seek(p, p->total_ms / 10 * (tenth < 10 ? tenth : 9));
}

void player_seek_end(struct player *p)
{
	if (!p->config.follow) {
		player_seek(p, p->total_ms);
		return;
	}
	p->job = JOB_NONE;
	p->live = true;
	p->paused = false;
	p->words[0] = '\0';
}

void player_speed(struct player *p, int steps)
{
	for (; steps > 0 && p->speed < PLAYER_SPEED_MAX; steps--)
		p->speed *= 2;
	for (; steps < 0 && p->speed > PLAYER_SPEED_MIN; steps++)
		p->speed /= 2;
	if (p->speed > PLAYER_SPEED_MAX)
		p->speed = PLAYER_SPEED_MAX;
}

void player_toggle_idle(struct player *p)
{
	p->skip_idle = !p->skip_idle;
	if (p->config.idle_ms == 0)
		p->config.idle_ms = PLAYER_IDLE_MS;
}
