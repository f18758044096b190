#include "agent/brokerd/session.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/brokerd/events.h"
#include "agent/brokerd/outer.h"
#include "agent/brokerd/peer.h"
#include "agent/brokerd/utmp.h"
#include "base/error.h"
#include "base/log.h"
#include "base/reader.h"

enum {
	KEPT_VERSION = 1,
	ABORT_WAIT_MS = 200,
	MODES_MS = 1000,         /* so long after the stub a dead recorder's raw modes are still ours to undo */
};

static void make_key(const struct session *s, char key[SUPERVISOR_KEY_MAX])
{
	char id[ID_TEXT_SIZE];
	id_format(&s->stream, id);
	snprintf(key, SUPERVISOR_KEY_MAX, "term-%s", id);
}

/* What the second byte says. */
enum kept_kind { KEPT_PIPE, KEPT_PTY, KEPT_ASKING };

static enum kept_kind kind_of(const struct session *s)
{
	return s->pty ? KEPT_PTY : s->inquiry != NULL ? KEPT_ASKING : KEPT_PIPE;
}

static size_t descriptor_count(enum kept_kind kind)
{
	return kind == KEPT_PTY ? 4 : kind == KEPT_ASKING ? 3 : 2;
}

/* u8 version, u8 kind, stream id, u32 uid, u32 stub, u64 its start, u32
 * recorder, u64 its start; for a pty then u64 inner device, u32 owner, u32
 * group, u32 mode, and the outer terminal's struct termios; for a
 * command whose program is asked about the inodes of its pipes, u64 each. */
static int encode(struct buffer *b, const struct session *s)
{
	int r = buffer_put_u8(b, KEPT_VERSION) | buffer_put_u8(b, (uint8_t)kind_of(s)) |
		buffer_put(b, s->stream.bytes, ID_SIZE) | buffer_put_u32(b, s->uid) |
		buffer_put_u32(b, (uint32_t)s->stub) | buffer_put_u64(b, s->stub_start) |
		buffer_put_u32(b, (uint32_t)s->recorder) | buffer_put_u64(b, s->recorder_start);
	if (s->pty)
		r |= buffer_put_u64(b, s->inner) | buffer_put_u32(b, s->owner) | buffer_put_u32(b, s->group) |
		     buffer_put_u32(b, s->mode) | buffer_put(b, &s->termios, sizeof s->termios);
	else if (s->inquiry != NULL)
		r |= buffer_put_u64(b, s->pipe_in) | buffer_put_u64(b, s->pipe_out);
	return r != 0 ? ITM_ENOMEM : 0;
}

static int decode(const void *blob, size_t len, struct session *out, enum kept_kind *kind)
{
	struct session s = { .outer = -1, .master = -1 };
	struct reader r;
	reader_init(&r, blob, len);
	if (reader_u8(&r) != KEPT_VERSION)
		reader_fail(&r, ITM_EVERSION, "unknown version");
	*kind = (enum kept_kind)reader_u8(&r);
	if (*kind > KEPT_ASKING)
		reader_fail(&r, ITM_EFORMAT, "unknown kind");
	s.pty = *kind == KEPT_PTY;
	reader_copy(&r, s.stream.bytes, ID_SIZE);
	s.uid = reader_u32(&r);
	s.stub = (pid_t)reader_u32(&r);
	s.stub_start = reader_u64(&r);
	s.recorder = (pid_t)reader_u32(&r);
	s.recorder_start = reader_u64(&r);
	if (s.pty) {
		s.inner = reader_u64(&r);
		s.owner = reader_u32(&r);
		s.group = reader_u32(&r);
		s.mode = reader_u32(&r) & 0777;
		reader_copy(&r, &s.termios, sizeof s.termios);
	} else if (*kind == KEPT_ASKING) {
		s.pipe_in = reader_u64(&r);
		s.pipe_out = reader_u64(&r);
	}
	reader_end(&r);
	if (r.error == 0)
		*out = s;
	return r.error;
}

