/* The supervising side: one loop over the children's pidfds and sockets. */
#include "local/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/atomicfile.h"
#include "base/clock.h"
#include "base/fdpass.h"
#include "base/log.h"
#include "local/kept.h"
#include "local/process.h"

enum {
	ORPHAN_WAIT_MS = 3000,      /* for an orphan to come back by ADOPT */
	SHORT_LIFE_MS = 1000, PAUSE_FIRST_MS = 50, PAUSE_MAX_MS = 1000,
	STOP_TERM_MS = 3000, STOP_KILL_MS = 5000,
	OFFERS_MAX = 8,             /* connections on the control path that have not said ADOPT yet */
	PAIR_BUFFER = 2 << 20,      /* bytes; a recorder's whole bound fits in the socket */
	CHILDREN_MAX = 16,
	MESSAGES_PER_TURN = 64,
	RECV_SIZE = SUPERVISOR_BLOB_MAX + 4 * SUPERVISOR_KEY_MAX,
};

enum state { DOWN, ORPHAN, STARTING, READY, GONE };
static const char *const state_names[] = { "down", "orphan", "starting", "ready", "gone" };

struct child {
	const struct supervisor_child *spec;
	struct process process;
	int control;                /* -1 = none */
	struct kept kept;
	bool begun;                 /* BEGIN was sent (or the child is adopted) */
	enum state state;
	int64_t since_ms;           /* start of the process, or of waiting for the orphan */
	int64_t start_at_ms;        /* when DOWN */
	unsigned pause_ms, restarts;
	int64_t stop_since_ms;      /* 0 = not being stopped */
	int stop_step;
	int64_t lost_ms;            /* control closed while the process lives */
};

struct offer { int fd; int64_t since_ms; };

struct supervisor {
	const struct supervisor_config *config;
	struct child child[CHILDREN_MAX];
	size_t count;
	struct offer offer[OFFERS_MAX];
	size_t offers;
	int signals, listener;
	bool stopping, changed;
	int64_t wall_start_ns;
};

static int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void close_fds(const int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
}

static int send_to(int sock, int type, const char *key, const void *blob, size_t len, const int *fds, size_t count)
{
	struct supervisor_message m = { .type = type, .blob = blob, .blob_len = len };
	struct buffer b;

	(void)snprintf(m.key, sizeof m.key, "%s", key);
	buffer_init(&b, RECV_SIZE);
	int r = supervisor_encode(&b, &m);
	if (r == 0)
		r = fdpass_send(sock, b.data, b.len, fds, count);
	buffer_free(&b);
	return r;
}

/* ---- status: what a successor needs to find our orphans ---- */

static void publish(struct supervisor *s)
{
	char boot[ID_TEXT_SIZE];
	struct id boot_id = clock_boot_id();
	struct buffer b;

	s->changed = false;
	if (s->config->status_path == NULL)
		return;
	id_format(&boot_id, boot);
	buffer_init(&b, 64 * 1024);
	int r = buffer_printf(&b, "pid=%d\nboot=%s\nstarted_wall_ns=%lld\nstopping=%d\n", (int)getpid(), boot,
			      (long long)s->wall_start_ns, s->stopping);
	for (size_t i = 0; i < s->count && r == 0; i++) {
		const struct child *c = &s->child[i];
		const char *name = c->spec->name;
		r = buffer_printf(&b, "%s.state=%s\n%s.pid=%d\n%s.start=%llu\n%s.restarts=%u\n", name,
				  state_names[c->state], name, (int)c->process.pid, name,
				  (unsigned long long)c->process.start_ticks, name, c->restarts);
	}
	if (r == 0)
		r = atomicfile_publish(s->config->status_path, b.data, b.len, 0644);
	if (r != 0)
		log_error("%s: cannot write the status: %s", s->config->status_path, error_text(r));
	buffer_free(&b);
}

static void set_state(struct supervisor *s, struct child *c, enum state state)
{
	c->state = state;
	s->changed = true;
}

/* The value of `key=` at the start of a line, or NULL. */
static const char *find_value(const char *text, const char *key)
{
	size_t len = strlen(key);
	for (const char *at = text; at != NULL; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (strncmp(at, key, len) == 0 && at[len] == '=')
			return at + len + 1;
	}
	return NULL;
}

