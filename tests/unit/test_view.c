/* Option tables, times, the safe filter, and golden files of each export.
 * GENERATE=1 writes the golden files anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/atomicfile.h"
#include "base/error.h"
#include "tests/unit/fakesource.h"
#include "view/notes.h"
#include "view/options.h"
#include "view/safe.h"
#include "view/sink.h"
#include "view/table.h"
#include "view/when.h"

static void offsets_are_read(void **state)
{
	static const struct { const char *text; uint64_t ms; } good[] = {
		{ "0", 0 }, { "90", 90000 }, { "90.5", 90500 }, { "1:30", 90000 }, { "1:30.25", 90250 },
		{ "2:01:30", 7290000 }, { "1m30s", 90000 }, { "1h", 3600000 }, { "2d1h", 176400000 },
		{ "500ms", 500 }, { "1.5h", 5400000 }, { "150:00:00", 540000000 },
	};
	static const char *const bad[] = {
		"", "x", "-1", "1:60", "1:2:3:4", "1m2h", "1s1s", "99999999999999999999", "1:", ":1", "1 ", "h", "5q",
		"1ms2", "9999999999999d",
	};
	uint64_t ms;
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		ms = 1;
		if (when_parse_offset(good[i].text, &ms) != 0 || ms != good[i].ms)
			fail_msg("%s: %llu", good[i].text, (unsigned long long)ms);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (when_parse_offset(bad[i], &ms) != ITM_EFORMAT)
			fail_msg("taken: %s", bad[i]);
}

static void wall_times_become_offsets(void **state)
{
	char text[WHEN_TEXT_SIZE];
	uint64_t ms = 1;

	assert_int_equal(when_parse("2026-11-23T18:00:05Z", FAKESOURCE_START, &ms), 0);
	assert_int_equal(ms, 5000);
	assert_int_equal(when_parse("2026-11-23 17:00", FAKESOURCE_START, &ms), 0);
	assert_int_equal(ms, 0);
	assert_int_equal(when_parse("yesterday", FAKESOURCE_START, &ms), ITM_EFORMAT);
	when_format_wall(FAKESOURCE_START, text);
	assert_string_equal(text, "2026-11-23 18:00:00");
	when_format_offset(540000000, text);
	assert_string_equal(text, "150:00:00");
}

/* Names and reasons come from the host: nothing of them acts on a terminal. */
static void host_events_are_lines(void **state)
{
	static const struct { const char *note, *line; } table[] = {
		{ "event=login-opened\nuser=alice\nservice=sshd\nrhost=192.0.2.7\n", "login-opened alice: service sshd, rhost 192.0.2.7" },
		{ "event=agent-stopped\n", "agent-stopped" },
		{ "event=x\033[2J\nuser=a\033]0;b\007\nreason=c\033d\n", "x\\x1b[2J a\\x1b]0;b\\x07: c\\x1bd" },
		{ "file=notes\nfile_size=3\n", NULL }, { "", NULL }, { "event=\n", NULL }, { "no key", NULL },
	};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct record_event e = { .kind = RECORD_NOTE, .data = (const uint8_t *)table[i].note, .len = strlen(table[i].note) };
		struct buffer out;
		buffer_init(&out, 4096);
		int r = notes_line(&e, FAKESOURCE_START, &out);
		assert_int_equal(r, table[i].line != NULL ? 0 : ITM_ENOENT);
		if (r == 0)
			assert_string_equal(buffer_text(&out), table[i].line);
		buffer_free(&out);
	}
}

struct test_options { bool flag; const char *text; uint64_t number; };
static const struct options_entry test_entries[] = {
	{ "flag", 'f', NULL, OPTIONS_FLAG, offsetof(struct test_options, flag), 0, 0, "a flag" },
	{ "text", 't', "TEXT", OPTIONS_TEXT, offsetof(struct test_options, text), 0, 0, "a text" },
	{ "number", 0, "N", OPTIONS_NUMBER, offsetof(struct test_options, number), 1, 100, "a number" },
	{ 0 },
};
static const struct options_command test_command = {
	.name = "prog", .operands = "A [B]", .operands_min = 1, .operands_max = 2, .summary = "Do it.",
	.entries = test_entries,
};

