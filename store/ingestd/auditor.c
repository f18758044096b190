#include "store/ingestd/auditor.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fdpass.h"
#include "base/log.h"
#include "store/audit.h"

enum { AUDITOR_CLIENT_MS = 30000, AUDITOR_BACKLOG = 16, AUDITOR_ACCEPTS = 8 };

enum auditor_state { AUDITOR_FREE, AUDITOR_ASKING, AUDITOR_IN_BATCH, AUDITOR_STORED };

struct auditor_client {
	enum auditor_state state;
	int fd;
	uint64_t since_ms, leaf;
};

struct auditor {
	int listen_fd;
	struct evidence *evidence;
	struct auditor_client clients[AUDITOR_CLIENTS_MAX];
	size_t polled[AUDITOR_CLIENTS_MAX];  /* which client stands at that place of the poll set */
};

int auditor_listen(const char *run)
{
	char path[AUDIT_PATH_SIZE];
	audit_path(run, path);
	int fd = fdpass_listen(path, 0660, AUDITOR_BACKLOG);
	if (fd < 0) {
		log_error("%s: %s", path, error_text(fd));
		return fd;
	}
	const struct group *readers = geteuid() == 0 ? getgrnam("itm-read") : NULL;
	if (readers != NULL && chown(path, 0, readers->gr_gid) != 0)
		log_error("%s: group itm-read: %s", path, error_text(ITM_ESYS));
	return fd;
}

struct auditor *auditor_new(int listen_fd, struct evidence *evidence)
{
	struct auditor *a = calloc(1, sizeof *a);
	if (a == NULL)
		return NULL;
	a->listen_fd = listen_fd;
	a->evidence = evidence;
	return a;
}

static void auditor_drop(struct auditor_client *c)
{
	if (c->state != AUDITOR_FREE)
		close(c->fd);
	*c = (struct auditor_client){ .fd = -1 };
}

void auditor_free(struct auditor *a)
{
	if (a == NULL)
		return;
	for (size_t i = 0; i < AUDITOR_CLIENTS_MAX; i++)
		auditor_drop(&a->clients[i]);
	free(a);
}

size_t auditor_fds(struct auditor *a, struct pollfd *out)
{
	size_t n = 0;
	out[n++] = (struct pollfd){ .fd = a->listen_fd, .events = POLLIN };
	for (size_t i = 0; i < AUDITOR_CLIENTS_MAX; i++) {
		struct auditor_client *c = &a->clients[i];
		if (c->state == AUDITOR_FREE)
			continue;
		a->polled[n - 1] = i;
		/* One act a connection: after it only a hang-up is of interest. */
		out[n++] = (struct pollfd){ .fd = c->fd, .events = c->state == AUDITOR_ASKING ? POLLIN : 0 };
	}
	return n;
}

static void auditor_answer(struct auditor_client *c, int result, uint64_t leaf, const char *text)
{
	struct buffer b;
	buffer_init(&b, AUDIT_ANSWER_MAX);
	if (audit_put_answer(&b, result, leaf, text) != 0) {
		buffer_clear(&b);
		audit_put_answer(&b, result, leaf, "");
	}
	if (fdpass_send(c->fd, b.data, b.len, NULL, 0) != 0)
		log_debug("audit: the asker is gone");
	buffer_free(&b);
	auditor_drop(c);
}

int auditor_sign_in(int fd, struct act *act)
{
	struct fdpass_peer peer;
	int rc = fdpass_peer(fd, &peer);
	if (rc != 0)
		return rc;
	close(peer.pidfd);
	act->uid = peer.uid;
	act->login = audit_login(peer.pid);
	act->wall_ns = clock_wall_ns();
	return 0;
}

