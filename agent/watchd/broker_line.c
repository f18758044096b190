#include "agent/watchd/broker_line.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fdpass.h"
#include "base/log.h"
#include "local/monitor_line.h"

void broker_line_init(struct broker_line *l, struct loop *loop, struct eye *eye)
{
	*l = (struct broker_line){ .loop = loop, .eye = eye, .watch = { .fd = -1 } };
}

static void end(struct broker_line *l)
{
	loop_remove(l->loop, &l->watch);
	if (l->watch.fd >= 0)
		close(l->watch.fd);
	l->watch.fd = -1;
}

/* False: nothing was there. */
static bool read_one(struct broker_line *l)
{
	uint8_t data[MONITOR_LINE_MAX];
	struct monitor_line m;
	size_t count = 0;
	ssize_t n = l->watch.fd >= 0 ? fdpass_recv(l->watch.fd, data, sizeof data, NULL, &count) : ITM_ECLOSED;

	if (n == ITM_ESYS && (errno == EAGAIN || errno == EWOULDBLOCK))
		return false;
	if (n <= 0) {
		end(l);
		return false;
	}
	if (monitor_line_decode(data, (size_t)n, &m) != 0)
		return true;
	if (m.kind == MONITOR_LINE_SESSION)
		eye_tie(l->eye, m.pid, m.start_ticks, &m.session);
	else if (m.kind == MONITOR_LINE_ALL)
		l->all = true;
	return true;
}

void broker_line_read(struct broker_line *l)
{
	while (read_one(l))
		;
}

static void ready(void *context)
{
	broker_line_read(context);
}

void broker_line_open(struct broker_line *l, int fd)
{
	static const struct monitor_line please = { .kind = MONITOR_LINE_PLEASE };
	uint8_t message[MONITOR_LINE_MAX];
	size_t len = monitor_line_encode(&please, message);

	end(l);
	l->watch = (struct loop_watch){ .fd = fd, .ready = ready, .context = l };
	if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0 || fdpass_send(fd, message, len, NULL, 0) != 0 || loop_add(l->loop, &l->watch) != 0) {
		log_error("the broker cannot be asked for its sessions: %s", strerror(errno));
		end(l);
	}
}
