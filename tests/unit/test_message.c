#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "local/message.h"

static const struct message_login login = {
	.pid = 4711, .uid = 1000, .loginuid = 1000, .audit_session = 3,
	.user = "alice", .service = "sshd", .rhost = "10.0.0.7", .tty = "ssh", .ruser = "",
	.ssh_connection = "10.0.0.7 50000 10.0.0.1 22", .ssh_auth = "publickey ssh-ed25519 AAAA",
};

static void set_argv(struct message_shell *m, const char *words, size_t len)
{
	memcpy(m->argv, words, len);
	m->argv_len = len;
}

typedef int (*decode_any)(const void *data, size_t len);

static int decode_login(const void *data, size_t len)
{
	struct message_login out;
	return message_decode_login(data, len, &out, NULL);
}

static int decode_shell(const void *data, size_t len)
{
	static struct message_shell out;
	return message_decode_shell(data, len, &out, NULL);
}

static int decode_start(const void *data, size_t len)
{
	struct message_start out;
	return message_decode_start(data, len, &out, NULL);
}

static int decode_words(const void *data, size_t len)
{
	uint32_t number;
	char text[64];
	return message_decode_words(data, len, MESSAGE_DECISION, &number, text, sizeof text, NULL);
}

static int decode_numbers(const void *data, size_t len)
{
	return message_decode_numbers(data, len, MESSAGE_ACK, NULL, NULL, NULL);
}

/* Whole it is taken; cut anywhere, longer by a byte, or with another type,
 * version or reserved byte it is refused. */
static void check_edges(const struct buffer *b, decode_any decode)
{
	uint8_t copy[4096];
	assert_true(b->len + 1 <= sizeof copy);
	memcpy(copy, b->data, b->len);
	copy[b->len] = 0;
	assert_int_equal(decode(copy, b->len), 0);
	for (size_t n = 0; n < b->len; n++)
		assert_int_equal(decode(copy, n), ITM_ETRUNC);
	assert_int_equal(decode(copy, b->len + 1), ITM_EFORMAT);
	for (size_t i = 0; i < 4; i++) {
		copy[i] ^= 0x40;
		assert_true(decode(copy, b->len) < 0);
		copy[i] ^= 0x40;
	}
}

static void test_login(void **state)
{
	struct buffer b;
	struct message_login out;
	buffer_init(&b, MESSAGE_MAX);
	assert_int_equal(message_encode_login(&b, MESSAGE_ANNOUNCE, &login), 0);
	assert_int_equal(message_decode_login(b.data, b.len, &out, NULL), 0);
	assert_int_equal(out.pid, login.pid);
	assert_int_equal(out.uid, login.uid);
	assert_int_equal(out.audit_session, login.audit_session);
	assert_string_equal(out.user, login.user);
	assert_string_equal(out.ssh_connection, login.ssh_connection);
	assert_string_equal(out.ssh_auth, login.ssh_auth);
	check_edges(&b, decode_login);
	b.data[4] = b.data[5] = b.data[6] = b.data[7] = 0; /* pid 0 */
	assert_int_equal(decode_login(b.data, b.len), ITM_EFORMAT);
	buffer_clear(&b);
	assert_int_equal(message_encode_login(&b, MESSAGE_SHELL, &login), ITM_EINVAL);
	assert_int_equal(b.len, 0);
	buffer_free(&b);
}

static void test_login_text_limits(void **state)
{
	struct buffer b;
	struct message_login full = login;
	memset(full.user, 'u', sizeof full.user); /* no NUL */
	buffer_init(&b, MESSAGE_MAX);
	assert_int_equal(message_encode_login(&b, MESSAGE_ANNOUNCE, &full), ITM_EINVAL);
	assert_int_equal(b.len, 0);
	full.user[sizeof full.user - 1] = '\0';
	assert_int_equal(message_encode_login(&b, MESSAGE_ANNOUNCE, &full), 0);
	assert_int_equal(decode_login(b.data, b.len), 0);
	b.data[20 + 2] = '\0'; /* first byte of the user */
	assert_int_equal(decode_login(b.data, b.len), ITM_EFORMAT);
	buffer_free(&b);
}

