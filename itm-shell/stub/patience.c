#include "itm-shell/stub/patience.h"

#include <poll.h>
#include <stdint.h>
#include <time.h>

#include "base/error.h"

enum {
	SLICE_MS = 50,
	STOPPED_MS = 100,  /* a slice that took so long was not ours */
};

static int64_t now_ms(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void spend(struct patience *p, int slice_ms, int64_t took_ms)
{
	if (took_ms >= STOPPED_MS)
		took_ms = slice_ms;
	p->left_ms -= took_ms > 0 ? (int)took_ms : 1;
}

int patience_wait(struct patience *p, int sock)
{
	struct pollfd fd = { sock, POLLIN, 0 };

	while (p->left_ms > 0) {
		int slice = p->left_ms < SLICE_MS ? p->left_ms : SLICE_MS;
		int64_t begun = now_ms();
		int ready = poll(&fd, 1, slice);
		spend(p, slice, now_ms() - begun);
		if (ready > 0)
			return 0;
	}
	return poll(&fd, 1, 0) > 0 ? 0 : ITM_ETIMEOUT;
}