static void store(const struct session *s)
{
	char key[SUPERVISOR_KEY_MAX];
	const enum kept_kind kind = kind_of(s);
	const int fds[] = { s->pidfd, s->stub_pidfd, kind == KEPT_ASKING ? inquiry_socket(s->inquiry) : s->outer, s->master };
	struct buffer b;
	make_key(s, key);
	buffer_init(&b, SUPERVISOR_BLOB_MAX);
	if (encode(&b, s) == 0)
		control_store(s->table->control, key, b.data, b.len, fds, descriptor_count(kind));
	buffer_free(&b);
}

static void close_descriptors(const struct session *s)
{
	close(s->pidfd);
	close(s->stub_pidfd);
	if (s->outer >= 0)
		close(s->outer);
	if (s->master >= 0)
		close(s->master);
	inquiry_close(s->inquiry);
}

static void drop(struct session *s)
{
	struct session_table *t = s->table;
	for (struct session **at = &t->first; *at != NULL; at = &(*at)->next)
		if (*at == s) {
			*at = s->next;
			t->count--;
			break;
		}
	loop_remove(t->loop, &s->watch);
	loop_remove(t->loop, &s->stub_watch);
	close_descriptors(s);
	free(s);
}

/* Only a terminal that is still the recorder's: on a console the next getty
 * may have taken it over already. */
static void give_back(struct session *s)
{
	struct stat st;
	if (!s->pty || fstat(s->outer, &st) != 0 || st.st_uid != s->table->recorder_uid)
		return;
	if (s->left_ms == 0)
		outer_share(s->outer);
	if (fchmod(s->outer, s->mode) != 0 || fchown(s->outer, s->owner, s->group) != 0)
		log_error("giving a terminal back to uid %u: %s", (unsigned)s->owner, strerror(errno));
}

/* What a recorder that died left raw.  TCSANOW, since waiting for output to
 * drain could take for ever. */
static void restore_modes(const struct session *s)
{
	const tcflag_t cooked = ICANON | ECHO | ISIG;
	struct termios now;
	if (s->outer < 0 || (s->left_ms != 0 && loop_now_ms() - s->left_ms > MODES_MS))
		return;
	if (tcgetattr(s->outer, &now) == 0 && (now.c_lflag & cooked) == 0 && (s->termios.c_lflag & cooked) != 0)
		tcsetattr(s->outer, TCSANOW, &s->termios);
}

static void finish(struct session *s, const char *how, int status)
{
	char key[SUPERVISOR_KEY_MAX];
	events_session_ended(s->table->events, s, how, status);
	make_key(s, key);
	give_back(s);
	if (s->pty)
		utmp_end(s->inner, s->stub);
	log_info("session %s of uid %u: recorder %d %s", key + strlen("term-"), (unsigned)s->uid,
		 (int)s->recorder, how);
	control_remove(s->table->control, key);
	drop(s);
}

/* The user is back at his terminal, or it is gone; the recorder lives until
 * its last frames are durable.  The inner pty must go now: its last close is
 * what hangs up programs left behind. */
static void stub_left(void *context)
{
	struct session *s = context;
	loop_remove(s->table->loop, &s->stub_watch);
	s->left_ms = loop_now_ms();
	if (!s->pty)
		return;
	give_back(s);
	utmp_end(s->inner, s->stub);
	s->pty = false;
	close(s->master);
	s->master = -1;
	store(s);
}

static void recorder_ended(void *context)
{
	struct session *s = context;
	char how[64] = "ended";
	int status = -1;         /* after our own restart nobody can say */
	if (s->child && waitpid(s->recorder, &status, WNOHANG) == s->recorder) {
		if (WIFSIGNALED(status))
			snprintf(how, sizeof how, "was ended by signal %d", WTERMSIG(status));
		else
			snprintf(how, sizeof how, "exited with %d", WEXITSTATUS(status));
	}
	if (status != 0)
		restore_modes(s);
	finish(s, how, status);
}

