/* processes: what ran in a recorded session, from what the host's process
 * monitor wrote into the record (activity.h). */
#ifndef ITM_VIEW_PROCESSES_H
#define ITM_VIEW_PROCESSES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/id.h"
#include "format/activity.h"

enum {
	PROCESSES_MAX = 1000000,
	PROCESSES_ARGUMENTS_MAX = 4096,  /* bytes of one's arguments that are kept */
	PROCESSES_NOTES_MAX = 4096,      /* bytes of one's connections */
	PROCESSES_PATH_MAX = 4096,       /* bytes of one path that are kept */
	PROCESSES_BYTES_MAX = 512 << 20, /* of all of it */
};

struct process_seen {
	uint64_t start, parent_start;    /* CLOCK_BOOTTIME ns; with the pid, its name */
	uint32_t pid, parent_pid;
	size_t parent;                   /* index; itself = none of this session */
	int64_t begin_wall_ns, end_wall_ns; /* end 0 = lives, or nobody saw it end */
	uint32_t uid, euid, execs;
	bool ended, no_status;           /* no_status: nobody saw how */
	int status;                      /* as wait(2) */
	uint64_t flags, arguments_size;  /* of the last exec */
	char *exe, *script, *cwd;        /* owned, NULL = never ran anything of its own */
	struct buffer arguments;         /* NUL after each */
	struct buffer notes;             /* lines: "connect 192.0.2.1:443" */
};

struct processes {
	struct process_seen *list;       /* by begin; a parent stands before its children */
	size_t count, size, max;
	size_t *slots, slot_count;       /* finds by pid and start */
	size_t bytes, bytes_max;         /* held, whatever a host sends; may be set lower */
	bool cut;                        /* more than max or bytes_max: the rest is left out */
};

void processes_init(struct processes *p);
void processes_free(struct processes *p);
/* One event of the session.  Those that name a process nobody has told of make
 * it known.  0 (also beyond a bound: cut), ITM_ENOMEM. */
int processes_add(struct processes *p, const struct activity_event *e, int64_t wall_ns);
/* Adds what stream (of a host's process monitor) in dir says of a session.
 * Broken places are passed over (itm verify names them).  0, ITM_ENOMEM, or
 * what source_open says. */
int processes_read(struct processes *p, const char *dir, const struct id *stream, const struct id *session);

#endif
