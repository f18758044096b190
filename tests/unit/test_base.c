/* base: bounded buffers, readers, ids, times, JSON text, configuration. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/crc32c.h"
#include "base/error.h"
#include "base/fdpass.h"
#include "base/hash.h"
#include "base/id.h"
#include "base/json.h"
#include "base/reader.h"

static void buffer_keeps_its_limit(void **state)
{
	struct buffer b;
	buffer_init(&b, 10);
	assert_int_equal(buffer_put(&b, "12345678", 8), 0);
	assert_int_equal(buffer_put(&b, "abc", 3), ITM_ELIMIT);
	assert_int_equal(b.len, 8);
	assert_int_equal(buffer_put(&b, "ab", 2), 0);
	assert_int_equal(buffer_put_u8(&b, 1), ITM_ELIMIT);
	assert_int_equal(buffer_reserve(&b, SIZE_MAX), ITM_ELIMIT);
	buffer_consume(&b, 8);
	assert_memory_equal(b.data, "ab", 2);
	assert_int_equal(b.len, 2);
	buffer_free(&b);
}

static void varints_round_trip(void **state)
{
	static const uint64_t values[] = { 0, 1, 127, 128, 16383, 16384, UINT32_MAX, UINT64_MAX - 1, UINT64_MAX };
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		struct buffer b;
		struct reader r;
		buffer_init(&b, 16);
		assert_int_equal(buffer_put_varint(&b, values[i]), 0);
		reader_init(&r, b.data, b.len);
		assert_true(reader_varint(&r) == values[i]);
		reader_end(&r);
		assert_int_equal(reader_result(&r, NULL), 0);
		buffer_free(&b);
	}
}

static void varints_have_one_form(void **state)
{
	static const struct { const char *bytes; size_t len; int code; } bad[] = {
		{ "\x80", 1, ITM_ETRUNC },
		{ "\x80\x00", 2, ITM_EFORMAT },
		{ "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10, ITM_EFORMAT },
		{ "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11, ITM_EFORMAT },
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct reader r;
		struct fault fault;
		reader_init(&r, bad[i].bytes, bad[i].len);
		assert_true(reader_varint(&r) == 0);
		assert_int_equal(reader_result(&r, &fault), bad[i].code);
		assert_non_null(fault.reason);
	}
}

static void reader_error_sticks(void **state)
{
	struct reader r;
	struct fault fault;
	reader_init(&r, "\x01\x02\x03", 3);
	assert_int_equal(reader_u16(&r), 0x0201);
	assert_int_equal(reader_u32(&r), 0);
	assert_int_equal(reader_u8(&r), 0);
	assert_int_equal(reader_result(&r, &fault), ITM_ETRUNC);
	assert_int_equal(fault.offset, 2);
}

static void crc32c_vectors(void **state)
{
	uint8_t zeros[32] = { 0 }, rising[32];
	for (int i = 0; i < 32; i++)
		rising[i] = (uint8_t)i;
	/* RFC 3720 appendix B.4 */
	assert_true(crc32c_update(0, zeros, 32) == 0x8a9136aa);
	assert_true(crc32c_update(0, rising, 32) == 0x46dd794e);
	assert_true(crc32c_update(crc32c_update(0, rising, 7), rising + 7, 25) == 0x46dd794e);
}

static void sha256_vector(void **state)
{
	/* FIPS 180-4 example "abc" */
	static const uint8_t want[4] = { 0xba, 0x78, 0x16, 0xbf };
	uint8_t out[HASH_SIZE];
	hash_parts("a", 1, "b", 1, "c", 1, out);
	assert_memory_equal(out, want, 4);
}

static void ids_print_and_parse(void **state)
{
	char text[ID_TEXT_SIZE];
	struct id id, back;
	for (int i = 0; i < 1000; i++) {
		id = id_random();
		id_format(&id, text);
		assert_int_equal(strlen(text), 26);
		assert_int_equal(id_parse(text, &back), 0);
		assert_true(id_equal(&id, &back));
	}
	memset(&id, 0xff, sizeof id);
	id_format(&id, text);
	assert_string_equal(text, "7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
	assert_int_equal(id_parse("7zzzzzzzzzzzzzzzzzzzzzzzzz", &back), 0);
	static const char *const bad[] = { "", "7ZZZ", "8ZZZZZZZZZZZZZZZZZZZZZZZZZ", "7ZZZZZZZZZZZZZZZZZZZZZZZZU",
					   "7ZZZZZZZZZZZZZZZZZZZZZZZZZZ", "../../../../../../../../..", NULL };
	for (size_t i = 0; bad[i] != NULL; i++)
		assert_int_equal(id_parse(bad[i], &back), ITM_EFORMAT);
}

static void times_print_and_parse(void **state)
{
	static const struct { const char *text; int64_t ns; } good[] = {
		{ "1970-01-01", 0 },
		{ "2026-11-23T18:00:05.123Z", 1795456805123000000 },
		{ "2026-11-23 18:00", 1795456800000000000 },
		{ "2024-02-29", 1709164800000000000 },
	};
	static const char *const bad[] = { "", "2026", "2026-13-01", "2023-02-29", "2026-11-23T25:00", "2026-11-23T18", "2026-11-23x", "99999-01-01", NULL };
	char text[CLOCK_TEXT_SIZE];
	int64_t ns;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		assert_int_equal(clock_parse(good[i].text, &ns), 0);
		assert_true(ns == good[i].ns);
	}
	for (size_t i = 0; bad[i] != NULL; i++)
		assert_int_equal(clock_parse(bad[i], &ns), ITM_EFORMAT);
	clock_format(1795456805123000000, text);
	assert_string_equal(text, "2026-11-23T18:00:05.123Z");
	clock_format(INT64_MIN, text);
	clock_format(INT64_MAX, text);
}

