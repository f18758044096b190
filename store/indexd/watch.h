/* watch: wakes when the store changes: inotify(7) on its folders, and in any
 * case after WATCH_POLL_MS (network file systems and lost events). */
#ifndef ITM_STORE_INDEXD_WATCH_H
#define ITM_STORE_INDEXD_WATCH_H

#include <stdbool.h>

enum {
	WATCH_POLL_MS = 250,
	WATCH_REST_MS = 50,      /* between two wakings: changes come in swarms */
};

struct watch;
/* dir: the store.  signal_fd and control_fd (-1: none) mean the end when they
 * are readable, and stay the caller's.  Owned; NULL out of memory (without
 * inotify it just polls). */
struct watch *watch_new(const char *dir, int signal_fd, int control_fd);
void watch_free(struct watch *w);
/* Waits.  true: one of those two is readable. */
bool watch_wait(struct watch *w);

#endif
