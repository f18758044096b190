/* relay: the least a second terminal can cost: a shell on an inner pty, bytes
 * passed on as they come, nothing kept.  The limit that every recorder which
 * sits between two terminals is measured against.
 *   relay PROGRAM ARGUMENT... */
#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static bool pass(int from, int to)
{
	char bytes[65536];
	ssize_t n = read(from, bytes, sizeof bytes);
	for (ssize_t done = 0, w; done < n; done += w)
		if ((w = write(to, bytes + done, (size_t)(n - done))) < 0)
			return false;
	return n > 0;
}

int main(int argc, char **argv)
{
	struct termios before, raw;
	int inner, status;
	if (argc < 2 || tcgetattr(0, &before) != 0)
		return 64;
	pid_t pid = forkpty(&inner, NULL, &before, NULL);
	if (pid < 0)
		return 71;
	if (pid == 0) {
		execvp(argv[1], argv + 1);
		_exit(127);
	}
	raw = before;
	cfmakeraw(&raw);
	tcsetattr(0, TCSANOW, &raw);
	struct pollfd p[2] = { { .fd = 0, .events = POLLIN }, { .fd = inner, .events = POLLIN } };
	while (poll(p, 2, -1) >= 0 || errno == EINTR) {
		if (p[0].revents != 0 && !pass(0, inner))
			break;
		if (p[1].revents != 0 && !pass(inner, 1))
			break;
	}
	tcsetattr(0, TCSANOW, &before);
	close(inner);
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
