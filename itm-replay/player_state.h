/* What the player's two files share: player.c plays, player_jobs.c does what
 * takes longer than a moment. */
#ifndef ITM_REPLAY_PLAYER_STATE_H
#define ITM_REPLAY_PLAYER_STATE_H

#include "itm-replay/finder.h"
#include "itm-replay/player.h"
#include "itm-replay/stations.h"
#include "itm-replay/typed.h"

enum job { JOB_NONE, JOB_SEEK, JOB_FIND, JOB_FIND_BACK, JOB_STEP, JOB_JUMP };

struct player {
	struct source *source;
	struct vt *vt;
	struct head head;
	struct player_config config;
	struct finder finder;
	struct typed typed;
	struct stations stations;
	struct marks *marks;         /* NULL = none */

	struct source_event next;    /* borrowed from source; valid with have_next */
	bool have_next, at_end;      /* at_end: the source had nothing more */
	uint64_t broken;
	double position_ms;          /* of the session */
	uint64_t last_ms;            /* time of the last event fed */
	int64_t last_wall_ns;
	uint64_t total_ms;

	bool paused, live, skip_idle, exited, measuring;
	unsigned speed;

	enum job job;
	uint64_t target_ms;          /* SEEK: to; FIND*, JUMP: where we came from */
	unsigned kinds;              /* JUMP: enum marks_kind */
	bool backward;
	bool found;
	uint64_t found_ms, count;    /* FIND*: last hit; count before this event */
	char words[160], arrival[160]; /* arrival: what is said when a SEEK is there, "" = nothing */
	uint64_t words_left_us;      /* of the viewer's time */
};

__attribute__((format(printf, 2, 3))) void player_say(struct player *p, const char *format, ...);
/* Have the next event at hand.  False: there is none now. */
bool player_fetch(struct player *p);
/* Show the event at hand.  Returns the bytes it held. */
size_t player_feed(struct player *p);
void player_rewind(struct player *p);
/* Go on with the job; as player_advance. */
int64_t player_work(struct player *p);

#endif
