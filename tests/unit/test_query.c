/* The search language: what it takes, refuses, and finds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "format/compress.h"
#include "store/query.h"
#include "store/tblock.h"
#include "store/words.h"

static struct query query;

static int parse(const char *text, struct fault *fault)
{
	return query_parse(text, strlen(text), &query, fault);
}

static void test_refused(void **state)
{
	static const struct { const char *text; uint64_t offset; } cases[] = {
		{ "", 0 }, { "   ", 3 }, { "a -", 2 }, { "a \"open", 2 }, { "a \"\"", 2 }, { "a*b", 1 }, { "user: x", 5 },
		{ "x after:soon", 8 }, { "x before:", 9 }, { "a\"b\"", 1 }, { "x \xff", 2 }, { "x\033y", 1 },
		{ "\"a\"b", 3 }, { "x user:\"j", 7 }, { "x out:", 6 }, { "x y\xe2\x80\xae", 3 },
		{ "or", 0 }, { "a or", 4 }, { "a or or b", 5 }, { "and a", 0 }, { "a and", 2 }, { "a and or b", 2 },
		{ "not", 0 }, { "a not", 2 }, { "(a", 0 }, { "a )", 2 }, { "a ( )", 4 }, { "(a or )", 6 }, { "()", 1 },
		{ "((a) b", 0 }, { "x /a(b/", 6 }, { "x /[a/", 5 }, { "/*/", 1 }, { "/a{2,1}/", 6 }, { "cmd:", 4 },
		{ "cmd:/\\C/", 7 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct fault fault = { 999, NULL };
		int result = parse(cases[i].text, &fault);
		if (result == 0 || fault.offset != cases[i].offset)
			print_message("'%s': %d at %llu %s\n", cases[i].text, result, (unsigned long long)fault.offset, fault.reason);
		assert_true(result < 0);
		assert_non_null(fault.reason);
		assert_int_equal(fault.offset, cases[i].offset);
	}
}

static void test_limits(void **state)
{
	static char big[QUERY_MAX + 2];
	(void)state;
	memset(big, 'a', sizeof big - 1);
	assert_int_equal(query_parse(big, sizeof big - 1, &query, NULL), ITM_ELIMIT);
	assert_int_equal(query_parse(big, 300, &query, NULL), ITM_ELIMIT);
	for (size_t i = 1; i < sizeof big - 1; i += 2)
		big[i] = ' ';
	assert_int_equal(query_parse(big, QUERY_NODES_MAX, &query, NULL), 0); /* n words and n - 1 times and */
	query_free(&query);
	assert_int_equal(query_parse(big, QUERY_NODES_MAX + 2, &query, NULL), ITM_ELIMIT);
	memset(big, '(', sizeof big - 1);
	assert_int_equal(query_parse(big, QUERY_MAX, &query, NULL), ITM_ELIMIT);
	for (size_t i = 0; i + 4 < sizeof big; i += 4)
		memcpy(big + i, "/a/ ", 4);
	assert_int_equal(query_parse(big, 4 * QUERY_REGEX_MAX, &query, NULL), 0);
	query_free(&query);
	assert_int_equal(query_parse(big, 4 * QUERY_REGEX_MAX + 3, &query, NULL), ITM_ELIMIT);
}

static const struct query_facts session = { .user = "john", .hostname = "db 1", .host = "7K9Q", .tty = "pts/3", .src = "10.1.2.3" };

static enum query_answer answer(const char *text, enum lines_kind kind, const char *line)
{
	struct query_facts f = session;
	struct fault fault = { 0, "" };
	uint64_t given_up = 0;
	assert_int_equal(clock_parse("2026-11-23T12:00", &f.from_wall_ns), 0);
	f.to_wall_ns = f.from_wall_ns;
	f.kind = kind;
	f.text = line;
	f.len = line != NULL ? strlen(line) : 0;
	if (parse(text, &fault) != 0)
		print_message("%s: %s\n", text, fault.reason);
	enum query_answer result = query_match(&query, &f, &given_up);
	query_free(&query);
	return result;
}

