#include "base/fdpass.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 /* Linux 6.5, asm-generic/socket.h */
#endif

int fdpass_send(int sock, const void *data, size_t len, const int *fds, size_t fd_count)
{
	struct iovec iov = { .iov_base = (void *)(uintptr_t)data, .iov_len = len };
	union { struct cmsghdr align; char bytes[CMSG_SPACE(sizeof(int) * FDPASS_MAX)]; } control;
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fd_count > FDPASS_MAX)
		return ITM_ELIMIT;
	if (fd_count > 0) {
		memset(&control, 0, sizeof control);
		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * fd_count);
	}
	ssize_t n;
	do
		n = sendmsg(sock, &msg, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EPIPE || errno == ECONNRESET ? ITM_ECLOSED : ITM_ESYS;
	return (size_t)n == len ? 0 : ITM_ESYS;
}

/* Take every descriptor the kernel installed; more than the caller has room
 * for are closed and make the message refused. */
static int collect(struct msghdr *msg, int *fds, size_t room, size_t *count)
{
	int over = 0;
	*count = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
			if (*count < room) {
				fds[(*count)++] = fd;
			} else {
				close(fd);
				over = 1;
			}
		}
	}
	return over;
}

ssize_t fdpass_recv(int sock, void *data, size_t size, int *fds, size_t *fd_count)
{
	struct iovec iov = { .iov_base = data, .iov_len = size };
	/* Room for more than FDPASS_MAX, so that a surplus is seen and closed. */
	union { struct cmsghdr align; char bytes[CMSG_SPACE(sizeof(int) * 64)]; } control;
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes,
			      .msg_controllen = sizeof control };
	size_t room = fd_count ? *fd_count : 0, got = 0;
	ssize_t n;

	if (fd_count != NULL)
		*fd_count = 0;
	do
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == ECONNRESET ? ITM_ECLOSED : ITM_ESYS;
	int over = collect(&msg, fds, room, &got);
	if (over || (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
		for (size_t i = 0; i < got; i++)
			close(fds[i]);
		return ITM_ELIMIT;
	}
	if (n == 0) {
		for (size_t i = 0; i < got; i++)
			close(fds[i]);
		return ITM_ECLOSED;
	}
	if (fd_count != NULL)
		*fd_count = got;
	return n;
}

static int make_address(const char *path, struct sockaddr_un *address)
{
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	int n = snprintf(address->sun_path, sizeof address->sun_path, "%s", path);
	if (n < 0 || (size_t)n >= sizeof address->sun_path) {
		errno = ENAMETOOLONG;
		return ITM_ESYS;
	}
	return 0;
}

static int close_failed(int fd)
{
	int saved = errno;
	close(fd);
	errno = saved;
	return ITM_ESYS;
}

/* A unix connect blocks while the listener's backlog is full; a send timeout
 * bounds it (unix(7), SO_SNDTIMEO). */
int fdpass_connect(const char *path, int timeout_ms)
{
	struct sockaddr_un address;
	int r = make_address(path, &address);
	if (r != 0)
		return r;
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return ITM_ESYS;
	struct timeval tv = { .tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000 };
	if (timeout_ms > 0 && setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv) != 0)
		return close_failed(fd);
	do
		r = connect(fd, (const struct sockaddr *)&address, sizeof address);
	while (r != 0 && errno == EINTR);
	return r == 0 ? fd : close_failed(fd);
}

int fdpass_listen(const char *path, unsigned mode, int backlog)
{
	struct sockaddr_un address;
	int r = make_address(path, &address);
	if (r != 0)
		return r;
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return ITM_ESYS;
	unlink(path);
	/* fchmod on the socket before bind sets the node's mode from the start. */
	if (fchmod(fd, mode) != 0 || bind(fd, (const struct sockaddr *)&address, sizeof address) != 0 ||
	    chmod(path, mode) != 0 || listen(fd, backlog) != 0)
		return close_failed(fd);
	return fd;
}

int fdpass_peer(int sock, struct fdpass_peer *out)
{
	struct ucred cred;
	socklen_t len = sizeof cred;
	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0)
		return ITM_ESYS;
	if (cred.pid <= 0)
		return ITM_EPERM; /* a peer in another pid namespace */
	int pidfd = -1;
	len = sizeof pidfd;
	if (getsockopt(sock, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &len) != 0) {
		if (errno != ENOPROTOOPT)
			return errno == ESRCH || errno == EINVAL ? ITM_EPERM : ITM_ESYS;
		pidfd = (int)syscall(SYS_pidfd_open, cred.pid, 0);
		if (pidfd < 0)
			return errno == ESRCH ? ITM_EPERM : ITM_ESYS;
	}
	/* Readable means it is dead already: its pid may be someone else's. */
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	if (poll(&p, 1, 0) != 0) {
		close(pidfd);
		return ITM_EPERM;
	}
	*out = (struct fdpass_peer){ .pid = cred.pid, .uid = cred.uid, .gid = cred.gid, .pidfd = pidfd };
	return 0;
}