static void test_shell(void **state)
{
	static struct message_shell in = { .tty_mask = 7, .login_shell = true, .session_leader = true, .term = "xterm" };
	static struct message_shell out;
	struct buffer b;
	set_argv(&in, "-bash\0-c\0id", 12);
	buffer_init(&b, MESSAGE_MAX);
	assert_int_equal(message_encode_shell(&b, &in), 0);
	assert_int_equal(message_decode_shell(b.data, b.len, &out, NULL), 0);
	assert_int_equal(out.tty_mask, 7);
	assert_true(out.login_shell && out.session_leader);
	assert_string_equal(out.term, "xterm");
	assert_int_equal(out.argv_len, 12);
	assert_memory_equal(out.argv, "-bash\0-c\0id", 12);
	check_edges(&b, decode_shell);
	b.data[b.len - 1] = 'x'; /* argv without its end */
	assert_int_equal(decode_shell(b.data, b.len), ITM_EFORMAT);
	b.data[b.len - 1] = '\0';
	b.data[4] = 8;
	assert_int_equal(decode_shell(b.data, b.len), ITM_EFORMAT);
	in.argv_len = sizeof in.argv + 1;
	assert_int_equal(message_encode_shell(&b, &in), ITM_EINVAL);
	memset(in.argv, 'a', sizeof in.argv);
	in.argv[sizeof in.argv - 1] = '\0';
	in.argv_len = sizeof in.argv;
	buffer_clear(&b);
	assert_int_equal(message_encode_shell(&b, &in), 0);
	assert_int_equal(decode_shell(b.data, b.len), 0);
	buffer_free(&b);
}

static void test_start(void **state)
{
	struct message_start in = { .mode = MESSAGE_PIPE, .stream = { { 1, 2, 3 } }, .shell = "/bin/bash",
				    .notice = "recorded" };
	struct message_start out;
	struct buffer b;
	buffer_init(&b, MESSAGE_MAX);
	assert_int_equal(message_encode_start(&b, &in), 0);
	assert_int_equal(message_decode_start(b.data, b.len, &out, NULL), 0);
	assert_int_equal(out.mode, MESSAGE_PIPE);
	assert_true(id_equal(&out.stream, &in.stream));
	assert_string_equal(out.shell, "/bin/bash");
	assert_string_equal(out.notice, "recorded");
	check_edges(&b, decode_start);
	b.data[4] = MESSAGE_PIPE + 1;
	assert_int_equal(decode_start(b.data, b.len), ITM_EFORMAT);
	buffer_free(&b);
}

static void test_words_and_numbers(void **state)
{
	struct buffer b;
	uint32_t number;
	uint64_t a, c;
	char text[64], small[4] = "ok";
	buffer_init(&b, MESSAGE_MAX);
	assert_int_equal(message_encode_words(&b, MESSAGE_DECISION, 1, "because"), 0);
	assert_int_equal(message_decode_words(b.data, b.len, MESSAGE_DECISION, &number, text, sizeof text, NULL), 0);
	assert_int_equal(number, 1);
	assert_string_equal(text, "because");
	assert_int_equal(message_decode_words(b.data, b.len, MESSAGE_DECISION, &number, small, sizeof small, NULL),
			 ITM_ELIMIT);
	assert_string_equal(small, "ok");
	check_edges(&b, decode_words);
	buffer_clear(&b);
	assert_int_equal(message_encode_numbers(&b, MESSAGE_ACK, UINT64_MAX, 7), 0);
	assert_int_equal(message_decode_numbers(b.data, b.len, MESSAGE_ACK, &a, &c, NULL), 0);
	assert_true(a == UINT64_MAX && c == 7);
	check_edges(&b, decode_numbers);
	assert_int_equal(message_encode_numbers(&b, MESSAGE_SHELL, 1, 1), ITM_EINVAL);
	buffer_free(&b);
}

static void test_bytes(void **state)
{
	struct buffer b;
	const uint8_t *payload;
	size_t len;
	enum message_type type;
	buffer_init(&b, MESSAGE_MAX + 16);
	assert_int_equal(message_encode_bytes(&b, MESSAGE_FRAME, "abc", 3), 0);
	assert_int_equal(message_decode_bytes(b.data, b.len, MESSAGE_FRAME, &payload, &len, NULL), 0);
	assert_int_equal(len, 3);
	assert_memory_equal(payload, "abc", 3);
	assert_int_equal(message_decode_bytes(b.data, b.len, MESSAGE_RECEIPTS, &payload, &len, NULL), ITM_EFORMAT);
	assert_int_equal(message_type_of(b.data, b.len, &type), 0);
	assert_int_equal(type, MESSAGE_FRAME);
	b.data[0] = 99;
	assert_int_equal(message_type_of(b.data, b.len, &type), ITM_EVERSION);
	assert_int_equal(message_type_of(b.data, 3, &type), ITM_ETRUNC);
	static const uint8_t big[MESSAGE_MAX];
	assert_int_equal(message_encode_bytes(&b, MESSAGE_FRAME, big, sizeof big), ITM_ELIMIT);
	buffer_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_login), cmocka_unit_test(test_login_text_limits),
		cmocka_unit_test(test_shell), cmocka_unit_test(test_start),
		cmocka_unit_test(test_words_and_numbers), cmocka_unit_test(test_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
