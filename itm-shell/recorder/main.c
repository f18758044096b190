/* itm-recorder: one per recorded terminal or command, started by the broker
 * with its descriptors in place.
 *
 * It holds both terminals (or all six pipe ends and a socket to ask the broker
 * which program runs), the socket to the stub and the one to the sealer.
 * After its start it is the user itm-rec and may move bytes between these
 * descriptors, ask and set sizes and modes of terminals, and nothing else: no
 * files, no sockets, no signals, no programs. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/sandbox.h"
#include "itm-shell/recorder/keystrokes.h"
#include "itm-shell/recorder/pipepump.h"
#include "local/recording.h"
#include "itm-shell/recorder/ttypump.h"

/* Descriptors given by the broker. */
enum { FD_CONTROL = 3, FD_STREAM = 4, FD_META = 5, FD_OUTER = 6, FD_INNER = 7, FD_TYPED_AHEAD = 8, FD_ASK = 12, FD_LAST = 12 };

enum {
	META_MAX = 48 * 1024,         /* bytes of session metadata: fits the first frame */
	TYPED_AHEAD_MAX = 16 * 1024,  /* a terminal's input queue holds 4 KiB */
	STREAM_BUFFER = 512 * 1024,   /* bytes the stream socket may hold */
	PIPE_SIZE = 256 * 1024,       /* bytes, instead of 64 KiB */
	SETTLE_MS = 60000,            /* for the last frames to become durable */
};
#define NS_PER_MS UINT64_C(1000000)

struct options {
	bool pty, metadata;
	struct id stream;
	enum users_failure failure;
	uint64_t pipe_limit;
	const char *user;
};

static int parse_failure(const char *word, enum users_failure *out)
{
	for (int i = USERS_STRICT; i <= USERS_BREAK_GLASS; i++)
		if (strcmp(word, users_failure_name((enum users_failure)i)) == 0) {
			*out = (enum users_failure)i;
			return 0;
		}
	return ITM_EINVAL;
}

static int parse_bytes(const char *text, uint64_t *out)
{
	char *end;
	errno = 0;
	unsigned long long v = strtoull(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || *text == '-')
		return ITM_EINVAL;
	*out = v;
	return 0;
}

static int parse(int argc, char **argv, struct options *o)
{
	static const struct option table[] = {
		{ "mode", required_argument, NULL, 'm' }, { "stream", required_argument, NULL, 's' },
		{ "failure", required_argument, NULL, 'f' }, { "pipe-limit", required_argument, NULL, 'l' },
		{ "user", required_argument, NULL, 'u' }, { NULL, 0, NULL, 0 },
	};
	bool has_mode = false, has_stream = false;
	int c, r = 0;

	*o = (struct options){ .failure = USERS_BEST_EFFORT, .pipe_limit = 1024 * 1024, .user = "itm-rec" };
	while (r == 0 && (c = getopt_long(argc, argv, "", table, NULL)) != -1)
		switch (c) {
		case 'm':
			o->pty = strcmp(optarg, "pty") == 0;
			o->metadata = strcmp(optarg, "metadata") == 0;
			has_mode = o->pty || o->metadata || strcmp(optarg, "pipe") == 0;
			break;
		case 's':
			has_stream = (r = id_parse(optarg, &o->stream)) == 0;
			break;
		case 'f':
			r = parse_failure(optarg, &o->failure);
			break;
		case 'l':
			r = parse_bytes(optarg, &o->pipe_limit);
			break;
		case 'u':
			o->user = optarg;
			break;
		default:
			r = ITM_EINVAL;
		}
	return r == 0 && has_mode && has_stream && optind == argc ? 0 : ITM_EINVAL;
}

/* What does not fit is left: the reader of a cut text knows it by its end. */
static void read_all(int fd, struct buffer *b)
{
	uint8_t piece[4096];
	ssize_t n;

	while ((n = read(fd, piece, sizeof piece)) > 0 || (n < 0 && errno == EINTR)) {
		size_t room = b->max - b->len;
		if (n > 0 && room > 0)
			(void)buffer_put(b, piece, (size_t)n < room ? (size_t)n : room);
	}
	close(fd);
}

static void set_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);
	if (flags >= 0)
		fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

/* An outer pipe or terminal is shared with the user's other programs, and so
 * is its O_NONBLOCK: take a description of our own, with no more rights than
 * the one we were given.  Sockets are asked not to wait call by call. */
static void make_private(int fd)
{
	char path[32];
	struct stat st;
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fstat(fd, &st) != 0 || !(S_ISFIFO(st.st_mode) || (S_ISCHR(st.st_mode) && isatty(fd))))
		return;
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	int own = open(path, (flags & O_ACCMODE) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (own < 0)
		return;
	dup2(own, fd);
	close(own);
}

