#include "agent/brokerd/program.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/brokerd/peer.h"

enum { PROCESSES_MAX = 16384 }; /* looked at where the kernel lists no children */

enum message_program program_kind(const char *path, bool trusted)
{
	static const struct { const char *name; enum message_program kind; } known[] = {
		{ "scp", MESSAGE_PROGRAM_SCP }, { "sftp-server", MESSAGE_PROGRAM_SFTP },
		{ "rsync", MESSAGE_PROGRAM_RSYNC }, { "rsync-ssl", MESSAGE_PROGRAM_RSYNC },
	};
	const char *slash = strrchr(path, '/');

	for (size_t i = 0; trusted && slash != NULL && i < sizeof known / sizeof known[0]; i++)
		if (strcmp(slash + 1, known[i].name) == 0)
			return known[i].kind;
	return MESSAGE_PROGRAM_OTHER;
}

/* /proc/PID/task/PID/children (proc(5), CONFIG_PROC_CHILDREN).  -1: this
 * kernel has no such file, or the process is gone. */
static int list_children(pid_t pid, pid_t *out, size_t max)
{
	char path[64];
	int n = 0, child;

	snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
	FILE *f = fopen(path, "re");
	if (f == NULL)
		return -1;
	while ((size_t)n < max && fscanf(f, "%d", &child) == 1)
		out[n++] = child;
	fclose(f);
	return n;
}

struct process { pid_t pid, parent; };

static size_t list_all(struct process *all, size_t max)
{
	DIR *d = opendir("/proc");
	size_t n = 0;

	for (struct dirent *e; d != NULL && n < max && (e = readdir(d)) != NULL; ) {
		struct peer p;
		if (isdigit((unsigned char)e->d_name[0]) && peer_read((pid_t)strtol(e->d_name, NULL, 10), &p) == 0)
			all[n++] = (struct process){ p.pid, p.parent };
	}
	if (d != NULL)
		closedir(d);
	return n;
}

size_t program_descendants(pid_t root, pid_t *out, size_t max)
{
	size_t n = 0, all_len = 0;
	struct process *all = NULL;

	for (size_t at = 0; at <= n && n < max; at++) {
		pid_t parent = at == 0 ? root : out[at - 1];
		int count = all == NULL ? list_children(parent, out + n, max - n) : -1;
		if (count >= 0) {
			n += (size_t)count;
			continue;
		}
		if (at == 0) {
			all = malloc(PROCESSES_MAX * sizeof *all);
			all_len = all != NULL ? list_all(all, PROCESSES_MAX) : 0;
		}
		for (size_t i = 0; i < all_len && n < max; i++)
			if (all[i].parent == parent)
				out[n++] = all[i].pid;
	}
	free(all);
	return n;
}

static bool holds(pid_t pid, int fd, ino_t pipe)
{
	char path[64], link[64], wanted[64];

	snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)pid, fd);
	snprintf(wanted, sizeof wanted, "pipe:[%llu]", (unsigned long long)pipe);
	ssize_t n = readlink(path, link, sizeof link - 1);
	if (n <= 0)
		return false;
	link[n] = '\0';
	return strcmp(link, wanted) == 0;
}

static void look(pid_t pid, struct program *found)
{
	static const char deleted[] = " (deleted)"; /* by an upgrade while it ran */
	char link[64], path[PROGRAM_PATH_SIZE];
	struct statx st;

	snprintf(link, sizeof link, "/proc/%d/exe", (int)pid);
	ssize_t n = readlink(link, path, sizeof path - 1);
	if (n <= 0 || n == (ssize_t)sizeof path - 1)
		return;
	path[n] = '\0';
	size_t cut = sizeof deleted - 1;
	if ((size_t)n > cut && strcmp(path + (size_t)n - cut, deleted) == 0)
		path[(size_t)n - cut] = '\0';
	/* DONT_SYNC: a file system of the user's own is not asked, it could
	 * stall us. */
	if (statx(AT_FDCWD, link, AT_STATX_DONT_SYNC, STATX_UID | STATX_MODE, &st) != 0)
		return;
	enum message_program kind = program_kind(path, st.stx_uid == 0 && (st.stx_mode & 022) == 0);
	if (kind == MESSAGE_PROGRAM_OTHER)
		return;
	found->kind = kind;
	memcpy(found->path, path, sizeof found->path);
}

void program_find(pid_t stub, uint64_t stub_start, ino_t in, ino_t out, struct program *found)
{
	pid_t below[PROGRAM_LOOK_MAX];
	struct peer p;

	*found = (struct program){ .kind = MESSAGE_PROGRAM_OTHER };
	if (peer_read(stub, &p) != 0 || p.start != stub_start)
		return;
	size_t count = program_descendants(stub, below, PROGRAM_LOOK_MAX);
	for (size_t i = 0; i < count && found->kind == MESSAGE_PROGRAM_OTHER; i++)
		if (holds(below[i], 0, in) && holds(below[i], 1, out))
			look(below[i], found);
}
