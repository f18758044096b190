#include "store/indexd/watch.h"

#include <dirent.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>

struct watch {
	int inotify_fd, signal_fd, control_fd;
	char dir[PATH_MAX];
};

enum { MASK = IN_CREATE | IN_MODIFY | IN_MOVED_TO | IN_DELETE };

/* Adding a folder that is watched already changes nothing (inotify(7)). */
static void add(struct watch *w, const char *below, const char *name)
{
	char path[PATH_MAX + NAME_MAX + 8];
	snprintf(path, sizeof path, "%s%s%s", w->dir, below, name);
	if (w->inotify_fd >= 0)
		(void)inotify_add_watch(w->inotify_fd, path, MASK | IN_ONLYDIR);
}

static void add_all(struct watch *w)
{
	char path[PATH_MAX + 8];
	add(w, "", "");
	add(w, "/tail", "");
	snprintf(path, sizeof path, "%s/tail", w->dir);
	DIR *d = opendir(path);
	if (d == NULL)
		return;
	for (struct dirent *e; (e = readdir(d)) != NULL; )
		if (e->d_name[0] != '.')
			add(w, "/tail/", e->d_name);
	closedir(d);
}

struct watch *watch_new(const char *dir, int signal_fd, int control_fd)
{
	struct watch *w = malloc(sizeof *w);
	if (w == NULL)
		return NULL;
	w->signal_fd = signal_fd;
	w->control_fd = control_fd;
	w->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	snprintf(w->dir, sizeof w->dir, "%s", dir);
	add_all(w);
	return w;
}

void watch_free(struct watch *w)
{
	if (w == NULL)
		return;
	if (w->inotify_fd >= 0)
		close(w->inotify_fd);
	free(w);
}

/* Throw the events away; true when a folder came. */
static bool drain(struct watch *w)
{
	_Alignas(struct inotify_event) char data[4096];
	bool folder = false;
	ssize_t n;
	while ((n = read(w->inotify_fd, data, sizeof data)) > 0)
		for (ssize_t i = 0; i + (ssize_t)sizeof(struct inotify_event) <= n; ) {
			const struct inotify_event *e = (const struct inotify_event *)(const void *)(data + i);
			folder = folder || e->mask & (IN_ISDIR | IN_Q_OVERFLOW);
			i += (ssize_t)(sizeof *e + e->len);
		}
	return folder;
}

bool watch_wait(struct watch *w)
{
	struct pollfd fds[3] = {
		{ .fd = w->signal_fd, .events = POLLIN }, { .fd = w->control_fd, .events = POLLIN },
		{ .fd = w->inotify_fd, .events = POLLIN },
	};
	/* Rest, but not from these two. */
	if (poll(fds, 2, WATCH_REST_MS) > 0)
		return true;
	if (poll(fds, 3, WATCH_POLL_MS - WATCH_REST_MS) < 0)
		return false;
	if (fds[2].revents != 0 && drain(w))
		add_all(w);
	return fds[0].revents != 0 || fds[1].revents != 0;
}