static void find_orphan(struct supervisor *s, struct child *c, const char *text)
{
	char key[SUPERVISOR_KEY_MAX + 8];
	(void)snprintf(key, sizeof key, "%s.pid", c->spec->name);
	const char *pid = find_value(text, key);
	(void)snprintf(key, sizeof key, "%s.start", c->spec->name);
	const char *start = find_value(text, key);
	if (pid == NULL || start == NULL)
		return;
	unsigned long long ticks = strtoull(start, NULL, 10);
	if (ticks == 0 || process_find(&c->process, (pid_t)strtol(pid, NULL, 10), ticks) != 0)
		return;
	log_info("%s %d outlived the supervisor before this one", c->spec->name, (int)c->process.pid);
	c->since_ms = now_ms();
	set_state(s, c, ORPHAN);
	if (!c->spec->adopt) {
		c->stop_since_ms = c->since_ms;
		process_signal(&c->process, SIGTERM);
	}
}

static void find_orphans(struct supervisor *s)
{
	char boot[ID_TEXT_SIZE];
	struct id boot_id = clock_boot_id();
	struct buffer b;

	buffer_init(&b, 64 * 1024);
	id_format(&boot_id, boot);
	if (s->config->status_path != NULL && atomicfile_read(s->config->status_path, &b) == 0) {
		const char *text = buffer_text(&b);
		const char *was = text ? find_value(text, "boot") : NULL;
		/* Pids of another boot name nobody. */
		if (was != NULL && strncmp(was, boot, strlen(boot)) == 0)
			for (size_t i = 0; i < s->count; i++)
				find_orphan(s, &s->child[i], text);
	}
	buffer_free(&b);
}

/* ---- one child ---- */

bool supervisor_run_has(void *handle, const char *key)
{
	struct child *c = handle;
	return kept_find(&c->kept, key) != NULL;
}

/* prepare's way to store: keeps copies, since it goes on owning its own. */
static int store_prepared(void *handle, const char *key, const void *blob, size_t len, const int *fds, size_t count)
{
	struct child *c = handle;
	int copy[SUPERVISOR_FDS_MAX] = { 0 };
	size_t n = 0;

	if (count > SUPERVISOR_FDS_MAX)
		return ITM_ELIMIT;
	for (; n < count; n++) {
		copy[n] = fcntl(fds[n], F_DUPFD_CLOEXEC, 3);
		if (copy[n] < 0)
			break;
	}
	int r = n == count ? kept_put(&c->kept, key, blob, len, copy, count, false) : ITM_ESYS;
	if (r != 0)
		close_fds(copy, n);
	return r;
}

/* Send what the child does not have yet, then BEGIN; a full socket ends the
 * turn and poll tells when to go on. */
static bool flush_kept(struct child *c)
{
	for (struct kept_entry *e = c->kept.first; e != NULL; e = e->next) {
		if (e->sent)
			continue;
		if (send_to(c->control, SUPERVISOR_KEPT, e->key, e->blob, e->len, e->fds, e->count) != 0)
			return false;
		e->sent = true;
	}
	if (!c->begun && send_to(c->control, SUPERVISOR_BEGIN, "", NULL, 0, NULL, 0) != 0)
		return false;
	c->begun = true;
	return true;
}

static bool has_unsent(const struct child *c)
{
	for (const struct kept_entry *e = c->kept.first; e != NULL; e = e->next)
		if (!e->sent)
			return true;
	return !c->begun;
}

static void start_later(struct supervisor *s, struct child *c, bool short_life)
{
	if (!short_life)
		c->pause_ms = 0;
	else if (c->pause_ms == 0)
		c->pause_ms = PAUSE_FIRST_MS;
	else
		c->pause_ms = c->pause_ms * 2 < PAUSE_MAX_MS ? c->pause_ms * 2 : PAUSE_MAX_MS;
	c->start_at_ms = now_ms() + c->pause_ms;
	set_state(s, c, s->stopping ? GONE : DOWN);
}

