/* What the process monitor writes: every field there and back, what a newer
 * writer may add, what is refused; and records of the ring that lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/watchd/describe.h"
#include "format/activity.h"

static const enum activity_tag byte_tags[] = {
	ACTIVITY_SESSION, ACTIVITY_EXE, ACTIVITY_SCRIPT, ACTIVITY_CWD, ACTIVITY_ARGUMENTS, ACTIVITY_COMM,
	ACTIVITY_PARENT_COMM, ACTIVITY_FD0, ACTIVITY_FD1, ACTIVITY_FD2, ACTIVITY_PARENT_FD0, ACTIVITY_PARENT_FD1,
	ACTIVITY_PARENT_FD2, ACTIVITY_ADDRESS, ACTIVITY_LEVEL_NAME, ACTIVITY_REASON, ACTIVITY_PATH,
		ACTIVITY_BEFORE_SHA256, ACTIVITY_AFTER_SHA256, ACTIVITY_BEFORE_TEXT, ACTIVITY_AFTER_TEXT,
};

static bool is_byte_tag(unsigned tag)
{
	for (size_t i = 0; i < sizeof byte_tags / sizeof byte_tags[0]; i++)
		if (byte_tags[i] == tag)
			return true;
	return false;
}

static void test_every_field_comes_back(void **state)
{
	static const char text[] = "\0\033 bytes \xff";
	struct activity_event e = { .kind = ACTIVITY_SEEN }, got;
	struct buffer b;

	for (unsigned tag = 1; tag < ACTIVITY_TAGS; tag++)
		if (is_byte_tag(tag))
			activity_set_bytes(&e, (enum activity_tag)tag, text, 1 + tag % (sizeof text - 1));
		else
			e.number[tag] = tag % 2 ? UINT64_MAX - tag : tag;
	buffer_init(&b, 65536);
	assert_int_equal(activity_put(&b, &e), 0);
	assert_int_equal(activity_decode(b.data, b.len, &got, NULL), 0);
	assert_int_equal(got.kind, ACTIVITY_SEEN);
	for (unsigned tag = 1; tag < ACTIVITY_TAGS; tag++) {
		assert_int_equal(got.number[tag], e.number[tag]);
		assert_int_equal(got.bytes[tag] != NULL, is_byte_tag(tag));
		if (is_byte_tag(tag))
			assert_memory_equal(got.bytes[tag], e.bytes[tag], e.number[tag]);
	}
	/* Cut anywhere it is refused, or is shorter by whole fields. */
	for (size_t len = 0; len < b.len; len++) {
		uint8_t *part = malloc(len + 1); /* so that sanitizers see a read past it */
		memcpy(part, b.data, len);
		uint8_t *exact = realloc(part, len != 0 ? len : 1);
		(void)activity_decode(exact, len, &got, NULL);
		free(exact);
	}
	buffer_free(&b);
}

static void test_every_kind_has_a_name(void **state)
{
	for (unsigned kind = ACTIVITY_EXEC; kind <= ACTIVITY_FILE_COUNTS; kind++)
		assert_non_null(activity_name((enum activity_kind)kind));
	assert_null(activity_name((enum activity_kind)0));
	assert_null(activity_name((enum activity_kind)(ACTIVITY_FILE_COUNTS + 1)));
}

/* tag << 1 | is_bytes, as one varint of two bytes */
#define HIGH(key) (0x80 | ((key) & 0x7f)), ((key) >> 7)

