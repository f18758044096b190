#include "local/outbox.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "local/message.h"

enum { HEADER_SIZE = 4, ANSWER_SIZE = 64 }; /* bytes; message.h */

struct outbox_item {
	struct outbox_item *next;
	uint64_t number;
	struct buffer message;
};

void outbox_init(struct outbox *o, int sock)
{
	*o = (struct outbox){ .sock = sock };
}

static void drop_first(struct outbox *o)
{
	struct outbox_item *item = o->first;

	o->first = item->next;
	if (o->last == item)
		o->last = NULL;
	if (o->unsent == item)
		o->unsent = item->next;
	o->bytes -= item->message.len;
	buffer_free(&item->message);
	free(item);
}

void outbox_free(struct outbox *o)
{
	while (o->first != NULL)
		drop_first(o);
}

static void give_up(struct outbox *o)
{
	o->lost = true;
	o->last_number = outbox_durable(o);
	o->dropped = o->bytes;
	outbox_free(o);
}

int outbox_add(struct outbox *o, const struct frame *frame)
{
	size_t len = HEADER_SIZE + FRAME_HEADER_SIZE + frame->run_len;

	if (o->lost)
		return ITM_ECLOSED;
	struct outbox_item *item = calloc(1, sizeof *item);
	if (item == NULL)
		return ITM_ENOMEM;
	item->number = frame->number;
	buffer_init(&item->message, len);
	int r = buffer_reserve(&item->message, len);
	if (r == 0)
		r = message_encode_bytes(&item->message, MESSAGE_FRAME, NULL, 0);
	if (r == 0)
		r = frame_encode(&item->message, frame);
	if (r != 0) {
		buffer_free(&item->message);
		free(item);
		return r;
	}
	if (o->last != NULL)
		o->last->next = item;
	else
		o->first = item;
	o->last = item;
	if (o->unsent == NULL)
		o->unsent = item;
	o->bytes += item->message.len;
	o->last_number = frame->number;
	return 0;
}

void outbox_send(struct outbox *o)
{
	while (!o->lost && o->sock >= 0 && o->unsent != NULL) {
		const struct buffer *m = &o->unsent->message;
		ssize_t n = send(o->sock, m->data, m->len, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM))
			return;
		if (n < 0)
			give_up(o);
		else
			o->unsent = o->unsent->next;
	}
}

/* Numbers we never sent are the sealer's mistake: nothing of ours is let go
 * for them. */
static bool settle(struct outbox *o, uint64_t number)
{
	bool moved = false;

	if (number > o->last_number)
		return false;
	while (o->first != NULL && o->first != o->unsent && o->first->number <= number) {
		drop_first(o);
		moved = true;
	}
	return moved;
}

static bool answer(struct outbox *o, const uint8_t *data, size_t len)
{
	enum message_type type;
	uint64_t number, policy;

	if (message_type_of(data, len, &type) != 0 ||
	    (type != MESSAGE_ACK && type != MESSAGE_RESUME_FROM && type != MESSAGE_SPACE) ||
	    message_decode_numbers(data, len, type, &number, &policy, NULL) != 0)
		return false;
	if (type == MESSAGE_SPACE) {
		if (number < SPACE_LEVELS && policy < SPACE_POLICIES) {
			o->level = (enum space_level)number;
			o->policy = (enum space_policy)policy;
		}
		return false;
	}
	bool moved = settle(o, number);
	if (type == MESSAGE_RESUME_FROM) {
		o->unsent = o->first;
		o->restarts += number > 0; /* 0: it begins with us */
	}
	return moved;
}

bool outbox_receive(struct outbox *o)
{
	uint8_t data[ANSWER_SIZE];
	bool moved = false;

	while (!o->lost && o->sock >= 0) {
		ssize_t n = recv(o->sock, data, sizeof data, MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n <= 0)
			give_up(o);
		else
			moved |= answer(o, data, (size_t)n);
	}
	return moved;
}

bool outbox_full(const struct outbox *o)
{
	return o->bytes >= OUTBOX_BOUND;
}

bool outbox_empty(const struct outbox *o)
{
	return o->first == NULL;
}

uint64_t outbox_durable(const struct outbox *o)
{
	return o->first != NULL ? o->first->number - 1 : o->last_number;
}

short outbox_events(const struct outbox *o)
{
	return o->lost || o->sock < 0 ? 0 : o->unsent != NULL ? POLLIN | POLLOUT : POLLIN;
}