void session_init(struct session_table *t, struct loop *loop, struct control *control)
{
	*t = (struct session_table){ .loop = loop, .control = control, .recorder_uid = (uid_t)-1 };
}

static struct session *add(struct session_table *t, const struct session *from)
{
	struct session *s = t->count < SESSION_MAX ? malloc(sizeof *s) : NULL;
	if (s == NULL) {
		close_descriptors(from);
		return NULL;
	}
	*s = *from;
	s->next = t->first;
	s->table = t;
	s->watch = (struct loop_watch){ .fd = s->pidfd, .ready = recorder_ended, .context = s };
	s->stub_watch = (struct loop_watch){ .fd = s->stub_pidfd, .ready = stub_left, .context = s };
	t->first = s;
	t->count++;
	if (loop_add(t->loop, &s->watch) != 0 || loop_add(t->loop, &s->stub_watch) != 0) {
		drop(s);
		return NULL;
	}
	return s;
}

struct session *session_add(struct session_table *t, const struct session *from)
{
	struct session *s = add(t, from);
	if (s != NULL)
		store(s);
	return s;
}

struct session *session_find(struct session_table *t, const struct id *stream)
{
	for (struct session *s = t->first; s != NULL; s = s->next)
		if (id_equal(&s->stream, stream))
			return s;
	return NULL;
}

void session_reopened(struct session *s, int outer)
{
	close(s->outer);
	s->outer = outer;
	store(s);
}

void session_abort(struct session *s)
{
	struct pollfd p = { .fd = s->pidfd, .events = POLLIN };
	syscall(SYS_pidfd_send_signal, s->pidfd, SIGKILL, NULL, 0);
	if (poll(&p, 1, ABORT_WAIT_MS) == 1)
		recorder_ended(s);
	else
		give_back(s); /* it will be reaped when it can die */
}

const struct session *session_of_tty(const struct session_table *t, dev_t tty)
{
	for (const struct session *s = t->first; tty != 0 && s != NULL; s = s->next)
		if (s->pty && s->inner == tty)
			return s;
	return NULL;
}

/* A leader's controlling terminal is the one he leads, so one terminal at most
 * is asked, however many sessions there are.  It is asked, because another
 * instance of devpts numbers its terminals alike: of the master, TIOCGSID names
 * the leader behind our slave. */
static bool leads(const struct session *s, const struct peer *p)
{
	pid_t leader = 0;
	return s->pty && p->tty != 0 && s->inner == p->tty && p->session == p->pid &&
	       ioctl(s->master, TIOCGSID, &leader) == 0 && leader == p->pid;
}

const struct session *session_of_process(const struct session_table *t, const struct peer *p)
{
	for (const struct session *s = t->first; s != NULL; s = s->next)
		if ((s->stub == p->pid && s->stub_start == p->start) || leads(s, p))
			return s;
	return NULL;
}

int session_recall(struct session_table *t, const void *blob, size_t len, const int *fds, size_t count)
{
	struct session s;
	enum kept_kind kind;
	int r = decode(blob, len, &s, &kind);
	if (r == 0 && count != descriptor_count(kind))
		r = ITM_EFORMAT;
	if (r != 0) {
		for (size_t i = 0; i < count; i++)
			close(fds[i]);
		return r;
	}
	s.pidfd = fds[0];
	s.stub_pidfd = fds[1];
	s.outer = s.pty ? fds[2] : -1;
	s.master = s.pty ? fds[3] : -1;
	if (kind == KEPT_ASKING)
		s.inquiry = inquiry_open(t->loop, fds[2], s.stub, s.stub_start, s.pipe_in, s.pipe_out);
	return add(t, &s) != NULL ? 0 : ITM_ELIMIT;
}

void session_store_all(const struct session_table *t)
{
	for (const struct session *s = t->first; s != NULL; s = s->next)
		store(s);
}

void session_close(struct session_table *t)
{
	while (t->first != NULL)
		drop(t->first);
}
