/* Every decoder of local/message.h over the same bytes; what decodes must
 * encode to the same bytes again. */
#include <stdlib.h>
#include <string.h>

#include "local/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void same(const struct buffer *b, const uint8_t *data, size_t len)
{
	if (b->len != len || memcmp(b->data, data, len) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct message_shell shell;
	struct message_login login;
	struct message_start start;
	struct buffer b;
	struct fault fault;
	enum message_type type = MESSAGE_ANNOUNCE;
	uint64_t x, y;
	uint32_t number;
	const uint8_t *payload;
	size_t payload_len;
	char text[MESSAGE_TEXT_MAX];

	message_type_of(data, len, &type);
	buffer_init(&b, MESSAGE_MAX);
	if (message_decode_login(data, len, &login, &fault) == 0 && message_encode_login(&b, type, &login) == 0)
		same(&b, data, len);
	buffer_clear(&b);
	if (message_decode_shell(data, len, &shell, &fault) == 0 && message_encode_shell(&b, &shell) == 0)
		same(&b, data, len);
	buffer_clear(&b);
	if (message_decode_start(data, len, &start, &fault) == 0 && message_encode_start(&b, &start) == 0)
		same(&b, data, len);
	buffer_clear(&b);
	if (message_decode_words(data, len, type, &number, text, sizeof text, &fault) == 0 &&
	    message_encode_words(&b, type, number, text) == 0)
		same(&b, data, len);
	buffer_clear(&b);
	if (message_decode_numbers(data, len, type, &x, &y, &fault) == 0 && message_encode_numbers(&b, type, x, y) == 0)
		same(&b, data, len);
	buffer_clear(&b);
	if (message_decode_bytes(data, len, type, &payload, &payload_len, &fault) == 0 &&
	    message_encode_bytes(&b, type, payload, payload_len) == 0)
		same(&b, data, len);
	buffer_free(&b);
	return 0;
}