static void start(struct supervisor *s, struct child *c)
{
	const struct supervisor_config *config = s->config;
	int pair[2];

	int r = config->prepare ? config->prepare(config->context, c->spec->name, store_prepared, c) : 0;
	if (r != 0) {
		log_error("%s: cannot prepare its start: %s", c->spec->name, error_text(r));
		start_later(s, c, true);
		return;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0 ||
	    fcntl(pair[0], F_SETFL, O_NONBLOCK) != 0 ||
	    process_start(&c->process, c->spec->path, c->spec->argv, pair[1]) != 0) {
		log_error("%s: cannot start: %s", c->spec->name, error_text(ITM_ESYS));
		start_later(s, c, true);
		return;
	}
	close(pair[1]);
	c->control = pair[0];
	c->begun = false;
	c->since_ms = now_ms();
	set_state(s, c, STARTING);
	log_info("%s started, pid %d", c->spec->name, (int)c->process.pid);
	(void)flush_kept(c);
}

static void close_control(struct child *c)
{
	if (c->control >= 0)
		close(c->control);
	c->control = -1;
	c->lost_ms = now_ms();
	kept_unsend(&c->kept);
}

static void child_died(struct supervisor *s, struct child *c)
{
	char how[64];
	int pid = (int)c->process.pid;
	process_reap(&c->process, how, sizeof how);
	bool short_life = now_ms() - c->since_ms < SHORT_LIFE_MS;
	close_control(c);
	if (s->stopping || c->state == ORPHAN)
		log_info("%s %d %s", c->spec->name, pid, how);
	else
		log_error("%s %d %s; starting it again", c->spec->name, pid, how);
	if (c->state != ORPHAN)
		c->restarts++;
	c->stop_since_ms = 0;
	start_later(s, c, short_life && c->state != ORPHAN);
}

/* ---- what children ask ---- */

static void make_pair(struct supervisor *s, struct child *asker, const struct supervisor_message *m)
{
	struct child *target = NULL;
	int pair[2], size = PAIR_BUFFER;

	for (size_t i = 0; i < s->count; i++)
		if (strcmp(s->child[i].spec->name, m->name) == 0)
			target = &s->child[i];
	if (target == NULL || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
		log_error("%s: no pair with %s for %s", asker->spec->name, m->name, m->key);
		(void)send_to(asker->control, SUPERVISOR_PAIRED, m->key, NULL, 0, NULL, 0);
		return;
	}
	for (int i = 0; i < 2; i++)
		if (setsockopt(pair[i], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) != 0)
			(void)setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	int r = kept_put(&target->kept, m->key, m->blob, m->blob_len, &pair[0], 1, false);
	if (r == 0) {
		r = send_to(asker->control, SUPERVISOR_PAIRED, m->key, NULL, 0, &pair[1], 1);
		if (r != 0)
			kept_remove(&target->kept, m->key);
		else if (target->control >= 0)
			(void)flush_kept(target);
	} else {
		close(pair[0]);
		(void)send_to(asker->control, SUPERVISOR_PAIRED, m->key, NULL, 0, NULL, 0);
	}
	if (r != 0)
		log_error("%s: no pair with %s for %s: %s", asker->spec->name, m->name, m->key, error_text(r));
	close(pair[1]);
}

static void keep(struct supervisor *s, struct child *c, const struct supervisor_message *m, const int *fds, size_t count)
{
	int r = kept_put(&c->kept, m->key, m->blob, m->blob_len, fds, count, true);
	if (r != 0) {
		log_error("%s: cannot keep %s: %s", c->spec->name, m->key, error_text(r));
		close_fds(fds, count);
	} else if (s->config->stored != NULL) {
		s->config->stored(s->config->context, c->spec->name, m->key, fds, count);
	}
}

/* 0, or ITM_E* when the child must be dropped. */
static int serve_message(struct supervisor *s, struct child *c, const struct supervisor_message *m,
			 const int *fds, size_t count)
{
	if (m->type == SUPERVISOR_STORE) {
		keep(s, c, m, fds, count);
		return 0;
	}
	close_fds(fds, count);
	switch (m->type) {
	case SUPERVISOR_REMOVE:
		kept_remove(&c->kept, m->key);
		return 0;
	case SUPERVISOR_PAIR:
		make_pair(s, c, m);
		return 0;
	case SUPERVISOR_READY:
		set_state(s, c, READY);
		log_info("%s %d is ready", c->spec->name, (int)c->process.pid);
		return 0;
	default:
		return ITM_EFORMAT;
	}
}

