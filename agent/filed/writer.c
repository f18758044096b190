#include "agent/filed/writer.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

static size_t slurp(int pid, const char *name, char *out, size_t size)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, out, size - 1) : -1;
	if (fd >= 0)
		close(fd);
	out[n > 0 ? n : 0] = '\0';
	return n > 0 ? (size_t)n : 0;
}

int writer_stat(struct writer *w, const char *text, long ticks_per_s)
{
	const char *open = strchr(text, '('), *at = strrchr(text, ')');

	if (open == NULL || at == NULL || at < open || ticks_per_s <= 0)
		return ITM_EFORMAT;
	snprintf(w->comm, sizeof w->comm, "%.*s", (int)(at - open - 1 < 31 ? at - open - 1 : 31), open + 1);
	/* After the name: state, parent (field 4), ... start (field 22); proc(5). */
	for (int field = 2; at != NULL && field < 4; field++)
		at = strchr(at + 1, ' ');
	w->parent = at != NULL ? (uint32_t)strtoul(at, NULL, 10) : 0;
	for (int field = 4; at != NULL && field < 22; field++)
		at = strchr(at + 1, ' ');
	if (at == NULL)
		return ITM_EFORMAT;
	w->start_ns = strtoull(at, NULL, 10) * (1000000000u / (uint64_t)ticks_per_s);
	return 0;
}

void writer_read(struct writer *w, int pid, int pidfd)
{
	struct pollfd alive = { .fd = pidfd, .events = POLLIN };
	char text[4096];
	struct writer seen = { .pid = pid, .loginuid = (uint32_t)-1, .audit_session = (uint32_t)-1 };

	*w = seen;
	if (pidfd < 0 || slurp(pid, "stat", text, sizeof text) == 0 || writer_stat(&seen, text, sysconf(_SC_CLK_TCK)) != 0)
		return;
	slurp(pid, "status", text, sizeof text);
	const char *uid = strstr(text, "\nUid:");
	if (uid == NULL || sscanf(uid, "\nUid: %u %u", &seen.uid, &seen.euid) != 2)
		return;
	if (slurp(pid, "loginuid", text, sizeof text) > 0)
		seen.loginuid = (uint32_t)strtoul(text, NULL, 10);
	if (slurp(pid, "sessionid", text, sizeof text) > 0)
		seen.audit_session = (uint32_t)strtoul(text, NULL, 10);
	seen.arguments_len = slurp(pid, "cmdline", seen.arguments, sizeof seen.arguments);
	/* It still lives: so all of that was its, and not of one with its number. */
	if (poll(&alive, 1, 0) == 0)
		*w = seen;
}

void writer_put(const struct writer *w, struct activity_event *e)
{
	e->number[ACTIVITY_PID] = (uint64_t)w->pid;
	if (w->pid == 0 || w->start_ns == 0)
		return;
	e->number[ACTIVITY_START] = w->start_ns;
	e->number[ACTIVITY_PARENT] = w->parent;
	e->number[ACTIVITY_UID] = w->uid;
	e->number[ACTIVITY_EUID] = w->euid;
	e->number[ACTIVITY_LOGINUID] = w->loginuid == (uint32_t)-1 ? 0 : (uint64_t)w->loginuid + 1;
	e->number[ACTIVITY_AUDIT_SESSION] = w->audit_session == (uint32_t)-1 ? 0 : (uint64_t)w->audit_session + 1;
	activity_set_bytes(e, ACTIVITY_COMM, w->comm, strlen(w->comm));
	activity_set_bytes(e, ACTIVITY_ARGUMENTS, w->arguments, w->arguments_len);
}
