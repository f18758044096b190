/* loop: waits for many descriptors at once (epoll) and calls whoever watches
 * the one that is ready. */
#ifndef ITM_LOCAL_LOOP_H
#define ITM_LOCAL_LOOP_H

#include <stdint.h>

struct loop { int epoll; };

/* Lives in its owner's struct; fd -1 = not watching. */
struct loop_watch {
	int fd;                          /* borrowed */
	void (*ready)(void *context);
	void *context;
};

int loop_open(struct loop *loop);        /* 0 or ITM_ESYS */
void loop_close(struct loop *loop);
/* Watch w->fd for reading (end of file counts).  0 or ITM_ESYS. */
int loop_add(struct loop *loop, struct loop_watch *w);
/* Stop watching, before the descriptor is closed.  Safe to call twice. */
void loop_remove(struct loop *loop, struct loop_watch *w);
/* Wait at most timeout_ms and call one watcher: one, so that it may free
 * any other.  0, or ITM_ESYS. */
int loop_wait(struct loop *loop, int timeout_ms);

/* CLOCK_MONOTONIC in ms: for deadlines. */
int64_t loop_now_ms(void);

#endif
