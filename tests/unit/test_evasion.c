/* A thousand ways to show or send text so that the screen does not keep it:
 * each one is found by a search.  Made from a seed, always the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "store/index.h"
#include "store/index_write.h"
#include "store/tblock.h"
#include "terminal/lines.h"
#include "tests/unit/fakestore.h"

enum { EVASIONS = 1000, COLUMNS = 60, ROWS = 12 };

struct evasion {
	struct fakestore f;
	struct index *x;
	struct tblock block;
	int64_t session;
	struct buffer out;               /* the stream */
	char secret[16];
	uint64_t now_ms;
	unsigned kind;
};

static uint64_t seed = 20261123;

static unsigned pick(unsigned below)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % below;
}

static void say(struct evasion *e, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(struct evasion *e, const char *format, ...)
{
	char text[512];
	va_list args;
	va_start(args, format);
	int n = vsnprintf(text, sizeof text, format, args);
	va_end(args);
	assert_true(n >= 0 && (size_t)n < sizeof text);
	assert_int_equal(buffer_put(&e->out, text, (size_t)n), 0);
}

/* The letters with `between` after each. */
static void letters(struct evasion *e, const char *between)
{
	for (const char *c = e->secret; *c != '\0'; c++)
		say(e, "%c%s", *c, between);
}

/* From the last letter to the first, stepping back over two. */
static void backwards(struct evasion *e, const char *step)
{
	for (size_t i = strlen(e->secret); i-- > 0; )
		say(e, "%c%s", e->secret[i], step);
}

/* Each letter to its column of the row, in some order. */
static void scattered(struct evasion *e)
{
	size_t n = strlen(e->secret), start = pick((unsigned)n);
	for (size_t i = 0; i < n; i++) {
		size_t at = (start + i * 5) % n; /* 5 and the length have no common divisor */
		say(e, "\033[5;%zuH%c", at + 3, e->secret[at]);
	}
	say(e, "\033[6;1H");
}

static const char *cover(void)
{
	static const char *const covers[] = { "\033[2K", "\033[2J", "\r\033[K", "\033[1J\033[J", "\r\033[40P", "\r\033[40X", "\r\033[40@",
		"\033c", "\033#8", "\033[L\033[12L", "\033[M", "\033[12S", "\033[12T", "\r........................................",
		"\033[?1049h\033[?1049l", "\033[?47h\033[?47l", "\033[3;5r\033[3;1H\n\n\n\n\n\n\033[r" };
	return covers[pick(sizeof covers / sizeof *covers)];
}

static void hide(struct evasion *e, unsigned kind)
{
	static const char *const strings[] = { "\033]0;", "\033]2;", "\033]8;;", "\033]52;c;", "\033P1$r", "\033_", "\033^", "\033X", "\033]9999;" };
	static const char *const ends[] = { "\007", "\033\\", "\030", "\032" };
	static const char *const nothings[] = { "\033[m", "\033[31m", "\033[?9999h", "\033(B", "\017", "\177", "\033[1;1;1;1q", "\xe2\x80\x8b",
		"\xe2\x80\x8d", "\xef\xbb\xbf", "\033]0;\007", "\033[0\030", "\002" };
	const char *nothing = nothings[pick(sizeof nothings / sizeof *nothings)];
	const char *string = strings[pick(sizeof strings / sizeof *strings)];
	const char *s = e->secret;
	switch (kind) {
	case 0: say(e, "\033[8m%s\033[m%s", s, cover()); break;
	case 1: say(e, "\033[30;40m%s\033[m%s", s, cover()); break;
	case 2: say(e, "%s%s", s, cover()); break;
	case 3: say(e, "\033[?7l\033[1;%uH%s xx\r\033[?7h", COLUMNS - pick(5), s); break;
	case 4: say(e, "\033[?1049h%s\033[?1049l", s); break;
	case 5: say(e, "%s%s%s", string, s, ends[pick(strncmp(string, "\033]", 2) == 0 ? 4 : 3) == 0 ? 1 : 1 + pick(3)]); break;
	case 6: say(e, "%s", string); letters(e, nothings[7 + pick(3)]); say(e, "\033\\"); break;
	case 7: say(e, "\033[1;30H"); backwards(e, "\b\b"); say(e, "%s", cover()); break;
	case 8: say(e, "\033[4h\033[1;30H"); backwards(e, "\b"); say(e, "\033[4l%s", cover()); break;
	case 9: scattered(e); say(e, "\033[5;1H%s", cover()); break;
	case 10: letters(e, nothing); say(e, "%s", cover()); break;
	case 11: letters(e, "\b"); break;
	case 12: letters(e, "\r"); break;
	case 13: say(e, "\033[1;%uH\033[?7l", COLUMNS); letters(e, nothing); say(e, "\033[?7h"); break;
	case 14: letters(e, "\033[D"); break;
	case 15: letters(e, "\033[K\r"); break;
	case 16: letters(e, "\033[2J\033[H"); break;
	case 17: say(e, "\0337"); letters(e, "\0338"); break;
	case 18: say(e, "\033[1;30H"); letters(e, " \b"); say(e, "%s", cover()); break;
	case 19: say(e, "\033[1;%uH%s%s", COLUMNS - 3, s, cover()); break; /* over the margin */
	case 20: for (unsigned i = 0; i < pick(3) + 1; i++) say(e, "%s%s", s, cover()); break;
	case 21: say(e, "%s\033[1;1H\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad", s); break;
	case 22: say(e, "\033(0%s\033(B", s); break; /* as line drawing */
	case 23: say(e, "%s", string); /* long: about where pieces end */
		for (unsigned i = 0, n = 4000 + pick(200); i < n; i++)
			say(e, "%c", 'A' + i % 7);
		say(e, " %s \033\\", s);
		break;
	default: say(e, "\033[?7l\033[1;%uHxxx", COLUMNS); letters(e, ""); say(e, "y\033[?7h\r"); break;
	}
	say(e, "\r\n");
}
enum { KINDS = 25, PIPE_KINDS = 4 };

static void hide_in_pipe(struct evasion *e, unsigned kind)
{
	unsigned n;
	switch (kind) {
	case 0: /* UTF-16 */
		for (const char *c = e->secret; *c != '\0'; c++)
			(void)buffer_put(&e->out, (const char[]){ *c, 0 }, 2);
		break;
	case 1: letters(e, "\033[m"); break;
	case 2: letters(e, "\xe2\x80\x8b"); break;
	default:
		n = LINES_LENGTH_MAX - 40 + pick(60);
		for (unsigned i = 0; i < n; i++)
			say(e, "%c", 'A' + i % 7);
		say(e, " %s ", e->secret);
		break;
	}
	say(e, "\n");
}

static void add(void *context, const struct lines_line *line)
{
	struct evasion *e = context;
	assert_int_equal(tblock_add(&e->block, line), 0);
	if (tblock_full(&e->block)) {
		assert_int_equal(index_write_block(e->x, e->session, false, false, &e->block), 0);
		tblock_clear(&e->block);
	}
}

/* In pieces, as programs write. */
static void feed(struct evasion *e, struct lines *l, unsigned piece_max)
{
	for (size_t pos = 0; pos < e->out.len; ) {
		size_t n = 1 + pick(piece_max);
		if (n > e->out.len - pos)
			n = e->out.len - pos;
		assert_int_equal(lines_feed(l, e->now_ms, 0, e->out.data + pos, n), 0);
		e->now_ms += pick(3);
		pos += n;
	}
	buffer_clear(&e->out);
}

static int count_hit(void *context, const struct index_hit *h)
{
	(void)h;
	++*(unsigned *)context;
	return 0;
}

static void make_secret(struct evasion *e, unsigned number)
{
	/* 11 letters, different in each. */
	for (unsigned i = 0; i < 11; i++)
		e->secret[i] = (char)('a' + pick(26));
	e->secret[3] = (char)('a' + number % 26);
	e->secret[7] = (char)('a' + number / 26 % 26);
	e->secret[9] = (char)('a' + number / 676);
	e->secret[11] = '\0';
}

static void evade(struct evasion *e, unsigned number)
{
	bool pipe = number % 10 == 9;
	struct lines *l = lines_new(COLUMNS, ROWS, pipe, add, e);
	make_secret(e, number);
	e->now_ms += 20000;
	if (pipe)
		hide_in_pipe(e, e->kind = number / 10 % PIPE_KINDS);
	else
		hide(e, e->kind = pick(KINDS));
	feed(e, l, pick(3) == 0 ? 1 : 4000);
	lines_finish(l);
	lines_free(l);
}

static void test_evasions(void **state)
{
	static struct evasion e;
	static unsigned kinds[EVASIONS];
	static char secrets[EVASIONS][sizeof e.secret];
	int error;
	unsigned missed = 0;
	struct index_session s = { .user = "john", .hostname = "db-01", .mode = "pty" };
	(void)state;
	fakestore_open(&e.f);
	e.x = index_open(e.f.index, true, &error);
	assert_non_null(e.x);
	tblock_init(&e.block);
	buffer_init(&e.out, 1 << 20);
	assert_int_equal(index_write_begin(e.x), 0);
	assert_int_equal(index_write_session(e.x, &s, &(struct index_write_state){ 0 }, &e.session), 0);
	for (unsigned i = 0; i < EVASIONS; i++) {
		evade(&e, i);
		kinds[i] = e.kind;
		memcpy(secrets[i], e.secret, sizeof e.secret);
	}
	assert_int_equal(index_write_block(e.x, e.session, false, false, &e.block), 0);
	assert_int_equal(index_write_commit(e.x), 0);
	for (unsigned i = 0; i < EVASIONS; i++) {
		char query[32];
		unsigned hits = 0;
		struct index_search how = { .limit = 1 };
		snprintf(query, sizeof query, "*%s*", secrets[i]);
		assert_int_equal(index_search(e.x, query, &how, count_hit, &hits, NULL), 0);
		if (hits == 0 && missed++ < 20)
			print_message("evasion %u (kind %u) is not found: %s\n", i, kinds[i], secrets[i]);
	}
	assert_int_equal(missed, 0);
	tblock_free(&e.block);
	buffer_free(&e.out);
	index_close(e.x);
	fakestore_close(&e.f);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_evasions) };
	return cmocka_run_group_tests_name("evasion", tests, NULL, NULL);
}