/* words: space-separated arguments. */
static int parse(const char *words, struct test_options *o, char *operands, size_t size)
{
	char copy[256], error[OPTIONS_ERROR_SIZE] = "", *argv[16], *save = NULL, *word;
	static char name[] = "prog";
	int argc = 1, i, r;

	snprintf(copy, sizeof(copy), "%s", words);
	argv[0] = name;
	for (word = strtok_r(copy, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save))
		argv[argc++] = word;
	*o = (struct test_options){ 0 };
	r = options_parse(&test_command, &argc, argv, o, error);
	operands[0] = '\0';
	for (i = 0; r == 0 && i < argc; i++)
		snprintf(operands + strlen(operands), size - strlen(operands), "%s%s", i ? "," : "", argv[i]);
	if (r == ITM_EINVAL)
		assert_non_null(strstr(error, "; see 'prog --help'"));
	/* Texts borrow from copy: compare here. */
	if (o->text != NULL)
		assert_string_equal(o->text, "value");
	return r;
}

static void options_are_parsed(void **state)
{
	static const char *const refused[] = {
		"", "a b c", "--nope a", "-x a", "--flag=1 a", "a --text", "a -t", "--number 0 a", "--number 101 a",
		"--number x a", "--number=18446744073709551617 a", "--tex value a", "--number= a",
	};
	struct test_options o;
	char operands[64];
	size_t i;

	assert_int_equal(parse("a --flag b", &o, operands, sizeof(operands)), 0);
	assert_true(o.flag);
	assert_string_equal(operands, "a,b");
	assert_int_equal(parse("-ftvalue a", &o, operands, sizeof(operands)), 0);
	assert_true(o.flag && o.text != NULL);
	assert_int_equal(parse("--text=value --number 100 -- -f --flag", &o, operands, sizeof(operands)), 0);
	assert_int_equal(o.number, 100);
	assert_false(o.flag);
	assert_string_equal(operands, "-f,--flag");
	assert_int_equal(parse("-", &o, operands, sizeof(operands)), 0);
	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (parse(refused[i], &o, operands, sizeof(operands)) != ITM_EINVAL)
			fail_msg("taken: %s", refused[i]);
}

static void help_lists_each_option(void **state)
{
	struct buffer out;
	const char *text;

	buffer_init(&out, 4096);
	assert_int_equal(options_help(&test_command, &out), 0);
	text = buffer_text(&out);
	assert_non_null(strstr(text, "usage: prog [options] A [B]\n"));
	assert_non_null(strstr(text, "  -f, --flag "));
	assert_non_null(strstr(text, "  -t, --text TEXT "));
	assert_non_null(strstr(text, "      --number N "));
	assert_non_null(strstr(text, "      --help "));
	buffer_free(&out);
}

/* Bytes in, bytes out; the same when they come one at a time. */
static void check_safe(const char *in, size_t in_len, const char *expected)
{
	struct buffer out;
	struct safe whole = { 0 }, single = { 0 };
	size_t i;

	buffer_init(&out, 4096);
	assert_int_equal(safe_put(&whole, in, in_len, &out), 0);
	assert_string_equal(buffer_text(&out), expected);
	buffer_clear(&out);
	for (i = 0; i < in_len; i++)
		assert_int_equal(safe_put(&single, in + i, 1, &out), 0);
	assert_string_equal(buffer_text(&out), expected);
	buffer_free(&out);
}

