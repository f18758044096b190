/* Files that pass by scp and SFTP, told from the bytes of both sides; hostile
 * bytes; and which program's word it takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/meta.h"
#include "itm-shell/recorder/question.h"
#include "itm-shell/recorder/transfer.h"

#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" /* FIPS 180-2, "abc" */

/* A talk: '<' is said to the program, '>' by it. */
struct said { char side; const char *data; size_t len; };
#define SAID(side, text) { side, text, sizeof text - 1 }

static struct transfer *play(const struct said *talk, size_t count, size_t piece)
{
	struct transfer *t = transfer_new();
	assert_non_null(t);
	for (size_t i = 0; i < count; i++)
		for (size_t at = 0; at < talk[i].len; at += piece) {
			size_t left = talk[i].len - at;
			transfer_put(t, talk[i].side == '>', talk[i].data + at, left < piece ? left : piece);
		}
	return t;
}

/* All notes, one after the other. */
static void collect(struct transfer *t, struct buffer *all)
{
	struct buffer note;
	buffer_init(&note, TRANSFER_NOTE_MAX);
	while (transfer_note(t, &note))
		assert_int_equal(buffer_put(all, note.data, note.len), 0);
	buffer_free(&note);
}

/* Plays the talk whole and byte by byte; each wanted line must be told. */
static void check_talk(const struct said *talk, size_t count, enum message_program program,
		       const char *const *wanted, const char *unwanted)
{
	for (size_t piece = 1; piece <= 4096; piece += 4095) {
		struct buffer all;
		struct transfer *t = play(talk, count, piece);
		buffer_init(&all, 1 << 20);
		collect(t, &all);
		assert_int_equal(all.len, 0); /* nobody has named the program */
		transfer_program(t, program, "/usr/bin/program");
		transfer_end(t);
		collect(t, &all);
		const char *text = buffer_text(&all);
		for (size_t i = 0; wanted[i] != NULL; i++)
			if (strstr(text, wanted[i]) == NULL)
				fail_msg("%s is not in:\n%s", wanted[i], text);
		if (unwanted != NULL && strstr(text, unwanted) != NULL)
			fail_msg("%s is in:\n%s", unwanted, text);
		buffer_free(&all);
		transfer_free(t);
	}
}

static void test_scp_in(void **state)
{
	static const struct said talk[] = {
		SAID('>', "\0"), SAID('<', "T1 0 1 0\n"), SAID('>', "\0"), SAID('<', "D0755 0 dir\n"), SAID('>', "\0"),
		SAID('<', "C0640 3 a b\n"), SAID('>', "\0"), SAID('<', "abc\0"), SAID('>', "\0"),
		SAID('<', "C0600 9 no\n"), SAID('>', "\1scp: no\n"), SAID('<', "E\n"), SAID('>', "\0"),
		SAID('<', "C0644 0 empty\n"), SAID('>', "\0"), SAID('<', "\0"), SAID('>', "\0"),
		SAID('<', "C0644 5 cut\n"), SAID('>', "\0"), SAID('<', "ab"),
	};
	static const char *const wanted[] = {
		"transfer=scp\nfile_program=/usr/bin/program\n",
		"file=dir/a b\nfile_mode=0640\nfile_size=3\nfile_direction=in\nfile_sha256=" ABC "\nfile_program=",
		"file=dir/no\nfile_mode=0600\nfile_size=0\n", "file_result=refused\n",
		"file=empty\nfile_mode=0644\nfile_size=0\nfile_direction=in\nfile_sha256=" EMPTY "\nfile_program=",
		"file=cut\nfile_mode=0644\nfile_size=2\n", "file_result=incomplete\n", NULL,
	};
	check_talk(talk, sizeof talk / sizeof talk[0], MESSAGE_PROGRAM_SCP, wanted, "not followed");
}

