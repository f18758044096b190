#include "itm-replay/tty.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/error.h"

static volatile sig_atomic_t got_signal, got_resize;

static void on_signal(int number)
{
	if (number == SIGWINCH || number == SIGCONT)
		got_resize = 1;
	else
		got_signal = number;
}

void tty_signals(sigset_t *outside)
{
	static const int caught[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGCONT };
	struct sigaction action = { .sa_handler = on_signal };
	sigset_t block;
	size_t i;

	sigemptyset(&block);
	sigemptyset(&action.sa_mask);
	for (i = 0; i < sizeof(caught) / sizeof(caught[0]); i++) {
		sigaddset(&block, caught[i]);
		sigaction(caught[i], &action, NULL);
	}
	sigprocmask(SIG_BLOCK, &block, outside);
	for (i = 0; i < sizeof(caught) / sizeof(caught[0]); i++)
		sigdelset(outside, caught[i]);
}

int tty_signal(void)
{
	return got_signal;
}

bool tty_resized(void)
{
	bool resized = got_resize != 0;

	got_resize = 0;
	return resized;
}

int tty_write(const void *data, size_t len)
{
	const char *p = data;
	ssize_t n;

	while (len > 0) {
		n = write(STDOUT_FILENO, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ITM_ESYS;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int tty_enter(struct tty *t)
{
	static const char begin[] = "\033[?1049h\033[0m\033[2J";
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &t->saved) != 0)
		return ITM_ESYS;
	raw = t->saved;
	raw.c_iflag &= ~(tcflag_t)(BRKINT | ICRNL | INPCK | ISTRIP | IXON);
	raw.c_lflag &= ~(tcflag_t)(ECHO | ICANON | IEXTEN | ISIG);
	raw.c_oflag &= ~(tcflag_t)OPOST;
	raw.c_cc[VMIN] = 0;
	raw.c_cc[VTIME] = 0;
	if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw) != 0)
		return ITM_ESYS;
	return tty_write(begin, sizeof(begin) - 1);
}

void tty_leave(struct tty *t)
{
	static const char end[] = "\033[0m\033[?25h\033[?1049l";

	tty_write(end, sizeof(end) - 1);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &t->saved);
}

void tty_size(unsigned *columns, unsigned *rows)
{
	struct winsize size;

	*columns = 80;
	*rows = 24;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0) {
		*columns = size.ws_col;
		*rows = size.ws_row;
	}
}
