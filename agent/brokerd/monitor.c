#include "agent/brokerd/monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fdpass.h"
#include "base/log.h"
#include "local/monitor_line.h"

enum { LATE_MAX = 512 }; /* processes of one session, tied late */

static const char map_key[] = "monitor-map";

void monitor_init(struct monitor *m, struct loop *loop, struct control *control, const struct session_table *sessions)
{
	*m = (struct monitor){ .loop = loop, .control = control, .sessions = sessions, .line = { .fd = -1 }, .map = -1 };
}

/* To a monitor without a map.  It reads at once; what it does not take is lost
 * to it, and then it knows the session by the audit session. */
static void say(const struct monitor *m, const struct monitor_line *what)
{
	uint8_t message[MONITOR_LINE_MAX];
	size_t len = monitor_line_encode(what, message);

	if (fdpass_send(m->line.fd, message, len, NULL, 0) != 0)
		log_error("the process monitor does not take a session: %s", strerror(errno));
}

static void say_session(const struct monitor *m, pid_t stub, uint64_t start_ticks, const struct id *stream)
{
	const struct monitor_line session = { MONITOR_LINE_SESSION, (uint32_t)stub, start_ticks, *stream };

	say(m, &session);
}

static void say_all(const struct monitor *m)
{
	const struct monitor_line all = { .kind = MONITOR_LINE_ALL };

	for (const struct session *s = m->sessions != NULL ? m->sessions->first : NULL; s != NULL; s = s->next)
		say_session(m, s->stub, s->stub_start, &s->stream);
	say(m, &all);
}

static void forget_map(struct monitor *m)
{
	if (m->map >= 0)
		close(m->map);
	m->map = -1;
	control_remove(m->control, map_key);
}

static void close_line(struct monitor *m)
{
	loop_remove(m->loop, &m->line);
	if (m->line.fd >= 0)
		close(m->line.fd);
	m->line.fd = -1;
	control_remove(m->control, MONITOR_LINE);
}

/* 0, or errno. */
static int tie(const struct monitor *m, int pidfd, const struct id *stream, uint64_t flags)
{
	union bpf_attr a;

	memset(&a, 0, sizeof a);
	a.map_fd = (uint32_t)m->map;
	a.key = (uint64_t)(uintptr_t)&pidfd;
	a.value = (uint64_t)(uintptr_t)stream->bytes;
	a.flags = flags;
	return syscall(SYS_bpf, BPF_MAP_UPDATE_ELEM, &a, sizeof a) == 0 ? 0 : errno;
}

/* The children of pid's first thread, appended to list; proc(5), needs
 * CONFIG_PROC_CHILDREN. */
static size_t add_children(pid_t pid, pid_t *list, size_t count)
{
	char path[64];
	long child;

	snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
	FILE *f = fopen(path, "re");
	while (f != NULL && count < LATE_MAX && fscanf(f, "%ld", &child) == 1)
		list[count++] = (pid_t)child;
	if (f != NULL)
		fclose(f);
	return count;
}

/* What began before there was a map.  A process is tied before its children
 * are asked for: those it makes from then on inherit.  What is tied already
 * (a session inside this one) stays. */
static void tie_late(const struct monitor *m, const struct session *s)
{
	pid_t list[LATE_MAX];
	size_t count = 1;

	list[0] = s->stub;
	if (tie(m, s->stub_pidfd, &s->stream, BPF_NOEXIST) != 0)
		return; /* tied in time, or gone */
	for (size_t i = 0; i < count; i++) {
		int pidfd = i > 0 ? (int)syscall(SYS_pidfd_open, list[i], 0) : -1;
		if (i == 0 || (pidfd >= 0 && tie(m, pidfd, &s->stream, BPF_NOEXIST) == 0))
			count = add_children(list[i], list, count);
		if (pidfd >= 0)
			close(pidfd);
	}
}

static void take_map(struct monitor *m, int fd)
{
	if (m->map >= 0)
		close(m->map);
	m->map = fd;
	for (const struct session *s = m->sessions != NULL ? m->sessions->first : NULL; s != NULL; s = s->next)
		tie_late(m, s);
}

static void line_ready(void *context)
{
	struct monitor *m = context;
	uint8_t message[MONITOR_LINE_MAX];
	struct monitor_line said;
	size_t count = 1;
	int fd = -1;
	ssize_t n = fdpass_recv(m->line.fd, message, sizeof message, &fd, &count);

	if (n < 0) {
		close_line(m);
	} else if (count == 1) {
		take_map(m, fd);
		monitor_store(m);
	} else if (monitor_line_decode(message, (size_t)n, &said) == 0 && said.kind == MONITOR_LINE_PLEASE) {
		forget_map(m);
		say_all(m);
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
	/* No login waits for a monitor that is stopped. */
	if (fcntl(m->line.fd, F_SETFL, O_NONBLOCK) != 0 || loop_add(m->loop, &m->line) != 0)
		close_line(m);
	return true;
}

void monitor_store(const struct monitor *m)
{
	if (m->map >= 0)
		control_store(m->control, map_key, NULL, 0, &m->map, 1);
}

static void tie_one(const struct monitor *m, int pidfd, pid_t pid, uint64_t start_ticks, const struct id *id)
{
	int error = m->map >= 0 ? tie(m, pidfd, id, BPF_ANY) : 0;

	if (error != 0)
		log_error("the process monitor does not take a session: %s", strerror(error));
	else if (m->map < 0 && m->line.fd >= 0)
		say_session(m, pid, start_ticks, id);
}

void monitor_tie(const struct monitor *m, const struct session *s)
{
	tie_one(m, s->stub_pidfd, s->stub, s->stub_start, &s->stream);
}

void monitor_tie_job(const struct monitor *m, int pidfd, pid_t pid, uint64_t start_ticks, const struct id *login)
{
	tie_one(m, pidfd, pid, start_ticks, login);
}

void monitor_close(struct monitor *m)
{
	loop_remove(m->loop, &m->line);
	if (m->line.fd >= 0)
		close(m->line.fd);
	if (m->map >= 0)
		close(m->map);
}