static void test_scp_out(void **state)
{
	static const struct said talk[] = {
		SAID('<', "\0"), SAID('>', "\1scp: missing: No such file\n"), SAID('>', "C0644 3 x\n"), SAID('<', "\0"),
		SAID('>', "abc\0"), SAID('<', "\0"),
	};
	/* A client that does not wait for answers hides nothing. */
	static const struct said rash[] = {
		SAID('>', "\0"), SAID('<', "C0644 3 x\nabc\0C0644 3 y\nabc\0"), SAID('>', "\0\0\0\0"),
	};
	static const char *const wanted[] = { "file=x\nfile_mode=0644\nfile_size=3\nfile_direction=out\nfile_sha256=" ABC, NULL };
	static const char *const both[] = { "file=x\n", "file=y\n", "file_direction=in\nfile_sha256=" ABC, NULL };
	check_talk(talk, sizeof talk / sizeof talk[0], MESSAGE_PROGRAM_SCP, wanted, "file_result");
	check_talk(rash, sizeof rash / sizeof rash[0], MESSAGE_PROGRAM_SCP, both, "file_result");
}

static void test_what_cannot_be_followed_is_told(void **state)
{
	static const char *const lost[] = { "transfer_files=not followed\n", NULL };
	static const char *const rsync[] = { "transfer=rsync\n", "transfer_files=not listed\n", NULL };
	static const struct said words[] = { SAID('>', "hello\n"), SAID('<', "\0\0\0") };
	static const struct said bad[] = { SAID('>', "\0"), SAID('<', "C0644 3 x\n"), SAID('>', "\0"), SAID('<', "abcd") };
	static const struct said huge[] = { SAID('>', "\0"), SAID('<', "C0644 99999999999999999999 x\n"), SAID('>', "\0") };
	static const struct said packet[] = { SAID('<', "\0\0\0\5\1\0\0\0\3"), SAID('<', "\177\377\377\377\3") };
	static const struct said sync[] = { SAID('>', "\37\0\0\0"), SAID('<', "\37\0\0\0") };
	check_talk(words, 2, MESSAGE_PROGRAM_SCP, lost, NULL);
	check_talk(bad, 4, MESSAGE_PROGRAM_SCP, lost, NULL);
	check_talk(huge, 3, MESSAGE_PROGRAM_SCP, lost, NULL);
	check_talk(packet, 2, MESSAGE_PROGRAM_SFTP, lost, NULL);
	check_talk(bad, 3, MESSAGE_PROGRAM_SFTP, lost, NULL);
	check_talk(sync, 2, MESSAGE_PROGRAM_RSYNC, rsync, NULL);
}

/* SFTP packets: a type and then what the format says: 4 u32, 8 u64, s text. */
static void packet(struct buffer *b, uint8_t type, const char *format, ...)
{
	struct buffer p;
	va_list list;
	buffer_init(&p, 65536);
	assert_int_equal(buffer_put_u8(&p, type), 0);
	va_start(list, format);
	for (; *format != '\0'; format++) {
		uint64_t v = 0;
		const char *text = NULL;
		if (*format == 's')
			v = strlen(text = va_arg(list, const char *));
		else
			v = *format == '8' ? va_arg(list, uint64_t) : va_arg(list, unsigned);
		for (int i = *format == '8' ? 7 : 3; i >= 0; i--)
			assert_int_equal(buffer_put_u8(&p, (uint8_t)(v >> 8 * i)), 0);
		if (text != NULL)
			assert_int_equal(buffer_put_text(&p, text), 0);
	}
	va_end(list);
	for (int i = 3; i >= 0; i--)
		assert_int_equal(buffer_put_u8(b, (uint8_t)(p.len >> 8 * i)), 0);
	assert_int_equal(buffer_put(b, p.data, p.len), 0);
	buffer_free(&p);
}

enum { CALLS = 32 };
struct talk { struct said said[CALLS]; struct buffer data[CALLS]; size_t count; };

