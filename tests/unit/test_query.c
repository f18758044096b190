/* The search language: what it takes, refuses, and finds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "format/compress.h"
#include "store/query.h"
#include "store/tblock.h"

static struct query query;

static void test_expression(void **state)
{
	static const struct { const char *text, *expression; } cases[] = {
		{ "payroll", "\"payroll\"" },
		{ "  Two\tWORDS ", "\"two\" AND \"words\"" },
		{ "/etc/passwd", "\"etc\" AND \"passwd\"" },
		{ "10.0.0.1", "\"10\" AND \"0\" AND \"0\" AND \"1\"" },
		{ "pay*", "\"pay\" *" },
		{ "\"rm -rf /srv\"", "\"rm\" AND \"rf\" AND \"srv\"" },
		{ "\"rm -rf sr\"*", "\"rm\" AND \"rf\" AND \"sr\" *" },
		{ "a -b -\"c d\"", "\"a\"" },
		{ "--force", "\"force\"" },
		{ "out:secret", "\"secret\"" },
		{ "root:x:0", "\"root\" AND \"x\" AND \"0\"" },
		{ "https://x.org", "\"https\" AND \"x\" AND \"org\"" },
		{ "a OR b NEAR(c) NOT", "\"a\" AND \"or\" AND \"b\" AND \"near\" AND \"c\" AND \"not\"" },
		{ "\xc3\x84rger", "\"\xc3\xa4rger\"" },
		{ "\"say \\\"yes\\\" \\\\o\"", "\"say\" AND \"yes\" AND \"o\"" },
		{ "user:john x session:last", "\"x\"" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buffer b;
		struct fault fault = { 0, "" };
		buffer_init(&b, 4096);
		int result = query_parse(cases[i].text, strlen(cases[i].text), &query, &fault);
		if (result != 0)
			print_message("%s: %s\n", cases[i].text, fault.reason);
		assert_int_equal(result, 0);
		assert_int_equal(query_expression(&query, &b), 0);
		assert_string_equal(buffer_text(&b), cases[i].expression);
		buffer_free(&b);
	}
}

static void test_refused(void **state)
{
	static const struct { const char *text; uint64_t offset; } cases[] = {
		{ "", 0 }, { "   ", 3 }, { "user:john", 9 }, { "-x", 2 }, { "a -", 2 }, { "a \"open", 2 },
		{ "a \"\"", 2 }, { "... x", 0 }, { "x *", 2 }, { "x p*", 2 }, { "a*b", 1 }, { "user: x", 5 },
		{ "x after:soon", 8 }, { "x before:", 9 }, { "exe:curl", 0 }, { "x -user:y", 2 }, { "a\"b\"", 1 },
		{ "x \xff", 2 }, { "x\033y", 1 }, { "\"a\"b", 3 }, { "x user:\"j", 7 }, { "x out:", 6 },
		{ "x y\xe2\x80\xae", 3 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct fault fault = { 999, NULL };
		int result = query_parse(cases[i].text, strlen(cases[i].text), &query, &fault);
		if (result == 0 || fault.offset != cases[i].offset)
			print_message("'%s': %d at %llu\n", cases[i].text, result, (unsigned long long)fault.offset);
		assert_true(result < 0);
		assert_non_null(fault.reason);
		assert_int_equal(fault.offset, cases[i].offset);
	}
	static char big[QUERY_MAX + 2];
	memset(big, 'a', sizeof big - 1);
	assert_int_equal(query_parse(big, sizeof big - 1, &query, NULL), ITM_ELIMIT);
	assert_int_equal(query_parse(big, 300, &query, NULL), ITM_ELIMIT);
	for (size_t i = 1; i < 200; i += 2)
		big[i] = ' ';
	assert_int_equal(query_parse(big, 2 * QUERY_TERMS_MAX, &query, NULL), 0);
	assert_int_equal(query_parse(big, 2 * QUERY_TERMS_MAX + 2, &query, NULL), ITM_ELIMIT);
}

static void test_conditions(void **state)
{
	int64_t want;
	(void)state;
	const char *text = "user:j?hn host:\"db 1\" session:7K9Q after:2026-11-23 before:2026-11-24T12:30 x";
	assert_int_equal(query_parse(text, strlen(text), &query, NULL), 0);
	assert_string_equal(query.user, "j?hn");
	assert_string_equal(query.host, "db 1");
	assert_string_equal(query.session, "7K9Q");
	assert_int_equal(clock_parse("2026-11-23", &want), 0);
	assert_int_equal(query.after_wall_ns, want);
	assert_int_equal(clock_parse("2026-11-24T12:30", &want), 0);
	assert_int_equal(query.before_wall_ns, want);
}

static void test_match(void **state)
{
	static const struct { const char *query, *line; int start, len; } cases[] = {
		{ "payroll", "cat payroll.csv", 4, 7 },
		{ "payroll", "cat payrolls", -1, 0 },
		{ "payroll", "cat mypayroll payroll", 14, 7 },
		{ "pay*", "cat payrolls", 4, 3 },
		{ "PAYroll", "cat PayROLL", 4, 7 },
		{ "/etc/passwd", "cat /etc/passwd", 4, 11 },
		{ "/etc/passwd", "etc passwd", -1, 0 },
		{ "/etc/passwd", "/etc/passwd-", 0, 11 },
		{ "10.0.0.1", "from 10.0.0.12", -1, 0 },
		{ "10.0.0.1", "from 10.0.0.1:22", 5, 8 },
		{ "\"rm -rf\"", "sudo rm    -rf /", 5, 9 },
		{ "\"rm -rf\"", "sudo -rf rm", -1, 0 },
		{ "a b", "b a", 2, 1 },
		{ "a b", "a c", -1, 0 },
		{ "a -b", "a b", -1, 0 },
		{ "-b a", "x a", 2, 1 },
		{ "--force", "git push --force", 9, 7 },
		{ "stra\xc3\x9f*", "die STRA\xc3\x9f" "E", 4, 6 },
		{ "\xc3\x84rger", "x \xc3\xa4rger", 2, 6 },
		{ "x", "\xff\xfe x", 3, 1 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		size_t start = 0, len = 0;
		assert_int_equal(query_parse(cases[i].query, strlen(cases[i].query), &query, NULL), 0);
		bool found = query_match(&query, cases[i].line, strlen(cases[i].line), &start, &len);
		if (found != (cases[i].start >= 0) || (found && ((int)start != cases[i].start || (int)len != cases[i].len)))
			print_message("%s in %s: %d %zu+%zu\n", cases[i].query, cases[i].line, found, start, len);
		assert_int_equal(found, cases[i].start >= 0);
		if (found) {
			assert_int_equal(start, cases[i].start);
			assert_int_equal(len, cases[i].len);
		}
	}
}

static void test_glob(void **state)
{
	(void)state;
	assert_true(query_glob("*", ""));
	assert_true(query_glob("db*", "DB-01"));
	assert_true(query_glob("*a*b*", "xxaxxbxx"));
	assert_true(query_glob("d?-01", "db-01"));
	assert_false(query_glob("", "x"));
	assert_false(query_glob("db", "db-01"));
	assert_false(query_glob("*x", "db-01"));
	/* Would take forever in a matcher that tries every division. */
	char text[200];
	memset(text, 'a', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	assert_false(query_glob("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", text));
}

static void test_tblock(void **state)
{
	struct tblock t, back;
	struct tblock_line line;
	struct buffer body;
	(void)state;
	struct compress *c = compress_new(3, 19);
	struct inflate *d = inflate_new();
	buffer_init(&body, 1 << 20);
	tblock_init(&t);
	tblock_init(&back);
	for (unsigned n = 1; n < 40; n++) {
		char text[64];
		memset(text, 'a' + (int)n % 26, sizeof text);
		/* Times of a screen's rows go up and down. */
		assert_int_equal(tblock_add(&t, 1000 + n % 5, n % 7 == 0, text, n), 0);
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
		assert_int_equal(line.raw, n % 7 == 0);
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
		cmocka_unit_test(test_expression), cmocka_unit_test(test_refused), cmocka_unit_test(test_conditions),
		cmocka_unit_test(test_match), cmocka_unit_test(test_glob), cmocka_unit_test(test_tblock),
	};
	return cmocka_run_group_tests_name("query", tests, NULL, NULL);
}
