#include "agent/brokerd/request.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/brokerd/announce.h"
#include "agent/brokerd/decide.h"
#include "agent/brokerd/events.h"
#include "agent/brokerd/launch.h"
#include "base/error.h"
#include "base/fdpass.h"
#include "base/log.h"
#include "format/meta.h"

enum {
	WAIT_MS = 900,           /* of the 1 s that pam_itm and a greeted stub wait, so that our word comes first */
	LEAST_MS = 500,          /* from the question on, however late it came */
	TOTAL_MAX = 1024,        /* connections at once */
	UID_MAX = 64,            /* of one uid; a trial with 129 idle ones delayed a login by 7 s */
	UID_LOGINS_MAX = 128,    /* of one uid with those of announced logins */
	UID_BY_HAND = 16,        /* recorders of one uid that start at once without a login */
	UID_CALM = 8,            /* so many of one uid start at once on a calm host */
	PAM_MAX = 512,
	ACCEPTS_MAX = 32,        /* in one turn */
	DEAF_MS = 50,
	LINES_MAX = 10,          /* refusals logged in one second */
};

enum state {
	READING,                 /* its message has not come */
	PAIRING,                 /* the supervisor makes the way to the sealer */
	STARTING,                /* a child prepares the recorder */
};

struct request {
	struct request *next;
	struct request_table *table;
	enum request_kind kind;
	enum state state;
	int fd;                  /* of the connection, owned */
	struct loop_watch watch;
	struct fdpass_peer peer; /* its pidfd is owned */
	int64_t deadline_ms;
	int fds[3];              /* the stub's 0, 1, 2, owned; -1 */
	struct launch launch;
	struct buffer meta;
	char name[USERS_NAME_SIZE];
	bool login;              /* a PAM login was found */
	pid_t child;             /* 0 = none */
	int report;              /* from the child, owned; -1 */
	struct loop_watch report_watch;
	bool ready;
	bool greeted;            /* answered its KNOCK */
	bool is_login;           /* found to be an announced login's, when others of the uid crowded */
	bool shortage;           /* the host has run out of terminals, processes or room for the record */
	bool no_room;            /* of the last */
};

static void finish(struct request *r)
{
	struct request_table *t = r->table;
	for (struct request **at = &t->first; *at != NULL; at = &(*at)->next)
		if (*at == r) {
			*at = r->next;
			t->count--;
			break;
		}
	loop_remove(t->loop, &r->watch);
	loop_remove(t->loop, &r->report_watch);
	close(r->fd);
	close(r->peer.pidfd);
	if (r->report >= 0)
		close(r->report);
	if (r->launch.stream >= 0)
		close(r->launch.stream);
	for (int i = 0; i < 3; i++)
		if (r->fds[i] >= 0)
			close(r->fds[i]);
	buffer_free(&r->meta);
	free(r);
}

/* Anybody may knock as often as he likes, so not every refusal gets a line. */
static void count_refused(struct request_table *t, const struct fdpass_peer *peer, const char *why)
{
	int64_t now = loop_now_ms();
	t->refused++;
	if (now - t->refused_since_ms >= 1000) {
		if (t->refused_lines > LINES_MAX)
			log_info("refused: %u more", t->refused_lines - LINES_MAX);
		t->refused_since_ms = now;
		t->refused_lines = 0;
	}
	if (t->refused_lines++ < LINES_MAX)
		log_info("refused: uid %u, process %d: %s", (unsigned)peer->uid, (int)peer->pid, why);
}

static void refuse(struct request *r, const char *why)
{
	count_refused(r->table, &r->peer, why);
	if (r->kind == REQUEST_SHELL)
		events_stub_refused(r->table->events, r->peer.uid, r->peer.pid, why);
	finish(r);
}

/* The stub must be ours, and still be the process that connected. */
static bool is_stub(const struct request_table *t, const struct fdpass_peer *peer)
{
	struct pollfd p = { .fd = peer->pidfd, .events = POLLIN };
	return peer_runs(peer->pid, t->stub) && poll(&p, 1, 0) == 0;
}

/* A stub that is not heard decides for itself, and a user must not be able to
 * bring that about: it is told no. */
