#include "itm-shell/recorder/flow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"

int flow_open(struct flow *f, size_t size)
{
	*f = (struct flow){ .data = malloc(size), .size = size };
	return f->data != NULL ? 0 : ITM_ENOMEM;
}

void flow_close(struct flow *f)
{
	if (f->data != NULL)
		explicit_bzero(f->data, f->size);
	free(f->data);
	*f = (struct flow){ 0 };
}

bool flow_empty(const struct flow *f)
{
	return f->start == f->end;
}

size_t flow_waiting(const struct flow *f)
{
	return f->end - f->start;
}

void flow_clear(struct flow *f)
{
	f->start = f->end = 0;
}

static bool would_wait(void)
{
	return errno == EAGAIN || errno == EINTR || errno == ENOBUFS || errno == ENOMEM;
}

int flow_fill(struct flow *f, int fd, bool is_socket)
{
	ssize_t n = is_socket ? recv(fd, f->data, f->size, MSG_DONTWAIT) : read(fd, f->data, f->size);

	if (n < 0)
		return would_wait() ? ITM_EBUSY : 0;
	f->start = 0;
	f->end = (size_t)n;
	return (int)n;
}

void flow_wipe(struct flow *f)
{
	explicit_bzero(f->data, f->end);
	f->start = f->end = 0;
}

size_t flow_put(struct flow *f, const void *data, size_t len)
{
	size_t room = f->size - f->end;

	if (len > room)
		len = room;
	memcpy(f->data + f->end, data, len);
	f->end += len;
	return len;
}

int flow_drain(struct flow *f, int fd, bool is_socket, size_t limit)
{
	size_t len = f->end - f->start;

	if (len == 0)
		return 0;
	if (limit > 0 && len > limit)
		len = limit;
	ssize_t n = is_socket ? send(fd, f->data + f->start, len, MSG_DONTWAIT | MSG_NOSIGNAL)
			      : write(fd, f->data + f->start, len);
	if (n < 0)
		return would_wait() ? ITM_EBUSY : ITM_ECLOSED;
	f->start += (size_t)n;
	return flow_empty(f) ? 0 : ITM_EBUSY;
}
