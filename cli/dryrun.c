#include "cli/dryrun.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/inspect.h"
#include "local/message.h"

enum { WAIT_MS = 3000, LINE_SIZE = 2048 };

/* In a child: a session of its own, so that our terminal, which may be a
 * recorded one, is not its. */
static _Noreturn void run_stub(const struct passwd *p, int out)
{
	static char name[] = MESSAGE_TRY_NAME, *argv[] = { name, NULL }, *environment[] = { NULL };
	int null = open("/dev/null", O_RDWR);

	if (setsid() < 0 || null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(null, 2) < 0)
		_exit(1);
	close_range(3, ~0U, 0);
	if (initgroups(p->pw_name, p->pw_gid) != 0 || setgid(p->pw_gid) != 0 || setuid(p->pw_uid) != 0 || chdir("/") != 0)
		_exit(1);
	execve(INSPECT_STUB, argv, environment);
	_exit(1);
}

/* Until its end; what takes too long is killed. */
static size_t read_line(int fd, char *line, size_t size)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	size_t len = 0;

	while (len < size - 1 && poll(&p, 1, WAIT_MS) > 0) {
		ssize_t n = read(fd, line + len, size - 1 - len);
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	line[len] = '\0';
	return len;
}

/* "MODE SHELL WORDS\n" */
static int understand(char *line, struct dryrun *out)
{
	char *rest = NULL;
	long mode = strtol(line, &rest, 10);

	if (rest == line || *rest != ' ')
		return ITM_EFORMAT;
	char *shell = rest + 1, *words = strchr(shell, ' ');
	if (words == NULL)
		return ITM_EFORMAT;
	*words++ = '\0';
	words[strcspn(words, "\n")] = '\0';
	out->recorded = mode == MESSAGE_PTY || mode == MESSAGE_PIPE;
	out->announced = words[0] != '\0' && mode != MESSAGE_DENY;
	if (out->recorded)
		snprintf(out->words, sizeof out->words, "recorded, real shell %.100s%s", shell,
			 out->announced ? ", tied to the announced login" : ", without an announced login");
	else if (mode == MESSAGE_DIRECT)
		snprintf(out->words, sizeof out->words, "told to start %.100s directly", shell);
	else
		snprintf(out->words, sizeof out->words, "refused: %.200s", words);
	return 0;
}

int dryrun_shell(const char *user, uid_t uid, struct dryrun *out)
{
	char line[LINE_SIZE];
	int ends[2], status = 0;
	const struct passwd *p = getpwnam(user);

	*out = (struct dryrun){ 0 };
	snprintf(out->words, sizeof out->words, "itm-shell could not be run as %.64s", user);
	if (p == NULL || p->pw_uid != uid)
		return ITM_ENOENT;
	if (pipe2(ends, O_CLOEXEC) != 0)
		return ITM_ESYS;
	pid_t pid = fork();
	if (pid == 0)
		run_stub(p, ends[1]);
	close(ends[1]);
	size_t len = pid > 0 ? read_line(ends[0], line, sizeof line) : 0;
	close(ends[0]);
	if (pid > 0) {
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
	}
	if (len > 0)
		return understand(line, out);
	if (pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 126)
		snprintf(out->words, sizeof out->words, "itm-shell has no answer from the broker");
	return ITM_ETIMEOUT;
}