static void turn_away(const struct request_table *t, const struct fdpass_peer *peer, int fd)
{
	const struct message_start no = { .mode = MESSAGE_DENY,
					  .notice = "itm: too many sessions of yours are starting; try again" };
	struct buffer b;
	if (!is_stub(t, peer))
		return;
	buffer_init(&b, MESSAGE_MAX);
	if (message_encode_start(&b, &no) == 0)
		fdpass_send(fd, b.data, b.len, NULL, 0);
	buffer_free(&b);
}

/* So many of one user's at once that their slowness is his own doing. */
static bool crowds(const struct request *r)
{
	size_t count = 0;
	for (const struct request *other = r->table->first; other != NULL; other = other->next)
		count += other->kind == r->kind && other->peer.uid == r->peer.uid;
	return count > UID_CALM;
}

static bool is_stopped(const struct request *r)
{
	struct peer p;
	return peer_read(r->peer.pid, &p) == 0 && (p.state == 'T' || p.state == 't');
}

/* It has not come to its question.  When that is the doing of its own user, by
 * a crowd of stubs or by stopping this one, it must not decide for itself. */
static void refuse_silent(struct request *r, const char *why)
{
	if (r->kind == REQUEST_SHELL && (crowds(r) || is_stopped(r)))
		turn_away(r->table, &r->peer, r->fd);
	refuse(r, why);
}

/* Asked of few: it reads /proc all the way up. */
static bool is_login(struct request *r)
{
	const struct request_table *t = r->table;
	if (!r->is_login)
		r->is_login = r->kind == REQUEST_SHELL && decide_is_login(t->logins, t->sessions, r->peer.pid);
	return r->is_login;
}

/* The stub's answer when there is no recorder, and the end of the request. */
static void answer(struct request *r, enum message_mode mode, const char *shell, const char *notice)
{
	struct message_start start = { .mode = mode };
	struct buffer b;
	snprintf(start.shell, sizeof start.shell, "%s", shell);
	snprintf(start.notice, sizeof start.notice, "%s", notice);
	buffer_init(&b, MESSAGE_MAX);
	if (message_encode_start(&b, &start) == 0)
		fdpass_send(r->fd, b.data, b.len, NULL, 0);
	buffer_free(&b);
	finish(r);
}

/* A child of ours that has no session yet. */
static void end_child(pid_t pid)
{
	kill(pid, SIGKILL);
	for (int i = 0; i < 20 && waitpid(pid, NULL, WNOHANG) == 0; i++)
		poll(NULL, 0, 5); /* ms; a killed process is gone at once unless a device holds it */
}

static const char no_room[] = "itm: this host has no room left for the record of a session, and policy refuses it then";

static void without_recording(struct request *r, const char *why)
{
	r->shortage |= crowds(r);
	struct session *s = session_find(r->table->sessions, &r->launch.start.stream);
	if (s != NULL)
		session_abort(s);
	else if (r->child > 0)
		end_child(r->child);
	bool go_on = r->shortage ? decide_may_pass_shortage(r->launch.failure)
		: decide_may_go_unrecorded(r->launch.failure);
	r->table->unrecorded++;
	events_session_failed(r->table->events, !go_on, &r->launch.start.stream, r->peer.pid, &r->meta, why);
	log_error("%s: %s of %s (%s)", why, go_on ? "unrecorded session" : "refused session", r->name,
		  users_failure_name(r->launch.failure));
	if (r->ready)
		finish(r); /* the stub was told to start already; it sees the recorder gone */
	else if (go_on)
		answer(r, MESSAGE_DIRECT, r->launch.start.shell,
		       "itm: the session recorder is not available; this session is not recorded");
	else
		answer(r, MESSAGE_DENY, "", r->no_room ? no_room : "itm: this session can't be recorded, and policy refuses it then");
}

