#include "agent/brokerd/inquiry.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/brokerd/program.h"
#include "base/buffer.h"
#include "local/message.h"

enum {
	FREE_ANSWERS = 16,       /* a recorder has some seven questions at the start, then one a second */
	REST_MS = 500,
	PACKET_MAX = 512,
};

struct inquiry {
	struct loop *loop;
	struct loop_watch watch;
	int sock;                /* owned */
	pid_t stub;
	uint64_t stub_start;
	ino_t in, out;
	unsigned answers;
	int64_t answered_ms;
};

static void answer(struct inquiry *q)
{
	struct program found;
	struct buffer b;

	program_find(q->stub, q->stub_start, q->in, q->out, &found);
	buffer_init(&b, PACKET_MAX);
	if (message_encode_words(&b, MESSAGE_PROGRAM, (uint32_t)found.kind, found.path) == 0)
		(void)!send(q->sock, b.data, b.len, MSG_DONTWAIT | MSG_NOSIGNAL);
	buffer_free(&b);
	q->answers++;
	q->answered_ms = loop_now_ms();
}

static void asked(void *context)
{
	struct inquiry *q = context;
	uint8_t data[64];
	ssize_t n = recv(q->sock, data, sizeof data, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || message_decode_numbers(data, (size_t)n, MESSAGE_ASK_PROGRAM, NULL, NULL, NULL) != 0) {
		loop_remove(q->loop, &q->watch);
		return;
	}
	if (q->answers < FREE_ANSWERS || loop_now_ms() - q->answered_ms >= REST_MS)
		answer(q);
}

struct inquiry *inquiry_open(struct loop *loop, int sock, pid_t stub, uint64_t stub_start, ino_t in, ino_t out)
{
	struct inquiry *q = malloc(sizeof *q);

	if (q == NULL) {
		close(sock);
		return NULL;
	}
	*q = (struct inquiry){ .loop = loop, .sock = sock, .stub = stub, .stub_start = stub_start, .in = in, .out = out,
			       .watch = { .fd = sock, .ready = asked, .context = q } };
	if (loop_add(loop, &q->watch) != 0) {
		close(sock);
		free(q);
		return NULL;
	}
	return q;
}

int inquiry_socket(const struct inquiry *q)
{
	return q->sock;
}

void inquiry_close(struct inquiry *q)
{
	if (q == NULL)
		return;
	loop_remove(q->loop, &q->watch);
	close(q->sock);
	free(q);
}
