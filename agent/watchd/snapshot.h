/* snapshot: the processes that were there before the monitor, so that a tree
 * has its parents, and sessions that outlive a monitor go on.
 *
 * The kernel's iterator names them as the probe does (birth to the nanosecond,
 * session); only their arguments come from /proc, which knows births to 10 ms.
 * Taken while we are root, told once the stream has begun. */
#ifndef ITM_AGENT_WATCHD_SNAPSHOT_H
#define ITM_AGENT_WATCHD_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/watchd/probe.h"
#include "base/buffer.h"

enum { SNAPSHOT_MAX = 4 << 20 }; /* bytes of events; some 10,000 processes */

struct snapshot {
	struct buffer events;    /* varint length, activity, and so on */
	size_t at;
	uint64_t boot_ns;        /* when it was taken */
	bool own_numbers;        /* /proc/PID means what the kernel's side means by it */
	uint64_t left_out;       /* processes beyond the bound */
};

/* What can't be had is said in the log. */
void snapshot_take(struct snapshot *s, struct probe *p);
/* The next event, good until the call after; false: none is left, all memory
 * is given back. */
bool snapshot_next(struct snapshot *s, const uint8_t **data, size_t *len);

#endif
