#include "agent/brokerd/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "agent/brokerd/outer.h"
#include "agent/brokerd/utmp.h"
#include "base/error.h"
#include "base/fdpass.h"
#include "base/log.h"
#include "format/meta.h"

enum {
	FD_STUB = 3, FD_STREAM = 4, FD_META = 5, FD_FIRST = 6, /* the recorder's fixed descriptors */
	FD_CLEAR = 64,           /* above all of them */
	PLACES_MAX = 7,
};

/* A descriptor for the recorder, in the order of FD_FIRST and up. */
struct places { int fd[PLACES_MAX]; int count; };

static void __attribute__((noreturn)) fail(const char *step)
{
	log_error("session could not start: %s: %s", step, error_text(ITM_ESYS));
	_exit(1);
}

static int memory_file(const void *data, size_t len)
{
	int fd = memfd_create("itm", MFD_CLOEXEC);
	if (fd < 0 || (len > 0 && write(fd, data, len) != (ssize_t)len) || lseek(fd, 0, SEEK_SET) != 0)
		fail("memory file");
	return fd;
}

/* Told apart from a fault: users can bring it about (pty(7)). */
static void __attribute__((noreturn)) fail_for_want(int report)
{
	const struct launch_report r = { .step = LAUNCH_SHORT };
	if (errno == ENOSPC)
		(void)fdpass_send(report, &r, sizeof r, NULL, 0);
	fail("new terminal");
}

/* An inner terminal like the outer one, the user's own; who may write(1) to
 * the outer may write to it. */
static int open_inner(const struct launch *l, int report, const struct outer *o, int *slave)
{
	int unlock = 0;
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (master < 0)
		fail_for_want(report);
	if (ioctl(master, TIOCSPTLCK, &unlock) != 0)
		fail("new terminal");
	*slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (*slave < 0 || tcsetattr(*slave, TCSANOW, &o->termios) != 0 ||
	    ioctl(master, TIOCSWINSZ, &o->size) != 0 ||
	    fchown(*slave, l->uid, l->tty_gid) != 0 || fchmod(*slave, 0600 | (o->before.st_mode & S_IWGRP)) != 0)
		fail("new terminal");
	return master;
}

/* Nothing of the user's may change before the broker has stored how it was. */
static void ask_to_take(int report, const struct launch_report *r, const int *fds, size_t count)
{
	char go;
	if (fdpass_send(report, r, sizeof *r, fds, count) != 0 || recv(report, &go, 1, 0) != 1)
		fail("broker");
}

static void tell_ready(int report, enum message_mode mode, const int *fds, size_t count)
{
	struct launch_report r = { .step = LAUNCH_READY, .mode = mode };
	if (fdpass_send(report, &r, sizeof r, fds, count) != 0)
		fail("broker");
}

static void send_start(const struct launch *l, enum message_mode mode, const int *fds, size_t count)
{
	struct buffer b;
	struct message_start start = l->start;
	start.mode = mode;
	buffer_init(&b, MESSAGE_MAX);
	if (message_encode_start(&b, &start) != 0 || fdpass_send(l->stub, b.data, b.len, fds, count) != 0)
		fail("stub");
	buffer_free(&b);
}

static int finish_meta(const struct launch *l, enum message_mode mode, const struct outer *o)
{
	struct buffer b;
	buffer_init(&b, META_MAX);
	int r = buffer_put(&b, l->meta->data, l->meta->len);
	if (r == 0)
		r = meta_put(&b, "mode", mode == MESSAGE_PTY ? "pty" : "pipe");
	if (r == 0 && mode == MESSAGE_PIPE)
		r = meta_put(&b, "keystrokes", "counted");
	if (r == 0 && mode == MESSAGE_PTY && l->auditors != NULL && keylist_describe(l->auditors, &b) != 0)
		r = meta_put(&b, "seal_failed", "no room"); /* the recorder counts then */
	if (r == 0 && mode == MESSAGE_PIPE && l->metadata_only)
		r = meta_put(&b, "contents", "none");
	if (r == 0 && o != NULL)
		r = meta_put(&b, "tty", o->name);
	if (r == 0 && o != NULL)
		r = meta_put_number(&b, "columns", o->size.ws_col);
	if (r == 0 && o != NULL)
		r = meta_put_number(&b, "rows", o->size.ws_row);
	if (r != 0)
		fail("metadata");
	int fd = memory_file(b.data, b.len);
	buffer_free(&b);
	return fd;
}

/* The outer terminal's owner, the inner one and eviction; then the stub may
 * start the shell. */
static struct places start_pty(const struct launch *l, int report, struct outer *o)
{
	int slave, typed_ahead = memory_file(NULL, 0);
	int master = open_inner(l, report, o, &slave);
	struct stat inner;
	if (fstat(slave, &inner) != 0)
		fail("new terminal");
	struct launch_report r = { .step = LAUNCH_TAKE, .mode = MESSAGE_PTY, .inner = inner.st_rdev,
				   .owner = o->before.st_uid, .group = o->before.st_gid,
				   .perms = o->before.st_mode & 0777, .termios = o->termios };
	ask_to_take(report, &r, (int[]){ o->fd, master }, 2);
	if (outer_take(o, l->recorder_uid, l->recorder_gid) != 0)
		fail("taking the terminal");
	bool evict = l->peer.session == l->peer.pid;
	if (evict && (outer_evict(o, typed_ahead) != 0 || lseek(typed_ahead, 0, SEEK_SET) != 0))
		fail("clearing the terminal");
	int own = outer_open(o->fd, O_RDWR | O_NONBLOCK);
	if (own < 0)
		fail("opening the terminal");
	utmp_begin(o->name, inner.st_rdev, l->peer.pid);
	tell_ready(report, MESSAGE_PTY, &o->fd, evict ? 1 : 0);
	send_start(l, MESSAGE_PTY, (int[]){ slave, o->fd }, evict ? 2 : 1);
	return (struct places){ { own, master, typed_ahead }, 3 };
}

