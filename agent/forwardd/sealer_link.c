#include "agent/forwardd/sealer_link.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fdpass.h"
#include "base/log.h"
#include "local/message.h"
#include "local/supervisor.h"

enum { SEALER_LINK_ASK_MS = 1000, SEALER_LINK_MESSAGES = 256 };
static const char sealer_link_key[] = "forwarder";

void sealer_link_init(struct sealer_link *l, int control)
{
	*l = (struct sealer_link){ .control = control, .fd = -1 };
	buffer_init(&l->waiting, MESSAGE_MAX);
}

void sealer_link_close(struct sealer_link *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
	buffer_free(&l->waiting);
}

void sealer_link_ask(struct sealer_link *l, uint64_t now_ms)
{
	if (l->control < 0 || l->fd >= 0 || (l->asked_ms != 0 && now_ms - l->asked_ms < SEALER_LINK_ASK_MS))
		return;
	l->asked_ms = now_ms;
	int rc = supervisor_pair(l->control, "sealer", sealer_link_key, NULL, 0);
	if (rc != 0)
		log_error("asking for the sealer: %s", error_text(rc));
}

static void sealer_link_lost(struct sealer_link *l)
{
	close(l->fd);
	l->fd = -1;
	/* The server gives its receipts again when asked again. */
	buffer_clear(&l->waiting);
}

static void sealer_link_take(struct sealer_link *l, int fd)
{
	int flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) {
		close(fd);
		return;
	}
	if (l->fd >= 0)
		sealer_link_lost(l);
	l->fd = fd;
	l->durable_known = false; /* nor how far it has seen the log */
	l->renewed = true;
}

void sealer_link_control(struct sealer_link *l)
{
	uint8_t data[SUPERVISOR_BLOB_MAX + 4 * SUPERVISOR_KEY_MAX];
	struct supervisor_message m;
	int fds[SUPERVISOR_FDS_MAX];
	size_t count = SUPERVISOR_FDS_MAX, used = 0;
	int rc = supervisor_recv(l->control, data, sizeof data, &m, fds, &count);
	if (rc == ITM_ESYS && errno == EAGAIN)
		return;
	if (rc == 0 && m.type == SUPERVISOR_PING)
		(void)supervisor_pong(l->control);
	if (rc == ITM_ECLOSED || (rc == 0 && m.type == SUPERVISOR_STOP))
		l->stop = true;
	if (rc == ITM_ECLOSED || rc == ITM_ESYS)
		return;
	if (rc == 0 && m.type == SUPERVISOR_PAIRED && strcmp(m.key, sealer_link_key) == 0 && count > 0) {
		sealer_link_take(l, fds[0]);
		used = 1;
	}
	for (; used < count; used++)
		close(fds[used]);
}

bool sealer_link_read(struct sealer_link *l)
{
	uint8_t data[256];
	bool more = false;
	for (int i = 0; i < SEALER_LINK_MESSAGES && l->fd >= 0; i++) {
		uint64_t segment, offset;
		ssize_t n = fdpass_recv(l->fd, data, sizeof data, NULL, NULL);
		if (n == ITM_ESYS && (errno == EAGAIN || errno == EINTR))
			break;
		if (n < 0) {
			log_info("the sealer closed its socket");
			sealer_link_lost(l);
			break;
		}
		uint64_t size, ask;
		if (message_decode_numbers(data, (size_t)n, MESSAGE_LOG, &size, &ask, NULL) == 0) {
			l->log_size = size;
			l->renewed |= ask != 0;
			continue;
		}
		if (message_decode_numbers(data, (size_t)n, MESSAGE_DURABLE, &segment, &offset, NULL) != 0) {
			log_error("a message from the sealer that makes no sense");
			continue;
		}
		l->segment = segment;
		l->offset = offset;
		l->durable_known = more = true;
	}
	return more;
}

bool sealer_link_busy(const struct sealer_link *l)
{
	return l->waiting.len > 0;
}

void sealer_link_flush(struct sealer_link *l)
{
	if (l->waiting.len == 0 || l->fd < 0)
		return;
	int rc = fdpass_send(l->fd, l->waiting.data, l->waiting.len, NULL, 0);
	if (rc == ITM_ESYS && (errno == EAGAIN || errno == EINTR))
		return;
	if (rc != 0)
		sealer_link_lost(l);
	buffer_clear(&l->waiting);
}

void sealer_link_receipt(struct sealer_link *l, uint16_t unit_type, const void *payload, size_t len)
{
	struct buffer b;
	if (l->fd < 0)
		return;
	buffer_init(&b, MESSAGE_MAX);
	int rc = buffer_put_u16(&b, unit_type);
	if (rc == 0)
		rc = buffer_put(&b, payload, len);
	if (rc == 0)
		rc = message_encode_bytes(&l->waiting, MESSAGE_RECEIPTS, b.data, b.len);
	buffer_free(&b);
	if (rc != 0)
		log_error("a receipt could not be passed on: %s", error_text(rc));
	sealer_link_flush(l);
}
