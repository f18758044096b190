#include "itm-shell/stub/terminal.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

void terminal_find(struct terminal *t)
{
	*t = (struct terminal){ .fd = -1 };
	for (int i = 0; i < 3; i++) {
		if (fcntl(i, F_GETFD) < 0)
			(void)!open("/dev/null", O_RDWR); /* takes the lowest free number: i */
		if (isatty(i)) {
			t->mask |= (uint8_t)(1 << i);
			if (t->fd < 0)
				t->fd = i;
		}
	}
}

void terminal_gate(struct terminal *t)
{
	struct sigaction old, stop = { .sa_handler = SIG_DFL };
	sigset_t set, mask;

	if (t->fd < 0 || tcgetattr(t->fd, &t->modes) != 0)
		return;
	sigemptyset(&set);
	sigaddset(&set, SIGTTOU);
	sigaction(SIGTTOU, &stop, &old);
	sigprocmask(SIG_UNBLOCK, &set, &mask);
	tcsetattr(t->fd, TCSANOW, &t->modes); /* changes nothing; stops us in the background */
	sigprocmask(SIG_SETMASK, &mask, NULL);
	sigaction(SIGTTOU, &old, NULL);
	t->saved = tcgetattr(t->fd, &t->modes) == 0;
	/* An orphaned group is not stopped: its calls fail (credentials(7)). */
	pid_t front = tcgetpgrp(t->fd);
	t->behind = front > 0 && front != getpgrp();
}

/* HUP and CONT of the broker's hangup are not the user's. */
static void forget_hangup(void)
{
	const struct timespec none = { 0, 0 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCONT);
	while (sigtimedwait(&set, NULL, &none) > 0)
		;
}

void terminal_retake(struct terminal *t, int fd)
{
	forget_hangup();
	for (int i = 0; i < 3; i++)
		if (t->mask >> i & 1)
			dup2(fd, i);
	close(fd);
	ioctl(t->fd, TIOCSCTTY, 0);
	tcsetpgrp(t->fd, getpgrp());
	forget_hangup();
}

void terminal_restore(const struct terminal *t)
{
	/* SIGTTOU is blocked: works in the background too (termios(3)). */
	if (t->saved)
		tcsetattr(t->fd, TCSANOW, &t->modes);
}

void terminal_say(const struct terminal *t, int fd, const char *text)
{
	struct iovec parts[] = {
		{ .iov_base = (void *)(uintptr_t)text, .iov_len = strlen(text) },
		{ .iov_base = (void *)(uintptr_t)"\n", .iov_len = 1 },
	};

	if (t->fd >= 0 && text[0] != '\0')
		(void)!writev(fd >= 0 ? fd : t->fd, parts, 2);
}
