#include "agent/brokerd/monitor.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fdpass.h"
#include "base/log.h"
#include "local/monitor_line.h"

static const char map_key[] = "monitor-map";

void monitor_init(struct monitor *m, struct loop *loop, struct control *control)
{
	*m = (struct monitor){ .loop = loop, .control = control, .line = { .fd = -1 }, .map = -1 };
}

static void close_line(struct monitor *m)
{
	loop_remove(m->loop, &m->line);
	if (m->line.fd >= 0)
		close(m->line.fd);
	m->line.fd = -1;
	control_remove(m->control, MONITOR_LINE);
}

static void take_map(struct monitor *m, int fd)
{
	if (m->map >= 0)
		close(m->map);
	m->map = fd;
}

static void line_ready(void *context)
{
	struct monitor *m = context;
	uint8_t message[MONITOR_LINE_MAX];
	size_t count = 1;
	int fd = -1;

	if (fdpass_recv(m->line.fd, message, sizeof message, &fd, &count) < 0) {
		close_line(m);
	} else if (count == 1) {
		take_map(m, fd);
		monitor_store(m);
	}
}

bool monitor_kept(struct monitor *m, const char *key, const int *fds, size_t count)
{
	bool line = strcmp(key, MONITOR_LINE) == 0;

	if (count != 1 || (!line && strcmp(key, map_key) != 0))
		return false;
	if (!line) {
		take_map(m, fds[0]);
		return true;
	}
	if (m->line.fd >= 0)
		close_line(m);
	m->line = (struct loop_watch){ .fd = fds[0], .ready = line_ready, .context = m };
	if (loop_add(m->loop, &m->line) != 0)
		close_line(m);
	return true;
}

void monitor_store(const struct monitor *m)
{
	if (m->map >= 0)
		control_store(m->control, map_key, NULL, 0, &m->map, 1);
}

void monitor_tie(const struct monitor *m, int pidfd, const struct id *stream)
{
	union bpf_attr a;

	if (m->map < 0)
		return;
	memset(&a, 0, sizeof a);
	a.map_fd = (uint32_t)m->map;
	a.key = (uint64_t)(uintptr_t)&pidfd;
	a.value = (uint64_t)(uintptr_t)stream->bytes;
	if (syscall(SYS_bpf, BPF_MAP_UPDATE_ELEM, &a, sizeof a) != 0)
		log_error("the process monitor does not take a session: %s", strerror(errno));
}

void monitor_close(struct monitor *m)
{
	loop_remove(m->loop, &m->line);
	if (m->line.fd >= 0)
		close(m->line.fd);
	if (m->map >= 0)
		close(m->map);
}
