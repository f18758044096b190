#include "net/forward.h"

#include <string.h>

#include "base/reader.h"

enum { FORWARD_LENGTH_SIZE = 4, FORWARD_TEXT_MAX = sizeof ((struct forward_error *)0)->text - 1 };

int forward_put(struct buffer *b, enum forward_type type, const void *payload, size_t len)
{
	if (len >= FORWARD_MAX)
		return ITM_ELIMIT;
	int rc = buffer_reserve(b, FORWARD_LENGTH_SIZE + 1 + len);
	if (rc != 0)
		return rc;
	buffer_put_u32(b, (uint32_t)(1 + len));
	buffer_put_u8(b, (uint8_t)type);
	return buffer_put(b, payload, len);
}

int forward_put_hello(struct buffer *b, const struct forward_hello *m)
{
	struct buffer p;
	buffer_init(&p, 64);
	buffer_put_u16(&p, m->version);
	buffer_put_u64(&p, m->last_sequence);
	int rc = buffer_put_u64(&p, m->log_size);
	if (rc == 0)
		rc = forward_put(b, FORWARD_HELLO, p.data, p.len);
	buffer_free(&p);
	return rc;
}

int forward_put_welcome(struct buffer *b, const struct forward_welcome *m)
{
	struct buffer p;
	buffer_init(&p, 128);
	buffer_put_u16(&p, m->version);
	buffer_put_u64(&p, m->last_sequence);
	buffer_put(&p, m->last_hash, HASH_SIZE);
	int rc = buffer_put(&p, m->server.bytes, ID_SIZE);
	if (rc == 0)
		rc = forward_put(b, FORWARD_WELCOME, p.data, p.len);
	buffer_free(&p);
	return rc;
}

int forward_put_error(struct buffer *b, enum forward_error_code code, const char *text)
{
	struct buffer p;
	buffer_init(&p, 2 + FORWARD_TEXT_MAX);
	buffer_put_u16(&p, (uint16_t)code);
	size_t len = strlen(text);
	int rc = buffer_put(&p, text, len < FORWARD_TEXT_MAX ? len : FORWARD_TEXT_MAX);
	if (rc == 0)
		rc = forward_put(b, FORWARD_ERROR, p.data, p.len);
	buffer_free(&p);
	return rc;
}

size_t forward_size(const void *data, size_t len)
{
	struct reader r;
	reader_init(&r, data, len);
	uint32_t size = reader_u32(&r);
	return r.error == 0 ? FORWARD_LENGTH_SIZE + (size_t)size : 0;
}

int forward_next(const void *data, size_t len, struct forward_message *out, struct fault *fault)
{
	if (len < FORWARD_LENGTH_SIZE)
		return ITM_EBUSY;
	struct reader r;
	reader_init(&r, data, len);
	uint32_t size = reader_u32(&r);
	/* The length is judged before anybody waits, or makes room, for it. */
	if (size == 0)
		return error_fault(fault, ITM_EFORMAT, 0, "a message of no bytes");
	if (size > FORWARD_MAX)
		return error_fault(fault, ITM_ELIMIT, 0, "a message over the limit");
	if (len == FORWARD_LENGTH_SIZE)
		return ITM_EBUSY;
	uint8_t type = reader_u8(&r);
	if (type < FORWARD_HELLO || type > FORWARD_PONG)
		return error_fault(fault, ITM_EFORMAT, FORWARD_LENGTH_SIZE, "a message of unknown type");
	if (len - FORWARD_LENGTH_SIZE < size)
		return ITM_EBUSY;
	out->type = (enum forward_type)type;
	out->payload = (const uint8_t *)data + FORWARD_LENGTH_SIZE + 1;
	out->len = size - 1;
	out->size = FORWARD_LENGTH_SIZE + size;
	return 0;
}

static int forward_expect(const struct forward_message *m, enum forward_type type, struct fault *fault)
{
	return m->type == type ? 0 : error_fault(fault, ITM_EFORMAT, 0, "a message of another type");
}

int forward_hello(const struct forward_message *m, struct forward_hello *out, struct fault *fault)
{
	int rc = forward_expect(m, FORWARD_HELLO, fault);
	if (rc != 0)
		return rc;
	struct reader r;
	reader_init(&r, m->payload, m->len);
	struct forward_hello hello = { .version = reader_u16(&r), .last_sequence = reader_u64(&r),
				       .log_size = reader_u64(&r) };
	reader_end(&r);
	rc = reader_result(&r, fault);
	if (rc == 0)
		*out = hello;
	return rc;
}

int forward_welcome(const struct forward_message *m, struct forward_welcome *out, struct fault *fault)
{
	int rc = forward_expect(m, FORWARD_WELCOME, fault);
	if (rc != 0)
		return rc;
	struct reader r;
	reader_init(&r, m->payload, m->len);
	struct forward_welcome welcome = { .version = reader_u16(&r), .last_sequence = reader_u64(&r) };
	reader_copy(&r, welcome.last_hash, HASH_SIZE);
	reader_copy(&r, welcome.server.bytes, ID_SIZE);
	reader_end(&r);
	rc = reader_result(&r, fault);
	if (rc == 0)
		*out = welcome;
	return rc;
}

int forward_error(const struct forward_message *m, struct forward_error *out, struct fault *fault)
{
	int rc = forward_expect(m, FORWARD_ERROR, fault);
	if (rc != 0)
		return rc;
	struct reader r;
	reader_init(&r, m->payload, m->len);
	struct forward_error error = { .code = reader_u16(&r) };
	size_t len = reader_left(&r);
	if (len > FORWARD_TEXT_MAX)
		reader_fail(&r, ITM_ELIMIT, "the text is too long");
	const uint8_t *text = reader_bytes(&r, len);
	if (text != NULL && memchr(text, 0, len) != NULL)
		reader_fail(&r, ITM_EFORMAT, "a NUL in the text");
	rc = reader_result(&r, fault);
	if (rc != 0)
		return rc;
	if (len > 0)
		memcpy(error.text, text, len);
	*out = error;
	return 0;
}
