/* fake_broker: broker and sealer for one session, to try stub and recorder
 * without daemons, accounts or rights.
 *
 *   fake_broker SOCKET RECORDER FRAMES [--failure WORD] [--pipe-limit N] [--deny TEXT] [--silent] [--evict]
 *               [--hang-up N] [--turn-away TEXT]
 *
 * --hang-up closes the first N connections without a word; --turn-away greets
 * and says no before the question comes.
 *
 * Takes one question on SOCKET, starts RECORDER and acknowledges its frames,
 * which go to FRAMES, each after its u32 length.  SIGUSR1: stop reading
 * frames; SIGUSR2: go on, and ask for unacknowledged ones again. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/fdpass.h"
#include "base/id.h"
#include "format/frame.h"
#include "local/message.h"

static const char *socket_path, *recorder, *frames_path, *failure = "best-effort", *pipe_limit = "1048576", *deny, *away;
static int hang_ups;
static bool silent, evict;
static pid_t recorder_pid;
static volatile sig_atomic_t deaf;

static void on_signal(int number)
{
	deaf = number == SIGUSR1;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int text_pipe(const char *text)
{
	int p[2];
	if (pipe2(p, O_CLOEXEC) != 0)
		die("pipe");
	(void)!write(p[1], text, strlen(text));
	close(p[1]);
	return p[0];
}

/* fds[i] becomes 3 + i of the recorder. */
static pid_t start_recorder(const char *mode, const struct id *stream, const int *fds, int count)
{
	char id[ID_TEXT_SIZE];
	id_format(stream, id);
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	for (int i = 0; i < count; i++)
		if (dup2(fds[i], 100 + i) < 0)
			_exit(1);
	for (int i = 0; i < count; i++)
		dup2(100 + i, 3 + i);
	close_range((unsigned)(3 + count), ~0U, 0);
	execl(recorder, "itm-recorder", "--mode", mode, "--stream", id, "--failure", failure,
	      "--pipe-limit", pipe_limit, "--user", "", (char *)NULL);
	_exit(127);
}

static void answer(int sock, enum message_mode mode, const struct id *stream, const int *fds, size_t count)
{
	struct message_start start = { .mode = mode, .stream = *stream };
	struct buffer b;
	const char *shell = getenv("FAKE_SHELL");
	snprintf(start.shell, sizeof start.shell, "%s", shell ? shell : "/bin/bash");
	if (mode == MESSAGE_DENY)
		snprintf(start.notice, sizeof start.notice, "%s", deny);
	buffer_init(&b, 8192);
	if (message_encode_start(&b, &start) != 0 || fdpass_send(sock, b.data, b.len, fds, count) != 0)
		die("answer");
	buffer_free(&b);
}

static void make_inner(int outer, int *master, int *slave)
{
	struct termios t;
	struct winsize w;
	int zero = 0;
	*master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (*master < 0 || ioctl(*master, TIOCSPTLCK, &zero) != 0)
		die("pty");
	*slave = ioctl(*master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (tcgetattr(outer, &t) == 0)
		tcsetattr(*slave, TCSANOW, &t);
	if (ioctl(outer, TIOCGWINSZ, &w) == 0)
		ioctl(*master, TIOCSWINSZ, &w);
}

static void serve_pty(int sock, const int *user, int stream_end, const struct id *stream)
{
	char path[64];
	int master, slave, renewed = -1, outer = user[0];
	make_inner(outer, &master, &slave);
	snprintf(path, sizeof path, "/proc/self/fd/%d", outer);
	if (evict) {
		char name[64];
		struct termios t;
		tcgetattr(outer, &t);
		ssize_t n = readlink(path, name, sizeof name - 1);
		name[n > 0 ? n : 0] = '\0';
		if (ioctl(outer, TIOCVHANGUP) != 0)
			die("vhangup");
		renewed = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
		tcsetattr(renewed, TCSANOW, &t);
		snprintf(path, sizeof path, "/proc/self/fd/%d", renewed);
	}
	int own = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	const char *typed = getenv("FAKE_TYPED_AHEAD");
	const int fds[] = { sock, stream_end, text_pipe("user=test\n"), own, master, text_pipe(typed ? typed : "") };
	recorder_pid = start_recorder("pty", stream, fds, 6);
	const int given[] = { slave, renewed };
	answer(sock, MESSAGE_PTY, stream, given, renewed >= 0 ? 2 : 1);
	for (int i = 2; i < 6; i++)
		close(fds[i]);
	close(slave);
	close(renewed);
}

/* What a recorder asks is answered with the program named in FAKE_PROGRAM
 * ("1 /usr/bin/scp"); without it not at all. */
static void answer_questions(int ask)
{
	static uint8_t data[256];
	const char *program = getenv("FAKE_PROGRAM");
	if (fork() != 0)
		return;
	dup2(ask, 0);
	close_range(1, ~0U, 0); /* the user's descriptors end with the command */
	while (recv(0, data, sizeof data, 0) > 0) {
		struct buffer b;
		buffer_init(&b, sizeof data);
		if (program != NULL && message_encode_words(&b, MESSAGE_PROGRAM,
							    (uint32_t)strtoul(program, NULL, 10), program + 2) == 0)
			(void)!send(0, b.data, b.len, MSG_NOSIGNAL);
		buffer_free(&b);
	}
	_exit(0);
}

static void serve_pipes(int sock, const int *user, int stream_end, const struct id *stream)
{
	int in[2], out[2], err[2], ask[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ask) != 0 || pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0)
		die("pipe");
	const int fds[] = { sock, stream_end, text_pipe("user=test\n"), user[0], user[1], user[2], in[1], out[0], err[0], ask[1] };
	recorder_pid = start_recorder("pipe", stream, fds, 10);
	close(ask[1]);
	answer_questions(ask[0]);
	close(ask[0]);
	const int given[] = { in[0], out[1], err[1] };
	answer(sock, MESSAGE_PIPE, stream, given, 3);
	close(fds[2]);
	for (int i = 0; i < 2; i++) {
		close(in[i]);
		close(out[i]);
		close(err[i]);
	}
}