static void say(struct talk *t, char side, const struct buffer *b)
{
	t->data[t->count] = *b;
	t->said[t->count++] = (struct said){ side, (const char *)b->data, b->len };
}
#define SAY(talk, side, ...) do { struct buffer b_; buffer_init(&b_, 65536); packet(&b_, __VA_ARGS__); say(talk, side, &b_); } while (0)

static void test_sftp(void **state)
{
	static struct talk t;
	static const char *const wanted[] = {
		"transfer=sftp\n",
		"file=up\nfile_mode=0640\nfile_size=3\nfile_direction=in\nfile_sha256=" ABC "\nfile_program=",
		"file=down\nfile_size=3\nfile_direction=out\nfile_sha256=" ABC "\nfile_program=",
		"file=holes\nfile_size=6\nfile_direction=in\nfile_sha256=not sequential\n",
		"file=secret\nfile_size=0\nfile_direction=out\nfile_sha256=" EMPTY "\nfile_result=refused\n",
		"file=old\nfile_to=new\nfile_operation=rename\nfile_program=",
		"file=gone\nfile_operation=remove\nfile_result=failed\n",
		"file=link\nfile_to=there\nfile_operation=symlink\n",
		"file=left\nfile_size=1\nfile_direction=in\nfile_sha256=", "file_result=incomplete\n", NULL,
	};
	memset(&t, 0, sizeof t);
	SAY(&t, '<', 1, "4", 3u);
	SAY(&t, '>', 2, "4", 3u);
	SAY(&t, '<', 3, "4s444", 1u, "up", 0x1au, 4u, 0100640u);
	SAY(&t, '>', 102, "4s", 1u, "H1");
	SAY(&t, '<', 6, "4s8s", 2u, "H1", UINT64_C(0), "ab");
	SAY(&t, '<', 6, "4s8s", 3u, "H1", UINT64_C(2), "c");
	SAY(&t, '>', 101, "44ss", 2u, 0u, "", "");
	SAY(&t, '>', 101, "44ss", 3u, 0u, "", "");
	SAY(&t, '<', 4, "4s", 4u, "H1");
	SAY(&t, '>', 101, "44ss", 4u, 0u, "", "");
	SAY(&t, '<', 3, "4s44", 5u, "down", 1u, 0u);
	SAY(&t, '>', 102, "4s", 5u, "H1");
	SAY(&t, '<', 5, "4s84", 6u, "H1", UINT64_C(0), 3u);
	SAY(&t, '<', 5, "4s84", 7u, "H1", UINT64_C(3), 3u);
	SAY(&t, '>', 103, "4s", 6u, "abc");
	SAY(&t, '>', 101, "44ss", 7u, 1u, "", "");
	SAY(&t, '<', 4, "4s", 8u, "H1");
	SAY(&t, '>', 101, "44ss", 8u, 0u, "", "");
	SAY(&t, '<', 3, "4s44", 9u, "holes", 2u, 0u);
	SAY(&t, '>', 102, "4s", 9u, "H2");
	SAY(&t, '<', 6, "4s8s", 10u, "H2", UINT64_C(100), "abc");
	SAY(&t, '<', 6, "4s8s", 11u, "H2", UINT64_C(0), "abc");
	SAY(&t, '<', 4, "4s", 12u, "H2");
	SAY(&t, '>', 101, "44ss", 12u, 0u, "", "");
	struct buffer ask, answer;
	buffer_init(&ask, 65536);
	buffer_init(&answer, 65536);
	packet(&ask, 3, "4s44", 13u, "secret", 1u, 0u);
	packet(&ask, 18, "4ss", 14u, "old", "new");
	packet(&ask, 13, "4s", 15u, "gone");
	packet(&ask, 20, "4ss", 16u, "there", "link");
	packet(&ask, 3, "4s44", 17u, "left", 2u, 0u);
	packet(&answer, 101, "44ss", 13u, 3u, "", "");
	packet(&answer, 101, "44ss", 14u, 0u, "", "");
	packet(&answer, 101, "44ss", 15u, 2u, "", "");
	packet(&answer, 101, "44ss", 16u, 0u, "", "");
	packet(&answer, 102, "4s", 17u, "H3");
	say(&t, '<', &ask);
	say(&t, '>', &answer);
	SAY(&t, '<', 6, "4s8s", 18u, "H3", UINT64_C(0), "x");
	check_talk(t.said, t.count, MESSAGE_PROGRAM_SFTP, wanted, "left_out");
	for (size_t i = 0; i < t.count; i++)
		buffer_free(&t.data[i]);
}

