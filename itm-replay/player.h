/* player: where in a session the viewer is: plays, pauses, seeks and searches
 * on an emulator's screen.  Pure: the caller brings the time that has passed
 * and the keys, and paints the screen. */
#ifndef ITM_REPLAY_PLAYER_H
#define ITM_REPLAY_PLAYER_H

#include <stdbool.h>
#include <stdint.h>

#include "itm-replay/marks.h"
#include "store/source.h"
#include "terminal/vt.h"
#include "view/head.h"

enum {
	PLAYER_SPEED_ONE = 4,          /* speeds are in quarters */
	PLAYER_SPEED_MIN = 1,
	PLAYER_SPEED_MAX = 64 * PLAYER_SPEED_ONE,
	PLAYER_SPEED_DEFAULT = PLAYER_SPEED_ONE,
	PLAYER_IDLE_MS = 2000,         /* pauses over this are shortened … */
	PLAYER_IDLE_SHOWN_MS = 500,    /* … to this */
	PLAYER_LIVE_POLL_US = 50000,
	PLAYER_QUERY_SIZE = 128,
};

struct player_config {
	uint64_t idle_ms;       /* 0 = never shorten */
	unsigned speed;         /* quarters */
	bool follow;            /* at the end, wait for more */
	uint64_t total_ms;      /* 0 = found by reading the session once */
	struct source *marks;   /* the same session once more, for jumps and the timeline; NULL = none of them */
};

/* What the status bar shows. */
struct player_view {
	bool paused, live, ended, at_end, busy, skip_idle;
	unsigned speed;
	uint64_t position_ms, total_ms;
	int64_t wall_ns;
	const char *words;      /* last message, "" = none */
	const struct head *head;
	const char *query;      /* being shown, "" = none */
	const char *typed;      /* opened keystrokes of the last line, "" = none */
	const struct marks *marks; /* NULL = none */
};

struct player;
/* The sources stay the caller's and must outlive the player.  Owned; NULL out
 * of memory. */
struct player *player_new(struct source *source, const struct player_config *config);
void player_free(struct player *p);

/* Let dt_us of the viewer's time pass.  Returns in how many us something will
 * happen next: 0 = at once (more work is waiting), -1 = nothing until a key. */
int64_t player_advance(struct player *p, uint64_t dt_us);

const struct vt *player_screen(const struct player *p);
void player_look(const struct player *p, struct player_view *out);

void player_pause(struct player *p, bool paused);
void player_toggle(struct player *p);
void player_seek(struct player *p, uint64_t ms);
void player_seek_by(struct player *p, int64_t ms);
void player_seek_tenth(struct player *p, unsigned tenth);
void player_seek_end(struct player *p);        /* also: go live again */
void player_speed(struct player *p, int steps);/* doubles or halves */
void player_toggle_idle(struct player *p);
void player_step(struct player *p);            /* to the next thing shown */
/* From where we are; "" repeats the last one. */
void player_find(struct player *p, const char *text, bool backward);
/* To the next mark of these kinds, or the one before. */
void player_jump(struct player *p, unsigned kinds, bool backward);
struct marks *player_marks(struct player *p);  /* NULL = none */
/* Stop a seek or search that is under way, where it is. */
void player_cancel(struct player *p);

#endif