static void safe_takes_out_what_acts(void **state)
{
	static const struct { const char *in, *out; } cases[] = {
		{ "plain\r\n\t\b", "plain\r\n\t\b" },
		{ "\033[1;38;5;9mred\033[m", "\033[1;38;5;9mred\033[m" },
		{ "\033[2J\033[H\033[3;4H\033[K\033[5@", "\033[2J\033[H\033[3;4H\033[K\033[5@" },
		{ "\033[?1049h\033[?25l", "\033[?1049h\033[?25l" },
		{ "\033(0qqq\033(B", "\033(0qqq\033(B" },
		{ "h\303\251 \360\237\230\200", "h\303\251 \360\237\230\200" },
		/* titles, clipboard, links, palette; ended by BEL and by ST */
		{ "a\033]0;t\007b\033]52;c;eA==\033\\c\033]8;;http://x\033\\d\033]4;1;?\007e", "abcde" },
		/* questions */
		{ "a\033[c\033[>c\033[=c\033[5n\033[6n\033[?6n\033[?1$p\033[18t\033[x\033Z\005b", "ab" },
		{ "a\033P$qm\033\\b\033_Gi=1\033\\c\033^x\033\\d\033Xx\033\\e", "abcde" },
		/* modes that make a terminal send: mouse, focus, paste, keyboard */
		{ "a\033[?1000hb\033[?1004h\033[?2004h\033[>1u\033[=1u\033[?1000;25hc\033[20hd", "abcd" },
		{ "a\033[3;1t\033[1i\033[1qb\033[0;1$rc", "abc" },
		/* 8-bit controls, as bytes and as UTF-8 */
		{ "a\2332Jb\302\2332Jc\302\235x", "a\357\277\2752Jb2Jcx" },
		/* broken UTF-8: overlong, surrogate, too large, cut */
		{ "\300\257\355\240\200\364\220\200\200", "\357\277\275\357\277\275\357\277\275\357\277\275\357\277\275"
			"\357\277\275\357\277\275\357\277\275\357\277\275" },
		{ "\342\202x", "\357\277\275x" },
		/* ESC begins anew; CAN ends; a string without an end swallows */
		{ "\033[1\033[1mx\033[2\030y", "\033[1mxy" },
		{ "\033]0;t\033[1mx", "\033[1mx" },
		{ "a\033]0;never ends [1m", "a" },
		{ "a\007\177b", "ab" },
	};
	char longer[512];
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_safe(cases[i].in, strlen(cases[i].in), cases[i].out);
	/* A sequence over the limit is dropped whole. */
	memset(longer, '1', sizeof(longer));
	memcpy(longer, "\033[", 2);
	memcpy(longer + sizeof(longer) - 2, "mx", 2);
	check_safe(longer, sizeof(longer), "x");
}

/* Every byte that is let out belongs to text or to an allowed sequence. */
static void safe_never_lets_a_string_out(void **state)
{
	struct safe s = { 0 };
	struct buffer out;
	uint32_t seed = 1;
	uint8_t byte;
	size_t i;

	buffer_init(&out, 8 << 20);
	for (i = 0; i < 2000000; i++) {
		static const char often[] = "\033[]P_^X?;0123\\\007$chtnm";

		seed = seed * 1664525 + 1013904223;
		byte = (uint8_t)(seed >> 24);
		if (seed & 0x8000)
			byte = (uint8_t)often[byte % (sizeof(often) - 1)];
		assert_int_equal(safe_put(&s, &byte, 1, &out), 0);
	}
	for (i = 0; i < out.len; i++) {
		assert_int_not_equal(out.data[i], 0x05);
		assert_int_not_equal(out.data[i], 0x07);
		if (out.data[i] == 0x1b && i + 1 < out.len)
			assert_null(strchr("]P_^XZ", out.data[i + 1]));
	}
	buffer_free(&out);
}

static void export_session(const struct fakesource_event *events, size_t count, const char *format, bool raw,
			   struct buffer *out)
{
	char path[] = "/tmp/itm-test-view-XXXXXX";
	int fd = mkstemp(path);
	int second = open("/dev/null", O_WRONLY | O_CLOEXEC);
	struct sink_run run = { .sink = sink_find(format), .source = fakesource_new(events, count, true),
				.fd = fd, .second_fd = second, .raw = raw };

	assert_true(fd >= 0 && second >= 0);
	assert_non_null(run.sink);
	assert_int_equal(sink_run(&run, NULL), 0);
	assert_int_equal(run.events, count);
	assert_int_equal(atomicfile_read(path, out), 0);
	source_close(run.source);
	close(fd);
	close(second);
	unlink(path);
}

