/* The supervising side: one loop over the children's pidfds and sockets. */
#include "local/supervisor.h"

#include <errno.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fdpass.h"
#include "base/log.h"
#include "local/pulse.h"
#include "local/reporting.h"
#include "local/roll.h"
#include "local/ward.h"

enum {
	OFFERS_MAX = 8,             /* connections on the control path that have not said ADOPT yet */
	OFFER_MS = 1000,
	PAIR_BUFFER = 2 << 20,      /* bytes; a recorder's whole bound fits in the socket */
	WARDS_MAX = 16,
	MESSAGES_PER_TURN = 64,
};

struct offer { int fd; int64_t since_ms; };

struct supervisor {
	const struct supervisor_config *config;
	struct ward ward[WARDS_MAX];
	size_t count;
	struct offer offer[OFFERS_MAX];
	size_t offers;
	int signals, listener;
	bool stopping, changed;
	bool leaving;              /* SIGUSR2: our successor takes the children over */
	int64_t wall_start_ns;
	int64_t look_ms;           /* the last look round */
	struct reporting reporting;
};

static void close_fds(const int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
}

bool supervisor_run_has(void *handle, const char *key)
{
	struct ward *w = handle;
	return kept_find(&w->kept, key) != NULL;
}

void supervisor_run_alert(void *handle, enum alert a, const struct buffer *facts)
{
	struct supervisor *s = handle;
	reporting_alert(&s->reporting, a, facts);
}

/* ---- what children ask ---- */

static void make_pair(struct supervisor *s, struct ward *asker, const struct supervisor_message *m)
{
	struct ward *target = NULL;
	int pair[2], size = PAIR_BUFFER;

	for (size_t i = 0; i < s->count; i++)
		if (strcmp(s->ward[i].spec->name, m->name) == 0)
			target = &s->ward[i];
	if (target == NULL || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
		log_error("%s: no pair with %s for %s", asker->spec->name, m->name, m->key);
		(void)ward_send(asker->control, SUPERVISOR_PAIRED, m->key, NULL, 0, NULL, 0);
		return;
	}
	for (int i = 0; i < 2; i++)
		if (setsockopt(pair[i], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) != 0)
			(void)setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	int r = kept_put(&target->kept, m->key, m->blob, m->blob_len, &pair[0], 1, false);
	if (r == 0) {
		r = ward_send(asker->control, SUPERVISOR_PAIRED, m->key, NULL, 0, &pair[1], 1);
		if (r != 0)
			kept_remove(&target->kept, m->key);
		else if (target->control >= 0)
			(void)ward_flush(target);
	} else {
		close(pair[0]);
		(void)ward_send(asker->control, SUPERVISOR_PAIRED, m->key, NULL, 0, NULL, 0);
	}
	if (r != 0)
		log_error("%s: no pair with %s for %s: %s", asker->spec->name, m->name, m->key, error_text(r));
	close(pair[1]);
}

static void keep(struct supervisor *s, struct ward *w, const struct supervisor_message *m, const int *fds, size_t count)
{
	int r = kept_put(&w->kept, m->key, m->blob, m->blob_len, fds, count, true);
	if (r != 0) {
		log_error("%s: cannot keep %s: %s", w->spec->name, m->key, error_text(r));
		close_fds(fds, count);
	} else if (s->config->stored != NULL) {
		s->config->stored(s->config->context, w->spec->name, m->key, fds, count);
	}
}

/* After an upgrade the child that was taken over still runs the old program.
 * All that it has is kept here now, so the new one goes on with it: by SIGKILL,
 * since an orderly stop may end what must not end. */
static void renew(struct ward *w)
{
	if (w->process.ours || process_runs(&w->process, w->spec->path))
		return;
	log_info("%s %d: its program was replaced; starting the new one", w->spec->name, (int)w->process.pid);
	w->expected = true;
	process_signal(&w->process, SIGKILL);
}

/* 0, or ITM_E* when the child must be dropped. */
static int serve_message(struct supervisor *s, struct ward *w, const struct supervisor_message *m,
			 const int *fds, size_t count)
{
	if (m->type == SUPERVISOR_STORE) {
		keep(s, w, m, fds, count);
		return 0;
	}
	close_fds(fds, count);
	switch (m->type) {
	case SUPERVISOR_REMOVE:
		kept_remove(&w->kept, m->key);
		return 0;
	case SUPERVISOR_PAIR:
		make_pair(s, w, m);
		return 0;
	case SUPERVISOR_PONG:
		if (w->unanswered > PULSE_SILENT)
			log_info("%s %d answers again", w->spec->name, (int)w->process.pid);
		w->unanswered = 0;
		return 0;
	case SUPERVISOR_READY:
		ward_set_state(w, WARD_READY);
		log_info("%s %d is ready", w->spec->name, (int)w->process.pid);
		renew(w);
		return 0;
	default:
		return ITM_EFORMAT;
	}
}