static void test_conditions(void **state)
{
	/* Of a block whose text is not known, and of a line "x". */
	static const struct { const char *text; enum query_answer block, line; } cases[] = {
		{ "x", QUERY_PERHAPS, QUERY_YES }, { "y", QUERY_PERHAPS, QUERY_NO }, { "not x", QUERY_PERHAPS, QUERY_NO },
		{ "user:j?hn host:\"db 1\" x", QUERY_PERHAPS, QUERY_YES }, { "user:joe x", QUERY_NO, QUERY_NO },
		{ "host:7k* tty:pts/* src:10.*", QUERY_YES, QUERY_YES }, { "-user:john x", QUERY_NO, QUERY_NO },
		{ "user:joe or x", QUERY_PERHAPS, QUERY_YES }, { "user:john or y", QUERY_YES, QUERY_YES },
		{ "after:2026-11-23", QUERY_YES, QUERY_YES }, { "after:2026-11-24", QUERY_NO, QUERY_NO },
		{ "before:2026-11-23T12:00", QUERY_NO, QUERY_NO }, { "before:2026-11-23T12:01 x", QUERY_PERHAPS, QUERY_YES },
		{ "after:2026-11-23T12:00", QUERY_YES, QUERY_YES }, { "exe:curl", QUERY_PERHAPS, QUERY_NO },
		{ "x or argv:/a/", QUERY_PERHAPS, QUERY_YES }, { "x -alert:y -in:z", QUERY_PERHAPS, QUERY_YES },
		{ "x and (user:joe or host:db*)", QUERY_PERHAPS, QUERY_YES }, { "not (x user:john)", QUERY_PERHAPS, QUERY_NO },
		{ "*", QUERY_PERHAPS, QUERY_YES },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		enum query_answer block = answer(cases[i].text, LINES_SHOWN, NULL), line = answer(cases[i].text, LINES_SHOWN, "x");
		if (block != cases[i].block || line != cases[i].line)
			print_message("%s: %d %d\n", cases[i].text, block, line);
		assert_int_equal(block, cases[i].block);
		assert_int_equal(line, cases[i].line);
	}
	assert_int_equal(answer("exe:x", LINES_SHOWN, "x"), QUERY_NO);
}

static void test_kinds(void **state)
{
	static const struct { const char *text; bool shown, raw, file, command; } cases[] = {
		{ "scp", true, true, true, false }, { "out:scp", true, true, false, false },
		{ "file:scp", false, false, true, false }, { "cmd:scp", false, false, false, true },
		{ "cmd:scp scp", false, false, false, true }, { "cmd:* -scp", false, false, false, false },
		{ "cmd:*", false, false, false, true }, { "cmd:/^s/ or file:scp", false, false, true, true },
		{ "user:john", true, true, true, false }, { "-scp", false, false, false, false },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const bool want[] = { cases[i].shown, cases[i].raw, cases[i].file, cases[i].command };
		for (enum lines_kind kind = LINES_SHOWN; kind <= LINES_COMMAND; kind++) {
			if ((answer(cases[i].text, kind, "scp a b") == QUERY_YES) != want[kind])
				print_message("%s on kind %d\n", cases[i].text, (int)kind);
			assert_int_equal(answer(cases[i].text, kind, "scp a b") == QUERY_YES, want[kind]);
		}
	}
}

