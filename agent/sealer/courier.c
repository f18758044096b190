#include "agent/sealer/courier.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/fdpass.h"
#include "base/log.h"
#include "local/message.h"

enum { MESSAGES_PER_TURN = 256 };

void courier_close(struct courier *c)
{
	if (c->fd < 0)
		return;
	/* The supervisor holds the same socket: closing ours leaves it in epoll. */
	(void)epoll_ctl(c->epoll, EPOLL_CTL_DEL, c->fd, NULL);
	close(c->fd);
	c->fd = -1;
}

void courier_set(struct courier *c, int epoll, int fd)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };
	int flags = fcntl(fd, F_GETFL);

	courier_close(c);
	c->epoll = epoll;
	c->told_segment = c->told_offset = 0;
	c->log_told = false;
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) != 0) {
		log_error("cannot watch the forwarder: %s", error_text(ITM_ESYS));
		close(fd);
		return;
	}
	c->fd = fd;
}

static int courier_send(struct courier *c, enum message_type type, uint64_t first, uint64_t second)
{
	struct buffer b;
	buffer_init(&b, 256);
	int r = message_encode_numbers(&b, type, first, second);
	if (r == 0)
		r = fdpass_send(c->fd, b.data, b.len, NULL, 0);
	buffer_free(&b);
	if (r == ITM_ECLOSED)
		courier_close(c);
	return r; /* full: it is told at the next turn */
}

void courier_tell(struct courier *c, struct sealer *s)
{
	uint64_t segment, offset, size;
	bool ask;

	if (c->fd < 0)
		return;
	sealer_log(s, &size, &ask);
	if ((!c->log_told || size != c->told_log || ask) && courier_send(c, MESSAGE_LOG, size, ask) == 0) {
		c->log_told = true;
		c->told_log = size;
	}
	sealer_durable(s, &segment, &offset);
	if (c->fd < 0 || !c->log_told || (segment == c->told_segment && offset == c->told_offset))
		return;
	if (courier_send(c, MESSAGE_DURABLE, segment, offset) == 0) {
		c->told_segment = segment;
		c->told_offset = offset;
	}
}

void courier_read(struct courier *c, struct sealer *s, uint8_t *scratch)
{
	for (int i = 0; i < MESSAGES_PER_TURN && c->fd >= 0; i++) {
		const uint8_t *payload;
		size_t len;
		ssize_t n = fdpass_recv(c->fd, scratch, MESSAGE_MAX, NULL, NULL);
		if (n == ITM_ESYS && errno == EAGAIN)
			return;
		if (n < 0 || message_decode_bytes(scratch, (size_t)n, MESSAGE_RECEIPTS, &payload, &len, NULL) != 0 ||
		    len < 2) {
			if (n != ITM_ECLOSED)
				log_error("bad message from the forwarder; dropped");
			courier_close(c);
			return;
		}
		int r = sealer_receipt(s, (uint16_t)(payload[0] | payload[1] << 8), payload + 2, len - 2);
		if (r != 0 && r != ITM_EBUSY)
			log_error("a receipt that is not believed: %s", error_text(r));
	}
}