static void serve_child(struct supervisor *s, struct ward *w)
{
	uint8_t data[WARD_MESSAGE_SIZE];

	for (int n = 0; n < MESSAGES_PER_TURN && w->control >= 0; n++) {
		struct supervisor_message m;
		int fds[SUPERVISOR_FDS_MAX];
		size_t count = SUPERVISOR_FDS_MAX;
		int r = supervisor_recv(w->control, data, sizeof data, &m, fds, &count);
		if (r == ITM_ESYS && errno == EAGAIN)
			return;
		if (r == 0)
			r = serve_message(s, w, &m, fds, count);
		if (r == 0)
			continue;
		if (r != ITM_ECLOSED) {
			log_error("%s: bad message (%s); ending it", w->spec->name, error_text(r));
			process_signal(&w->process, SIGKILL);
		}
		ward_close_control(w);
	}
}

/* ---- orphans that come back ---- */

static bool may_adopt(const struct ward *w, const struct fdpass_peer *peer)
{
	if (w->process.pid != 0 && w->control < 0)
		return peer->pid == w->process.pid;
	if (w->state == WARD_READY)
		return false;
	if (peer->uid == 0)
		return true;
	const struct passwd *pw = w->spec->user ? getpwnam(w->spec->user) : NULL;
	return pw != NULL && pw->pw_uid == peer->uid;
}

static void serve_offer(struct supervisor *s, size_t index)
{
	uint8_t data[WARD_MESSAGE_SIZE];
	struct supervisor_message m;
	struct fdpass_peer peer;
	int fd = s->offer[index].fd;

	s->offer[index] = s->offer[--s->offers];
	if (supervisor_recv(fd, data, sizeof data, &m, NULL, NULL) != 0 || m.type != SUPERVISOR_ADOPT ||
	    fdpass_peer(fd, &peer) != 0) {
		close(fd);
		return;
	}
	struct ward *w = NULL;
	for (size_t i = 0; i < s->count; i++)
		if (strcmp(s->ward[i].spec->name, m.name) == 0 && s->ward[i].spec->adopt)
			w = &s->ward[i];
	if (w != NULL && may_adopt(w, &peer)) {
		ward_adopt(w, fd, peer.pid);
	} else {
		log_error("pid %d, uid %d offers itself as %s: refused", (int)peer.pid, (int)peer.uid, m.name);
		/* One that is ours but too late must not hold the spool for ever. */
		if (w != NULL && w->state == WARD_READY)
			(void)ward_send(fd, SUPERVISOR_STOP, "", NULL, 0, NULL, 0);
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
	s->offer[s->offers++] = (struct offer){ .fd = fd, .since_ms = ward_now_ms() };
}

/* ---- time ---- */

static int64_t earlier(int64_t a, int64_t b)
{
	return b < a ? b : a;
}

/* Once in pulse_ms: who answers, and what else is to be looked after. */
static int64_t look_round(struct supervisor *s, int64_t now)
{
	int64_t every = (int64_t)s->config->pulse_ms, next = now + 60 * 1000;
	if (every == 0 || s->stopping)
		return next;
	for (size_t i = 0; i < s->count; i++) {
		unsigned silent;
		next = earlier(next, pulse_drive(&s->ward[i], now, every, &silent));
		reporting_silence(&s->reporting, &s->ward[i], silent, every);
	}
	if (s->config->look != NULL && now >= s->look_ms + every) {
		s->look_ms = now;
		s->config->look(s->config->context, s);
	}
	return earlier(next, s->look_ms + every);
}

/* Starts, stops and waits that are due.  Returns when the next one is. */
static int64_t drive(struct supervisor *s, int64_t now)
{
	int64_t next = now + 60 * 1000;
	bool waiting = false;

	for (size_t i = 0; i < s->count; i++) {
		struct ward *w = &s->ward[i];
		if (s->stopping && w->process.pid != 0) {
			/* In order: the first that still lives. */
			if (!waiting)
				next = earlier(next, ward_drive_stop(w, now));
			waiting = true;
		} else if (s->stopping) {
			w->state = WARD_GONE;
		} else if (w->state == WARD_ORPHAN) {
			next = earlier(next, ward_drive_orphan(w, now));
		} else if (w->process.pid != 0 && w->control < 0) {
			next = earlier(next, ward_drive_lost(w, now));
		} else if (w->state == WARD_DOWN) {
			if (w->start_at_ms <= now)
				ward_start(w, s->config);
			if (w->state == WARD_DOWN)
				next = earlier(next, w->start_at_ms);
		}
	}
	next = earlier(next, look_round(s, now));
	for (size_t i = s->offers; i-- > 0; )
		if (now - s->offer[i].since_ms > OFFER_MS) {
			close(s->offer[i].fd);
			s->offer[i] = s->offer[--s->offers];
		}
	return next;
}

/* On change only. */
static void publish(struct supervisor *s)
{
	bool changed = s->changed;
	for (size_t i = 0; i < s->count; i++) {
		changed |= s->ward[i].changed;
		s->ward[i].changed = false;
	}
	s->changed = false;
	if (changed)
		roll_publish(s->config->status_path, s->ward, s->count, s->wall_start_ns, s->stopping || s->leaving);
}

static bool all_gone(const struct supervisor *s)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->ward[i].process.pid != 0)
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
			process_signal(&s->ward[i].process, SIGHUP);
		return;
	}
	if (info.ssi_signo == SIGUSR2) {
		log_info("leaving the children to a successor");
		s->leaving = s->changed = true;
		return;
	}
	if (!s->stopping)
		log_info("stopping");
	s->stopping = s->changed = true;
	/* What drive_orphan began counts from now as a stop. */
	for (size_t i = 0; i < s->count; i++)
		s->ward[i].stop_since_ms = 0;
}

