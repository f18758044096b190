/* many: starts COUNT copies of a terminal program, each on a pty of its own,
 * and keeps them until its standard input ends; what they print is thrown
 * away.
 *
 *   many COUNT -- PROGRAM ARGUMENT...
 * Says "up N" when the first output of all of them has come, "lost N" at the
 * end when some ended early. */
#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { COUNT_MAX = 4000, EVENTS = 64 };

struct terminal { int master; bool spoke, gone; };

static struct terminal terminals[COUNT_MAX];
static unsigned spoke, gone;

static void die(const char *what)
{
	fprintf(stderr, "many: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void start(struct terminal *t, int epoll, char **argv)
{
	struct winsize size = { .ws_row = 40, .ws_col = 120 };
	pid_t pid = forkpty(&t->master, NULL, NULL, &size);
	if (pid < 0)
		die("forkpty");
	if (pid == 0) {
		execvp(argv[0], argv);
		_exit(127);
	}
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = t };
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, t->master, &e) != 0)
		die("epoll_ctl");
}

static void hear(struct terminal *t)
{
	char drain[65536];
	ssize_t n = read(t->master, drain, sizeof drain);
	if (n > 0 && !t->spoke) {
		t->spoke = true;
		spoke++;
	}
	if (n > 0 || t->gone)
		return;
	t->gone = true;
	gone++;
	close(t->master);
}

/* One turn; false when standard input has ended. */
static bool turn(int epoll)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(epoll, events, EVENTS, 100);
	for (int i = 0; i < n; i++) {
		char byte;
		if (events[i].data.ptr != NULL)
			hear(events[i].data.ptr);
		else if (read(STDIN_FILENO, &byte, 1) <= 0)
			return false;
	}
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	return true;
}

int main(int argc, char **argv)
{
	unsigned long count = argc > 3 ? strtoul(argv[1], NULL, 10) : 0;
	struct rlimit files = { 65536, 65536 };
	struct epoll_event e = { .events = EPOLLIN };
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	if (count == 0 || count > COUNT_MAX || strcmp(argv[2], "--") != 0) {
		fprintf(stderr, "usage: many COUNT -- PROGRAM...\n");
		return 2;
	}
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, STDIN_FILENO, &e) != 0)
		die("standard input must be a pipe");
	bool going = true, said = false;
	for (unsigned long i = 0; going && i < count; i++) {
		start(&terminals[i], epoll, argv + 3);
		/* Logins come as fast as they are answered, not faster. */
		while (going && spoke + gone < i)
			going = turn(epoll);
	}
	while (going) {
		if (!said && spoke + gone == count) {
			printf("up %u\n", spoke);
			fflush(stdout);
			said = true;
		}
		going = turn(epoll);
	}
	if (gone > 0)
		printf("lost %u\n", gone);
	return 0;
}
