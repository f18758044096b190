#include "itm-shell/stub/ask.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fdpass.h"
#include "itm-shell/stub/patience.h"
#include "local/users.h"

enum {
	TRIES_MAX = 3,       /* connections that a living broker may close on us */
	PAUSE_MS = 50,       /* between them */
};
/* A living broker greets at once, unless its queue is long; its time for the
 * answer begins after that.  Both for all tries together. */
struct waits { struct patience greeting, answer; };
enum { PACKET_MAX = 64 * 1024, ANSWER_MAX = 4096, TURNED_AWAY = 1 };

/* Why there is no answer: nobody gives one, or it is on our side.  The user
 * can stop us, take away our descriptors and memory or fill the kernel's count
 * of descriptors on their way: that must not let him in unrecorded. */
enum silence { ABSENT, OURS };

static const char hindered[] = "itm: this session could not ask to be recorded (stopped, or out of descriptors or memory); try again";
static const char refused[] = "itm: session recording is unavailable and this account may not be used without it";
static const char unrecorded[] = "itm: session recording is unavailable; this session is not recorded";

/* Arguments beyond the limit are left out: they are for the record, the shell
 * gets them all. */
static void describe(struct message_shell *m, const struct terminal *t, int argc, char **argv)
{
	const char *term = getenv("TERM");

	m->argv_len = 0; /* it may be the second time */
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

/* A packet; when the broker closed on something of ours it had not read, the
 * reset comes before its last word (unix(7)). */
static ssize_t receive(int sock, void *data, size_t size, int *fds, size_t *count)
{
	size_t room = count != NULL ? *count : 0;
	ssize_t n = fdpass_recv(sock, data, size, fds, count);

	if (n != ITM_ECLOSED)
		return n;
	if (count != NULL)
		*count = room;
	return fdpass_recv(sock, data, size, fds, count);
}

static int send_numbers(int sock, enum message_type type, uint64_t number)
{
	struct buffer packet;

	buffer_init(&packet, ANSWER_MAX);
	int r = message_encode_numbers(&packet, type, number, 0);
	if (r == 0)
		r = fdpass_send(sock, packet.data, packet.len, NULL, 0);
	buffer_free(&packet);
	return r;
}

/* Whether somebody is there: descriptors in the queue of a broker that hangs
 * would stay open, and sshd waits for the last copy of our output. */
static int knock(int sock, struct patience *patience, struct answer *out)
{
	uint8_t data[ANSWER_MAX];

	int r = send_numbers(sock, MESSAGE_KNOCK, 0);
	if (r == 0 || r == ITM_ECLOSED) /* a last word may wait for us */
		r = patience_wait(patience, sock);
	if (r != 0)
		return r;
	ssize_t n = receive(sock, data, sizeof data, NULL, NULL);
	if (n < 0)
		return (int)n;
	if (message_decode_start(data, (size_t)n, &out->start, NULL) == 0 && out->start.mode == MESSAGE_DENY)
		return TURNED_AWAY;
	return message_decode_numbers(data, (size_t)n, MESSAGE_KNOCK, NULL, NULL, NULL);
}

static int receive_answer(int sock, struct patience *patience, struct answer *out)
{
	uint8_t data[ANSWER_MAX];
	size_t count = ASK_FDS_MAX;

	int r = patience_wait(patience, sock);
	if (r != 0)
		return r;
	ssize_t n = receive(sock, data, sizeof data, out->fds, &count);
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
	return r == 0 ? 0 : ITM_EFORMAT;
}

/* A descriptor, or ITM_E*; *why is set on failure. */
static int reach(const char *broker, enum silence *why)
{
	int sock = fdpass_connect(broker, ASK_TIMEOUT_MS);

	*why = sock < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) ? OURS : ABSENT;
	return sock;
}

/* One connection.  0: answered.  ITM_ECLOSED: worth another.  *why: what it
 * means when there is no other. */
static int converse(int sock, const struct terminal *t, int argc, char **argv, struct waits *waits,
		    struct answer *out, enum silence *why)
{
	int r = knock(sock, &waits->greeting, out);

	if (r != 0) {
		*why = r == ITM_ESYS || r == ITM_ENOMEM ? OURS : ABSENT;
		return r == TURNED_AWAY ? 0 : r;
	}
	int sent = send_question(sock, t, argc, argv);
	if (sent != 0 && sent != ITM_ECLOSED) {
		*why = OURS;
		return sent;
	}
	r = receive_answer(sock, &waits->answer, out);
	/* It greeted us and did not wait for the question: we were too late. */
	*why = sent != 0 || r == ITM_ESYS || r == ITM_ENOMEM || r == ITM_ELIMIT ? OURS : ABSENT;
	return r;
}

/* 0: answered, and out->sock is open. */
static int ask(const char *broker, const struct terminal *t, int argc, char **argv, struct answer *out,
	       enum silence *why)
{
	struct waits waits = { { ASK_TIMEOUT_MS }, { ASK_TIMEOUT_MS } };
	bool hindrance = false;
	int r = ITM_ECLOSED;

	for (int i = 0; i < TRIES_MAX && r == ITM_ECLOSED; i++) {
		if (i > 0)
			poll(NULL, 0, PAUSE_MS);
		*out = (struct answer){ .sock = reach(broker, why) };
		if (out->sock < 0)
			return out->sock;
		r = converse(out->sock, t, argc, argv, &waits, out, why);
		hindrance |= r != 0 && *why == OURS;
		if (r != 0)
			close(out->sock);
	}
	*why = hindrance ? OURS : ABSENT;
	return r;
}

/* No answer: strict accounts stay out, the others get their shell, unless it
 * is their own doing. */
static void decide_alone(const char *users, enum silence why, struct answer *out)
{
	struct users_entry entry;

	*out = (struct answer){ .sock = -1, .start.mode = MESSAGE_DENY };
	const char *words = why == OURS ? hindered : refused;
	if (users_by_uid(users, getuid(), &entry) == 0 &&
	    (entry.failure == USERS_BREAK_GLASS || (entry.failure == USERS_BEST_EFFORT && why == ABSENT))) {
		out->start.mode = MESSAGE_DIRECT;
		memcpy(out->start.shell, entry.shell, sizeof out->start.shell);
		words = unrecorded;
	}
	memcpy(out->start.notice, words, strlen(words) + 1);
}

int ask_trial(const struct stub_paths *paths, struct message_start *out)
{
	static struct answer answer;
	struct patience patience = { ASK_TIMEOUT_MS };
	uint8_t data[ANSWER_MAX];
	int sock = fdpass_connect(paths->broker, ASK_TIMEOUT_MS);

	if (sock < 0)
		return sock;
	int r = knock(sock, &patience, &answer);
	if (r == 0)
		r = send_numbers(sock, MESSAGE_TRY, (uint64_t)isatty(0));
	if (r == 0)
		r = patience_wait(&patience, sock);
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
	enum silence why;

	if (ask(paths->broker, t, argc, argv, out, &why) == 0) {
		if (out->start.mode != MESSAGE_DENY || !is_break_glass(paths->users))
			return;
		close(out->sock);
		why = ABSENT;
	}
	decide_alone(paths->users, why, out);
}
