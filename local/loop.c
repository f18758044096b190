#include "local/loop.h"

#include <errno.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"

int loop_open(struct loop *loop)
{
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	return loop->epoll >= 0 ? 0 : ITM_ESYS;
}

void loop_close(struct loop *loop)
{
	close(loop->epoll);
	loop->epoll = -1;
}

int loop_add(struct loop *loop, struct loop_watch *w)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = w };
	return epoll_ctl(loop->epoll, EPOLL_CTL_ADD, w->fd, &e) == 0 ? 0 : ITM_ESYS;
}

void loop_remove(struct loop *loop, struct loop_watch *w)
{
	if (w->fd >= 0)
		epoll_ctl(loop->epoll, EPOLL_CTL_DEL, w->fd, NULL);
	w->fd = -1;
}

int loop_wait(struct loop *loop, int timeout_ms)
{
	struct epoll_event e;
	int n = epoll_wait(loop->epoll, &e, 1, timeout_ms);
	if (n < 0)
		return errno == EINTR ? 0 : ITM_ESYS;
	if (n > 0) {
		struct loop_watch *w = e.data.ptr;
		w->ready(w->context);
	}
	return 0;
}

int64_t loop_now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}
