#include "cli/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/atomicfile.h"
#include "base/error.h"

static int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

bool machine_is_here(const struct machine *m)
{
	return m->root[0] == '\0';
}

int machine_path(const struct machine *m, const char *path, char out[PATH_MAX])
{
	int n = snprintf(out, PATH_MAX, "%s%s", m->root, path);
	return n > 0 && n < PATH_MAX ? 0 : ITM_ELIMIT;
}

/* An absolute link inside the root must not lead out of it: openat2(2),
 * Linux 5.6.  Older kernels get a plain open. */
static int open_in(const struct machine *m, const char *path, int flags)
{
	char full[PATH_MAX];
	if (machine_path(m, path, full) != 0) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if (machine_is_here(m))
		return open(full, flags | O_CLOEXEC);
	struct open_how how = { .flags = (uint64_t)(flags | O_CLOEXEC), .resolve = RESOLVE_IN_ROOT };
	int root = open(m->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return -1;
	int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof how);
	int saved = errno;
	close(root);
	errno = saved;
	return fd >= 0 || saved != ENOSYS ? fd : open(full, flags | O_CLOEXEC);
}

int machine_stat(const struct machine *m, const char *path, struct stat *out)
{
	int fd = open_in(m, path, O_PATH);
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? ITM_ENOENT : ITM_ESYS;
	int r = fstat(fd, out) == 0 ? 0 : ITM_ESYS;
	close(fd);
	return r;
}

bool machine_is_link(const struct machine *m, const char *path)
{
	char full[PATH_MAX];
	struct stat st;
	return machine_path(m, path, full) == 0 && lstat(full, &st) == 0 && S_ISLNK(st.st_mode);
}

bool machine_executable(const struct machine *m, const char *path)
{
	struct stat st;
	return machine_stat(m, path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & S_IXUSR) != 0;
}

int machine_read(const struct machine *m, const char *path, struct buffer *b)
{
	char by_fd[64];
	int fd = open_in(m, path, O_PATH);
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? ITM_ENOENT : ITM_ESYS;
	/* The link of /proc leads to the file that was found, whatever happens
	 * to its name. */
	snprintf(by_fd, sizeof by_fd, "/proc/self/fd/%d", fd);
	int in = open(by_fd, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	close(fd);
	if (in < 0)
		return ITM_ESYS;
	int r = 0;
	for (;;) {
		uint8_t piece[4096];
		ssize_t n = read(in, piece, sizeof piece);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 || (r = buffer_put(b, piece, (size_t)n)) != 0) {
			r = n < 0 ? ITM_ESYS : r;
			break;
		}
	}
	close(in);
	return r;
}

static int pass(const struct machine *m, const char *what)
{
	return m->gate != NULL ? m->gate(m, what) : 0;
}

static int sync_folder(char *path)
{
	char *slash = strrchr(path, '/');
	if (slash == NULL)
		return 0;
	slash[slash == path] = '\0';
	return atomicfile_sync_dir(path);
}

int machine_write(const struct machine *m, const char *path, const void *data, size_t len, mode_t mode,
		  uid_t uid, gid_t gid)
{
	char full[PATH_MAX];
	int r = machine_path(m, path, full);
	if (r == 0)
		r = pass(m, path);
	if (r == 0)
		r = atomicfile_write(full, data, len, mode);
	/* A file of /etc that is not root's is rare: it is root's for a moment. */
	if (r == 0 && (uid != geteuid() || gid != getegid()) && lchown(full, uid, gid) != 0 && geteuid() == 0)
		r = ITM_ESYS;
	return r;
}

