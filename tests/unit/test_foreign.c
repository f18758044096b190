/* Recordings of other programs: what is read out of each, and what is refused.
 * Samples are as script, ttyrec, asciinema, tlog-rec and sudo write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/jsonread.h"
#include "terminal/text.h"
#include "view/foreign.h"

static int take_head(void *context, const struct foreign_head *h)
{
	return buffer_printf(context, "%ux%u %lld [%s] [%s] [%s] [%s]\n", h->columns, h->rows,
			     (long long)(h->wall_ns / 1000000), h->term, h->user, h->hostname, h->command);
}

static int take_event(void *context, const struct record_event *e)
{
	struct buffer *out = context;
	int r = buffer_printf(out, "%llu %s ", (unsigned long long)e->time_ms, record_name(e->kind));

	if (r == 0 && e->kind == RECORD_RESIZE)
		r = buffer_printf(out, "%ux%u", (unsigned)(e->code >> 16), (unsigned)(e->code & 0xffff));
	else if (r == 0)
		r = e->data != NULL ? text_escape(out, e->data, e->len) : buffer_printf(out, "%u", (unsigned)e->code);
	return r != 0 ? r : buffer_put_u8(out, '\n');
}

struct sample { const char *format, *data, *timing, *log, *wanted; size_t len; };

static int decode(const struct sample *s, struct buffer *out, struct fault *fault)
{
	struct foreign_taker to = { take_head, take_event, out };
	struct foreign_input in = {
		.data = s->data, .len = s->len != 0 ? s->len : strlen(s->data),
		.timing = s->timing, .timing_len = s->timing != NULL ? strlen(s->timing) : 0,
		.log = s->log, .log_len = s->log != NULL ? strlen(s->log) : 0,
	};
	const struct foreign *f = foreign_find(s->format);

	assert_non_null(f);
	return f->decode(&in, &to, fault);
}

#define SCRIPT "Script started on 2026-11-23 22:33:51+01:00 [TERM=\"xterm\" TTY=\"/dev/pts/1\" COLUMNS=\"80\" LINES=\"24\"]\n"
#define DONE "\nScript done on 2026-11-23 22:33:52+01:00 [COMMAND_EXIT_CODE=\"0\"]\n"

static void recordings_are_read(void **state)
{
	static const struct sample samples[] = {
		{ "asciicast", "{\"version\": 2, \"width\": 80, \"height\": 24, \"timestamp\": 1795473231, \"theme\": {\"x\": [1, {}]}, "
		  "\"env\": {\"SHELL\": \"/bin/bash\", \"TERM\": \"xterm\"}}\n[0.004475, \"o\", \"c\\u00e9\\r\\n\"]\n[1.5, \"i\", \"ls\\r\"]\n"
		  "[1.25, \"o\", \"\\ud83d\\ude00\\ud83d\"]\n[2, \"r\", \"132x50\"]\n[3.0,\"m\",\"here\"]\n[4,\"r\",\"99999x1\"]\n[5,\"q\",null]\n",
		  NULL, NULL, "80x24 1795473231000 [xterm] [] [] []\n4 out c\303\251\\x0d\\x0a\n1500 counted 12\n"
		  "1500 out \360\237\230\200\357\277\275\n2000 resize 132x50\n3000 marker here\n", 0 },
		{ "asciicast", "{\"version\":3,\"term\":{\"cols\":40,\"rows\":6,\"type\":\"vt100\"},\"command\":\"sh\"}\n# a comment\n"
		  "[0.5,\"o\",\"a\"]\n[0.5,\"o\",\"b\"]\n[1,\"x\",\"3\"]\n", NULL, NULL,
		  "40x6 0 [vt100] [] [] [sh]\n500 out a\n1000 out b\n2000 exit 768\n", 0 },
		{ "ttyrec", "\x4f\xbf\x04\x6b\x09\xe3\x0a\x00\x04\x00\x00\x00tty\n\x50\xbf\x04\x6b\x09\xe3\x0a\x00\x01\x00\x00\x00x", NULL, NULL,
		  "0x0 1795473231713 [] [] [] []\n0 out tty\\x0a\n1000 out x\n", 29 },
		{ "typescript", SCRIPT "a\033[31mb\r\n" DONE,
		  "H 0.000000 START_TIME 2026-11-23 22:33:51+01:00\nH 0.000000 COMMAND ls\nO 0.010234 1\nS 0.100000 SIGWINCH ROWS=50 COLS=132\n"
		  "I 1.000000 5\nO 0.5 8\nS 0.0 SIGTERM\nH 0.000000 EXIT_CODE 2\n", NULL,
		  "80x24 1795469631000 [xterm] [] [] [ls]\n10 out a\n110 resize 132x50\n1110 counted 20\n1610 out \\x1b[31mb\\x0d\\x0a\n"
		  "1610 signal 15\n1610 exit 512\n", 0 },
		/* script --log-io: what was typed stands among the output. */
		{ "typescript", SCRIPT "aLSb" DONE, "O 1.0 1\nI 1.0 2\nO 1.0 1\n", NULL,
		  "80x24 1795469631000 [xterm] [] [] []\n1000 out a\n2000 counted 8\n3000 out b\n", 0 },
		{ "typescript", SCRIPT "classic\r\n" DONE, "0.010226 4\n2.0 5\n", NULL,
		  "80x24 1795469631000 [xterm] [] [] []\n10 out clas\n2010 out sic\\x0d\\x0a\n", 0 },
		{ "typescript", SCRIPT "no timing" DONE, NULL, NULL, "80x24 1795469631000 [xterm] [] [] []\n0 out no timing\n", 0 },
		{ "tlog", "{\"ver\":\"2.3\",\"host\":\"vm\",\"rec\":\"a-b-c\",\"user\":\"root\",\"term\":\"xterm\",\"session\":4294967295,\"id\":1,"
		  "\"pos\":0,\"time\":1795473231.888,\"timing\":\"=80x24<2+5>3+10]1/2>1\",\"in_txt\":\"ls\",\"in_bin\":[],"
		  "\"out_txt\":\"h\303\251\\r\357\277\275z\",\"out_bin\":[255,254]}\n"
		  "{\"ver\":\"2.3\",\"host\":\"vm\",\"pos\":1000,\"time\":1795473232.888,\"timing\":\"+1>1\",\"out_txt\":\"q\"}\n", NULL, NULL,
		  "80x24 1795473231888 [xterm] [root] [vm] []\n0 resize 80x24\n0 counted 8\n5 out h\303\251\\x0d\n15 out \\xff\\xfe\n15 out z\n1001 out q\n", 0 },
		{ "sudo", "from sudo\r\n", "3 0.009753764 1\n4 0.5 5\n5 0.1 50 132\n7 1.0 TSTP\n4 0.5 6\n1 0 9\n",
		  "1795473231:alice:root::/dev/pts/0:24:80\n/home/alice\n/usr/bin/sh -c x\n",
		  "80x24 1795473231000 [] [alice] [] [/usr/bin/sh -c x]\n9 counted 4\n509 out from \n609 resize 132x50\n2109 out sudo\\x0d\\x0a\n"
		  "2109 counted 37\n", 0 },
	};
	struct fault fault;
	struct buffer out;

	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		buffer_init(&out, 1 << 16);
		fault.reason = "";
		if (decode(&samples[i], &out, &fault) != 0)
			fail_msg("%s: %s", samples[i].format, fault.reason);
		assert_string_equal(buffer_text(&out), samples[i].wanted);
		if (samples[i].log == NULL)
			assert_ptr_equal(foreign_guess(samples[i].data, samples[i].len != 0 ? samples[i].len : strlen(samples[i].data)),
					 foreign_find(samples[i].format));
		buffer_free(&out);
	}
}

