#include "base/atomicfile.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

static int write_all(int fd, const uint8_t *p, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ITM_ESYS;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int atomicfile_sync_dir(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return ITM_ESYS;
	int r = fsync(fd) == 0 ? 0 : ITM_ESYS;
	close(fd);
	return r;
}

static int sync_parent(const char *path)
{
	char copy[PATH_MAX];
	if ((size_t)snprintf(copy, sizeof copy, "%s", path) >= sizeof copy)
		return ITM_ESYS;
	return atomicfile_sync_dir(dirname(copy));
}

static int replace(const char *path, const void *data, size_t len, mode_t mode, int durable)
{
	char beside[PATH_MAX];
	int n = snprintf(beside, sizeof beside, "%s.%d.new", path, (int)getpid());
	if (n < 0 || (size_t)n >= sizeof beside) {
		errno = ENAMETOOLONG;
		return ITM_ESYS;
	}
	unlink(beside);
	int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return ITM_ESYS;
	if (write_all(fd, data, len) != 0 || fchmod(fd, mode) != 0 || (durable && fsync(fd) != 0)) {
		int saved = errno;
		close(fd);
		unlink(beside);
		errno = saved;
		return ITM_ESYS;
	}
	close(fd);
	if (rename(beside, path) != 0) {
		int saved = errno;
		unlink(beside);
		errno = saved;
		return ITM_ESYS;
	}
	return durable ? sync_parent(path) : 0;
}

int atomicfile_write(const char *path, const void *data, size_t len, mode_t mode)
{
	return replace(path, data, len, mode, 1);
}

int atomicfile_publish(const char *path, const void *data, size_t len, mode_t mode)
{
	return replace(path, data, len, mode, 0);
}

int atomicfile_read(const char *path, struct buffer *b)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return errno == ENOENT ? ITM_ENOENT : ITM_ESYS;
	int r = 0;
	for (;;) {
		/* At the limit one byte more is asked for, to see whether there is one. */
		uint8_t extra;
		size_t room = b->max - b->len;
		if (room > 0 && (r = buffer_reserve(b, room < 4096 ? room : 4096)) != 0)
			break;
		ssize_t n = room > 0 ? read(fd, b->data + b->len, room < 4096 ? room : 4096) : read(fd, &extra, 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			r = n < 0 ? ITM_ESYS : 0;
			break;
		}
		if (room == 0) {
			r = ITM_ELIMIT;
			break;
		}
		b->len += (size_t)n;
	}
	int saved = errno;
	close(fd);
	errno = saved;
	return r;
}

int atomicfile_mkdir(const char *path, mode_t mode)
{
	if (mkdir(path, mode) == 0)
		return chmod(path, mode) == 0 ? 0 : ITM_ESYS;
	if (errno != EEXIST)
		return ITM_ESYS;
	struct stat st;
	if (stat(path, &st) != 0)
		return ITM_ESYS;
	if (!S_ISDIR(st.st_mode)) {
		errno = ENOTDIR;
		return ITM_ESYS;
	}
	return 0;
}
