/* The level fanotify: the kernel says which process opens which file to run it
 * (FAN_OPEN_EXEC, Linux 5.0), on every file system that is mounted when we
 * start.  The word comes before the program has changed: what is not there yet
 * is looked at again. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/watchd/eye.h"
#include "base/clock.h"
#include "base/error.h"

enum { WAITING_MAX = 64, SCAN_MS = 1000, BATCH = 4096, PATH_BYTES = 2048, FILES_MAX = 4, ROUNDS = 64 };
static const uint64_t patience_ns = 200000000; /* for an exec to happen or to fail */

/* A process that opened something to run it. */
struct waiting {
	uint32_t pid;            /* 0 = a free place */
	uint64_t boot_ns;
	dev_t device[FILES_MAX];
	ino_t inode[FILES_MAX];  /* a script, its interpreter, the loader */
	size_t files, path_len;
	bool script;             /* the first begins with #! */
	char path[PATH_BYTES];   /* of the first */
};

struct fanotify {
	int group;
	size_t count;
	struct waiting *places;  /* owned */
	struct waiting *waiting[WAITING_MAX]; /* of these; the first count in the order they came: parents before children */
};

/* Where a file system is mounted, by its line of mountinfo: the fifth word,
 * with blanks as \040.  Those that can't be marked (proc, sysfs) refuse. */
static bool mark_line(int group, char *line)
{
	char path[PATH_BYTES], *at = line, *to = path;

	for (int word = 0; word < 4 && at != NULL; word++)
		at = strchr(at, ' ') != NULL ? strchr(at, ' ') + 1 : NULL;
	if (at == NULL)
		return false;
	while (*at != ' ' && *at != '\0' && to < path + sizeof path - 1) {
		bool octal = at[0] == '\\' && strspn(at + 1, "01234567") >= 3;
		*to++ = octal ? (char)((at[1] - '0') << 6 | (at[2] - '0') << 3 | (at[3] - '0')) : *at;
		at += octal ? 4 : 1;
	}
	*to = '\0';
	return fanotify_mark(group, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, FAN_OPEN_EXEC, AT_FDCWD, path) == 0 &&
	       strcmp(path, "/") == 0;
}

static bool mark_all(int group)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char *line = NULL;
	size_t size = 0;
	bool root = false;

	while (f != NULL && getline(&line, &size, f) > 0)
		root |= mark_line(group, line);
	free(line);
	if (f != NULL)
		fclose(f);
	return root;
}

static void release(struct fanotify *f)
{
	if (f == NULL)
		return;
	if (f->group >= 0)
		close(f->group);
	free(f->places);
	free(f);
}

static struct fanotify *allocate(void)
{
	struct fanotify *f = calloc(1, sizeof *f);
	struct waiting *places = calloc(WAITING_MAX, sizeof *places);

	if (f == NULL || places == NULL) {
		free(f);
		free(places);
		return NULL;
	}
	f->group = -1;
	f->places = places;
	for (size_t i = 0; i < WAITING_MAX; i++)
		f->waiting[i] = &places[i];
	return f;
}

static int open_way(void **state, char error[EYE_ERROR_SIZE])
{
	struct fanotify *f = allocate();

	if (f == NULL) {
		snprintf(error, EYE_ERROR_SIZE, "no memory");
		return ITM_ENOMEM;
	}
	f->group = fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK, O_RDONLY | O_LARGEFILE | O_CLOEXEC);
	if (f->group >= 0 && mark_all(f->group)) {
		*state = f;
		return 0;
	}
	snprintf(error, EYE_ERROR_SIZE, "%s", strerror(errno));
	release(f);
	return ITM_ESYS;
}

static int fd_of(const void *state)
{
	return ((const struct fanotify *)state)->group;
}

/* NULL: too many. */
static struct waiting *waiting_of(struct fanotify *f, uint32_t pid)
{
	for (size_t i = 0; i < f->count; i++)
		if (f->waiting[i]->pid == pid)
			return f->waiting[i];
	if (f->count == WAITING_MAX)
		return NULL;
	struct waiting *w = f->waiting[f->count++];
	w->pid = 0;
	return w;
}