/* More open files, requests and names than the tables take: counted. */
static void test_sftp_is_bounded(void **state)
{
	static char name[4000];
	struct buffer in, out, all;
	struct transfer *t = transfer_new();
	memset(name, 'n', sizeof name - 1);
	transfer_put(t, 0, "\0\0\0\5\1\0\0\0\3", 9);
	for (unsigned i = 0; i < 3000; i++) {
		char handle[16];
		snprintf(handle, sizeof handle, "%u", i);
		buffer_init(&in, 65536);
		buffer_init(&out, 65536);
		packet(&in, 3, "4s44", i, name, 2u, 0u);
		packet(&out, 102, "4s", i, handle);
		transfer_put(t, 0, in.data, in.len);
		if (i < 1000)
			transfer_put(t, 1, out.data, out.len);
		buffer_free(&in);
		buffer_free(&out);
	}
	transfer_program(t, MESSAGE_PROGRAM_SFTP, "/s");
	assert_true(transfer_followed(t));
	transfer_end(t);
	buffer_init(&all, 4 << 20);
	collect(t, &all);
	const char *left = strstr(buffer_text(&all), "transfer_left_out=");
	assert_non_null(left);
	assert_true(strtoul(left + strlen("transfer_left_out="), NULL, 10) > 2500);
	buffer_free(&all);
	transfer_free(t);
}

static void test_likely(void **state)
{
	struct transfer *t = transfer_new();
	transfer_put(t, 1, "\0", 1);
	assert_true(transfer_likely(t));
	transfer_program(t, MESSAGE_PROGRAM_SCP, "/usr/bin/scp");
	assert_false(transfer_likely(t));
	assert_true(transfer_known(t));
	transfer_free(t);
	t = transfer_new();
	transfer_put(t, 1, "Linux\n", 6);
	assert_false(transfer_likely(t));
	transfer_free(t);
}

static void test_question_holds_for_a_moment(void **state)
{
	const uint64_t ms = 1000000;
	struct question q;
	question_init(&q, 1000000); /* no such descriptor: questions go nowhere */
	question_data(&q, false, false, true, 1 * ms);
	assert_int_equal(q.asked, 1);
	assert_false(question_holds(&q, 1 * ms));
	question_data(&q, true, false, true, 2 * ms);
	assert_int_equal(q.asked, 2); /* the program has spoken: at once */
	assert_true(question_holds(&q, 3 * ms));
	assert_int_equal(question_wait_ms(&q, 3 * ms), 49);
	question_tick(&q, 52 * ms);
	assert_int_equal(question_wait_ms(&q, 53 * ms), -1);
	question_init(&q, 1000000);
	question_data(&q, true, false, false, 1 * ms);
	assert_false(question_holds(&q, 1 * ms));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scp_in), cmocka_unit_test(test_scp_out),
		cmocka_unit_test(test_what_cannot_be_followed_is_told), cmocka_unit_test(test_sftp),
		cmocka_unit_test(test_sftp_is_bounded), cmocka_unit_test(test_likely),
		cmocka_unit_test(test_question_holds_for_a_moment),
	};
	return cmocka_run_group_tests_name("transfer", tests, NULL, NULL);
}
