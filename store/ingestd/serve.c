#include "store/ingestd/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/atomicfile.h"
#include "base/clock.h"
#include "base/log.h"
#include "local/supervisor.h"
#include "store/ingestd/auditor.h"
#include "store/ingestd/custodian.h"

enum { SERVE_TICK_MS = 1000, SERVE_BACKLOG = 128, SERVE_ACCEPTS = 64, SERVE_FIXED = 3 };

struct serve {
	const struct serve_config *config;
	struct peer_service service;
	struct auditor *auditor;
	struct custodian *custodian;
	struct peer *peers[SERVE_PEERS_MAX];
	size_t count;
	int reserve;                 /* given up to get rid of a connection when descriptors run out */
	uint64_t tick_ms, complained_ms, accepted, commits_failed;
	bool unlogged;               /* leaves are committed that no checkpoint covers */
	uint64_t logged_ms;          /* the last checkpoint, or try of one */
	bool stop;
};

/* Milliseconds of a clock that nobody sets. */
static uint64_t serve_now(void)
{
	return clock_boot_ns() / 1000000;
}

int serve_listen(const char *address)
{
	char host[256];
	const char *colon = strrchr(address, ':');
	if (colon == NULL || colon == address || (size_t)(colon - address) >= sizeof host)
		return ITM_EINVAL;
	size_t len = (size_t)(colon - address);
	memcpy(host, address, len);
	host[len] = '\0';
	const char *name = host;
	if (host[0] == '[' && host[len - 1] == ']') {
		host[len - 1] = '\0';
		name = host + 1;
	}
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE };
	struct addrinfo *found;
	if (getaddrinfo(name, colon + 1, &hints, &found) != 0)
		return ITM_EINVAL;
	int one = 1;
	int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
			bind(fd, found->ai_addr, found->ai_addrlen) != 0 || listen(fd, SERVE_BACKLOG) != 0)) {
		int saved = errno;
		close(fd);
		errno = saved;
		fd = -1;
	}
	freeaddrinfo(found);
	return fd < 0 ? ITM_ESYS : fd;
}

/* Peers */

static void serve_remove(struct serve *s, size_t i)
{
	peer_free(s->peers[i], &s->service);
	s->peers[i] = s->peers[--s->count];
	s->peers[s->count] = NULL;
}

/* A host that connects anew has lost its old connection, whether or not we
 * noticed: the newer one stays. */
static void serve_replace(struct serve *s)
{
	for (size_t i = s->count; i-- > 0; ) {
		const struct id *host = peer_host(s->peers[i]);
		bool older = false;
		for (size_t j = 0; j < s->count && !older; j++)
			older = !id_is_zero(host) && id_equal(peer_host(s->peers[j]), host) &&
				peer_serial(s->peers[j]) > peer_serial(s->peers[i]);
		if (older)
			serve_remove(s, i);
	}
}