/* What needs rights or names is done here, before both are given up. */
static void prepare_descriptors(const struct options *o)
{
	int size = STREAM_BUFFER;
	bool pty = o->pty;

	close_range(pty ? FD_TYPED_AHEAD + 1 : o->metadata ? FD_META + 1 : FD_LAST + 1, ~0U, 0);
	if (setsockopt(FD_STREAM, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) != 0)
		setsockopt(FD_STREAM, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	if (pty) {
		set_nonblocking(FD_OUTER);
		set_nonblocking(FD_INNER);
		return;
	}
	for (int i = 0; i < PIPEPUMP_STREAMS && !o->metadata; i++) {
		make_private(FD_OUTER + i);
		set_nonblocking(FD_OUTER + PIPEPUMP_STREAMS + i);
		fcntl(FD_OUTER + PIPEPUMP_STREAMS + i, F_SETPIPE_SZ, PIPE_SIZE);
	}
}

static int give_up_rights(const char *user)
{
	int r = 0;

	if (user[0] != '\0')
		r = sandbox_become(user, NULL);
	else if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		r = ITM_ESYS;
	if (r == 0)
		r = sandbox_no_core();
	if (r == 0)
		r = sandbox_restrict(SANDBOX_RECORDER);
	return r;
}

static int run(const struct options *o, struct recording *recording, struct keystrokes *keystrokes,
	       const struct buffer *typed_ahead)
{
	if (o->pty) {
		const struct ttypump_config c = {
			.recording = recording, .keystrokes = keystrokes,
			.control = FD_CONTROL, .outer = FD_OUTER, .inner = FD_INNER,
			.typed_ahead = typed_ahead->data, .typed_ahead_len = typed_ahead->len,
		};
		int r = ttypump_run(&c);
		close(FD_OUTER);
		close(FD_INNER);
		return r;
	}
	struct pipepump_config c = {
		.recording = recording, .control = FD_CONTROL, .outer = { 6, 7, 8 }, .inner = { 9, 10, 11 },
		.ask = fcntl(FD_ASK, F_GETFL) >= 0 ? FD_ASK : -1, .limit_bytes = o->pipe_limit,
	};
	for (int i = 0; i < PIPEPUMP_STREAMS && o->metadata; i++)
		c.outer[i] = c.inner[i] = -1;
	return pipepump_run(&c);
}

/* The terminals are given back; only the last frames are still on their way. */
static void settle(struct recording *recording)
{
	uint64_t now = clock_boot_ns(), until = now + SETTLE_MS * NS_PER_MS;

	recording_finish(recording, now);
	while (!recording_settled(recording) && now < until) {
		struct pollfd fd = { FD_STREAM, recording_events(recording), 0 };
		int left = (int)((until - now) / NS_PER_MS) + 1, due = recording_wait_ms(recording, now);
		poll(&fd, 1, due >= 0 && due < left ? due : left);
		now = clock_boot_ns();
		recording_receive(recording, now);
		recording_tick(recording, now);
	}
}

int main(int argc, char **argv)
{
	struct options options;
	struct recording recording;
	struct buffer meta, typed_ahead;

	log_open("itm-recorder", 0);
	if (parse(argc, argv, &options) != 0) {
		log_error("usage: itm-recorder --mode pty|pipe|metadata --stream ID [--failure WORD] [--pipe-limit BYTES]");
		return 64; /* EX_USAGE */
	}
	setsid();
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	buffer_init(&meta, META_MAX);
	buffer_init(&typed_ahead, TYPED_AHEAD_MAX);
	read_all(FD_META, &meta);
	if (options.pty)
		read_all(FD_TYPED_AHEAD, &typed_ahead);
	prepare_descriptors(&options);
	struct keystrokes *keystrokes = options.pty ? keystrokes_open(&meta, &options.stream) : NULL;
	int r = give_up_rights(options.user);
	if (r == 0)
		r = recording_open(&recording, FD_STREAM, &options.stream, options.failure);
	if (r != 0) {
		log_error("can't start: %s", error_text(r));
		return 71; /* EX_OSERR */
	}

	recording_bytes(&recording, clock_boot_ns(), RECORD_ENV, meta.data, meta.len);
	buffer_free(&meta);
	r = run(&options, &recording, keystrokes, &typed_ahead);
	keystrokes_close(keystrokes);
	if (typed_ahead.data != NULL)
		explicit_bzero(typed_ahead.data, typed_ahead.size);
	buffer_free(&typed_ahead);
	settle(&recording);
	recording_close(&recording);
	return r == 0 ? 0 : 71; /* EX_OSERR */
}
