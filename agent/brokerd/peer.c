#include "agent/brokerd/peer.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/error.h"

/* Reads a small file of /proc as text.  Its length, or ITM_ENOENT. */
static ssize_t read_text(pid_t pid, const char *what, char *out, size_t size)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, what);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return ITM_ENOENT;
	ssize_t n = read(fd, out, size - 1);
	close(fd);
	if (n <= 0)
		return ITM_ENOENT;
	out[n] = '\0';
	return n;
}

/* proc(5): pid (comm) state ppid pgrp session tty_nr, and starttime as field
 * 22.  comm is the process's own choice and may hold ") ": the last
 * parenthesis counts. */
int peer_decode(const char *text, struct peer *out)
{
	struct peer p = { 0 };
	int pid, parent, session, tty;
	const char *end = strrchr(text, ')');
	if (end == NULL || sscanf(text, "%d (", &pid) != 1)
		return ITM_EFORMAT;
	if (sscanf(end + 1, " %c %d %*d %d %d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %" SCNu64,
		   &p.state, &parent, &session, &tty, &p.start) != 5 || pid <= 0)
		return ITM_EFORMAT;
	p.pid = pid;
	p.parent = parent;
	p.session = session;
	/* new_encode_dev of the kernel: minor 7..0, major 19..8, minor 31..20 */
	unsigned nr = (unsigned)tty;
	p.tty = nr == 0 ? 0 : makedev((nr >> 8) & 0xfff, (nr & 0xff) | ((nr >> 12) & 0xfff00));
	*out = p;
	return 0;
}

int peer_read(pid_t pid, struct peer *out)
{
	char text[1024];
	if (read_text(pid, "stat", text, sizeof text) < 0 || peer_decode(text, out) != 0)
		return ITM_ENOENT;
	return 0;
}

size_t peer_ancestry(pid_t pid, struct peer out[PEER_ANCESTRY_MAX])
{
	size_t n = 0;
	while (n < PEER_ANCESTRY_MAX && pid > 0) {
		struct peer p;
		if (peer_read(pid, &p) != 0 || (n > 0 && p.start > out[n - 1].start))
			break;
		out[n++] = p;
		pid = p.parent;
	}
	return n;
}

bool peer_runs(pid_t pid, const char *path)
{
	char link[64];
	struct stat running, wanted;
	snprintf(link, sizeof link, "/proc/%d/exe", (int)pid);
	return stat(link, &running) == 0 && stat(path, &wanted) == 0 &&
	       running.st_dev == wanted.st_dev && running.st_ino == wanted.st_ino;
}

uint32_t peer_number(pid_t pid, const char *what)
{
	char text[32];
	if (read_text(pid, what, text, sizeof text) < 0)
		return UINT32_MAX;
	return (uint32_t)strtoul(text, NULL, 10);
}
