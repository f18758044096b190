/* flow: bytes on their way from one descriptor to another, in one bounded
 * buffer that is never waited for. */
#ifndef ITM_SHELL_RECORDER_FLOW_H
#define ITM_SHELL_RECORDER_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct flow {
	uint8_t *data;
	size_t size;
	size_t start, end;   /* what waits to be written */
};

/* Takes memory from malloc.  0 or ITM_ENOMEM. */
int flow_open(struct flow *f, size_t size);
void flow_close(struct flow *f);

bool flow_empty(const struct flow *f);
size_t flow_waiting(const struct flow *f);
void flow_clear(struct flow *f);
/* Clear, and leave nothing of the last bytes in memory. */
void flow_wipe(struct flow *f);

/* One read into an empty flow.  >0 bytes now in the flow, 0 = end of file or a
 * dead descriptor, ITM_EBUSY = nothing there yet.  is_socket: read without
 * waiting although the descriptor itself may block. */
int flow_fill(struct flow *f, int fd, bool is_socket);
/* Append what does not come from the descriptor; returns what fitted. */
size_t flow_put(struct flow *f, const void *data, size_t len);
/* One write.  0, ITM_EBUSY = would wait, ITM_ECLOSED = nobody takes it any
 * more.  limit: most bytes in one write (0 = all). */
int flow_drain(struct flow *f, int fd, bool is_socket, size_t limit);

#endif