static void test_decode(void **state)
{
	static const struct { const char *what; uint8_t data[16]; size_t len; int want; /* or ITM_ETRUNC */ } table[] = {
		{ "kind only", { 1 }, 1, 0 },
		{ "unknown kind", { 99 }, 1, 0 },
		{ "a field", { 1, ACTIVITY_PID << 1, 7 }, 3, 0 },
		{ "unknown number", { 1, ACTIVITY_PID << 1, 7, HIGH(1000 << 1), 5 }, 6, 0 },
		{ "unknown bytes", { 1, ACTIVITY_PID << 1, 7, HIGH(1000 << 1 | 1), 2, 'a', 'b' }, 8, 0 },
		{ "nothing", { 0 }, 0, ITM_EFORMAT },
		{ "kind 0", { 0 }, 1, ITM_EFORMAT },
		/* 2^32 + 1: EXEC to who cuts it to 32 bits */
		{ "kind too large", { 0x81, 0x80, 0x80, 0x80, 0x10 }, 5, ITM_EFORMAT },
		{ "no value", { 1, ACTIVITY_PID << 1 }, 2, ITM_EFORMAT },
		{ "value 0", { 1, ACTIVITY_PID << 1, 0 }, 3, ITM_EFORMAT },
		{ "tag 0", { 1, 0, 5 }, 3, ITM_EFORMAT },
		{ "twice", { 1, ACTIVITY_PID << 1, 7, ACTIVITY_PID << 1, 7 }, 5, ITM_EFORMAT },
		{ "falling", { 1, ACTIVITY_START << 1, 7, ACTIVITY_PID << 1, 7 }, 5, ITM_EFORMAT },
		{ "number as bytes", { 1, ACTIVITY_PID << 1 | 1, 1, 'x' }, 4, ITM_EFORMAT },
		{ "bytes as number", { 1, ACTIVITY_EXE << 1, 4 }, 3, ITM_EFORMAT },
		{ "bytes past the end", { 1, ACTIVITY_EXE << 1 | 1, 4, 'a', 'b', 'c' }, 6, ITM_EFORMAT },
		{ "unknown bytes past the end", { 1, HIGH(1000 << 1 | 1), 100, 'a' }, 5, ITM_EFORMAT },
		{ "padded varint", { 1, ACTIVITY_PID << 1, 0x87, 0 }, 4, ITM_EFORMAT },
	};
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct activity_event e;
		uint8_t *exact = malloc(table[i].len + 1);
		memcpy(exact, table[i].data, table[i].len);
		int got = activity_decode(exact, table[i].len, &e, NULL);
		free(exact);
		if (got != table[i].want && (table[i].want == 0 || got != ITM_ETRUNC))
			fail_msg("%s: %d, not %d", table[i].what, got, table[i].want);
	}
}

static void test_limits(void **state)
{
	struct activity_event e = { .kind = ACTIVITY_ARGV };
	uint8_t *large = calloc(1, ACTIVITY_EVENT_MAX);
	struct buffer b;

	buffer_init(&b, 1 << 20);
	assert_int_equal(buffer_put_u8(&b, 'x'), 0);
	activity_set_bytes(&e, ACTIVITY_ARGUMENTS, large, ACTIVITY_EVENT_MAX);
	assert_int_equal(activity_put(&b, &e), ITM_ELIMIT);
	assert_int_equal(b.len, 1);
	activity_set_bytes(&e, ACTIVITY_ARGUMENTS, large, ACTIVITY_EVENT_MAX - 5);
	assert_int_equal(activity_put(&b, &e), 0);
	free(large);
	buffer_free(&b);
}

static void test_descriptors(void **state)
{
	struct activity_fd fd = { .mode = 0140777, .device = 0x88 << 20 | 3, .inode = UINT64_C(0x1122334455667788), .family = 10,
				  .state = 1, .port = 443, .local_port = 40000, .address = { 0x20, 1, 0xd, 0xb8, [15] = 9 } };
	struct activity_event e = { 0 };
	struct activity_fd got;
	uint8_t bytes[ACTIVITY_FD_SIZE];

	activity_fd_put(&fd, bytes);
	activity_set_bytes(&e, ACTIVITY_FD1, bytes, sizeof bytes);
	assert_true(activity_fd_get(&e, ACTIVITY_FD1, &got));
	assert_memory_equal(&got, &fd, sizeof fd);
	assert_false(activity_fd_get(&e, ACTIVITY_FD0, &got));
	activity_set_bytes(&e, ACTIVITY_FD1, bytes, sizeof bytes - 1);
	assert_false(activity_fd_get(&e, ACTIVITY_FD1, &got));
}

/* ---- records of the ring ---- */

static const struct { enum probe_type type; uint32_t fixed; } shapes[] = {
	{ PROBE_EXEC, sizeof(struct probe_exec) }, { PROBE_ARGV, sizeof(struct probe_argv) },
	{ PROBE_FORK, sizeof(struct probe_fork) }, { PROBE_EXIT, sizeof(struct probe_exit) },
	{ PROBE_CONNECT, sizeof(struct probe_socket) }, { PROBE_LISTEN, sizeof(struct probe_socket) },
	{ PROBE_SEEN, sizeof(struct probe_exec) },
};

