#include "local/control.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fdpass.h"
#include "base/log.h"

enum {
	OFFER_EVERY_MS = 100,
	BEGIN_WAIT_MS = 5000,
	SEND_WAIT_MS = 500,      /* a supervisor that doesn't read for so long is taken for dead */
};

static void lose(struct control *c)
{
	loop_remove(c->loop, &c->watch);
	close(c->sock);
	c->sock = -1;
	c->retry_ms = loop_now_ms();
}

/* 1 = message handled, 2 = BEGIN, 0 = nothing there, ITM_ECLOSED, ITM_E*. */
static int receive(struct control *c)
{
	uint8_t data[SUPERVISOR_BLOB_MAX + 1024];
	struct supervisor_message m;
	int fds[FDPASS_MAX];
	size_t count = FDPASS_MAX;
	struct pollfd p = { .fd = c->sock, .events = POLLIN };
	if (poll(&p, 1, 0) == 0)
		return 0;
	int r = supervisor_recv(c->sock, data, sizeof data, &m, fds, &count);
	if (r != 0)
		return r;
	if (m.type == SUPERVISOR_KEPT) {
		c->calls->kept(c->context, &m, fds, count);
		return 1;
	}
	if (m.type == SUPERVISOR_PAIRED && count == 1) {
		c->calls->paired(c->context, m.key, fds[0]);
		return 1;
	}
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
	if (m.type == SUPERVISOR_STOP)
		c->calls->stop(c->context);
	else if (m.type == SUPERVISOR_PING)
		(void)supervisor_pong(c->sock);
	return m.type == SUPERVISOR_BEGIN ? 2 : 1;
}

static void ready(void *context)
{
	struct control *c = context;
	int r = receive(c);
	if (r < 0) {
		log_error("supervisor: %s; going on without it until it is back", error_text(r));
		lose(c);
	}
}

static int watch(struct control *c, int sock)
{
	struct timeval wait = { .tv_usec = SEND_WAIT_MS * 1000 };
	c->sock = sock;
	fcntl(sock, F_SETFD, FD_CLOEXEC);
	setsockopt(sock, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
	c->watch = (struct loop_watch){ .fd = sock, .ready = ready, .context = c };
	return loop_add(c->loop, &c->watch);
}

int control_open(struct control *c, struct loop *loop, const char *name, bool alone, const char *path,
		 const struct control_calls *calls, void *context)
{
	*c = (struct control){ .loop = loop, .sock = -1, .name = name, .alone = alone, .calls = calls, .context = context,
			       .watch = { .fd = -1 } };
	int n = snprintf(c->path, sizeof c->path, "%s", path);
	if (n < 0 || (size_t)n >= sizeof c->path)
		return ITM_EINVAL;
	if (alone)
		return 0;
	c->sock = SUPERVISOR_CONTROL_FD;
	int64_t end = loop_now_ms() + BEGIN_WAIT_MS;
	for (int r = 1; r != 2; ) {
		struct pollfd p = { .fd = c->sock, .events = POLLIN };
		int64_t left = end - loop_now_ms();
		if (left <= 0 || poll(&p, 1, (int)left) == 0)
			return ITM_ETIMEOUT;
		r = receive(c);
		if (r < 0)
			return r;
	}
	return watch(c, c->sock);
}

static void check(struct control *c, int result, const char *what)
{
	if (result == 0)
		return;
	log_error("supervisor: %s: %s", what, error_text(result));
	if (c->sock >= 0)
		lose(c);
}

void control_ready(struct control *c)
{
	if (c->sock >= 0)
		check(c, supervisor_ready(c->sock), "ready");
}

void control_store(struct control *c, const char *key, const void *blob, size_t len, const int *fds, size_t count)
{
	if (c->sock >= 0)
		check(c, supervisor_store(c->sock, key, blob, len, fds, count), "store");
}

void control_remove(struct control *c, const char *key)
{
	if (c->sock >= 0)
		check(c, supervisor_remove(c->sock, key), "remove");
}

void control_pair(struct control *c, const char *target, const char *key, const void *blob, size_t len)
{
	if (c->sock >= 0)
		check(c, supervisor_pair(c->sock, target, key, blob, len), "pair");
}

int control_tick(struct control *c, int64_t now_ms)
{
	if (c->alone || c->sock >= 0)
		return -1;
	if (now_ms < c->retry_ms)
		return (int)(c->retry_ms - now_ms);
	c->retry_ms = now_ms + OFFER_EVERY_MS;
	int sock = supervisor_offer(c->path, c->name);
	if (sock < 0)
		return OFFER_EVERY_MS;
	if (watch(c, sock) != 0) {
		lose(c);
		return OFFER_EVERY_MS;
	}
	log_info("supervisor is back");
	c->calls->renewed(c->context);
	control_ready(c);
	return -1;
}
