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
#include "agent/brokerd/request_state.h"
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

void request_finish(struct request *r)
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
	request_finish(r);
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

bool request_crowds(const struct request *r)
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
	if (r->kind == REQUEST_SHELL && (request_crowds(r) || is_stopped(r)))
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

/* What a user starts by hand must not take the time of his own login. */
static size_t starting_by_hand(const struct request *r)
{
	size_t count = 0;
	for (const struct request *other = r->table->first; other != NULL; other = other->next)
		count += other->kind == REQUEST_SHELL && other->peer.uid == r->peer.uid && other->state != REQUEST_READING &&
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
		request_record(r, &d);
	} else if (d.verdict == DECIDE_DIRECT) {
		events_session_direct(t->events, d.account.name, r->peer.uid, r->peer.pid, d.login);
		request_answer(r, MESSAGE_DIRECT, d.account.shell, "");
	} else {
		events_stub_refused(t->events, r->peer.uid, r->peer.pid, d.why);
		request_answer(r, MESSAGE_DENY, "", d.why);
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
		request_answer(r, MESSAGE_DENY, "", d.why);
	else if (d.verdict == DECIDE_RECORD && events_spool_refuses(t->events, d.failure))
		request_answer(r, MESSAGE_DENY, "", request_no_room);
	else
		request_answer(r, d.verdict == DECIDE_DIRECT ? MESSAGE_DIRECT : on_terminal == 1 ? MESSAGE_PTY : MESSAGE_PIPE,
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
		request_finish(r);
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
		if (r->kind == kind && r->peer.uid == uid && r->state == REQUEST_READING)
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
			if (r->state == REQUEST_PAIRING && id_equal(&r->launch.start.stream, &stream))
				break;
	if (r == NULL) {
		close(fd); /* its time is over; the sealer sees an empty stream end */
		return;
	}
	r->launch.stream = fd;
	request_launch(r);
}

void request_renewed(struct request_table *t)
{
	for (const struct request *r = t->first; r != NULL; r = r->next)
		if (r->state == REQUEST_PAIRING)
			request_ask_for_pair(r);
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
	if (r->state == REQUEST_READING) {
		if (last_look(r))
			return true;
		refuse_silent(r, "said nothing in time");
	} else {
		request_without_recording(r, r->state == REQUEST_PAIRING ? "no sealer" : "recorder did not start in time");
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
		request_finish(t->first);
	for (int i = 0; i < 2; i++) {
		loop_remove(t->loop, &t->listener[i].watch);
		if (t->listener[i].fd >= 0)
			close(t->listener[i].fd);
	}
}
