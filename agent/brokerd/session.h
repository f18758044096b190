/* session: the recorded sessions that run now, and giving each terminal back
 * to its owner when the stub has left or the recorder has ended (it may live a
 * little longer, until its last frames are durable), also after a restart of
 * the broker. */
#ifndef ITM_AGENT_BROKERD_SESSION_H
#define ITM_AGENT_BROKERD_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <termios.h>

#include "agent/brokerd/inquiry.h"
#include "agent/brokerd/peer.h"
#include "base/id.h"
#include "local/control.h"
#include "local/loop.h"

enum { SESSION_MAX = 4096 }; /* at once; each holds four descriptors */

struct session_table {
	struct session *first;
	size_t count;
	uid_t recorder_uid;      /* only a terminal that is still the recorder's is given back */
	struct loop *loop;
	struct control *control;
	struct events *events;   /* told of each end; NULL = nobody */
};

struct session {
	struct session *next;
	struct session_table *table;
	struct id stream;
	uid_t uid;
	bool pty;
	bool stopped;            /* the recorder was, at the last look (lookout.h) */
	bool child;              /* the recorder is our own child */
	pid_t stub, recorder;
	uint64_t stub_start, recorder_start;
	int pidfd;               /* of the recorder, owned */
	int stub_pidfd;          /* owned */
	int outer;               /* the user's terminal, owned; -1 in pipe mode */
	int master;              /* our dup of the inner pty's master: its number stays taken; -1 in pipe mode */
	dev_t inner;             /* of the inner slave */
	uid_t owner;             /* of the outer terminal before */
	gid_t group;
	mode_t mode;
	struct termios termios;
	struct inquiry *inquiry; /* owned; NULL on a pty and where only metadata are recorded */
	ino_t pipe_in, pipe_out; /* of the inquiry */
	int64_t left_ms;         /* when the stub was gone; 0 = it is there */
	struct loop_watch watch, stub_watch;
};

void session_init(struct session_table *t, struct loop *loop, struct control *control);
/* A copy of *from joins the table and is stored with the supervisor; its
 * descriptors and inquiry are taken, also on failure.  NULL when there are too many. */
struct session *session_add(struct session_table *t, const struct session *from);
struct session *session_find(struct session_table *t, const struct id *stream); /* borrowed or NULL */
/* After an eviction: the outer terminal's new descriptor (taken). */
void session_reopened(struct session *s, int outer);
/* End the recorder now and give the terminal back. */
void session_abort(struct session *s);

/* By the device of an inner terminal; by a process that is a session's stub
 * or the leader of its inner terminal. NULL = none. */
const struct session *session_of_tty(const struct session_table *t, dev_t tty);
const struct session *session_of_process(const struct session_table *t, const struct peer *p);

/* What the supervisor kept under "term-..."; takes the descriptors. */
int session_recall(struct session_table *t, const void *blob, size_t len, const int *fds, size_t count);
void session_store_all(const struct session_table *t);
/* Forget all without ending or giving back anything: they live on. */
void session_close(struct session_table *t);

#endif