/* From here on the child is the session's to end and reap. */
static int session_from(struct request *r, const struct launch_report *report, const int *fds, size_t count)
{
	struct peer recorder;
	struct session s = { .stream = r->launch.start.stream, .uid = r->peer.uid,
			     .pty = report->mode == MESSAGE_PTY, .child = true,
			     .stub = r->peer.pid, .stub_start = r->launch.peer.start,
			     .recorder = r->child, .outer = -1, .master = -1,
			     .inner = report->inner, .owner = report->owner, .group = report->group,
			     .mode = report->perms, .termios = report->termios };
	bool inquires = !s.pty && !r->launch.metadata_only;
	if (count != (s.pty ? 2u : inquires ? 1u : 0u))
		return ITM_EFORMAT;
	if (s.pty) {
		s.outer = fds[0];
		s.master = fds[1];
	}
	s.recorder_start = peer_read(r->child, &recorder) == 0 ? recorder.start : 0;
	s.pidfd = (int)syscall(SYS_pidfd_open, r->child, 0);
	s.stub_pidfd = fcntl(r->peer.pidfd, F_DUPFD_CLOEXEC, 0);
	if (s.pidfd < 0 || s.stub_pidfd < 0) {
		close(s.pidfd);
		return ITM_ESYS;
	}
	if (inquires) {
		s.pipe_in = report->pipe_in;
		s.pipe_out = report->pipe_out;
		s.inquiry = inquiry_open(r->table->loop, fds[0], s.stub, s.stub_start, s.pipe_in, s.pipe_out);
	}
	const struct session *added = session_add(r->table->sessions, &s);
	if (added == NULL)
		return ITM_ELIMIT;
	if (r->table->monitor != NULL)
		monitor_tie(r->table->monitor, added);
	r->child = 0;
	return 0;
}

/* One report of the child.  0, or ITM_E*: it failed. */
static int take_report(struct request *r)
{
	struct launch_report report;
	int fds[2];
	size_t count = 2;
	ssize_t n = fdpass_recv(r->report, &report, sizeof report, fds, &count);
	if (n < 0)
		return (int)n;
	int result = n == (ssize_t)sizeof report ? 0 : ITM_EFORMAT;
	if (result == 0 && report.step == LAUNCH_SHORT) {
		result = ITM_ELIMIT;
	} else if (result == 0 && report.step == LAUNCH_TAKE) {
		result = session_from(r, &report, fds, count);
		if (result == 0)
			return send(r->report, "g", 1, MSG_NOSIGNAL) == 1 ? 0 : ITM_ESYS;
		if (result == ITM_ELIMIT)
			return result; /* session_add has taken the descriptors */
	} else if (result == 0) {
		struct session *s = session_find(r->table->sessions, &r->launch.start.stream);
		r->ready = true;
		if (s != NULL)
			events_session_started(r->table->events, s, &r->meta);
		if (s != NULL && count == 1) {
			session_reopened(s, fds[0]);
			return 0;
		}
	}
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
	return result;
}

static void report_came(void *context)
{
	struct request *r = context;
	int result = take_report(r);
	if (result == 0)
		return;
	if (result != ITM_ECLOSED || !r->ready) {
		r->shortage |= result == ITM_ELIMIT;
		without_recording(r, r->shortage ? "no terminal left" : "no recorder");
		return;
	}
	char id[ID_TEXT_SIZE];
	id_format(&r->launch.start.stream, id);
	log_info("session %s of %s%s", id, r->name, r->login ? "" : ", no PAM login");
	finish(r);
}

static void launch(struct request *r)
{
	r->state = STARTING;
	r->launch.timeout_ms = (int)(r->deadline_ms - loop_now_ms());
	if (r->launch.timeout_ms < 1)
		r->launch.timeout_ms = 1;
	pid_t pid = launch_start(&r->launch, &r->report);
	if (pid < 0) {
		r->shortage = true;
		without_recording(r, "no new process");
		return;
	}
	r->child = pid;
	r->report_watch = (struct loop_watch){ .fd = r->report, .ready = report_came, .context = r };
	if (loop_add(r->table->loop, &r->report_watch) != 0)
		without_recording(r, "no memory");
}

static void ask_for_pair(const struct request *r)
{
	char key[ID_TEXT_SIZE];
	id_format(&r->launch.start.stream, key);
	control_pair(r->table->control, "sealer", key, r->launch.start.stream.bytes, ID_SIZE);
}