static void serve_adopt(struct serve *s, int fd, const struct sockaddr *from, socklen_t from_len, uint64_t now_ms)
{
	char host[64], port[16], address[96];
	if (getnameinfo(from, from_len, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		snprintf(address, sizeof address, "unknown address");
	else
		snprintf(address, sizeof address, "%s:%s", host, port);
	struct tls_link *link = s->count < SERVE_PEERS_MAX ? tls_link_new(s->config->tls, fd, NULL) : NULL;
	if (s->count >= SERVE_PEERS_MAX)
		close(fd);
	struct peer *p = link != NULL ? peer_new(link, address, ++s->accepted, now_ms) : NULL;
	if (p == NULL) {
		log_error("%s: no room for another connection", address);
		return;
	}
	s->peers[s->count++] = p;
}

/* Out of descriptors: the connection at the head of the queue would wake us
 * for ever.  Take it with the spare descriptor, and close it. */
static void serve_shed(struct serve *s, uint64_t now_ms)
{
	if (now_ms - s->complained_ms > 60000 || s->complained_ms == 0) {
		log_error("out of file descriptors: connections are turned away");
		s->complained_ms = now_ms;
	}
	if (s->reserve >= 0)
		close(s->reserve);
	int fd = accept4(s->config->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0)
		close(fd);
	s->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void serve_accept(struct serve *s, uint64_t now_ms)
{
	for (int i = 0; i < SERVE_ACCEPTS; i++) {
		struct sockaddr_storage from;
		socklen_t from_len = sizeof from;
		int fd = accept4(s->config->listen_fd, (struct sockaddr *)&from, &from_len, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0) {
			serve_adopt(s, fd, (struct sockaddr *)&from, from_len, now_ms);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			serve_shed(s, now_ms);
		if (errno != ECONNABORTED && errno != EINTR)
			return;
	}
}

/* One turn */

static void serve_work(struct serve *s, const struct pollfd *fds, size_t polled, const struct pollfd *audit,
		       size_t audit_count, uint64_t now_ms)
{
	bool keep[SERVE_PEERS_MAX];
	s->service.batch = false;
	for (size_t i = 0; i < polled; i++) {
		short revents = fds[i].revents;
		keep[i] = true;
		if (revents != 0 || peer_ready(s->peers[i]))
			keep[i] = peer_work(s->peers[i], &s->service, revents, now_ms);
	}
	auditor_work(s->auditor, audit, audit_count, &s->service.batch, now_ms);
	bool stored = true;
	if (s->service.batch && evidence_commit(s->service.evidence) != 0) {
		stored = false;
		s->commits_failed++;
		intake_forget(s->service.intake);
	}
	auditor_committed(s->auditor, stored);
	s->unlogged |= s->service.batch && stored;
	for (size_t i = polled; i-- > 0; )
		if (!keep[i] || !peer_committed(s->peers[i], stored, now_ms))
			serve_remove(s, i);
}

/* A checkpoint when there is something new; then everybody it covers is
 * answered, and those who asked again for what an older one covers. */
static void serve_log(struct serve *s, uint64_t now_ms)
{
	if (s->unlogged && now_ms - s->logged_ms >= s->config->checkpoint_ms) {
		s->logged_ms = now_ms;
		s->unlogged = tlog_publish(s->config->log) < 0;
		auditor_logged(s->auditor, tlog_size(s->config->log), tlog_note(s->config->log));
	}
	for (size_t i = s->count; i-- > 0; )
		if (!peer_logged(s->peers[i], &s->service, now_ms))
			serve_remove(s, i);
}

static void serve_status(struct serve *s)
{
	struct buffer b;
	if (s->config->status_path == NULL)
		return;
	buffer_init(&b, 4096);
	buffer_printf(&b, "peers=%zu\naccepted=%" PRIu64 "\ngroups=%" PRIu64 "\nframes=%" PRIu64 "\nrefused=%" PRIu64
		      "\ncommits_failed=%" PRIu64 "\nlog_size=%" PRIu64 "\nlent_bytes=%zu\nwaiting_peers=%zu\nquarantine_left_out=%" PRIu64 "\nwall_ns=%" PRId64 "\n",
		      s->count, s->accepted, s->service.groups, s->service.frames, s->service.refused, s->commits_failed,
		      tlog_size(s->config->log), s->service.lending.lent, s->service.lending.waiting,
		      evidence_quarantine_left_out(s->service.evidence), clock_wall_ns());
	atomicfile_publish(s->config->status_path, b.data, b.len, 0644);
	buffer_free(&b);
}

static void serve_tick(struct serve *s, uint64_t now_ms)
{
	if (now_ms - s->tick_ms < SERVE_TICK_MS)
		return;
	s->tick_ms = now_ms;
	serve_replace(s);
	tlog_attach(s->config->log);
	s->unlogged = true; /* acts of custody are committed by themselves */
	auditor_tick(s->auditor, now_ms);
	custodian_tick(s->custodian, now_ms, clock_wall_ns());
	evidence_host_import(s->service.evidence);
	(void)alarm_tick(s->service.alarm, now_ms);
	for (size_t i = s->count; i-- > 0; )
		if (!peer_tick(s->peers[i], &s->service, now_ms))
			serve_remove(s, i);
	serve_status(s);
}

static void serve_control(struct serve *s)
{
	uint8_t data[SUPERVISOR_BLOB_MAX + 256];
	struct supervisor_message m;
	int fds[SUPERVISOR_FDS_MAX];
	size_t count = SUPERVISOR_FDS_MAX;
	int rc = supervisor_recv(s->config->control_fd, data, sizeof data, &m, fds, &count);
	if (rc == 0)
		for (size_t i = 0; i < count; i++)
			close(fds[i]);
	if (rc == ITM_ECLOSED || (rc == 0 && m.type == SUPERVISOR_STOP))
		s->stop = true;
}

static int serve_turn(struct serve *s)
{
	struct pollfd fds[SERVE_FIXED + SERVE_PEERS_MAX + AUDITOR_FDS + CUSTODIAN_FDS] = {
		{ .fd = s->config->listen_fd, .events = POLLIN },
		{ .fd = s->config->control_fd, .events = POLLIN },
		{ .fd = s->config->signal_fd, .events = POLLIN },
	};
	int timeout = SERVE_TICK_MS;
	size_t polled = s->count;
	for (size_t i = 0; i < polled; i++) {
		fds[SERVE_FIXED + i] = (struct pollfd){ .fd = peer_fd(s->peers[i]), .events = peer_events(s->peers[i]) };
		if (peer_ready(s->peers[i]))
			timeout = 0;
	}
	if (s->unlogged && (uint64_t)timeout > s->config->checkpoint_ms)
		timeout = (int)s->config->checkpoint_ms;
	struct pollfd *audit = fds + SERVE_FIXED + polled;
	size_t audit_count = auditor_fds(s->auditor, audit);
	struct pollfd *custody = audit + audit_count;
	size_t custody_count = custodian_fds(s->custodian, custody);
	if (poll(fds, SERVE_FIXED + polled + audit_count + custody_count, timeout) < 0)
		return errno == EINTR ? 0 : ITM_ESYS;
	uint64_t now_ms = serve_now();
	serve_work(s, fds + SERVE_FIXED, polled, audit, audit_count, now_ms);
	custodian_work(s->custodian, custody, custody_count, now_ms);
	serve_log(s, now_ms);
	if (fds[0].revents != 0)
		serve_accept(s, now_ms);
	if (fds[1].revents != 0)
		serve_control(s);
	if (fds[2].revents != 0)
		s->stop = true;
	serve_tick(s, now_ms);
	return 0;
}

int serve_run(const struct serve_config *config)
{
	struct serve *s = calloc(1, sizeof *s);
	if (s == NULL)
		return ITM_ENOMEM;
	s->config = config;
	s->service.lending.max = LENDING_MAX;
	s->service.evidence = config->evidence;
	s->service.server = config->server;
	s->service.log = config->log;
	s->service.intake = intake_new(config->evidence);
	s->service.alarm = alarm_new(config->evidence, config->settings->silence_ms);
	s->unlogged = true; /* what a crash left */
	s->auditor = auditor_new(config->audit_fd, config->evidence);
	s->custodian = custodian_new(config->custody_fd, config->evidence, config->log_key, config->settings);
	s->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int rc = s->service.intake != NULL && s->service.alarm != NULL && s->auditor != NULL && s->custodian != NULL ? 0 : ITM_ENOMEM;
	while (rc == 0 && !s->stop)
		rc = serve_turn(s);
	if (s->service.alarm != NULL)
		(void)alarm_flush(s->service.alarm);
	while (s->count > 0)
		serve_remove(s, s->count - 1);
	custodian_free(s->custodian);
	auditor_free(s->auditor);
	intake_free(s->service.intake);
	alarm_free(s->service.alarm);
	if (s->reserve >= 0)
		close(s->reserve);
	free(s);
	return rc;
}
