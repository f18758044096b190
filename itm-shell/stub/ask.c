#include "itm-shell/stub/ask.h"

#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/fdpass.h"
#include "local/users.h"

/* ms: who is stopped or kept from running by others of the same user must not
 * find his time over before he was answered once; the broker keeps 300 for it. */
enum { LEAST_WAIT_MS = 400 };
enum { PACKET_MAX = 64 * 1024, ANSWER_MAX = 4096, TURNED_AWAY = 1 };

static const char refused[] = "itm: session recording is unavailable and this account may not be used without it";
static const char unrecorded[] = "itm: session recording is unavailable; this session is not recorded";

static int64_t now_ms(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Arguments beyond the limit are left out: they are for the record, the shell
 * gets them all. */
static void describe(struct message_shell *m, const struct terminal *t, int argc, char **argv)
{
	const char *term = getenv("TERM");

	m->tty_mask = t->mask;
	m->login_shell = argc > 0 && argv[0][0] == '-';
	m->session_leader = getsid(0) == getpid();
	if (term != NULL && strlen(term) < sizeof m->term)
		memcpy(m->term, term, strlen(term) + 1);
	for (int i = 0; i < argc; i++) {
		size_t len = strlen(argv[i]) + 1;
		if (len > sizeof m->argv - m->argv_len)
			break;
		memcpy(m->argv + m->argv_len, argv[i], len);
		m->argv_len += len;
	}
}

static int send_question(int sock, const struct terminal *t, int argc, char **argv)
{
	static struct message_shell question; /* too large for the stack */
	static const int fds[] = { 0, 1, 2 };
	struct buffer packet;

	describe(&question, t, argc, argv);
	buffer_init(&packet, PACKET_MAX);
	int r = message_encode_shell(&packet, &question);
	if (r == 0)
		r = fdpass_send(sock, packet.data, packet.len, fds, 3);
	buffer_free(&packet);
	return r;
}

static size_t fds_of(enum message_mode mode)
{
	return mode == MESSAGE_PTY ? 1 : 0; /* a command without a terminal may keep its own */
}

static int wait_readable(int sock, int64_t until_ms)
{
	int64_t least_ms = now_ms() + LEAST_WAIT_MS;
	int ready;

	if (until_ms < least_ms)
		until_ms = least_ms;
	do {
		int64_t left = until_ms - now_ms();
		struct pollfd fd = { sock, POLLIN, 0 };
		ready = poll(&fd, 1, left > 0 ? (int)left : 0);
	} while (ready < 0);
	return ready > 0 ? 0 : ITM_ETIMEOUT;
}

/* Whether somebody is there: descriptors in the queue of a broker that hangs
 * would stay open, and sshd waits for the last copy of our output. */
static int knock(int sock, int64_t until_ms, struct answer *out)
{
	struct buffer packet;
	uint8_t data[ANSWER_MAX];

	buffer_init(&packet, sizeof data);
	int r = message_encode_numbers(&packet, MESSAGE_KNOCK, 0, 0);
	if (r == 0)
		r = fdpass_send(sock, packet.data, packet.len, NULL, 0);
	buffer_free(&packet);
	if (r == 0 || r == ITM_ECLOSED) /* a last word may wait for us */
		r = wait_readable(sock, until_ms);
	if (r != 0)
		return r;
	ssize_t n = fdpass_recv(sock, data, sizeof data, NULL, NULL);
	if (n < 0) /* the reset comes before the word (unix(7)) */
		n = fdpass_recv(sock, data, sizeof data, NULL, NULL);
	if (n < 0)
		return (int)n;
	if (message_decode_start(data, (size_t)n, &out->start, NULL) == 0 && out->start.mode == MESSAGE_DENY)
		return TURNED_AWAY;
	return message_decode_numbers(data, (size_t)n, MESSAGE_KNOCK, NULL, NULL, NULL);
}

static int receive_answer(int sock, int64_t until_ms, struct answer *out)
{
	uint8_t data[ANSWER_MAX];
	size_t count = ASK_FDS_MAX;

	int r = wait_readable(sock, until_ms);
	if (r != 0)
		return r;
	ssize_t n = fdpass_recv(sock, data, sizeof data, out->fds, &count);
	if (n < 0)
		return (int)n;
	r = message_decode_start(data, (size_t)n, &out->start, NULL);
	if (r == 0 && (count < fds_of(out->start.mode) || (out->start.mode == MESSAGE_PIPE && count % 3 != 0) ||
		       (out->start.mode != MESSAGE_DENY && out->start.shell[0] != '/')))
		r = ITM_EFORMAT;
	if (r == 0 && out->start.mode == MESSAGE_PTY && !isatty(out->fds[0]))
		r = ITM_EFORMAT;
	if (r != 0)
		for (size_t i = 0; i < count; i++)
			close(out->fds[i]);
	out->fd_count = r == 0 ? count : 0;
	return r;
}

/* No answer: strict accounts stay out, the others get their shell. */
static void decide_alone(const char *users, struct answer *out)
{
	struct users_entry entry;

	*out = (struct answer){ .sock = -1, .start.mode = MESSAGE_DENY };
	const char *words = refused;
	if (users_by_uid(users, getuid(), &entry) == 0 && entry.failure != USERS_STRICT) {
		out->start.mode = MESSAGE_DIRECT;
		memcpy(out->start.shell, entry.shell, sizeof out->start.shell);
		words = unrecorded;
	}
	memcpy(out->start.notice, words, strlen(words) + 1);
}

int ask_trial(const struct stub_paths *paths, struct message_start *out)
{
	static struct answer answer;
	struct buffer packet;
	uint8_t data[ANSWER_MAX];
	int64_t until = now_ms() + ASK_TIMEOUT_MS;
	int sock = fdpass_connect(paths->broker, ASK_TIMEOUT_MS);

	if (sock < 0)
		return sock;
	buffer_init(&packet, sizeof data);
	int r = knock(sock, until, &answer);
	if (r == 0)
		r = message_encode_numbers(&packet, MESSAGE_TRY, (uint64_t)isatty(0), 0);
	if (r == 0)
		r = fdpass_send(sock, packet.data, packet.len, NULL, 0);
	buffer_free(&packet);
	if (r == 0)
		r = wait_readable(sock, until);
	ssize_t n = r == 0 ? fdpass_recv(sock, data, sizeof data, NULL, NULL) : r;
	close(sock);
	return n < 0 ? (int)n : r == TURNED_AWAY ? ITM_EBUSY : message_decode_start(data, (size_t)n, out, NULL);
}

static bool is_break_glass(const char *users)
{
	struct users_entry entry;

	return users_by_uid(users, getuid(), &entry) == 0 && entry.failure == USERS_BREAK_GLASS;
}

void ask_broker(const struct stub_paths *paths, const struct terminal *t, int argc, char **argv,
		struct answer *out)
{
	int64_t until = now_ms() + ASK_TIMEOUT_MS;

	*out = (struct answer){ .sock = fdpass_connect(paths->broker, ASK_TIMEOUT_MS) };
	if (out->sock >= 0) {
		int r = knock(out->sock, until, out);
		if (r == 0)
			r = send_question(out->sock, t, argc, argv);
		if (r == 0)
			r = receive_answer(out->sock, until, out);
		if ((r == 0 || r == TURNED_AWAY) &&
		    (out->start.mode != MESSAGE_DENY || !is_break_glass(paths->users)))
			return;
		close(out->sock);
	}
	decide_alone(paths->users, out);
}