static void record(struct request *r, const struct decide *d)
{
	const struct request_table *t = r->table;
	snprintf(r->name, sizeof r->name, "%s", d->account.name);
	sealing_refresh(&t->scope->sealing, &t->scope->settings);
	r->login = d->login != NULL;
	r->launch = (struct launch){
		.stub = r->fd, .fds = r->fds, .stream = -1, .peer = d->peer,
		.uid = r->peer.uid, .caller = d->caller,
		.recorder_uid = t->scope->recorder_uid, .recorder_gid = t->scope->recorder_gid,
		.tty_gid = t->scope->tty_gid, .meta = &r->meta,
		.auditors = sealing_list(&t->scope->sealing),
		.start = { .stream = id_random() }, .failure = d->failure,
		.pipe_limit = t->scope->settings.pipe_limit, .metadata_only = d->metadata_only,
		.recorder = t->recorder,
	};
	snprintf(r->launch.start.shell, sizeof r->launch.start.shell, "%s", d->account.shell);
	snprintf(r->launch.start.notice, sizeof r->launch.start.notice, "%s", t->scope->settings.notice);
	if (events_spool_refuses(t->events, d->failure)) {
		r->shortage = r->no_room = true;
		without_recording(r, "no room in the spool");
	} else if (t->scope->recorder_uid == (uid_t)-1) {
		without_recording(r, "there is no account itm-rec");
	} else if (decide_describe(d, t->scope, &t->shell, &r->meta) != 0) {
		without_recording(r, "metadata are too large");
	} else {
		r->state = PAIRING;
		ask_for_pair(r);
	}
}

/* What a user starts by hand must not take the time of his own login. */
static size_t starting_by_hand(const struct request *r)
{
	size_t count = 0;
	for (const struct request *other = r->table->first; other != NULL; other = other->next)
		count += other->kind == REQUEST_SHELL && other->peer.uid == r->peer.uid && other->state != READING &&
			 !other->login;
	return count;
}

static void shell_came(struct request *r, size_t len)
{
	struct request_table *t = r->table;
	struct fault fault;
	struct decide d;
	if (message_decode_shell(t->packet, len, &t->shell, &fault) != 0) {
		refuse(r, fault.reason);
		return;
	}
	decide_shell(t->scope, t->logins, t->sessions, r->peer.pid, r->peer.uid, &d);
	if (!is_stub(t, &r->peer)) {
		refuse(r, "not our itm-shell");
		return;
	}
	if (d.verdict == DECIDE_RECORD && d.login == NULL && starting_by_hand(r) >= UID_BY_HAND) {
		turn_away(t, &r->peer, r->fd);
		refuse(r, "too many at once without a login");
		return;
	}
	t->served++;
	if (r->deadline_ms < loop_now_ms() + LEAST_MS)
		r->deadline_ms = loop_now_ms() + LEAST_MS;
	if (d.login != NULL)
		login_shell(t->logins, &d.login->id);
	if (d.verdict == DECIDE_RECORD) {
		record(r, &d);
	} else if (d.verdict == DECIDE_DIRECT) {
		events_session_direct(t->events, d.account.name, r->peer.uid, r->peer.pid, d.login);
		answer(r, MESSAGE_DIRECT, d.account.shell, "");
	} else {
		events_stub_refused(t->events, r->peer.uid, r->peer.pid, d.why);
		answer(r, MESSAGE_DENY, "", d.why);
	}
}

/* What shell_came would do, without doing it: no event, no session. */
static bool was_trial(struct request *r, size_t len)
{
	const struct request_table *t = r->table;
	struct decide d;
	uint64_t on_terminal = 0;
	if (r->kind != REQUEST_SHELL || !is_stub(t, &r->peer) ||
	    message_decode_numbers(t->packet, len, MESSAGE_TRY, &on_terminal, NULL, NULL) != 0)
		return false;
	decide_shell(t->scope, t->logins, t->sessions, r->peer.pid, r->peer.uid, &d);
	loop_remove(t->loop, &r->watch);
	if (d.verdict == DECIDE_DENY)
		answer(r, MESSAGE_DENY, "", d.why);
	else if (d.verdict == DECIDE_RECORD && events_spool_refuses(t->events, d.failure))
		answer(r, MESSAGE_DENY, "", no_room);
	else
		answer(r, d.verdict == DECIDE_DIRECT ? MESSAGE_DIRECT : on_terminal == 1 ? MESSAGE_PTY : MESSAGE_PIPE,
		       d.account.shell, d.login != NULL ? d.login->says.service : "");
	return true;
}

static void pam_came(struct request *r, size_t len)
{
	struct request_table *t = r->table;
	const struct announce a = { .logins = t->logins, .scope = t->scope, .stub = t->stub, .recorder = t->recorder };
	const char *why = "";
	struct buffer reply;
	buffer_init(&reply, MESSAGE_MAX);
	if (announce_take(&a, &r->peer, t->packet, len, &reply, &why) != 0) {
		refuse(r, why);
	} else {
		t->served++;
		if (reply.len > 0)
			fdpass_send(r->fd, reply.data, reply.len, NULL, 0);
		finish(r);
	}
	buffer_free(&reply);
}