static void broken_recordings_are_refused(void **state)
{
	static const struct sample samples[] = {
		{ "asciicast", "", NULL, NULL, NULL, 0 },
		{ "asciicast", "{\"version\": 1}\n", NULL, NULL, NULL, 0 },
		{ "asciicast", "{\"version\": 2} x\n", NULL, NULL, NULL, 0 },
		{ "asciicast", "{\"version\": 2}\n[1, \"o\"]\n", NULL, NULL, NULL, 0 },
		{ "asciicast", "{\"version\": 2}\n[1, \"o\", \"a\", 2]\n", NULL, NULL, NULL, 0 },
		{ "asciicast", "{\"version\": 2}\n[1e9, \"o\", \"a\"]\n", NULL, NULL, NULL, 0 },
		{ "asciicast", "{\"version\": 2}\n[1, \"o\", \"a\n\"]\n", NULL, NULL, NULL, 0 },
		{ "ttyrec", "\x4f\xbf\x04\x6b\x09\xe3\x0a\x00\x04\x00\x00\x00tt", NULL, NULL, NULL, 14 },
		{ "ttyrec", "\x4f\xbf\x04\x6b\x40\x42\x0f\x00\x01\x00\x00\x00t", NULL, NULL, NULL, 13 },
		{ "ttyrec", "\x4f\xbf\x04", NULL, NULL, NULL, 0 },
		{ "typescript", "a", "x 1 1\n", NULL, NULL, 0 },
		{ "typescript", "a", "O 1 -1\n", NULL, NULL, 0 },
		{ "tlog", "{\"timing\":\">\"}\n", NULL, NULL, NULL, 0 },
		{ "tlog", "{\"timing\":\"=80\"}\n", NULL, NULL, NULL, 0 },
		{ "tlog", "{\"out_bin\":[256]}\n", NULL, NULL, NULL, 0 },
		{ "tlog", "[]\n", NULL, NULL, NULL, 0 },
		{ "sudo", "a", NULL, NULL, NULL, 0 },
		{ "sudo", "\x1f\x8b", "4 1 1\n", NULL, NULL, 0 },
		{ "sudo", "a", "4 1\n", NULL, NULL, 0 },
	};
	struct buffer out;

	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		struct fault fault = { 0, NULL };

		buffer_init(&out, 1 << 16);
		if (decode(&samples[i], &out, &fault) == 0 || fault.reason == NULL)
			fail_msg("%zu: %s: taken", i, samples[i].format);
		buffer_free(&out);
	}
}

static void json_is_read_strictly(void **state)
{
	static const struct { const char *text; bool good; } table[] = {
		{ "{}", true }, { "[1,\"a\",{\"b\":[null,true,-1.5e3]}]", true }, { " [ ] ", true }, { "\"\\u0000\"", true },
		{ "[1,]", false }, { "[", false }, { "{\"a\"}", false }, { "{\"a\":}", false }, { "\"\\x\"", false }, { "\"\\u12\"", false },
		{ "nul", false }, { "1 2", false }, { "", false }, { "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", false },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct jsonread j;

		jsonread_init(&j, table[i].text, strlen(table[i].text));
		jsonread_skip(&j);
		if ((jsonread_end(&j) == 0) != table[i].good)
			fail_msg("%s", table[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recordings_are_read),
		cmocka_unit_test(broken_recordings_are_refused),
		cmocka_unit_test(json_is_read_strictly),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
