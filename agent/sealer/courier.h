/* courier: the channel to the forwarder: how far the spool is durable, and
 * how far the log was seen, goes out, receipts come in.  The forwarder faces the network: it is not believed. */
#ifndef ITM_SEALER_COURIER_H
#define ITM_SEALER_COURIER_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/sealer/sealer.h"

struct courier { int fd, epoll; uint64_t told_segment, told_offset, told_log; bool log_told; };

/* Takes fd in place of the one before; epoll reports it with data.ptr = c. */
void courier_set(struct courier *c, int epoll, int fd);
void courier_close(struct courier *c);
/* When it does not know it yet. */
void courier_tell(struct courier *c, struct sealer *s);
/* Take what is there.  scratch holds MESSAGE_MAX bytes. */
void courier_read(struct courier *c, struct sealer *s, uint8_t *scratch);

#endif