static int auditor_store(struct auditor *a, struct auditor_client *c, struct act *act, bool *batch)
{
	struct buffer text;
	int rc = auditor_sign_in(c->fd, act);
	if (rc != 0)
		return rc;
	buffer_init(&text, ACT_TEXT_MAX);
	rc = act_encode(&text, act);
	if (rc == 0 && !*batch) {
		rc = evidence_begin(a->evidence);
		*batch = rc == 0;
	}
	if (rc == 0)
		rc = evidence_act_put(a->evidence, text.data, text.len, act->wall_ns, &c->leaf);
	buffer_free(&text);
	if (rc == 0)
		log_info("audit: uid %u: %s %s", (unsigned)act->uid, act->verb, act->subject);
	return rc;
}

static void auditor_read(struct auditor *a, struct auditor_client *c, bool *batch)
{
	uint8_t data[ACT_TEXT_MAX];
	struct fault fault = { .reason = "not readable" };
	struct act *act;
	ssize_t n = fdpass_recv(c->fd, data, sizeof data, NULL, NULL);
	if (n == ITM_ESYS && (errno == EAGAIN || errno == EINTR))
		return;
	if (n == ITM_ECLOSED || n == ITM_ESYS) {
		auditor_drop(c);
		return;
	}
	act = malloc(sizeof *act);
	if (act == NULL || n < 0 || act_decode(data, (size_t)n, act, &fault) != 0) {
		auditor_answer(c, act == NULL ? ITM_ENOMEM : ITM_EFORMAT, 0, act == NULL ? "out of memory" : fault.reason);
	} else {
		int rc = auditor_store(a, c, act, batch);
		if (rc == 0)
			c->state = AUDITOR_IN_BATCH;
		else
			auditor_answer(c, rc, 0, "the act could not be stored; the server's log says why");
	}
	free(act);
}

static void auditor_accept(struct auditor *a, uint64_t now_ms)
{
	for (size_t i = 0, taken = 0; i < AUDITOR_CLIENTS_MAX && taken < AUDITOR_ACCEPTS; i++) {
		struct auditor_client *c = &a->clients[i];
		if (c->state != AUDITOR_FREE)
			continue;
		int fd = accept4(a->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0)
			return;
		*c = (struct auditor_client){ .state = AUDITOR_ASKING, .fd = fd, .since_ms = now_ms };
		taken++;
	}
}

void auditor_work(struct auditor *a, const struct pollfd *fds, size_t count, bool *batch, uint64_t now_ms)
{
	for (size_t i = 1; i < count; i++) {
		struct auditor_client *c = &a->clients[a->polled[i - 1]];
		if (fds[i].revents == 0)
			continue;
		if (c->state == AUDITOR_ASKING)
			auditor_read(a, c, batch);
		else
			auditor_drop(c); /* the act stands; nobody waits for the answer */
	}
	if (count > 0 && fds[0].revents != 0)
		auditor_accept(a, now_ms);
}

void auditor_committed(struct auditor *a, bool stored)
{
	for (size_t i = 0; i < AUDITOR_CLIENTS_MAX; i++) {
		struct auditor_client *c = &a->clients[i];
		if (c->state != AUDITOR_IN_BATCH)
			continue;
		c->state = AUDITOR_STORED;
		if (!stored)
			auditor_answer(c, ITM_EDB, 0, "the act could not be stored; the server's log says why");
	}
}

void auditor_logged(struct auditor *a, uint64_t size, const char *checkpoint)
{
	for (size_t i = 0; i < AUDITOR_CLIENTS_MAX; i++) {
		struct auditor_client *c = &a->clients[i];
		if (c->state == AUDITOR_STORED && c->leaf < size)
			auditor_answer(c, 0, c->leaf, checkpoint);
	}
}

void auditor_tick(struct auditor *a, uint64_t now_ms)
{
	for (size_t i = 0; i < AUDITOR_CLIENTS_MAX; i++) {
		struct auditor_client *c = &a->clients[i];
		if (c->state != AUDITOR_FREE && now_ms - c->since_ms >= AUDITOR_CLIENT_MS)
			auditor_drop(c);
	}
}