static void json_escapes(void **state)
{
	struct buffer b;
	struct json j;
	buffer_init(&b, 4096);
	json_init(&j, &b);
	json_object(&j);
	json_key(&j, "a\"b");
	json_bytes(&j, "x\x1b[31m\n\xff\xc3\xa9\xed\xa0\x80", 13);
	json_key(&j, "n");
	json_array(&j);
	json_int(&j, -5);
	json_seconds(&j, 1500000);
	json_null(&j);
	json_bool(&j, true);
	json_array_end(&j);
	json_object_end(&j);
	assert_int_equal(json_result(&j), 0);
	assert_string_equal(buffer_text(&b),
		"{\"a\\\"b\":\"x\\u001b[31m\\u000a\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\",\"n\":[-5,1.500000,null,true]}");
	buffer_free(&b);
}

struct sample { char text[16], list[32]; uint64_t number, size, wait; bool flag; int word; };
static const char *const words[] = { "red", "blue", NULL };
static const struct config_key sample_keys[] = {
	{ .name = "text", .type = CONFIG_TEXT, .offset = offsetof(struct sample, text), .size = 16 },
	{ .name = "list", .type = CONFIG_LIST, .offset = offsetof(struct sample, list), .size = 32 },
	{ .name = "number", .type = CONFIG_NUMBER, .offset = offsetof(struct sample, number), .min = 1, .max = 10 },
	{ .name = "size", .type = CONFIG_SIZE, .offset = offsetof(struct sample, size) },
	{ .name = "wait", .type = CONFIG_DURATION, .offset = offsetof(struct sample, wait) },
	{ .name = "flag", .type = CONFIG_BOOL, .offset = offsetof(struct sample, flag) },
	{ .name = "word", .type = CONFIG_WORD, .offset = offsetof(struct sample, word), .words = words },
	{ .name = NULL },
};

static void config_reads(void **state)
{
	static const char text[] = "# comment\n\n text =  a b \nlist=x\nlist = y\nnumber=7\nsize = 2M\nwait = 250ms\nflag = on\nword=blue";
	struct sample s = { .number = 3 };
	char error[CONFIG_ERROR_SIZE];
	assert_int_equal(config_parse("t", text, strlen(text), sample_keys, &s, sizeof s, error), 0);
	assert_string_equal(s.text, "a b");
	assert_string_equal(s.list, "x y");
	assert_true(s.number == 7 && s.size == 2 << 20 && s.wait == 250 && s.flag && s.word == 1);
}

static void config_refuses(void **state)
{
	static const struct { const char *text, *where; } bad[] = {
		{ "number = 7\nnumber = 11\n", "t:2:" }, { "colour = red\n", "t:1:" }, { "number\n", "t:1:" },
		{ "\n\nsize = 5x\n", "t:3:" }, { "flag = maybe\n", "t:1:" }, { "word = green\n", "t:1:" },
		{ "text = this is much too long for it\n", "t:1:" }, { "size = 99999999999999999999\n", "t:1:" },
		{ "size = 18446744073709551615K\n", "t:1:" }, { "number = -1\n", "t:1:" },
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct sample s = { .number = 3 }, before = s;
		char error[CONFIG_ERROR_SIZE] = "";
		assert_int_equal(config_parse("t", bad[i].text, strlen(bad[i].text), sample_keys, &s, sizeof s, error), ITM_EFORMAT);
		assert_non_null(strstr(error, bad[i].where));
		assert_memory_equal(&s, &before, sizeof s);
	}
}

static void fdpass_carries_descriptors(void **state)
{
	int pair[2], pipe_fds[2], got[4];
	size_t count = 4;
	char data[8];
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	assert_int_equal(pipe(pipe_fds), 0);
	assert_int_equal(fdpass_send(pair[0], "hi", 2, pipe_fds, 2), 0);
	assert_int_equal(fdpass_recv(pair[1], data, sizeof data, got, &count), 2);
	assert_int_equal(count, 2);
	assert_int_equal(write(got[1], "x", 1), 1);
	assert_int_equal(read(pipe_fds[0], data, 1), 1);
	close(got[0]);
	close(got[1]);
	/* More descriptors than the receiver has room for: refused, none leaked. */
	int before = dup(0);
	close(before);
	assert_int_equal(fdpass_send(pair[0], "hi", 2, pipe_fds, 2), 0);
	count = 1;
	assert_int_equal(fdpass_recv(pair[1], data, sizeof data, got, &count), ITM_ELIMIT);
	int after = dup(0);
	assert_int_equal(before, after);
	close(after);
	/* A message larger than the room. */
	assert_int_equal(fdpass_send(pair[0], "123456789", 9, NULL, 0), 0);
	assert_int_equal(fdpass_recv(pair[1], data, sizeof data, NULL, NULL), ITM_ELIMIT);
	close(pair[0]);
	assert_int_equal(fdpass_recv(pair[1], data, sizeof data, NULL, NULL), ITM_ECLOSED);
	close(pair[1]);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buffer_keeps_its_limit), cmocka_unit_test(varints_round_trip),
		cmocka_unit_test(varints_have_one_form), cmocka_unit_test(reader_error_sticks),
		cmocka_unit_test(crc32c_vectors), cmocka_unit_test(sha256_vector),
		cmocka_unit_test(ids_print_and_parse), cmocka_unit_test(times_print_and_parse),
		cmocka_unit_test(json_escapes), cmocka_unit_test(config_reads), cmocka_unit_test(config_refuses),
		cmocka_unit_test(fdpass_carries_descriptors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
