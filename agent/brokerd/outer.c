#include "agent/brokerd/outer.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/error.h"

enum { TYPED_AHEAD_MAX = 4096 }; /* bytes; N_TTY_BUF_SIZE of the kernel */

/* Device files of a FUSE or other foreign filesystem can stall every call. */
static bool on_device_filesystem(int fd)
{
	struct statfs fs;
	return fstatfs(fd, &fs) == 0 &&
	       (fs.f_type == DEVPTS_SUPER_MAGIC || fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC);
}

/* The terminal device tty, as far as the kernel knows by itself: a file system
 * in user space is not asked, so that its silence can't stall us. */
static bool is_device(int fd, dev_t tty)
{
	struct statx st;
	return tty != 0 && statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &st) == 0 &&
	       S_ISCHR(st.stx_mode) && makedev(st.stx_rdev_major, st.stx_rdev_minor) == tty;
}

static void read_name(int fd, char *name, size_t size)
{
	char link[32];
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, name, size - 1);
	name[n > 0 ? n : 0] = '\0';
}

static int examine(int fd, const struct peer *peer, uid_t uid, uid_t caller, struct outer *out)
{
	struct outer o = { .fd = fd };
	int flags = fcntl(fd, F_GETFL);
	if (flags < 0 || (flags & O_ACCMODE) != O_RDWR || (flags & O_PATH) != 0)
		return ITM_ENOENT;
	if (!is_device(fd, peer->tty) || !on_device_filesystem(fd) || fstat(fd, &o.before) != 0)
		return ITM_ENOENT;
	uid_t owner = o.before.st_uid;
	if (owner != uid && owner != 0 && (owner != caller || caller == (uid_t)-1))
		return ITM_ENOENT;
	if (tcgetattr(fd, &o.termios) != 0)
		return ITM_ENOENT;
	if (ioctl(fd, TIOCGWINSZ, &o.size) != 0)
		memset(&o.size, 0, sizeof o.size);
	read_name(fd, o.name, sizeof o.name);
	*out = o;
	return 0;
}

int outer_find(const int fds[3], const struct peer *peer, uid_t uid, uid_t caller, struct outer *out)
{
	for (int i = 0; i < 3; i++)
		if (examine(fds[i], peer, uid, caller, out) == 0)
			return 0;
	return ITM_ENOENT;
}

int outer_open(int fd, int flags)
{
	char link[32];
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	int opened = open(link, flags | O_NOCTTY | O_CLOEXEC);
	return opened >= 0 ? opened : ITM_ESYS;
}

int outer_take(const struct outer *o, uid_t uid, gid_t gid)
{
	return fchown(o->fd, uid, gid) == 0 && fchmod(o->fd, 0600) == 0 ? 0 : ITM_ESYS;
}

/* Raw first: it makes an unfinished line readable. */
static int drain(const struct outer *o, int typed_ahead)
{
	struct termios raw = o->termios;
	char bytes[TYPED_AHEAD_MAX];
	int waiting = 0;
	cfmakeraw(&raw);
	if (tcsetattr(o->fd, TCSANOW, &raw) != 0 || ioctl(o->fd, FIONREAD, &waiting) != 0)
		return ITM_ESYS;
	if (waiting <= 0)
		return 0;
	ssize_t n = read(o->fd, bytes, waiting < TYPED_AHEAD_MAX ? (size_t)waiting : sizeof bytes);
	return n > 0 && write(typed_ahead, bytes, (size_t)n) != n ? ITM_ESYS : 0;
}

int outer_evict(struct outer *o, int typed_ahead)
{
	struct statfs fs;
	if (drain(o, typed_ahead) != 0 || fstatfs(o->fd, &fs) != 0)
		return ITM_ESYS;
	/* A console outlives its session: the next user must be able to open it. */
	if (fs.f_type == DEVPTS_SUPER_MAGIC && ioctl(o->fd, TIOCEXCL) != 0)
		return ITM_ESYS;
	if (ioctl(o->fd, TIOCVHANGUP) != 0)
		return ITM_ESYS;
	/* Before any old descriptor is closed: the far end must not see the last
	 * one go. */
	int fd = outer_open(o->fd, O_RDWR);
	if (fd < 0)
		return ITM_ESYS;
	/* Ptys lose their modes by a hang-up (TTY_DRIVER_RESET_TERMIOS). */
	if (tcsetattr(fd, TCSANOW, &o->termios) != 0) {
		close(fd);
		return ITM_ESYS;
	}
	o->fd = fd;
	return 0;
}

void outer_share(int fd)
{
	(void)ioctl(fd, TIOCNXCL);
}