static void serve_child(struct supervisor *s, struct child *c)
{
	uint8_t data[RECV_SIZE];

	for (int n = 0; n < MESSAGES_PER_TURN && c->control >= 0; n++) {
		struct supervisor_message m;
		int fds[SUPERVISOR_FDS_MAX];
		size_t count = SUPERVISOR_FDS_MAX;
		int r = supervisor_recv(c->control, data, sizeof data, &m, fds, &count);
		if (r == ITM_ESYS && errno == EAGAIN)
			return;
		if (r == 0)
			r = serve_message(s, c, &m, fds, count);
		if (r == 0)
			continue;
		if (r != ITM_ECLOSED) {
			log_error("%s: bad message (%s); ending it", c->spec->name, error_text(r));
			process_signal(&c->process, SIGKILL);
		}
		close_control(c);
	}
}

/* ---- orphans that come back ---- */

static bool may_adopt(const struct child *c, const struct fdpass_peer *peer)
{
	if (c->process.pid != 0 && c->control < 0)
		return peer->pid == c->process.pid;
	if (c->state == READY)
		return false;
	if (peer->uid == 0)
		return true;
	const struct passwd *pw = c->spec->user ? getpwnam(c->spec->user) : NULL;
	return pw != NULL && pw->pw_uid == peer->uid;
}

static void adopt(struct supervisor *s, struct child *c, int fd, const struct fdpass_peer *peer)
{
	if (c->process.pid != 0 && c->process.pid != peer->pid) {
		/* The one with the live sessions goes on, not our fresh one. */
		process_signal(&c->process, SIGKILL);
		char how[64];
		process_reap(&c->process, how, sizeof how);
		close_control(c);
	}
	if (c->process.pid == 0 && process_find(&c->process, peer->pid, 0) != 0) {
		close(fd);
		start_later(s, c, true);
		return;
	}
	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	c->control = fd;
	c->begun = true;
	c->since_ms = now_ms();
	set_state(s, c, STARTING);
	log_info("%s %d taken over", c->spec->name, (int)c->process.pid);
	(void)flush_kept(c);
	if (s->stopping)
		c->stop_since_ms = 0;
}

static void serve_offer(struct supervisor *s, size_t index)
{
	uint8_t data[RECV_SIZE];
	struct supervisor_message m;
	struct fdpass_peer peer;
	int fd = s->offer[index].fd;

	s->offer[index] = s->offer[--s->offers];
	if (supervisor_recv(fd, data, sizeof data, &m, NULL, NULL) != 0 || m.type != SUPERVISOR_ADOPT ||
	    fdpass_peer(fd, &peer) != 0) {
		close(fd);
		return;
	}
	struct child *c = NULL;
	for (size_t i = 0; i < s->count; i++)
		if (strcmp(s->child[i].spec->name, m.name) == 0 && s->child[i].spec->adopt)
			c = &s->child[i];
	if (c != NULL && may_adopt(c, &peer)) {
		adopt(s, c, fd, &peer);
	} else {
		log_error("pid %d, uid %d offers itself as %s: refused", (int)peer.pid, (int)peer.uid, m.name);
		/* One that is ours but too late must not hold the spool for ever. */
		if (c != NULL && c->state == READY)
			(void)send_to(fd, SUPERVISOR_STOP, "", NULL, 0, NULL, 0);
		close(fd);
	}
	close(peer.pidfd);
}

static void accept_offer(struct supervisor *s)
{
	int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return;
	if (s->offers == OFFERS_MAX) {
		close(s->offer[0].fd);
		s->offer[0] = s->offer[--s->offers];
	}
	s->offer[s->offers++] = (struct offer){ .fd = fd, .since_ms = now_ms() };
}

/* ---- time ---- */