static void test_sizes_are_not_believed(void **state)
{
	struct describe_fds fds;
	struct activity_event e;

	for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
		for (uint32_t size = sizeof(struct probe_head); size <= shapes[i].fixed + 1; size++) {
			struct probe_head *h = calloc(1, size);
			h->type = shapes[i].type;
			h->size = size;
			assert_int_equal(describe_record(h, &fds, &e), size == shapes[i].fixed ? 0 : ITM_EFORMAT);
			free(h);
		}
	for (uint32_t type = 0; type < 2 * PROBE_TYPES; type++) {
		struct probe_head h = { .type = type, .size = sizeof h };
		assert_int_equal(describe_record(&h, &fds, &e), ITM_EFORMAT);
		h.size = 3;
		assert_int_equal(describe_record(&h, &fds, &e), ITM_EFORMAT);
	}
}

static void test_lengths_inside_are_not_believed(void **state)
{
	static const struct { const char *what; uint32_t exe, cwd, argv; int want; } table[] = {
		{ "as it is", 8, 4, 20, 0 },
		{ "one longer", 9, 4, 20, ITM_EFORMAT },
		{ "one shorter", 8, 3, 20, ITM_EFORMAT },
		{ "all of 4 GiB", UINT32_MAX, 0, 0, ITM_EFORMAT },
		{ "they overflow to the right sum", UINT32_MAX, 13, 20, ITM_EFORMAT },
		{ "shifted", 0, 0, 32, 0 },
	};
	struct { struct probe_exec x; char text[32]; } r = { .x.head = { .type = PROBE_EXEC, .size = sizeof r } };
	struct describe_fds fds;
	struct activity_event e;

	memcpy(r.text, "/bin/cat" "/tmp" "cat\0-\0here\0............", sizeof r.text);
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		r.x.exe_len = table[i].exe;
		r.x.cwd_len = table[i].cwd;
		r.x.argv_len = table[i].argv;
		if (describe_record(&r.x.head, &fds, &e) != table[i].want)
			fail_msg("%s", table[i].what);
	}
	r.x.exe_len = 8;
	r.x.cwd_len = 4;
	r.x.argv_len = 20;
	memset(r.x.comm, 'c', sizeof r.x.comm);       /* without a NUL */
	memset(r.x.script, 's', sizeof r.x.script);
	assert_int_equal(describe_record(&r.x.head, &fds, &e), 0);
	assert_int_equal(e.number[ACTIVITY_EXE], 8);
	assert_memory_equal(e.bytes[ACTIVITY_CWD], "/tmp", 4);
	assert_memory_equal(e.bytes[ACTIVITY_ARGUMENTS], "cat\0-\0", 6);
	assert_int_equal(e.number[ACTIVITY_COMM], PROBE_COMM);
	assert_int_equal(e.number[ACTIVITY_SCRIPT], PROBE_SCRIPT_MAX);

	struct { struct probe_argv a; char text[8]; } a = { .a = { .head = { .type = PROBE_ARGV, .size = sizeof a }, .len = 8 } };
	assert_int_equal(describe_record(&a.a.head, &fds, &e), 0);
	a.a.len = UINT32_MAX;
	assert_int_equal(describe_record(&a.a.head, &fds, &e), ITM_EFORMAT);
}

static void test_what_is_unset_is_left_out(void **state)
{
	struct probe_fork f = { .head = { .type = PROBE_FORK, .size = sizeof f, .pid = 5, .loginuid = UINT32_MAX, .audit_session = 0 } };
	struct describe_fds fds;
	struct activity_event e;

	assert_int_equal(describe_record(&f.head, &fds, &e), 0);
	assert_int_equal(e.number[ACTIVITY_LOGINUID], 0);
	assert_int_equal(e.number[ACTIVITY_AUDIT_SESSION], 1); /* session 0, plus 1 */
	assert_null(e.bytes[ACTIVITY_SESSION]);
	f.head.session[3] = 1;
	assert_int_equal(describe_record(&f.head, &fds, &e), 0);
	assert_int_equal(e.number[ACTIVITY_SESSION], PROBE_SESSION);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_field_comes_back),
		cmocka_unit_test(test_every_kind_has_a_name),
		cmocka_unit_test(test_decode),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_sizes_are_not_believed),
		cmocka_unit_test(test_lengths_inside_are_not_believed),
		cmocka_unit_test(test_what_is_unset_is_left_out),
	};
	return cmocka_run_group_tests_name("activity", tests, NULL, NULL);
}
