/* forward.h: every message there and back, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "net/forward.h"

static void round_trip(void **state)
{
	struct buffer b;
	struct forward_message m;
	struct forward_hello hello = { .version = 1, .last_sequence = 0x1122334455667788 }, hello_back;
	struct forward_welcome welcome = { .version = 1, .last_sequence = 7, .server = id_random() }, welcome_back;
	struct forward_error error_back;
	memset(welcome.last_hash, 0xa5, sizeof welcome.last_hash);
	buffer_init(&b, FORWARD_MAX);
	assert_int_equal(forward_put_hello(&b, &hello), 0);
	assert_int_equal(forward_put_welcome(&b, &welcome), 0);
	assert_int_equal(forward_put_error(&b, FORWARD_E_FORK, "two blocks"), 0);
	assert_int_equal(forward_put(&b, FORWARD_PING, NULL, 0), 0);

	assert_int_equal(forward_next(b.data, b.len, &m, NULL), 0);
	assert_int_equal(forward_hello(&m, &hello_back, NULL), 0);
	assert_int_equal(hello_back.last_sequence, hello.last_sequence);
	buffer_consume(&b, m.size);
	assert_int_equal(forward_next(b.data, b.len, &m, NULL), 0);
	assert_int_equal(forward_welcome(&m, &welcome_back, NULL), 0);
	assert_memory_equal(welcome_back.last_hash, welcome.last_hash, HASH_SIZE);
	assert_true(id_equal(&welcome_back.server, &welcome.server));
	assert_int_equal(forward_hello(&m, &hello_back, NULL), ITM_EFORMAT);
	buffer_consume(&b, m.size);
	assert_int_equal(forward_next(b.data, b.len, &m, NULL), 0);
	assert_int_equal(forward_error(&m, &error_back, NULL), 0);
	assert_int_equal(error_back.code, FORWARD_E_FORK);
	assert_string_equal(error_back.text, "two blocks");
	buffer_consume(&b, m.size);
	assert_int_equal(forward_next(b.data, b.len, &m, NULL), 0);
	assert_int_equal(m.type, FORWARD_PING);
	assert_int_equal(m.size, b.len);
	buffer_free(&b);
}

/* A message cut anywhere is waited for, never read. */
static void truncated(void **state)
{
	struct buffer b;
	struct forward_message m;
	const struct forward_welcome welcome = { .version = 1 };
	buffer_init(&b, 1024);
	assert_int_equal(forward_put_welcome(&b, &welcome), 0);
	for (size_t n = 0; n < b.len; n++)
		assert_int_equal(forward_next(b.data, n, &m, NULL), ITM_EBUSY);
	buffer_free(&b);
}

static void refused(void **state)
{
	static const struct { uint8_t bytes[8]; size_t len; int result; } cases[] = {
		{ { 0, 0, 0, 0 }, 4, ITM_EFORMAT },                  /* nothing in it */
		{ { 1, 0, 0x80, 0 }, 4, ITM_ELIMIT },                /* FORWARD_MAX + 1, known by its length alone */
		{ { 0xff, 0xff, 0xff, 0xff }, 4, ITM_ELIMIT },
		{ { 0, 0, 0x80, 0, 4 }, 5, ITM_EBUSY },              /* FORWARD_MAX itself */
		{ { 1, 0, 0, 0, 0 }, 5, ITM_EFORMAT },               /* type 0 */
		{ { 1, 0, 0, 0, 10 }, 5, ITM_EFORMAT },              /* type after the last */
		{ { 1, 0, 0, 0, 0xff }, 5, ITM_EFORMAT },
		{ { 9, 0, 0, 0, 0x7f }, 5, ITM_EFORMAT },            /* unknown: not waited for */
		{ { 1, 0, 0, 0, 9 }, 5, 0 },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct forward_message m;
		struct fault fault = { 0 };
		int rc = forward_next(cases[i].bytes, cases[i].len, &m, &fault);
		assert_int_equal(rc, cases[i].result);
		assert_true(rc == 0 || rc == ITM_EBUSY || fault.reason != NULL);
	}
}

/* Each payload one byte short and one byte long. */
static void sizes(void **state)
{
	static const struct { enum forward_type type; size_t size; } cases[] = {
		{ FORWARD_HELLO, 18 }, { FORWARD_WELCOME, 58 },
	};
	uint8_t bytes[512] = { 0 };
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (size_t n = 0; n < cases[i].size + 3; n++) {
			struct forward_message m = { .type = cases[i].type, .payload = bytes, .len = n };
			struct forward_hello hello;
			struct forward_welcome welcome;
			int rc = m.type == FORWARD_HELLO ? forward_hello(&m, &hello, NULL) : forward_welcome(&m, &welcome, NULL);
			assert_int_equal(rc == 0, n == cases[i].size);
		}
	struct forward_error error;
	memset(bytes, 'x', sizeof bytes);
	struct forward_message m = { .type = FORWARD_ERROR, .payload = bytes, .len = 2 + 255 };
	assert_int_equal(forward_error(&m, &error, NULL), 0);
	m.len++;
	assert_int_equal(forward_error(&m, &error, NULL), ITM_ELIMIT);
	m.len = 1;
	assert_int_equal(forward_error(&m, &error, NULL), ITM_ETRUNC);
	m.len = 10;
	bytes[5] = 0;
	assert_int_equal(forward_error(&m, &error, NULL), ITM_EFORMAT);
}

static void too_large_to_send(void **state)
{
	struct buffer b;
	static uint8_t payload[FORWARD_MAX];
	buffer_init(&b, 2 * FORWARD_MAX);
	assert_int_equal(forward_put(&b, FORWARD_GROUP, payload, FORWARD_MAX), ITM_ELIMIT);
	assert_int_equal(b.len, 0);
	assert_int_equal(forward_put(&b, FORWARD_GROUP, payload, FORWARD_MAX - 1), 0);
	buffer_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip), cmocka_unit_test(truncated), cmocka_unit_test(refused), cmocka_unit_test(sizes),
		cmocka_unit_test(too_large_to_send),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
