#include "itm-shell/stub/stub.h"

#include <fcntl.h>
#include <unistd.h>

#include "itm-shell/stub/ask.h"
#include "itm-shell/stub/program.h"
#include "itm-shell/stub/session.h"
#include "itm-shell/stub/terminal.h"
#include "itm-shell/stub/trial.h"

enum { EXIT_REFUSED = 126 };

/* The recorder holds the outer ends now: end of file and SIGPIPE must not
 * depend on our copies. */
static void let_go_of_streams(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int i = 0; i < 3; i++)
		if (null < 0 || dup2(null, i) < 0)
			close(i);
	if (null > 2)
		close(null);
}

static void close_fds(const struct answer *a)
{
	for (size_t i = 0; i < a->fd_count; i++)
		close(a->fds[i]);
}

static _Noreturn void run_recorded(struct answer *a, struct terminal *t, char **argv,
				   const struct program_signals *signals)
{
	pid_t program = program_start(a, t, argv, signals);

	if (program < 0) {
		terminal_say(t, -1, "itm: no process can be started for the shell");
		_exit(EXIT_REFUSED);
	}
	close_fds(a);
	if (a->start.mode == MESSAGE_PIPE)
		let_go_of_streams();
	program_mimic_end(session_watch(t, a, program));
}

void stub_run(const struct stub_paths *paths, int argc, char **argv)
{
	struct terminal terminal;
	struct program_signals signals;
	static struct answer answer;

	if (trial_wanted(argc, argv))
		trial_run(paths);
	terminal_find(&terminal);
	terminal_gate(&terminal);
	if (terminal.behind) {
		terminal_say(&terminal, -1, "itm: a recorded shell can't start in the background");
		_exit(EXIT_REFUSED);
	}
	program_block_signals(&signals);
	ask_broker(paths, &terminal, argc, argv, &answer);
	if (answer.start.mode == MESSAGE_PTY && answer.fd_count > 1) {
		terminal_retake(&terminal, answer.fds[1]);
		answer.fd_count = 1;
	}
	terminal_say(&terminal, answer.start.mode == MESSAGE_PTY ? answer.fds[0] : -1, answer.start.notice);
	switch (answer.start.mode) {
	case MESSAGE_DIRECT:
		if (answer.sock >= 0)
			close(answer.sock);
		program_exec(&answer, argv, &signals);
	case MESSAGE_PTY:
	case MESSAGE_PIPE:
		run_recorded(&answer, &terminal, argv, &signals);
	case MESSAGE_DENY:
		break;
	}
	_exit(EXIT_REFUSED);
}