static struct places start_pipe(const struct launch *l, int report)
{
	int pipes[3][2], ask[2];
	struct stat in, out;
	for (int i = 0; i < 3; i++) /* the user's own, so that /dev/stdout can be opened again */
		if (pipe2(pipes[i], O_CLOEXEC) != 0 || fchown(pipes[i][0], l->uid, (gid_t)-1) != 0)
			fail("pipe");
	if (fstat(pipes[0][0], &in) != 0 || fstat(pipes[1][0], &out) != 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ask) != 0)
		fail("pipe");
	struct launch_report r = { .step = LAUNCH_TAKE, .mode = MESSAGE_PIPE, .pipe_in = in.st_ino,
				   .pipe_out = out.st_ino };
	ask_to_take(report, &r, ask, 1);
	close(ask[0]);
	tell_ready(report, MESSAGE_PIPE, NULL, 0);
	send_start(l, MESSAGE_PIPE, (int[]){ pipes[0][0], pipes[1][1], pipes[2][1] }, 3);
	return (struct places){ { l->fds[0], l->fds[1], l->fds[2], pipes[0][1], pipes[1][0], pipes[2][0], ask[1] }, 7 };
}

/* The command keeps its own descriptors; only that it ran is recorded. */
static struct places start_metadata(const struct launch *l, int report)
{
	struct launch_report r = { .step = LAUNCH_TAKE, .mode = MESSAGE_PIPE };
	ask_to_take(report, &r, NULL, 0);
	tell_ready(report, MESSAGE_PIPE, NULL, 0);
	send_start(l, MESSAGE_PIPE, NULL, 0);
	return (struct places){ { -1 }, 0 };
}

/* Out of the way first, then each into its place; all else closes at exec. */
static void arrange(int stub, int stream, int meta, const struct places *p)
{
	int from[FD_FIRST + PLACES_MAX];
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int count = FD_FIRST + p->count;
	from[0] = from[1] = from[2] = null;
	from[FD_STUB] = stub;
	from[FD_STREAM] = stream;
	from[FD_META] = meta;
	for (int i = 0; i < p->count; i++)
		from[FD_FIRST + i] = p->fd[i];
	for (int i = 0; i < count; i++)
		if ((from[i] = fcntl(from[i], F_DUPFD_CLOEXEC, FD_CLEAR)) < 0)
			fail("descriptors");
	for (int i = 0; i < count; i++)
		if (dup2(from[i], i) != i)
			fail("descriptors");
}

static void __attribute__((noreturn)) run(const struct launch *l, enum message_mode mode)
{
	static const char *const no_environment[] = { NULL };
	char id[ID_TEXT_SIZE], limit[24];
	id_format(&l->start.stream, id);
	snprintf(limit, sizeof limit, "%" PRIu64, l->pipe_limit);
	const char *word = mode == MESSAGE_PTY ? "pty" : l->metadata_only ? "metadata" : "pipe";
	const char *argv[] = { "itm-recorder", "--mode", word, "--stream", id,
			       "--failure", users_failure_name(l->failure), "--pipe-limit", limit, NULL };
	setitimer(ITIMER_REAL, &(struct itimerval){ 0 }, NULL);
	(void)setpriority(PRIO_PROCESS, 0, 0); /* the broker has more */
	execve(l->recorder, (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)no_environment);
	_exit(1);
}

/* Signals as a fresh program has them; SIGALRM ends us when a descriptor of
 * the user's stalls. */
static void limit_time(int timeout_ms)
{
	sigset_t none;
	sigemptyset(&none);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGALRM, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
	struct itimerval t = { .it_value = { .tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000 } };
	setitimer(ITIMER_REAL, &t, NULL);
}

static void __attribute__((noreturn)) child(const struct launch *l, int report)
{
	struct outer outer;
	limit_time(l->timeout_ms);
	if ((report = fcntl(report, F_DUPFD_CLOEXEC, FD_CLEAR)) < 0 || access(l->recorder, X_OK) != 0)
		fail(l->recorder);
	bool pty = outer_find(l->fds, &l->peer, l->uid, l->caller, &outer) == 0;
	enum message_mode mode = pty ? MESSAGE_PTY : MESSAGE_PIPE;
	int meta = finish_meta(l, mode, pty ? &outer : NULL);
	struct places p = pty ? start_pty(l, report, &outer)
		: l->metadata_only ? start_metadata(l, report) : start_pipe(l, report);
	fcntl(l->stub, F_SETFL, fcntl(l->stub, F_GETFL) & ~O_NONBLOCK);
	arrange(l->stub, l->stream, meta, &p);
	run(l, mode);
}

pid_t launch_start(const struct launch *l, int *report)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return ITM_ESYS;
	pid_t pid = fork();
	if (pid == 0)
		child(l, pair[1]);
	close(pair[1]);
	if (pid < 0) {
		close(pair[0]);
		return ITM_ESYS;
	}
	*report = pair[0];
	return pid;
}
