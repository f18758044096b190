#include "itm-shell/stub/session.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	PAUSE_MS = 1000,      /* for the recorder to let go of the terminal */
	END_MS = 2000,        /* for the program to go after SIGHUP */
	DRAIN_MS = 30000,     /* for a terminal to take the rest of the output */
	STATUS_LOST = 126 << 8,
};

static const char lost_words[] = "\nitm: the recorder of this session is lost; the session is ended";

struct session {
	struct terminal *terminal;
	int sock, signals;
	pid_t program;
	bool pty, leader;
	bool over;            /* the program has ended */
	bool closed;          /* the recorder is gone */
	bool drained;
	bool urged;           /* the session was asked to end from outside */
	int status;
	char farewell[256];
};

static void tell(const struct session *s, enum message_type type, uint64_t number)
{
	struct buffer b;

	buffer_init(&b, 64);
	if (message_encode_numbers(&b, type, number, 0) == 0)
		(void)!send(s->sock, b.data, b.len, MSG_NOSIGNAL | MSG_DONTWAIT);
	buffer_free(&b);
}

/* What a terminal's hangup does to its session, and sshd's signal to a
 * command's.  Without a terminal, in somebody else's session, the program is
 * in our own group. */
static void signal_program(const struct session *s, int number)
{
	if (s->over || s->program <= 1)
		return;
	kill(s->program, number);
	if (s->pty ? number == SIGHUP : s->leader)
		kill(-s->program, number);
	kill(s->program, SIGCONT);
}

static void hear(struct session *s)
{
	uint8_t data[MESSAGE_TEXT_MAX + 64];
	enum message_type type;
	uint32_t number;
	ssize_t n = recv(s->sock, data, sizeof data, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		s->closed = true;
		return;
	}
	if (message_type_of(data, (size_t)n, &type) != 0)
		return;
	if (type == MESSAGE_DRAINED) {
		s->drained = true;
	} else if (type == MESSAGE_ENDED) {
		(void)message_decode_words(data, (size_t)n, type, &number, s->farewell, sizeof s->farewell, NULL);
		s->urged = true;
		signal_program(s, SIGHUP);
	}
}

/* Waits for the recorder's word that it does not touch the terminal. */
static void wait_paused(const struct session *s)
{
	struct pollfd fd = { s->sock, POLLIN, 0 };
	uint8_t data[64];
	enum message_type type;

	while (poll(&fd, 1, PAUSE_MS) > 0) {
		ssize_t n = recv(s->sock, data, sizeof data, MSG_DONTWAIT | MSG_PEEK);
		if (n <= 0 || message_type_of(data, (size_t)n, &type) != 0 || type != MESSAGE_SUSPEND)
			return; /* something else: for hear() */
		(void)!recv(s->sock, data, sizeof data, MSG_DONTWAIT);
		return;
	}
}

/* The shell inside stopped itself (`suspend` in su): so do we, for the shell
 * outside.  A session leader has nobody who would let it go on. */
static void suspend(struct session *s)
{
	struct termios modes;

	if (!s->pty || s->leader)
		return;
	tell(s, MESSAGE_SUSPEND, 0);
	wait_paused(s);
	modes = s->terminal->modes;
	terminal_restore(s->terminal);
	kill(getpid(), SIGSTOP);
	terminal_gate(s->terminal);
	s->terminal->modes = modes;
	tell(s, MESSAGE_RESUME, 0);
	kill(s->program, SIGCONT);
}

static void reap(struct session *s)
{
	int status;

	while (!s->over && waitpid(s->program, &status, WNOHANG | WUNTRACED) == s->program) {
		if (WIFSTOPPED(status)) {
			suspend(s);
			continue;
		}
		s->over = true;
		s->status = status;
		tell(s, MESSAGE_EXITED, (uint32_t)status);
	}
}

static void take_signal(struct session *s)
{
	struct signalfd_siginfo si;

	if (read(s->signals, &si, sizeof si) != sizeof si)
		return;
	switch (si.ssi_signo) {
	case SIGCHLD:
		reap(s);
		break;
	case SIGWINCH:
		tell(s, MESSAGE_RESIZED, 0);
		break;
	case SIGHUP:
	case SIGTERM:
		s->urged = true;
		tell(s, MESSAGE_HANGUP, si.ssi_signo);
		signal_program(s, (int)si.ssi_signo);
		break;
	default:
		signal_program(s, (int)si.ssi_signo);
		break;
	}
}

static void step(struct session *s, int timeout_ms)
{
	struct pollfd fds[] = { { s->signals, POLLIN, 0 }, { s->closed ? -1 : s->sock, POLLIN, 0 } };

	if (poll(fds, 2, timeout_ms) <= 0)
		return;
	if (fds[0].revents != 0)
		take_signal(s);
	if (fds[1].revents != 0)
		hear(s);
}

/* The recorder is gone or has ended the session: the program does not go on
 * unseen. */
static void end_program(struct session *s)
{
	signal_program(s, SIGHUP);
	for (int waited = 0; !s->over && waited < END_MS; waited += 50) {
		step(s, 50);
		reap(s);
	}
	if (s->over)
		return;
	kill(s->program, SIGKILL);
	if (s->pty || s->leader)
		kill(-s->program, SIGKILL);
	while (waitpid(s->program, &s->status, 0) < 0 && errno == EINTR)
		;
	s->over = true;
	tell(s, MESSAGE_EXITED, (uint32_t)s->status);
}

/* A pty is not flushed by its leader's end: the recorder says when all is
 * out.  Without a terminal somebody may be reading slowly, as without us. */
static void wait_drained(struct session *s)
{
	for (int waited = 0; !s->drained && !s->closed; waited += 1000) {
		if ((s->pty && waited >= DRAIN_MS) || (s->urged && waited >= END_MS))
			return;
		step(s, 1000);
	}
}

static void watch(struct session *s)
{
	while (!s->over && !s->closed && !(s->urged && s->farewell[0] != '\0'))
		step(s, -1);
	if (!s->over)
		end_program(s);
	if (!s->closed)
		wait_drained(s);
	bool lost = s->closed && !s->drained;
	/* The hangup of the inner terminal may have ended it before we saw. */
	if (lost && WIFSIGNALED(s->status))
		s->status = STATUS_LOST;
	if (!s->pty)
		return;
	terminal_restore(s->terminal);
	terminal_say(s->terminal, -1, lost ? lost_words : s->farewell);
}

int session_watch(struct terminal *t, const struct answer *a, pid_t program)
{
	struct session s = {
		.terminal = t, .sock = a->sock, .program = program, .pty = a->start.mode == MESSAGE_PTY,
		.leader = getsid(0) == getpid(),
	};
	static const int heard[] = { SIGCHLD, SIGWINCH, SIGHUP, SIGTERM };
	static const int forwarded[] = { SIGINT, SIGQUIT, SIGALRM, SIGUSR1, SIGUSR2 }; /* RFC 4254 6.9 */
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof heard / sizeof heard[0]; i++)
		sigaddset(&set, heard[i]);
	for (size_t i = 0; s.leader && !s.pty && i < sizeof forwarded / sizeof forwarded[0]; i++)
		sigaddset(&set, forwarded[i]);
	s.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	watch(&s);
	return s.status;
}
