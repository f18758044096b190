/* fdpass: messages with file descriptors over SOCK_SEQPACKET unix sockets
 * (unix(7), SCM_RIGHTS). */
#ifndef ITM_BASE_FDPASS_H
#define ITM_BASE_FDPASS_H

#include <stddef.h>
#include <sys/types.h>

enum { FDPASS_MAX = 8 }; /* descriptors in one message */

/* Sends one message; the descriptors stay the caller's.  0, ITM_ESYS (errno;
 * EAGAIN when the socket is non-blocking and full), ITM_ECLOSED. */
int fdpass_send(int sock, const void *data, size_t len, const int *fds, size_t fd_count);

/* Receives one message.  Returns its length (0 < n <= size), ITM_ECLOSED at
 * end of file, ITM_ELIMIT when it was larger than size or carried more than
 * *fd_count descriptors (all of them are closed), or ITM_ESYS.  Received
 * descriptors are owned by the caller, close-on-exec; *fd_count is set. */
ssize_t fdpass_recv(int sock, void *data, size_t size, int *fds, size_t *fd_count);

/* Connect to / listen on a SEQPACKET path.  Return an owned close-on-exec
 * descriptor, or ITM_ESYS.  listen unlinks an old socket first and sets mode. */
int fdpass_connect(const char *path, int timeout_ms);
int fdpass_listen(const char *path, unsigned mode, int backlog);

/* The peer of a connected socket: pid, uid and an owned pidfd (SO_PEERPIDFD,
 * Linux 6.5; pidfd_open before that, checked to be still the same process).
 * 0 or ITM_ESYS / ITM_EPERM when the peer is already gone. */
struct fdpass_peer { pid_t pid; uid_t uid; gid_t gid; int pidfd; };
int fdpass_peer(int sock, struct fdpass_peer *out);

#endif
