/* connect: a TCP connection begun without waiting for it. */
#ifndef ITM_AGENT_FORWARDD_CONNECT_H
#define ITM_AGENT_FORWARDD_CONNECT_H

#include <stddef.h>

#include "base/error.h"

enum { CONNECT_NAME_SIZE = 256 };

/* Split "host:port" or "[::1]:7443".  0 or ITM_EINVAL. */
int connect_split(const char *server, char host[CONNECT_NAME_SIZE], char port[16]);
/* Begin connecting to the attempt-th address of host (they are taken in turn).
 * An owned non-blocking socket; ITM_ENET (no address), ITM_ESYS. */
int connect_begin(const char *host, const char *port, unsigned attempt);
/* Once it is writable: 0 connected, ITM_ESYS (errno says why not). */
int connect_result(int fd);

#endif
