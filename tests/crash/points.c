#include "tests/crash/points.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct points points;

void points_start(enum points_mode mode, uint64_t at, int error)
{
	points = (struct points){ .mode = mode, .at = at, .error = error };
}

static void die(void)
{
	kill(getpid(), SIGKILL);
	for (;;)
		pause();
}

/* True: this is the call, and it has to fail. */
static bool enter(const char *name)
{
	points.calls++;
	if (points.calls != points.at || points.mode == POINTS_COUNT || points.mode == POINTS_FAIL_MEMORY)
		return false;
	points.name = name;
	if (points.mode == POINTS_BEFORE)
		die();
	if (points.mode != POINTS_FAIL)
		return false;
	errno = points.error;
	return true;
}

static long leave(long result)
{
	if (points.calls == points.at && (points.mode == POINTS_AFTER || points.mode == POINTS_WITHIN))
		die();
	return result;
}

static size_t amount(size_t len)
{
	return points.calls == points.at && points.mode == POINTS_WITHIN ? len / 2 : len;
}

/* The C library's names; what goes to stderr is no point. */

ssize_t write(int fd, const void *data, size_t len)
{
	if (fd <= 2)
		return syscall(SYS_write, fd, data, len);
	return enter("write") ? -1 : leave(syscall(SYS_write, fd, data, amount(len)));
}

ssize_t pwrite64(int fd, const void *data, size_t len, off64_t at)
{
	return enter("pwrite") ? -1 : leave(syscall(SYS_pwrite64, fd, data, amount(len), at));
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t at)
{
	return pwrite64(fd, data, len, at);
}

/* Messages are whole or not at all. */

ssize_t send(int fd, const void *data, size_t len, int flags)
{
	return enter("send") ? -1 : leave(syscall(SYS_sendto, fd, data, len, flags, NULL, 0));
}

ssize_t recv(int fd, void *data, size_t len, int flags)
{
	return enter("recv") ? -1 : leave(syscall(SYS_recvfrom, fd, data, len, flags, NULL, NULL));
}

int fdatasync(int fd)
{
	return enter("fdatasync") ? -1 : (int)leave(syscall(SYS_fdatasync, fd));
}

int fsync(int fd)
{
	return enter("fsync") ? -1 : (int)leave(syscall(SYS_fsync, fd));
}

int ftruncate(int fd, off_t len)
{
	return enter("ftruncate") ? -1 : (int)leave(syscall(SYS_ftruncate, fd, len));
}

int ftruncate64(int fd, off64_t len)
{
	return ftruncate(fd, len);
}

/* Opening to read may fail, but changes nothing: no use in dying there. */
static int open_at(int dir, const char *path, int flags, mode_t mode)
{
	if ((flags & O_ACCMODE) == O_RDONLY && points.mode != POINTS_FAIL)
		return (int)syscall(SYS_openat, dir, path, flags, mode);
	return enter("open") ? -1 : (int)leave(syscall(SYS_openat, dir, path, flags, mode));
}

static mode_t mode_of(int flags, va_list list)
{
	return flags & (O_CREAT | __O_TMPFILE) ? va_arg(list, mode_t) : 0;
}

#define OPEN(name) \
int name(const char *path, int flags, ...) \
{ \
	va_list list; \
	va_start(list, flags); \
	mode_t mode = mode_of(flags, list); \
	va_end(list); \
	return open_at(AT_FDCWD, path, flags, mode); \
}
#define OPENAT(name) \
int name(int dir, const char *path, int flags, ...) \
{ \
	va_list list; \
	va_start(list, flags); \
	mode_t mode = mode_of(flags, list); \
	va_end(list); \
	return open_at(dir, path, flags, mode); \
}
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

int mkdirat(int dir, const char *path, mode_t mode)
{
	return enter("mkdir") ? -1 : (int)leave(syscall(SYS_mkdirat, dir, path, mode));
}

int mkdir(const char *path, mode_t mode)
{
	return mkdirat(AT_FDCWD, path, mode);
}

int unlinkat(int dir, const char *path, int flags)
{
	return enter("unlink") ? -1 : (int)leave(syscall(SYS_unlinkat, dir, path, flags));
}

int unlink(const char *path)
{
	return unlinkat(AT_FDCWD, path, 0);
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
	return enter("rename") ? -1 : (int)leave(syscall(SYS_renameat2, from_dir, from, to_dir, to, flags));
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	return renameat2(from_dir, from, to_dir, to, 0);
}

int rename(const char *from, const char *to)
{
	return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

/* Allocations of the objects linked in (-Wl,--wrap): not the libraries' own. */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *text);

static bool starve(void)
{
	points.allocations++;
	if (points.mode != POINTS_FAIL_MEMORY || points.allocations != points.at)
		return false;
	points.name = "allocation";
	errno = ENOMEM;
	return true;
}

void *__wrap_malloc(size_t size)
{
	return starve() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return starve() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	return starve() ? NULL : __real_realloc(old, size);
}

char *__wrap_strdup(const char *text)
{
	return starve() ? NULL : __real_strdup(text);
}

void points_copy(const char *name, void *to, const void *from, size_t len)
{
	(void)enter(name);
	memcpy(to, from, amount(len));
	(void)leave(0);
}
