/* observer: from what a level below the kernel's probe can tell ("7 ran
 * something") and from what /proc says, activity as the probe would tell it:
 * who, what, below whom, in which recorded session.
 *
 * A session is known, in this order, by the broker's word (pid and birth), by
 * the parent, by the leader of the process group or kernel session, or by the
 * kernel's audit session where only one recorded session has it. */
#ifndef ITM_AGENT_WATCHD_OBSERVER_H
#define ITM_AGENT_WATCHD_OBSERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/watchd/kin.h"
#include "agent/watchd/procfile.h"
#include "base/id.h"
#include "format/activity.h"

enum { OBSERVER_TIES = 1024 }; /* sessions that can be told apart; the oldest go first */

/* False: there is no room for more now. */
typedef bool observer_event(void *context, uint64_t boot_ns, const struct activity_event *e);

struct observer_tie {
	uint32_t pid, audit_session;
	uint64_t start;
	struct id session;
};

struct observer {
	int proc;                /* /proc, borrowed */
	struct kin_table kin;
	struct observer_tie tie[OBSERVER_TIES];
	size_t ties;             /* ever; the next goes to ties % OBSERVER_TIES */
	struct procfile_image image;
	observer_event *event;
	void *context;
	bool room;               /* the last event's answer */
	bool scanning, seen_all; /* in the middle of a round; the first is over */
	uint32_t round;
	uint64_t made[ACTIVITY_EXIT + 1]; /* events by kind; SEEN are no events */
	uint64_t gone;           /* execs of which only the number is known */
	uint64_t left_out;       /* processes beyond KIN_MAX */
};

/* What the kernel itself told of an exec (audit). */
struct observer_told {
	uint32_t pid, parent, uid, euid, suid, fsuid, gid, egid, loginuid, audit_session, tty, argc;
	const char *exe, *cwd, *comm, *arguments;
	size_t exe_len, cwd_len, comm_len, arguments_len;
	bool cut;
};

int observer_open(struct observer *l, int proc, observer_event *event, void *context); /* 0 or ITM_ENOMEM */
void observer_close(struct observer *l);

/* The broker's word.  start in CLOCK_BOOTTIME ns, rounded down to a tick. */
void observer_tie(struct observer *l, uint32_t pid, uint64_t start, const struct id *session);

void observer_fork(struct observer *l, uint32_t parent, uint32_t child, uint64_t boot_ns);
/* file: a script whose interpreter was started; of a process that has gone, what
 * it ran.  Whether something new was told; false: it runs what it ran before. */
bool observer_exec(struct observer *l, uint32_t pid, uint64_t boot_ns, const char *file, size_t file_len);
void observer_told(struct observer *l, const struct observer_told *t, uint64_t boot_ns);
/* flags: ACTIVITY_NO_STATUS or 0. */
void observer_exit(struct observer *l, uint32_t pid, uint32_t status, unsigned flags, uint64_t boot_ns);
/* Look at all processes, as far as there is room for events.  True: all were
 * looked at, the next call begins again. */
bool observer_scan(struct observer *l, uint64_t boot_ns);

#endif
