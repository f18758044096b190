/* stations: screens kept along the way, each where the record can be read from
 * again, so that a seek does not start at the beginning. */
#ifndef ITM_REPLAY_STATIONS_H
#define ITM_REPLAY_STATIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/source.h"
#include "terminal/vt.h"

enum {
	STATIONS_MAX = 256,
	STATIONS_CELLS = 4 << 20,      /* of both screens of all: about 100 MiB */
};

struct station {
	struct source_place place;
	struct vt *vt;                 /* owned: before the place's first event */
	uint64_t at_ms;                /* time of the last event before */
	int64_t wall_ns;
};

struct stations {
	struct station list[STATIONS_MAX]; /* by at_ms */
	size_t count, cells;
};

/* Keeps a copy of the screen; passed over when there is one for that place
 * already, or no memory.  When it is full every other one goes. */
void stations_add(struct stations *s, const struct source_place *place, const struct vt *vt, uint64_t at_ms, int64_t wall_ns);
/* The last at or before ms; NULL = none.  Borrowed until the next add. */
const struct station *stations_before(const struct stations *s, uint64_t ms);
void stations_free(struct stations *s);

#endif