static int64_t earlier(int64_t a, int64_t b)
{
	return b < a ? b : a;
}

/* STOP, SIGTERM, SIGKILL by the clock.  Returns when to look again. */
static int64_t drive_stop(struct child *c, int64_t now)
{
	if (c->stop_since_ms == 0) {
		c->stop_since_ms = now;
		c->stop_step = 0;
		if (c->control < 0 || send_to(c->control, SUPERVISOR_STOP, "", NULL, 0, NULL, 0) != 0)
			process_signal(&c->process, SIGTERM);
	}
	int64_t passed = now - c->stop_since_ms;
	if (passed >= STOP_TERM_MS && c->stop_step == 0) {
		process_signal(&c->process, SIGTERM);
		c->stop_step = 1;
	}
	if (passed >= STOP_KILL_MS && c->stop_step == 1) {
		process_signal(&c->process, SIGKILL);
		c->stop_step = 2;
	}
	return c->stop_since_ms + (c->stop_step == 0 ? STOP_TERM_MS : STOP_KILL_MS);
}

static int64_t drive_orphan(struct child *c, int64_t now)
{
	if (c->stop_since_ms == 0 && now - c->since_ms >= ORPHAN_WAIT_MS) {
		log_error("%s %d did not come back; ending it", c->spec->name, (int)c->process.pid);
		process_signal(&c->process, SIGTERM);
		c->stop_since_ms = now;
	}
	if (c->stop_since_ms == 0)
		return c->since_ms + ORPHAN_WAIT_MS;
	if (now - c->stop_since_ms >= STOP_TERM_MS)
		process_signal(&c->process, SIGKILL);
	return c->stop_since_ms + STOP_TERM_MS;
}

/* Starts, stops and waits that are due.  Returns when the next one is. */
static int64_t drive(struct supervisor *s, int64_t now)
{
	int64_t next = now + 60 * 1000;
	bool waiting = false;

	for (size_t i = 0; i < s->count; i++) {
		struct child *c = &s->child[i];
		if (s->stopping && c->process.pid != 0) {
			/* In order: the first that still lives. */
			if (!waiting)
				next = earlier(next, drive_stop(c, now));
			waiting = true;
		} else if (s->stopping) {
			c->state = GONE;
		} else if (c->state == ORPHAN) {
			next = earlier(next, drive_orphan(c, now));
		} else if (c->process.pid != 0 && c->control < 0) {
			if (now - c->lost_ms >= ORPHAN_WAIT_MS)
				process_signal(&c->process, SIGKILL);
			next = earlier(next, c->lost_ms + ORPHAN_WAIT_MS);
		} else if (c->state == DOWN) {
			if (c->start_at_ms <= now)
				start(s, c);
			if (c->state == DOWN)
				next = earlier(next, c->start_at_ms);
		}
	}
	for (size_t i = s->offers; i-- > 0; )
		if (now - s->offer[i].since_ms > SHORT_LIFE_MS) {
			close(s->offer[i].fd);
			s->offer[i] = s->offer[--s->offers];
		}
	return next;
}

static bool all_gone(const struct supervisor *s)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->child[i].process.pid != 0)
			return false;
	return true;
}

static void serve_signal(struct supervisor *s)
{
	struct signalfd_siginfo info;
	if (read(s->signals, &info, sizeof info) != sizeof info)
		return;
	if (info.ssi_signo == SIGHUP) {
		for (size_t i = 0; i < s->count; i++)
			process_signal(&s->child[i].process, SIGHUP);
		return;
	}
	if (!s->stopping)
		log_info("stopping");
	s->stopping = s->changed = true;
	/* What drive_orphan began counts from now as a stop. */
	for (size_t i = 0; i < s->count; i++)
		s->child[i].stop_since_ms = 0;
}

/* ---- the loop ---- */

enum { POLL_SIGNALS, POLL_LISTENER, POLL_FIXED, POLL_MAX = POLL_FIXED + 2 * CHILDREN_MAX + OFFERS_MAX };

