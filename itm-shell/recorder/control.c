#include "itm-shell/recorder/control.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/buffer.h"

enum { PACKET_MAX = 1024 };

int control_receive(int sock, struct control_message *out)
{
	uint8_t data[64];
	ssize_t n = recv(sock, data, sizeof data, MSG_DONTWAIT);
	enum message_type type;
	uint64_t number;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return ITM_ECLOSED;
	if (message_type_of(data, (size_t)n, &type) != 0 ||
	    message_decode_numbers(data, (size_t)n, type, &number, NULL, NULL) != 0)
		return 0;
	*out = (struct control_message){ type, number };
	return 1;
}

static void send_packet(int sock, const struct buffer *b)
{
	ssize_t n = send(sock, b->data, b->len, MSG_DONTWAIT | MSG_NOSIGNAL);
	(void)n; /* end of file tells */
}

void control_send(int sock, enum message_type type)
{
	struct buffer b;

	buffer_init(&b, PACKET_MAX);
	if (message_encode_numbers(&b, type, 0, 0) == 0)
		send_packet(sock, &b);
	buffer_free(&b);
}

void control_send_ended(int sock, const char *text)
{
	struct buffer b;

	buffer_init(&b, PACKET_MAX);
	if (message_encode_words(&b, MESSAGE_ENDED, 0, text) == 0)
		send_packet(sock, &b);
	buffer_free(&b);
}
