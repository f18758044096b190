/* sealer_life: one life of a sealer for tests: two recorders send frames, blocks
 * are signed, both end, the chain is closed.  It runs in a child that may be
 * killed at a point (points.h); the next life goes on where it stopped. */
#ifndef ITM_TESTS_CRASH_SEALER_LIFE_H
#define ITM_TESTS_CRASH_SEALER_LIFE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/sealer/sealer.h"
#include "tests/crash/points.h"

enum { LIFE_STREAMS = 2, LIFE_FRAMES = 12 };
/* How a child ended: killed where it had to be, at the end, to be started again. */
enum { LIFE_KILLED = -1, LIFE_DONE = 0, LIFE_AGAIN = 7 };

/* At this time the wall clock is set, and the machine sleeps: boot clock and
 * wall clock go on, the monotonic one does not. */
struct life_step { int64_t at_ms, wall_ns, suspend_ns; };

/* What outlives a child. */
struct life {
	uint64_t acked[LIFE_STREAMS];
	bool gone[LIFE_STREAMS];     /* its END was acknowledged: its recorder has left */
	bool opened;                 /* recovery was over */
	int64_t time_ms;             /* the wall clock is a second ahead */
	struct life_step step;
	uint64_t calls, allocations;
	char point[32];
	char dir[64];                /* the spool */
};
extern struct life *life;
extern struct sealer_config life_config;
extern const struct id life_ids[LIFE_STREAMS];

/* Once; ends the program when it fails. */
void life_set_up(void);
/* A new empty spool, slot and chain; and its end. */
void life_begin(void);
void life_end(void);
int life_run(enum points_mode mode, uint64_t at, int error);
/* Ends the program with words when not ok. */
void life_must(bool ok, const char *what);

#endif