int machine_remove(const struct machine *m, const char *path)
{
	char full[PATH_MAX];
	int r = machine_path(m, path, full);
	if (r == 0)
		r = pass(m, path);
	if (r != 0)
		return r;
	if (unlink(full) != 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : ITM_ESYS;
	return sync_folder(full);
}

int machine_mkdir(const struct machine *m, const char *path, mode_t mode)
{
	char full[PATH_MAX];
	int r = machine_path(m, path, full);
	if (r == 0)
		r = pass(m, path);
	return r == 0 ? atomicfile_mkdir(full, mode) : r;
}

int machine_rmdir(const struct machine *m, const char *path)
{
	char full[PATH_MAX];
	int r = machine_path(m, path, full);
	if (r != 0)
		return r;
	return rmdir(full) == 0 || errno == ENOENT ? 0 : ITM_ESYS;
}

int machine_run(const struct machine *m, const char *const *argv, struct buffer *out)
{
	int r = pass(m, argv[0]);
	return r == 0 ? m->run(m, argv, out) : r;
}

int machine_call(const struct machine *m, int (*work)(void *), void *context)
{
	int r = pass(m, "look-up");
	return r == 0 ? m->call(m, work, context) : r;
}

const char *machine_first(const struct machine *m, const char *const *paths)
{
	for (; *paths != NULL; paths++)
		if (machine_executable(m, *paths))
			return *paths;
	return NULL;
}

/* What a program says until it closes its end; false when time is over. */
static bool listen_to(int fd, struct buffer *out, int64_t deadline)
{
	for (;;) {
		char piece[4096];
		int64_t left = deadline - now_ms();
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int n = left > 0 ? poll(&p, 1, (int)left) : 0;
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		ssize_t got = read(fd, piece, sizeof piece);
		if (got <= 0)
			return true;
		if (out != NULL) /* more than it holds is read and dropped */
			(void)buffer_put(out, piece, (size_t)got);
	}
}

/* Its exit status; ITM_ETIMEOUT after having killed it. */
static int reap(pid_t pid, int64_t deadline)
{
	int status;
	bool late = false;
	for (;;) {
		pid_t r = waitpid(pid, &status, late ? 0 : WNOHANG);
		if (r == pid)
			return late ? ITM_ETIMEOUT : WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
		if (r < 0 && errno != EINTR)
			return ITM_ESYS;
		if (!late && now_ms() >= deadline) {
			kill(pid, SIGKILL);
			late = true;
		} else if (!late) {
			struct timespec pause = { .tv_nsec = 2000000 };
			nanosleep(&pause, NULL);
		}
	}
}

static void enter(const struct machine *m)
{
	if (!machine_is_here(m) && (chroot(m->root) != 0 || chdir("/") != 0))
		_exit(127);
}

static void become(const struct machine *m, const char *const *argv, int out)
{
	static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin", locale[] = "LC_ALL=C",
		frontend[] = "DEBIAN_FRONTEND=noninteractive";
	char *environment[] = { path, locale, frontend, NULL }, *copy[32] = { 0 };
	int in = open("/dev/null", O_RDONLY);
	for (size_t i = 0; argv[i] != NULL; i++) {
		if (i + 1 == sizeof copy / sizeof copy[0] || (copy[i] = strdup(argv[i])) == NULL)
			_exit(127);
	}
	if (in < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
		_exit(127);
	enter(m);
	execve(copy[0], copy, environment);
	_exit(127);
}

static int run(const struct machine *m, const char *const *argv, struct buffer *out)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) != 0)
		return ITM_ESYS;
	pid_t pid = fork();
	if (pid == 0)
		become(m, argv, ends[1]);
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return ITM_ESYS;
	}
	int64_t deadline = now_ms() + MACHINE_RUN_MS;
	listen_to(ends[0], out, deadline);
	close(ends[0]);
	return reap(pid, deadline);
}

static int call(const struct machine *m, int (*work)(void *), void *context)
{
	pid_t pid = fork();
	if (pid < 0)
		return ITM_ESYS;
	if (pid == 0) {
		enter(m);
		_exit(work(context));
	}
	return reap(pid, now_ms() + MACHINE_RUN_MS);
}

int machine_init(struct machine *m, const char *root)
{
	struct stat st;
	*m = (struct machine){ .root = "", .run = run, .call = call };
	if (root == NULL || root[strspn(root, "/")] == '\0')
		return 0;
	if (root[0] != '/' || stat(root, &st) != 0 || !S_ISDIR(st.st_mode))
		return ITM_EINVAL;
	m->root = root;
	return 0;
}
