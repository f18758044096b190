#include "itm-replay/player_state.h"

#include <stdio.h>

#include "itm-replay/show.h"

enum {
	/* Work done before the viewer gets a word in again. */
	SLICE_BYTES = 4 << 20,
	SLICE_EVENTS = 20000,
	SLICE_FIND_EVENTS = 500,  /* each looks at the whole screen */
	JUST_MS = 1500,           /* while it plays, the mark that was just passed is not the one before */
};

static void settle(struct player *p, uint64_t ms)
{
	if (p->job == JOB_SEEK && p->arrival[0] != '\0')
		player_say(p, "%s", p->arrival);
	p->job = JOB_NONE;
	p->position_ms = (double)ms;
}

/* Everything up to the target, silently.  True: done. */
static bool work_seek(struct player *p)
{
	size_t bytes = 0;
	unsigned events;

	for (events = 0; events < SLICE_EVENTS && bytes < SLICE_BYTES; events++) {
		if (!player_fetch(p)) {
			settle(p, p->target_ms < p->total_ms ? p->target_ms : p->total_ms);
			return true;
		}
		if (p->next.event.time_ms > p->target_ms) {
			settle(p, p->target_ms);
			return true;
		}
		bytes += player_feed(p);
		p->position_ms = (double)p->last_ms;
	}
	return false;
}

static void not_found(struct player *p)
{
	uint64_t back = p->target_ms;

	player_seek(p, back);
	player_say(p, "not found: %s", p->finder.query);
}

static bool work_find(struct player *p)
{
	unsigned events;
	uint64_t count;

	for (events = 0; events < SLICE_FIND_EVENTS; events++) {
		if (!player_fetch(p) || (p->job == JOB_FIND_BACK && p->next.event.time_ms >= p->target_ms)) {
			if (!p->found) {
				not_found(p);
				return false;
			}
			player_seek(p, p->found_ms);
			return false;
		}
		player_feed(p);
		p->position_ms = (double)p->last_ms;
		count = finder_count(&p->finder, p->vt);
		if (count > p->count) {
			p->found = true;
			p->found_ms = p->last_ms;
			if (p->job == JOB_FIND) {
				settle(p, p->last_ms);
				return true;
			}
		}
		p->count = count;
	}
	return false;
}

static bool work_step(struct player *p)
{
	unsigned events;
	bool shown;

	for (events = 0; events < SLICE_EVENTS; events++) {
		if (!player_fetch(p)) {
			settle(p, p->last_ms);
			return true;
		}
		shown = show_visible(&p->next.event);
		player_feed(p);
		if (shown) {
			settle(p, p->last_ms);
			return true;
		}
	}
	return false;
}

static const char *kinds_word(unsigned kinds)
{
	return (kinds & MARKS_COMMAND) != 0 ? "command" : "alert or event";
}

/* To the next mark, once the record was read as far as it must be. */
static bool work_jump(struct player *p)
{
	uint64_t from = p->target_ms;
	struct mark mark;
	bool more = marks_work(p->marks);

	if (p->backward && !p->paused)
		from = from > JUST_MS ? from - JUST_MS : 0;
	bool known = marks_next(p->marks, p->kinds, from, p->backward, &mark);
	if (more && (p->backward ? marks_read_ms(p->marks) < from : !known))
		return false;
	p->job = JOB_NONE;
	if (!known) {
		player_say(p, "no %s %s", p->backward ? "earlier" : "later", kinds_word(p->kinds));
		return true;
	}
	player_seek(p, mark.at_ms);
	snprintf(p->arrival, sizeof p->arrival, "%s", mark.words);
	return false;
}

int64_t player_work(struct player *p)
{
	bool done = false;

	switch (p->job) {
	case JOB_SEEK: done = work_seek(p); break;
	case JOB_FIND:
	case JOB_FIND_BACK: done = work_find(p); break;
	case JOB_STEP: done = work_step(p); break;
	case JOB_JUMP: done = work_jump(p); break;
	case JOB_NONE: done = true; break;
	}
	return done && p->paused && !p->live ? -1 : 0;
}

void player_jump(struct player *p, unsigned kinds, bool backward)
{
	if (p->marks == NULL || p->job != JOB_NONE)
		return;
	p->words[0] = '\0';
	p->kinds = kinds;
	p->backward = backward;
	p->target_ms = (uint64_t)p->position_ms;
	p->job = JOB_JUMP;
}

void player_step(struct player *p)
{
	if (p->job != JOB_NONE)
		return;
	player_pause(p, true);
	p->words[0] = '\0';
	p->job = JOB_STEP;
}

void player_find(struct player *p, const char *text, bool backward)
{
	if (text[0] != '\0')
		finder_set(&p->finder, text);
	if (p->finder.query[0] == '\0' || p->job != JOB_NONE)
		return;
	player_pause(p, true);
	p->words[0] = '\0';
	p->found = false;
	p->target_ms = (uint64_t)p->position_ms;
	if (backward)
		player_rewind(p);
	p->job = backward ? JOB_FIND_BACK : JOB_FIND;
	p->finder.scrolled = 0;
	p->count = finder_count(&p->finder, p->vt);
}

void player_cancel(struct player *p)
{
	if (p->job == JOB_NONE)
		return;
	settle(p, p->last_ms);
	player_say(p, "stopped");
}