static void test_spans(void **state)
{
	static const struct { const char *query, *line, *spans; } cases[] = {
		{ "payroll", "cat payroll.csv", "4+7" },
		{ "payroll", "cat payrolls", "" },
		{ "payroll", "cat mypayroll payroll", "14+7" },
		{ "*payroll", "cat mypayroll payroll", "6+7 14+7" },
		{ "*yrol*", "cat mypayrolls", "8+4" },
		{ "pay*", "cat payrolls", "4+3" },
		{ "PAYroll", "cat PayROLL", "4+7" },
		{ "/etc/passwd", "cat /etc/passwd", "4+11" },
		{ "/etc/passwd", "etc passwd", "" },
		{ "/etc/passwd", "/etc/passwd-", "0+11" },
		{ "10.0.0.1", "from 10.0.0.12", "" },
		{ "10.0.0.1", "from 10.0.0.1:22", "5+8" },
		{ "\"rm -rf\"", "sudo rm    -rf /", "5+9" },
		{ "\"rm -rf\"", "sudo -rf rm", "" },
		{ "a b", "b a", "0+1 2+1" },
		{ "a b", "a c", "" },
		{ "a -b", "a b", "" },
		{ "-b a", "x a", "2+1" },
		{ "a or b", "x b", "2+1" },
		{ "a and not (b or c)", "a d", "0+1" },
		{ "a and not (b or c)", "a c", "" },
		{ "--force", "git push --force", "9+7" },
		{ "f(x)", "y=f(x)", "2+4" },
		{ "(f(x) g)", "f(x) g", "0+4 5+1" },
		{ "stra\xc3\x9f*", "die STRA\xc3\x9f" "E", "4+6" },
		{ "\xc3\x84rger", "x \xc3\xa4rger", "2+6" },
		{ "kilo", "\xe2\x84\xaailo", "0+6" },
		{ "b", "\xc3\xa4" "b b", "4+1" },
		{ "x", "\xff\xfe x", "3+1" },
		{ "\"->\"", "a->b", "1+2" },
		{ "/b+/", "abba bb", "1+2 5+2" },
		{ "/B/", "b", "" },
		{ "/B/i", "b", "0+1" },
		{ "/a\\/b/", "xa/b", "1+3" },
		{ "/a\\sb/", "xa b", "1+3" },
		{ "/usr/bin/x", "in /usr/bin/x", "3+10" },
		{ "/x.y/ y", "xay y", "0+3 4+1" },
		{ "/x*/", "y", "0" },
		{ "/ab/ *bc*", "abcd", "0+3" },
		{ "/x/", "\xff x", "2+1" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct query_facts f = session;
		struct query_span spans[8];
		char text[128] = "";
		uint64_t given_up = 0;
		f.text = cases[i].line;
		f.len = strlen(cases[i].line);
		assert_int_equal(parse(cases[i].query, NULL), 0);
		if (query_match(&query, &f, &given_up) == QUERY_YES) {
			size_t count = query_spans(&query, &f, spans, 8);
			for (size_t k = 0; k < count; k++)
				snprintf(text + strlen(text), sizeof text - strlen(text), "%s%zu+%zu", k ? " " : "",
					 spans[k].start, spans[k].len);
			if (count == 0)
				snprintf(text, sizeof text, "0");
		}
		if (strcmp(text, cases[i].spans) != 0)
			print_message("%s in %s: %s\n", cases[i].query, cases[i].line, text);
		assert_string_equal(text, cases[i].spans);
		query_free(&query);
	}
}

/* Expressions that would take longer than the universe are given up, and counted. */
static void test_slow(void **state)
{
	static const char *const slow[] = { "/(a+)+$/", "/(a|aa)+$/", "/(.*)*c(.*)*d/", "/^(([a-z])+.)+[A-Z]([a-z])+$/" };
	char line[2000];
	(void)state;
	memset(line, 'a', sizeof line);
	line[sizeof line - 1] = '!';
	for (size_t i = 0; i < sizeof slow / sizeof *slow; i++) {
		struct query_facts f = session;
		uint64_t given_up = 0;
		f.text = line;
		f.len = sizeof line;
		assert_int_equal(parse(slow[i], NULL), 0);
		assert_int_equal(query_match(&query, &f, &given_up), QUERY_NO);
		if (i < 2)
			assert_int_equal(given_up, 1);
		query_free(&query);
	}
}

static void test_glob(void **state)
{
	(void)state;
	assert_true(words_glob("*", ""));
	assert_true(words_glob("db*", "DB-01"));
	assert_true(words_glob("*a*b*", "xxaxxbxx"));
	assert_true(words_glob("d?-01", "db-01"));
	assert_false(words_glob("", "x"));
	assert_false(words_glob("db", "db-01"));
	assert_false(words_glob("*x", "db-01"));
	/* Would take forever in a matcher that tries every division. */
	char text[200];
	memset(text, 'a', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	assert_false(words_glob("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", text));
}

static void test_tblock(void **state)
{
	struct tblock t, back;
	struct lines_line line;
	struct buffer body;
	(void)state;
	struct compress *c = compress_new(3, 19);
	struct inflate *d = inflate_new();
	buffer_init(&body, 1 << 20);
	tblock_init(&t);
	tblock_init(&back);
	for (unsigned n = 1; n <= TBLOCK_LINES; n++) {
		char text[64];
		memset(text, 'a' + (int)n % 26, sizeof text);
		/* Times of a screen's rows go up and down. */
		assert_int_equal(tblock_add(&t, &(struct lines_line){ 1000 + n % 5, n % 4, text, n % 64 + 1, n % 8 == 3, n % 8 == 3 ? 255 : 0 }), 0);
		buffer_clear(&body);
		assert_int_equal(tblock_encode(&t, c, &body), 0);
		uint64_t start_ms, end_ms;
		tblock_span(&t, &start_ms, &end_ms);
		assert_int_equal(tblock_decode(&back, body.data, body.len, start_ms, d, NULL), 0);
		assert_int_equal(back.count, n);
		assert_memory_equal(back.text.data, t.text.data, t.text.len);
		size_t k = back.count, offset = back.text.len;
		assert_true(tblock_last(&back, &k, &offset, &line));
		assert_int_equal(line.time_ms, 1000 + n % 5);
		assert_int_equal(line.kind, n % 4);
		assert_int_equal(line.has_exit, n % 8 == 3);
		assert_int_equal(line.exit_status, n % 8 == 3 ? 255 : 0);
		/* Cut anywhere, or longer, it is refused (the last bytes of a zstd
		 * frame carry nothing: without them it may be whole). */
		for (size_t cut = 0; cut < body.len; cut++)
			if (tblock_decode(&back, body.data, cut, 0, d, NULL) == 0)
				assert_true(body.data[0] == 1 && cut + 4 > body.len && back.count == n);
		if (body.data[0] == 0) {
			assert_int_equal(buffer_put_u8(&body, 0), 0);
			assert_true(tblock_decode(&back, body.data, body.len, 0, d, NULL) < 0);
		}
	}
	assert_true(tblock_full(&t));
	tblock_free(&t);
	tblock_free(&back);
	buffer_free(&body);
	compress_free(c);
	inflate_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused), cmocka_unit_test(test_conditions),
		cmocka_unit_test(test_limits), cmocka_unit_test(test_kinds), cmocka_unit_test(test_spans), cmocka_unit_test(test_slow),
		cmocka_unit_test(test_glob), cmocka_unit_test(test_tblock),
	};
	return cmocka_run_group_tests_name("query", tests, NULL, NULL);
}