static size_t fill_poll(const struct supervisor *s, struct pollfd p[POLL_MAX])
{
	size_t n = POLL_FIXED;
	p[POLL_SIGNALS] = (struct pollfd){ .fd = s->signals, .events = POLLIN };
	p[POLL_LISTENER] = (struct pollfd){ .fd = s->listener, .events = POLLIN };
	for (size_t i = 0; i < s->count; i++) {
		const struct child *c = &s->child[i];
		short events = POLLIN;
		if (c->control >= 0 && has_unsent(c))
			events |= POLLOUT;
		p[n++] = (struct pollfd){ .fd = c->process.pidfd, .events = POLLIN };
		p[n++] = (struct pollfd){ .fd = c->control, .events = events };
	}
	for (size_t i = 0; i < s->offers; i++)
		p[n++] = (struct pollfd){ .fd = s->offer[i].fd, .events = POLLIN };
	return n;
}

static void turn(struct supervisor *s)
{
	struct pollfd p[POLL_MAX];
	int64_t now = now_ms(), next = drive(s, now);

	if (s->changed)
		publish(s);
	if (s->stopping && all_gone(s))
		return;
	size_t n = fill_poll(s, p), children = s->count;
	int wait_ms = next <= now ? 1 : (int)(next - now);
	if (poll(p, n, s->offers > 0 ? (int)earlier(wait_ms, SHORT_LIFE_MS) : wait_ms) <= 0)
		return;
	/* Offers from the back: serving one moves the last into its place. */
	for (size_t i = n; i-- > POLL_FIXED + 2 * children; )
		if (p[i].revents != 0)
			serve_offer(s, i - POLL_FIXED - 2 * children);
	for (size_t i = 0; i < children; i++) {
		struct child *c = &s->child[i];
		const struct pollfd *life = &p[POLL_FIXED + 2 * i], *control = life + 1;
		if (control->fd >= 0 && control->fd == c->control && control->revents & (POLLIN | POLLHUP | POLLERR))
			serve_child(s, c);
		if (control->fd >= 0 && control->fd == c->control && control->revents & POLLOUT)
			(void)flush_kept(c);
		if (life->fd >= 0 && life->fd == c->process.pidfd && life->revents != 0)
			child_died(s, c);
	}
	if (p[POLL_LISTENER].revents != 0)
		accept_offer(s);
	if (p[POLL_SIGNALS].revents != 0)
		serve_signal(s);
}

/* Every live session keeps some descriptors here. */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static int open_supervisor(struct supervisor *s, const struct supervisor_config *config)
{
	sigset_t signals;

	*s = (struct supervisor){ .config = config, .signals = -1, .listener = -1,
				  .changed = true, .wall_start_ns = clock_wall_ns() };
	for (; config->children[s->count].name != NULL; s->count++) {
		if (s->count == CHILDREN_MAX)
			return ITM_ELIMIT;
		struct child *c = &s->child[s->count];
		c->spec = &config->children[s->count];
		c->control = -1;
		process_init(&c->process);
	}
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &signals, NULL) != 0)
		return ITM_ESYS;
	s->signals = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->signals < 0)
		return ITM_ESYS;
	/* Anyone may connect; who may come back is decided by pid and uid. */
	if (config->control_path != NULL) {
		s->listener = fdpass_listen(config->control_path, 0666, OFFERS_MAX);
		if (s->listener < 0)
			return ITM_ESYS;
	}
	return 0;
}

int supervisor_run(const struct supervisor_config *config)
{
	struct supervisor *s = malloc(sizeof *s);
	if (s == NULL)
		return ITM_ENOMEM;
	int r = open_supervisor(s, config);
	if (r == 0) {
		raise_descriptor_limit();
		find_orphans(s);
		while (!s->stopping || !all_gone(s))
			turn(s);
		publish(s);
		if (config->control_path != NULL)
			unlink(config->control_path);
	}
	for (size_t i = 0; i < s->count; i++) {
		close_control(&s->child[i]);
		process_forget(&s->child[i].process);
		kept_free(&s->child[i].kept);
	}
	for (size_t i = 0; i < s->offers; i++)
		close(s->offer[i].fd);
	if (s->listener >= 0)
		close(s->listener);
	if (s->signals >= 0)
		close(s->signals);
	free(s);
	return r;
}
