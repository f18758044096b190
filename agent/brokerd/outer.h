/* outer: the terminal a user came with: whether it may be taken, taking it,
 * and shutting out whoever opened it before.  Runs only in a session's own
 * child with a time limit, since a user's descriptor can block for ever. */
#ifndef ITM_AGENT_BROKERD_OUTER_H
#define ITM_AGENT_BROKERD_OUTER_H

#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <termios.h>

#include "agent/brokerd/peer.h"

struct outer {
	int fd;                  /* borrowed until evict, then owned */
	struct stat before;      /* owner and mode to give back */
	struct termios termios;
	struct winsize size;
	char name[64];           /* "/dev/pts/3" */
};

/* The first of fds that is a real terminal device, open for reading and
 * writing, the peer's controlling terminal, and owned by the peer, root, or
 * caller (who ran su; (uid_t)-1 = nobody).  0, or ITM_ENOENT. */
int outer_find(const int fds[3], const struct peer *peer, uid_t uid, uid_t caller, struct outer *out);
/* Another open file description of the same terminal, or ITM_ESYS. */
int outer_open(int fd, int flags);
/* From here on only the recorder's uid can open it. 0 or ITM_ESYS. */
int outer_take(const struct outer *o, uid_t uid, gid_t gid);
/* Hang the terminal up and open it again (o->fd is the new one), so that
 * descriptors opened before are dead.  What was typed already is written to
 * typed_ahead.  A pty is then exclusive (tty_ioctl(4), TIOCEXCL) and stays so
 * after its session: sshd gives it to everybody (0666) a moment before it
 * closes it.  0 or ITM_ESYS. */
int outer_evict(struct outer *o, int typed_ahead);
/* The terminal goes on without us: its user may open it again. */
void outer_share(int fd);

#endif