/* ---- the loop ---- */

enum { POLL_SIGNALS, POLL_LISTENER, POLL_FIXED, POLL_MAX = POLL_FIXED + 2 * WARDS_MAX + OFFERS_MAX };

static size_t fill_poll(const struct supervisor *s, struct pollfd p[POLL_MAX])
{
	size_t n = POLL_FIXED;
	p[POLL_SIGNALS] = (struct pollfd){ .fd = s->signals, .events = POLLIN };
	p[POLL_LISTENER] = (struct pollfd){ .fd = s->listener, .events = POLLIN };
	for (size_t i = 0; i < s->count; i++) {
		const struct ward *w = &s->ward[i];
		short events = POLLIN;
		if (w->control >= 0 && ward_has_unsent(w))
			events |= POLLOUT;
		p[n++] = (struct pollfd){ .fd = w->process.pidfd, .events = POLLIN };
		p[n++] = (struct pollfd){ .fd = w->control, .events = events };
	}
	for (size_t i = 0; i < s->offers; i++)
		p[n++] = (struct pollfd){ .fd = s->offer[i].fd, .events = POLLIN };
	return n;
}

static void bury(struct supervisor *s, struct ward *w)
{
	pid_t pid = w->process.pid;
	bool orphan = w->state == WARD_ORPHAN;
	ward_died(w, !s->stopping);
	if (!orphan && !s->stopping)
		reporting_death(&s->reporting, w, pid);
	w->expected = false;
}

static void turn(struct supervisor *s)
{
	struct pollfd p[POLL_MAX];
	int64_t now = ward_now_ms(), next = drive(s, now);

	publish(s);
	if (s->stopping && all_gone(s))
		return;
	size_t n = fill_poll(s, p), children = s->count;
	int wait_ms = next <= now ? 1 : (int)(next - now);
	if (poll(p, n, s->offers > 0 ? (int)earlier(wait_ms, OFFER_MS) : wait_ms) <= 0)
		return;
	/* Offers from the back: serving one moves the last into its place. */
	for (size_t i = n; i-- > POLL_FIXED + 2 * children; )
		if (p[i].revents != 0)
			serve_offer(s, i - POLL_FIXED - 2 * children);
	for (size_t i = 0; i < children; i++) {
		struct ward *w = &s->ward[i];
		const struct pollfd *life = &p[POLL_FIXED + 2 * i], *control = life + 1;
		if (control->fd >= 0 && control->fd == w->control && control->revents & (POLLIN | POLLHUP | POLLERR))
			serve_child(s, w);
		if (control->fd >= 0 && control->fd == w->control && control->revents & POLLOUT)
			(void)ward_flush(w);
		if (life->fd >= 0 && life->fd == w->process.pidfd && life->revents != 0)
			bury(s, w);
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
		if (s->count == WARDS_MAX)
			return ITM_ELIMIT;
		struct ward *w = &s->ward[s->count];
		ward_init(w, &config->children[s->count]);
		if (config->reporter != NULL && strcmp(w->spec->name, config->reporter) == 0)
			reporting_init(&s->reporting, w);
	}
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGUSR2);
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
		pid_t before = roll_find_orphans(config->status_path, s->ward, s->count);
		if (before != 0)
			reporting_predecessor(&s->reporting, before);
		while (!s->leaving && (!s->stopping || !all_gone(s)))
			turn(s);
		publish(s);
		if (config->control_path != NULL)
			unlink(config->control_path);
	}
	for (size_t i = 0; i < s->count; i++)
		ward_free(&s->ward[i]);
	for (size_t i = 0; i < s->offers; i++)
		close(s->offer[i].fd);
	if (s->listener >= 0)
		close(s->listener);
	if (s->signals >= 0)
		close(s->signals);
	free(s);
	return r;
}