/* A stub may ask first whether we are there, once. */
static bool was_knock(struct request *r, size_t len)
{
	const uint8_t *packet = r->table->packet;
	if (r->kind != REQUEST_SHELL || r->greeted ||
	    message_decode_numbers(packet, len, MESSAGE_KNOCK, NULL, NULL, NULL) != 0)
		return false;
	r->greeted = true;
	return fdpass_send(r->fd, packet, len, NULL, 0) == 0;
}

static void message_came(void *context)
{
	struct request *r = context;
	size_t count = r->kind == REQUEST_SHELL ? 3 : 0;
	ssize_t n = fdpass_recv(r->fd, r->table->packet, sizeof r->table->packet, r->fds, &count);
	if (n == ITM_ESYS && errno == EAGAIN)
		return;
	for (size_t i = n > 0 ? count : 0; i < 3; i++)
		r->fds[i] = -1;
	if (n > 0 && count == 0 && (was_knock(r, (size_t)n) || was_trial(r, (size_t)n)))
		return;
	loop_remove(r->table->loop, &r->watch);
	if (n < 0)
		refuse(r, n == ITM_ECLOSED ? "left without a word" : "sent a bad message");
	else if (r->kind == REQUEST_PAM)
		pam_came(r, (size_t)n);
	else if (count != 3)
		refuse(r, "sent no descriptors");
	else
		shell_came(r, (size_t)n);
}

/* The oldest of them that has said nothing and is no login's; logins go before
 * what is started by hand. */
static struct request *oldest_silent(const struct request_table *t, enum request_kind kind, uid_t uid)
{
	struct request *row[PAM_MAX];
	size_t count = 0;
	for (struct request *r = t->first; r != NULL && count < PAM_MAX; r = r->next)
		if (r->kind == kind && r->peer.uid == uid && r->state == READING)
			row[count++] = r;
	while (count > 0) /* newest first */
		if (!is_login(row[--count]))
			return row[count];
	return NULL;
}

/* The requests of one uid are bounded; at the bound the one that has been
 * silent longest makes room.  Refusing the new one instead would let a user
 * who stops 64 stubs of his own get a best-effort shell that isn't recorded. */
static bool make_room(struct request_table *t, enum request_kind kind, const struct fdpass_peer *peer)
{
	size_t count = 0;
	for (const struct request *r = t->first; r != NULL; r = r->next)
		count += r->kind == kind && r->peer.uid == peer->uid;
	if (count < (kind == REQUEST_PAM ? PAM_MAX : UID_MAX))
		return true;
	struct request *silent = oldest_silent(t, kind, peer->uid);
	if (silent == NULL)
		return kind == REQUEST_SHELL && count < UID_LOGINS_MAX && decide_is_login(t->logins, t->sessions, peer->pid);
	refuse_silent(silent, "makes room for another");
	return true;
}

static void accept_one(struct request_table *t, enum request_kind kind, int fd)
{
	struct fdpass_peer peer;
	if (fdpass_peer(fd, &peer) != 0) {
		close(fd);
		return;
	}
	const char *why = kind == REQUEST_SHELL && !is_stub(t, &peer) ? "not our itm-shell"
		: !make_room(t, kind, &peer) ? "too many at once" : NULL;
	struct request *r = why == NULL ? calloc(1, sizeof *r) : NULL;
	if (r == NULL) {
		count_refused(t, &peer, why != NULL ? why : "no memory");
		if (kind == REQUEST_SHELL)
			events_stub_refused(t->events, peer.uid, peer.pid, why != NULL ? why : "no memory");
		if (kind == REQUEST_SHELL)
			turn_away(t, &peer, fd);
		close(peer.pidfd);
		close(fd);
		return;
	}
	*r = (struct request){ .next = t->first, .table = t, .kind = kind, .fd = fd, .peer = peer,
			       .deadline_ms = loop_now_ms() + WAIT_MS, .fds = { -1, -1, -1 }, .report = -1,
			       .launch.stream = -1, .report_watch.fd = -1,
			       .watch = { .fd = fd, .ready = message_came, .context = r } };
	buffer_init(&r->meta, META_MAX);
	t->first = r;
	t->count++;
	if (loop_add(t->loop, &r->watch) != 0)
		refuse(r, "no memory");
}