static void reply(int stream, enum message_type type, uint64_t number)
{
	struct buffer b;
	buffer_init(&b, 64);
	if (message_encode_numbers(&b, type, number, 0) == 0)
		(void)!send(stream, b.data, b.len, MSG_NOSIGNAL);
	buffer_free(&b);
}

/* Frames may come twice; only the next one in order is kept. */
static void seal(int stream)
{
	static uint8_t data[MESSAGE_MAX];
	FILE *out = fopen(frames_path, "wb");
	uint64_t durable = 0;
	bool was_deaf = false;
	if (out == NULL)
		die(frames_path);
	for (;;) {
		if (deaf) {
			was_deaf = true;
			poll(NULL, 0, 50);
			continue;
		}
		if (was_deaf)
			reply(stream, MESSAGE_RESUME_FROM, durable);
		was_deaf = false;
		ssize_t n = recv(stream, data, sizeof data, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		const uint8_t *payload;
		size_t len;
		struct frame f;
		if (message_decode_bytes(data, (size_t)n, MESSAGE_FRAME, &payload, &len, NULL) != 0 ||
		    frame_decode(payload, len, &f, NULL) != 0) {
			fprintf(stderr, "fake_broker: bad frame\n");
			exit(1);
		}
		if (f.number == durable + 1) {
			uint32_t size = (uint32_t)len;
			fwrite(&size, sizeof size, 1, out);
			fwrite(payload, len, 1, out);
			fflush(out);
			durable = f.number;
		}
		reply(stream, MESSAGE_ACK, durable);
	}
	fclose(out);
}

static void parse(int argc, char **argv)
{
	static const struct option table[] = {
		{ "failure", 1, NULL, 'f' }, { "pipe-limit", 1, NULL, 'l' }, { "deny", 1, NULL, 'd' },
		{ "silent", 0, NULL, 's' }, { "evict", 0, NULL, 'e' }, { "hang-up", 1, NULL, 'h' }, { "turn-away", 1, NULL, 'a' },
		{ NULL, 0, NULL, 0 },
	};
	int c;
	while ((c = getopt_long(argc, argv, "", table, NULL)) != -1)
		switch (c) {
		case 'f': failure = optarg; break;
		case 'l': pipe_limit = optarg; break;
		case 'd': deny = optarg; break;
		case 's': silent = true; break;
		case 'e': evict = true; break;
		case 'h': hang_ups = (int)strtol(optarg, NULL, 10); break;
		case 'a': away = optarg; break;
		default: exit(64);
		}
	if (argc - optind != 3)
		exit(64);
	socket_path = argv[optind];
	recorder = argv[optind + 1];
	frames_path = argv[optind + 2];
}

static int take_connection(int listening)
{
	struct pollfd ready = { listening, POLLIN, 0 };
	poll(&ready, 1, -1);
	int sock = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
	if (sock < 0)
		die("accept");
	return sock;
}

static void turn_away(int sock)
{
	const struct id none = { 0 };
	deny = away;
	answer(sock, MESSAGE_DENY, &none, NULL, 0);
	close(sock);
	exit(0);
}

int main(int argc, char **argv)
{
	static struct message_shell question;
	static uint8_t data[MESSAGE_MAX];
	int user[FDPASS_MAX], pair[2];
	size_t count = FDPASS_MAX;
	parse(argc, argv);
	const struct sigaction action = { .sa_handler = on_signal };
	sigaction(SIGUSR1, &action, NULL);
	sigaction(SIGUSR2, &action, NULL);
	signal(SIGHUP, SIG_IGN);
	int listening = fdpass_listen(socket_path, 0600, 4);
	int sock = take_connection(listening);
	for (; hang_ups > 0; hang_ups--) {
		close(sock);
		sock = take_connection(listening);
	}
	if (silent)
		return poll(NULL, 0, 10000);
	ssize_t knock = recv(sock, data, sizeof data, 0);
	if (knock <= 0 || send(sock, data, (size_t)knock, MSG_NOSIGNAL) != knock)
		die("knock");
	if (away != NULL)
		turn_away(sock);
	ssize_t n = fdpass_recv(sock, data, sizeof data, user, &count);
	if (n < 0 || count != 3 || message_decode_shell(data, (size_t)n, &question, NULL) != 0)
		die("question");
	struct id stream = id_random();
	if (deny != NULL) {
		answer(sock, MESSAGE_DENY, &stream, NULL, 0);
		return 0;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		die("socketpair");
	if (question.tty_mask & 1)
		serve_pty(sock, user, pair[1], &stream);
	else
		serve_pipes(sock, user, pair[1], &stream);
	for (int i = 0; i < 3; i++)
		close(user[i]);
	close(sock);
	close(pair[1]);
	seal(pair[0]);
	int status = 0;
	waitpid(recorder_pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 99;
}
