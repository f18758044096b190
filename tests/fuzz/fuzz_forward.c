/* The forward protocol: messages cut out of a stream, each payload decoded by
 * the decoder of its type; what decodes must encode to the same bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/certificate.h"
#include "net/forward.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void same(const struct forward_message *m, const struct buffer *b)
{
	if (b->len != m->size || memcmp(b->data + 5, m->payload, m->len) != 0)
		abort();
}

static void decode(const struct forward_message *m)
{
	struct forward_hello hello;
	struct forward_welcome welcome;
	struct forward_error error;
	struct fault fault;
	struct buffer b;
	buffer_init(&b, FORWARD_MAX);
	if (forward_hello(m, &hello, &fault) == 0 && forward_put_hello(&b, &hello) == 0)
		same(m, &b);
	if (forward_welcome(m, &welcome, &fault) == 0 && forward_put_welcome(&b, &welcome) == 0)
		same(m, &b);
	if (forward_error(m, &error, &fault) == 0 &&
	    forward_put_error(&b, (enum forward_error_code)error.code, error.text) == 0)
		same(m, &b);
	buffer_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char name[64];
	struct forward_message m;
	struct fault fault;
	certificate_common_name(data, len, name, sizeof name);
	for (size_t at = 0; at < len && forward_next(data + at, len - at, &m, &fault) == 0; at += m.size)
		decode(&m);
	return 0;
}