/* For a moment the sockets are left alone: callers wait in the backlog. */
static void set_listening(struct request_table *t, bool on)
{
	t->deaf_until_ms = on ? 0 : loop_now_ms() + DEAF_MS;
	for (int i = 0; i < 2; i++) {
		struct request_listener *l = &t->listener[i];
		loop_remove(t->loop, &l->watch);
		if (!on || l->fd < 0)
			continue;
		l->watch.fd = l->fd;
		if (loop_add(t->loop, &l->watch) != 0)
			l->watch.fd = -1;
	}
}

static void knock(void *context)
{
	struct request_listener *l = context;
	int fd = -1;
	/* Several at a turn: a stub that finds the queue full waits with others
	 * for a place, in no order, and its time may be over before it has one. */
	for (int i = 0; i < ACCEPTS_MAX && l->table->count < TOTAL_MAX; i++) {
		fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0)
			break;
		accept_one(l->table, l->kind, fd);
	}
	if ((fd < 0 && (errno == EMFILE || errno == ENFILE)) || l->table->count >= TOTAL_MAX)
		set_listening(l->table, false);
}

void request_init(struct request_table *t)
{
	memset(t, 0, sizeof *t);
	for (int i = 0; i < 2; i++)
		t->listener[i] = (struct request_listener){ .table = t, .kind = (enum request_kind)i, .fd = -1,
							    .watch = { .fd = -1 } };
}

int request_listen(struct request_table *t, enum request_kind kind, int fd)
{
	struct request_listener *l = &t->listener[kind];
	loop_remove(t->loop, &l->watch);
	if (l->fd >= 0)
		close(l->fd);
	l->fd = fd;
	l->watch = (struct loop_watch){ .fd = fd, .ready = knock, .context = l };
	return loop_add(t->loop, &l->watch);
}

void request_paired(struct request_table *t, const char *key, int fd)
{
	struct id stream;
	struct request *r = NULL;
	if (id_parse(key, &stream) == 0)
		for (r = t->first; r != NULL; r = r->next)
			if (r->state == PAIRING && id_equal(&r->launch.start.stream, &stream))
				break;
	if (r == NULL) {
		close(fd); /* its time is over; the sealer sees an empty stream end */
		return;
	}
	r->launch.stream = fd;
	launch(r);
}

void request_renewed(struct request_table *t)
{
	for (const struct request *r = t->first; r != NULL; r = r->next)
		if (r->state == PAIRING)
			ask_for_pair(r);
}

/* Many events may be waiting, and its question among them. */
static bool last_look(struct request *r)
{
	struct pollfd p = { .fd = r->fd, .events = POLLIN };
	if (poll(&p, 1, 0) <= 0)
		return false;
	message_came(r);
	return true;
}

/* Its time is over.  True: look again at once. */
static bool expire(struct request *r)
{
	if (r->state == READING) {
		if (last_look(r))
			return true;
		refuse_silent(r, "said nothing in time");
	} else {
		without_recording(r, r->state == PAIRING ? "no sealer" : "recorder did not start in time");
	}
	return false;
}

int request_tick(struct request_table *t, int64_t now_ms)
{
	int64_t next = -1;
	struct request *following;
	for (struct request *r = t->first; r != NULL; r = following) {
		following = r->next;
		if (r->deadline_ms <= now_ms) {
			if (expire(r))
				next = now_ms;
		} else if (next < 0 || r->deadline_ms < next) {
			next = r->deadline_ms;
		}
	}
	if (t->deaf_until_ms != 0 && t->deaf_until_ms <= now_ms)
		set_listening(t, true);
	if (t->deaf_until_ms != 0 && (next < 0 || t->deaf_until_ms < next))
		next = t->deaf_until_ms;
	return next < 0 ? -1 : (int)(next - now_ms);
}

void request_close(struct request_table *t)
{
	while (t->first != NULL)
		finish(t->first);
	for (int i = 0; i < 2; i++) {
		loop_remove(t->loop, &t->listener[i].watch);
		if (t->listener[i].fd >= 0)
			close(t->listener[i].fd);
	}
}