static void take_path(struct waiting *w, int fd)
{
	char link[64], path[PATH_BYTES];

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, path, sizeof path);
	size_t len = n > 0 ? (size_t)n : 0;
	/* An overlay's file is told twice: by its path within the layer, then by its whole one. */
	if (len < w->path_len || memcmp(path + len - w->path_len, w->path, w->path_len) != 0)
		return;
	memcpy(w->path, path, len);
	w->path_len = len;
}

static void take(struct fanotify *f, const struct fanotify_event_metadata *m, struct observer *l, struct eye_counts *counts)
{
	char start[2];
	struct stat st;

	if ((m->mask & FAN_Q_OVERFLOW) != 0) {
		counts->dropped++; /* at least one; the kernel does not say how many */
		return;
	}
	counts->received++;
	/* 0: a process of another pid namespace. */
	struct waiting *w = m->pid > 0 ? waiting_of(f, (uint32_t)m->pid) : NULL;
	if (m->pid <= 0 || fstat(m->fd, &st) != 0)
		return;
	if (w == NULL) { /* too many at once: what can be seen now */
		(void)observer_exec(l, (uint32_t)m->pid, clock_boot_ns(), NULL, 0);
		return;
	}
	if (w->pid == 0) {
		*w = (struct waiting){ .pid = (uint32_t)m->pid, .boot_ns = clock_boot_ns() };
		w->script = pread(m->fd, start, sizeof start, 0) == sizeof start && memcmp(start, "#!", sizeof start) == 0;
	}
	if (w->files <= 1)
		take_path(w, m->fd);
	if (w->files < FILES_MAX) {
		w->device[w->files] = st.st_dev;
		w->inode[w->files++] = st.st_ino;
	}
}

static bool runs_one_of(const struct observer *l, const struct waiting *w)
{
	for (size_t i = 0; i < w->files; i++)
		if (procfile_runs(l->proc, w->pid, w->device[i], w->inode[i]))
			return true;
	return false;
}

/* False: it has not happened yet, or fails. */
static bool happened(struct observer *l, const struct waiting *w)
{
	struct procfile_stat s;
	bool there = procfile_read_stat(l->proc, w->pid, &s) == 0 && s.state != 'Z';

	if (there && !runs_one_of(l, w))
		return false;
	bool path = w->path_len > 0 && (w->script || !there);
	return observer_exec(l, w->pid, w->boot_ns, path ? w->path : NULL, path ? w->path_len : 0);
}

/* Whether some are still to be looked at. */
static bool look(struct fanotify *f, struct observer *l)
{
	uint64_t now = clock_boot_ns();
	size_t kept = 0;

	for (size_t i = 0; i < f->count; i++) {
		struct waiting *w = f->waiting[i];
		if (happened(l, w) || now - w->boot_ns >= patience_ns)
			continue;
		f->waiting[i] = f->waiting[kept]; /* the places change, none is lost */
		f->waiting[kept++] = w;
	}
	f->count = kept;
	return kept > 0;
}

static bool read_way(void *state, struct observer *l, struct eye_counts *counts)
{
	_Alignas(struct fanotify_event_metadata) char batch[BATCH];
	struct fanotify *f = state;

	for (int round = 0; l->room && round < ROUNDS; round++) {
		ssize_t n = read(f->group, batch, sizeof batch);
		if (n <= 0)
			break;
		for (struct fanotify_event_metadata *m = (void *)batch; FAN_EVENT_OK(m, n); m = FAN_EVENT_NEXT(m, n)) {
			if (m->vers == FANOTIFY_METADATA_VERSION)
				take(f, m, l, counts);
			else
				counts->strange++;
			if (m->fd >= 0)
				close(m->fd);
		}
		(void)look(f, l);
	}
	return look(f, l);
}

static void close_way(void *state)
{
	release(state);
}

const struct eye_way fanotify_way = { open_way, fd_of, read_way, close_way, SCAN_MS };