static void check_golden(const char *name, const struct buffer *got)
{
	struct buffer wanted;
	char path[512];

	snprintf(path, sizeof(path), "%s/export/%s", GOLDEN_DIR, name);
	if (getenv("GENERATE") != NULL)
		assert_int_equal(atomicfile_write(path, got->data, got->len, 0644), 0);
	buffer_init(&wanted, 1 << 20);
	assert_int_equal(atomicfile_read(path, &wanted), 0);
	assert_int_equal(got->len, wanted.len);
	assert_memory_equal(got->data, wanted.data, wanted.len);
	buffer_free(&wanted);
}

static void exports_are_as_they_were(void **state)
{
	static const struct { const char *format, *login, *pipe; bool raw; } cases[] = {
		{ "asciicast", "login.cast", "pipe.cast", false },
		{ "asciicast", "login-raw.cast", "pipe-raw.cast", true },
		{ "asciicast3", "login.cast3", "pipe.cast3", false },
		{ "ttyrec", "login.ttyrec", "pipe.ttyrec", false },
		{ "typescript", "login.typescript", "pipe.typescript", false },
		{ "text", "login.txt", "pipe.txt", false },
		{ "json", "login.jsonl", "pipe.jsonl", false },
	};
	struct buffer out;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		buffer_init(&out, 1 << 20);
		export_session(fakesource_login, fakesource_login_count, cases[i].format, cases[i].raw, &out);
		check_golden(cases[i].login, &out);
		buffer_clear(&out);
		export_session(fakesource_pipe, fakesource_pipe_count, cases[i].format, cases[i].raw, &out);
		check_golden(cases[i].pipe, &out);
		buffer_free(&out);
	}
}

static void exports_hold_no_control_bytes(void **state)
{
	static const char *const formats[] = { "asciicast", "asciicast3", "html", "text", "json" };
	struct buffer out;
	size_t i, k;

	for (i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		buffer_init(&out, 1 << 20);
		export_session(fakesource_login, fakesource_login_count, formats[i], false, &out);
		for (k = 0; k < out.len; k++)
			assert_true(out.data[k] == '\n' || (strcmp(formats[i], "html") == 0 && out.data[k] == '\t') || (out.data[k] >= 0x20 && out.data[k] != 0x7f));
		assert_null(memmem(out.data, out.len, "\302\233", 2));
		buffer_free(&out);
	}
}

static void tables_fit(void **state)
{
	static const struct table_column columns[] = {
		{ "ID", 4, 26, 0 }, { "NAME", 4, 40, 2 }, { "EMPTY", 0, 10, 1 }, { "WHAT", 0, 100, 3 },
	};
	static const char *const row[] = { "ABCDEFGHJK", "name\033[2J", "", "a long text that says what it is" };
	struct table *t = table_new(columns, 4);
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	assert_int_equal(table_add(t, row), 0);
	table_print(t, 0, f);
	fflush(f);
	assert_string_equal(text, "ID          NAME         WHAT\n"
				  "ABCDEFGHJK  name\\x1b[2J  a long text that says what it is\n");
	rewind(f);
	table_print(t, 34, f);
	fclose(f);
	assert_int_equal(strcspn(text, "\n"), strlen("ID          NAME         WHAT"));
	assert_memory_equal(strchr(text, '\n') + 1, "ABCDEFGHJK  name\\x1b[2J  a long t~\n", 35);
	free(text);
	table_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(host_events_are_lines),
		cmocka_unit_test(offsets_are_read),
		cmocka_unit_test(wall_times_become_offsets),
		cmocka_unit_test(options_are_parsed),
		cmocka_unit_test(help_lists_each_option),
		cmocka_unit_test(safe_takes_out_what_acts),
		cmocka_unit_test(safe_never_lets_a_string_out),
		cmocka_unit_test(exports_are_as_they_were),
		cmocka_unit_test(exports_hold_no_control_bytes),
		cmocka_unit_test(tables_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
