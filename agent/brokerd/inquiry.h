/* inquiry: a recorder of a command without a terminal asks which program runs
 * in it, and is told: a few times at once, then at most twice a second. */
#ifndef ITM_AGENT_BROKERD_INQUIRY_H
#define ITM_AGENT_BROKERD_INQUIRY_H

#include <stdint.h>
#include <sys/types.h>

#include "local/loop.h"

struct inquiry;

/* sock is the socket to the recorder (taken, also on failure); in and out are
 * the inodes of the pipes the program has as stdin and stdout.  Owned, or
 * NULL: the recorder is then told nothing. */
struct inquiry *inquiry_open(struct loop *loop, int sock, pid_t stub, uint64_t stub_start, ino_t in, ino_t out);
/* Borrowed: what a successor of the broker goes on with. */
int inquiry_socket(const struct inquiry *q);
void inquiry_close(struct inquiry *q);

#endif
