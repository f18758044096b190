/* ledger: from what a level below the kernel's probe can tell ("7 ran
 * something") and from what /proc says, activity as the probe would tell it:
 * who, what, below whom, in which recorded session.
 *
 * A session is known, in this order, by the broker's word (pid and birth), by
 * the parent, by the leader of the process group or kernel session, or by the
 * kernel's audit session where only one recorded session has it. */
#ifndef ITM_AGENT_WATCHD_LEDGER_H
#define ITM_AGENT_WATCHD_LEDGER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/watchd/kin.h"
#include "agent/watchd/procfile.h"
#include "base/id.h"
#include "format/activity.h"

enum { LEDGER_TIES = 1024 }; /* sessions that can be told apart; the oldest go first */

/* False: there is no room for more now. */
typedef bool ledger_event(void *context, uint64_t boot_ns, const struct activity_event *e);

struct ledger_tie {
	uint32_t pid, audit_session;
	uint64_t start;
	struct id session;
};

struct ledger {
	int proc;                /* /proc, borrowed */
	struct kin_table kin;
	struct ledger_tie tie[LEDGER_TIES];
	size_t ties;             /* ever; the next goes to ties % LEDGER_TIES */
	struct procfile_image image;
	ledger_event *event;
	void *context;
	bool room;               /* the last event's answer */
	bool scanning, seen_all; /* in the middle of a round; the first is over */
	uint32_t round;
	uint64_t made[ACTIVITY_EXIT + 1]; /* events by kind; SEEN are no events */
	uint64_t gone;           /* execs of which only the number is known */
	uint64_t left_out;       /* processes beyond KIN_MAX */
};

/* What the kernel itself told of an exec (audit). */
struct ledger_told {
	uint32_t pid, parent, uid, euid, suid, fsuid, gid, egid, loginuid, audit_session, tty, argc;
	const char *exe, *cwd, *comm, *arguments;
	size_t exe_len, cwd_len, comm_len, arguments_len;
	bool cut;
};

int ledger_open(struct ledger *l, int proc, ledger_event *event, void *context); /* 0 or ITM_ENOMEM */
void ledger_close(struct ledger *l);

/* The broker's word.  start in CLOCK_BOOTTIME ns, rounded down to a tick. */
void ledger_tie(struct ledger *l, uint32_t pid, uint64_t start, const struct id *session);

void ledger_fork(struct ledger *l, uint32_t parent, uint32_t child, uint64_t boot_ns);
/* file: a script whose interpreter was started; of a process that has gone, what
 * it ran.  Whether something new was told; false: it runs what it ran before. */
bool ledger_exec(struct ledger *l, uint32_t pid, uint64_t boot_ns, const char *file, size_t file_len);
void ledger_told(struct ledger *l, const struct ledger_told *t, uint64_t boot_ns);
/* flags: ACTIVITY_NO_STATUS or 0. */
void ledger_exit(struct ledger *l, uint32_t pid, uint32_t status, unsigned flags, uint64_t boot_ns);
/* Look at all processes, as far as there is room for events.  True: all were
 * looked at, the next call begins again. */
bool ledger_scan(struct ledger *l, uint64_t boot_ns);

#endif
