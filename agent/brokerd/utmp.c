#include "agent/brokerd/utmp.h"

#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utmpx.h>

enum {
	WAIT_MS = 100,
	LINE_SIZE = 32,          /* ut_line, utmp(5) */
};

static void name_pty(dev_t tty, char line[LINE_SIZE])
{
	snprintf(line, LINE_SIZE, "pts/%u", minor(tty));
}

static bool find(const char *line, struct utmpx *out)
{
	struct utmpx key = { 0 };
	size_t len = strlen(line);
	if (len == 0 || len > sizeof key.ut_line)
		return false;
	memcpy(key.ut_line, line, len);
	setutxent();
	const struct utmpx *found = getutxline(&key);
	if (found == NULL || found->ut_type != USER_PROCESS)
		return false;
	*out = *found;
	return true;
}

static void set_time(struct utmpx *u)
{
	struct timeval now;
	gettimeofday(&now, NULL);
	u->ut_tv.tv_sec = (int32_t)now.tv_sec;
	u->ut_tv.tv_usec = (int32_t)now.tv_usec;
}

static void put(const struct utmpx *u)
{
	setutxent();
	pututxline(u);
	endutxent();
	updwtmpx("/var/log/wtmp", u);
}

static void begin(const char *outer, const char *inner, pid_t stub)
{
	struct utmpx u;
	size_t len = strlen(inner);
	if (len < sizeof u.ut_id || !find(outer, &u))
		return;
	memset(u.ut_line, 0, sizeof u.ut_line);
	memcpy(u.ut_line, inner, len);
	memcpy(u.ut_id, inner + len - sizeof u.ut_id, sizeof u.ut_id); /* as sshd does */
	u.ut_pid = stub;
	u.ut_session = 0;
	set_time(&u);
	put(&u);
}

static void end(const char *inner, pid_t stub)
{
	struct utmpx u;
	if (!find(inner, &u) || u.ut_pid != stub)
		return;
	u.ut_type = DEAD_PROCESS;
	memset(u.ut_user, 0, sizeof u.ut_user);
	memset(u.ut_host, 0, sizeof u.ut_host);
	set_time(&u);
	put(&u);
}

void utmp_begin(const char *outer, dev_t inner, pid_t stub)
{
	char line[LINE_SIZE];
	name_pty(inner, line);
	if (strncmp(outer, "/dev/", 5) != 0)
		return;
	pid_t pid = fork();
	if (pid == 0) {
		close_range(3, ~0U, 0); /* no copy of a terminal lives on in here */
		begin(outer + 5, line, stub);
		_exit(0);
	}
	if (pid < 0)
		return;
	struct pollfd p = { .fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN };
	if (p.fd >= 0)
		poll(&p, 1, WAIT_MS);
	close(p.fd);
	waitpid(pid, NULL, WNOHANG);
}

/* Forks twice: the broker has nobody to wait for. */
void utmp_end(dev_t inner, pid_t stub)
{
	char line[LINE_SIZE];
	name_pty(inner, line);
	pid_t pid = fork();
	if (pid == 0) {
		close_range(3, ~0U, 0);
		if (fork() == 0)
			end(line, stub);
		_exit(0);
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
}
