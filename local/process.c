#include "local/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "local/supervisor.h"

static int pidfd_of(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

/* 0 when the process is gone.  Its name may hold spaces and brackets: count
 * from the last one. */
static uint64_t read_start_ticks(pid_t pid)
{
	char path[64], text[1024];
	(void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	ssize_t n = read(fd, text, sizeof text - 1);
	close(fd);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	char *at = strrchr(text, ')');
	for (int field = 2; at != NULL && field < 22; field++)
		at = strchr(at + 1, ' ');
	return at ? strtoull(at + 1, NULL, 10) : 0;
}

void process_init(struct process *p)
{
	*p = (struct process){ .pidfd = -1 };
}

static _Noreturn void become(const char *path, const char *const *argv, int nice_value, int control)
{
	sigset_t none;
	sigemptyset(&none);
	for (int sig = 1; sig < NSIG; sig++)
		(void)signal(sig, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (control == SUPERVISOR_CONTROL_FD)
		(void)fcntl(control, F_SETFD, 0);
	else if (dup2(control, SUPERVISOR_CONTROL_FD) < 0)
		_exit(127);
	(void)syscall(SYS_close_range, SUPERVISOR_CONTROL_FD + 1, ~0U, 0);
	(void)setenv("ITM_CONTROL", "3", 1);
	if (nice_value != 0)
		(void)setpriority(PRIO_PROCESS, 0, nice_value);
	execv(path, (char *const *)(uintptr_t)argv);
	/* The log of the supervisor's own process; nothing else can be said here. */
	dprintf(STDERR_FILENO, "itm: cannot start %s: %s\n", path, strerror(errno));
	_exit(127);
}

int process_start(struct process *p, const char *path, const char *const *argv, int nice_value, int control)
{
	pid_t pid = fork();
	if (pid < 0)
		return ITM_ESYS;
	if (pid == 0)
		become(path, argv, nice_value, control);
	/* Not reaped yet, so the pid can't have another owner. */
	int pidfd = pidfd_of(pid);
	if (pidfd < 0) {
		int saved = errno;
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		errno = saved;
		return ITM_ESYS;
	}
	*p = (struct process){ .pid = pid, .pidfd = pidfd, .start_ticks = read_start_ticks(pid), .ours = true };
	return 0;
}

int process_find(struct process *p, pid_t pid, uint64_t start_ticks)
{
	if (pid <= 1)
		return ITM_ENOENT;
	int pidfd = pidfd_of(pid);
	if (pidfd < 0)
		return ITM_ENOENT;
	uint64_t ticks = read_start_ticks(pid);
	struct pollfd alive = { .fd = pidfd, .events = POLLIN };
	if (ticks == 0 || (start_ticks != 0 && ticks != start_ticks) || poll(&alive, 1, 0) != 0) {
		close(pidfd);
		return ITM_ENOENT;
	}
	*p = (struct process){ .pid = pid, .pidfd = pidfd, .start_ticks = ticks };
	return 0;
}

bool process_runs(const struct process *p, const char *path)
{
	char exe[64];
	struct stat runs, installed;
	snprintf(exe, sizeof exe, "/proc/%d/exe", (int)p->pid);
	return stat(exe, &runs) == 0 && stat(path, &installed) == 0 && runs.st_dev == installed.st_dev &&
	       runs.st_ino == installed.st_ino;
}

void process_signal(const struct process *p, int sig)
{
	if (p->pidfd >= 0)
		(void)syscall(SYS_pidfd_send_signal, p->pidfd, sig, NULL, 0);
}

void process_reap(struct process *p, char *how, size_t how_size)
{
	siginfo_t info = { 0 };
	if (!p->ours || waitid(P_PIDFD, (id_t)p->pidfd, &info, WEXITED) != 0)
		(void)snprintf(how, how_size, "ended");
	else if (info.si_code == CLD_EXITED)
		(void)snprintf(how, how_size, "exited with %d", info.si_status);
	else
		(void)snprintf(how, how_size, "was killed by signal %d", info.si_status);
	process_forget(p);
}

void process_forget(struct process *p)
{
	if (p->pidfd >= 0)
		close(p->pidfd);
	process_init(p);
}
