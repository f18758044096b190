/* room: how full the spool is: by its own quota and by what its filesystem
 * still has, less what is needed to end the chain. */
#ifndef ITM_SEALER_ROOM_H
#define ITM_SEALER_ROOM_H

#include <stdbool.h>
#include <stdint.h>

#include "local/space.h"

enum {
	ROOM_RESERVE = 1 << 20,       /* bytes kept aside; less where there is little at all */
	ROOM_SLACK = 160 << 10,       /* bytes: one frame and its chunk may come before the next look */
	ROOM_CHUNK_OVERHEAD = 512,    /* bytes of a chunk on top of its events, and its share of a block */
};

struct room {
	enum space_level level;
	unsigned percent;             /* of the space that is taken */
	uint64_t capacity;            /* bytes of the spool at 100 % */
	uint64_t left;                /* bytes for new frames when it was looked at */
};

/* What is measured: bytes of all segments; free: bytes for more of them, the
 * reserve not among them; max: quota, 0 = none; pending: bytes that what was
 * taken in already will still need. */
struct room_measure { uint64_t bytes, free, max, reserve, pending; };

/* The reserve that fits a spool of this size. */
uint64_t room_reserve(uint64_t bytes, uint64_t free, uint64_t max);
/* Up at 80 and 95 % at once; down below 75 and 90 %, so that nobody is told at
 * every turn.  True when the level changed. */
bool room_judge(struct room *r, const struct room_measure *m);
/* A segment is at most an eighth of the space, what is kept of the newest at
 * most half: else nothing could be trimmed when it is needed. */
uint64_t room_segment(const struct room *r, uint64_t wanted);
uint64_t room_keep(const struct room *r, uint64_t wanted);

#endif
