/* utmp: an entry for the inner terminal, so that who, w, last, write and mesg
 * tell of the terminal a recorded user really works on.
 *
 * It is a copy of the outer terminal's entry, which sshd or login made and
 * which stays: `who` shows both lines, `who am i` the inner one, with the same
 * user, host and time as unrecorded.  Where the outer terminal has none (su
 * from a terminal without one) there is none for the inner.
 *
 * Not libutempter: its helper writes its caller's process id, and who and last
 * take an entry whose process is gone for dead.  Ours is the stub, which lives
 * as long as the session. */
#ifndef ITM_AGENT_BROKERD_UTMP_H
#define ITM_AGENT_BROKERD_UTMP_H

#include <sys/types.h>

/* Both run in a process of their own: anybody may hold a lock on /run/utmp
 * that stalls a writer (10 s in glibc).  utmp_begin waits at most
 * 100 ms for its end.  outer is a path in /dev, inner a pty slave. */
void utmp_begin(const char *outer, dev_t inner, pid_t stub);
/* Ends the entry if it is the stub's.  Waits for nothing. */
void utmp_end(dev_t inner, pid_t stub);

#endif
