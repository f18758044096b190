/* launch: starts one session's recorder, in a child of the broker that does
 * all that touches the user's descriptors, within a time limit. */
#ifndef ITM_AGENT_BROKERD_LAUNCH_H
#define ITM_AGENT_BROKERD_LAUNCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <termios.h>

#include "agent/brokerd/peer.h"
#include "base/buffer.h"
#include "format/keylist.h"
#include "local/message.h"
#include "local/users.h"

struct launch {
	int stub;                /* socket of the stub; everything here is borrowed */
	const int *fds;          /* the stub's 0, 1, 2 */
	int stream;              /* socket to the sealer */
	struct peer peer;        /* the stub */
	uid_t uid, caller;       /* of the stub; who ran su, or (uid_t)-1 */
	uid_t recorder_uid;
	gid_t recorder_gid, tty_gid;
	const struct buffer *meta; /* session metadata but for mode, tty, size and keys */
	const struct keylist *auditors; /* of what is typed at a terminal; NULL: it is counted */
	struct message_start start; /* mode is filled in */
	enum users_failure failure;
	uint64_t pipe_limit;
	bool metadata_only;      /* of a command without a terminal: it keeps its own descriptors */
	const char *recorder;    /* program */
	int timeout_ms;
};

/* What the child says to the broker, one packet each, then end of file when
 * the recorder runs (or the child died). */
enum launch_step {
	LAUNCH_TAKE = 1,         /* about to take the terminal (descriptors: outer, inner
				  * master), or pipes are made (the recorder's socket for questions):
				  * answer one byte to go on */
	LAUNCH_READY = 2,        /* taken; descriptor: the outer terminal after an eviction, or none */
	LAUNCH_SHORT = 3,        /* the host has no terminal left; the child ends */
};
struct launch_report {
	enum launch_step step;
	enum message_mode mode;
	dev_t inner;
	uid_t owner;
	gid_t group;
	mode_t perms;
	struct termios termios;
	ino_t pipe_in, pipe_out; /* of the pipes that are the command's stdin and stdout */
};

/* Returns the child's pid (later the recorder's) and *report, an owned
 * socket; or ITM_ESYS. */
pid_t launch_start(const struct launch *l, int *report);

#endif
