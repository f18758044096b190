/* Which blocks a query looks at: what is asked of signatures, that they never
 * pass over a word that is there, and how the index keeps them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "store/index.h"
#include "store/index_blocks.h"
#include "store/index_write.h"
#include "store/narrow.h"

static struct query query;
static struct narrow narrow;

static bool ask(const char *text)
{
	struct fault fault = { 0, "" };
	int result = query_parse(text, strlen(text), &query, &fault);
	if (result != 0)
		print_message("%s: %s\n", text, fault.reason);
	assert_int_equal(result, 0);
	bool narrows = narrow_query(&narrow, &query);
	query_free(&query);
	return narrows;
}

static void test_steps(void **state)
{
	/* Postfix; "": every block must be looked at. */
	static const struct { const char *text, *steps; } cases[] = {
		{ "payroll", "payroll " },
		{ "  Two\tWORDS ", "two words & " },
		{ "/etc/passwd", "etc passwd & " },
		{ "10.0.0.1", "10 0 & 0 & 1 & " },
		{ "pay*", "pay* " },
		{ "pa*", "" },
		{ "*pay", "" },
		{ "*pay*", "" },
		{ "*a/passwd/b*", "passwd " },
		{ "\"rm -rf /srv\"", "rm rf & srv & " },
		{ "\"rm -rf srv\"*", "rm rf & srv* & " },
		{ "a -b -\"c d\"", "a " },
		{ "not a", "" },
		{ "--force", "force " },
		{ "out:secret", "secret " },
		{ "root:x:0", "root x & 0 & " },
		{ "a or b", "a b | " },
		{ "a b or c", "a b & c | " },
		{ "a (b OR c) d", "a b c | & d & " },
		{ "a or /b/", "" },
		{ "a /b/", "a " },
		{ "/b/ a", "a " },
		{ "x (a or *b)", "x " },
		{ "\"or\" \"not\"", "or not & " },
		{ "a NEAR(c) \"NOT\"", "a near c & & not & " },
		{ "*", "" },
		{ "->", "" },
		{ "\xc3\x84rger", "\xc3\xa4rger " },
		{ "\"say \\\"yes\\\" \\\\o\"", "say yes & o & " },
		{ "user:john x session:last", "x " },
		{ NULL, NULL },
	};
	(void)state;
	for (size_t i = 0; cases[i].text != NULL; i++) {
		struct buffer b;
		buffer_init(&b, 4096);
		bool narrows = ask(cases[i].text);
		for (size_t n = 0; narrows && n < narrow.count; n++)
			assert_int_equal(buffer_printf(&b, "%s ", narrow.steps[n].kind == NARROW_WORD ? narrow.steps[n].text
								 : narrow.steps[n].kind == NARROW_AND ? "&" : "|"), 0);
		assert_string_equal(b.len > 0 ? buffer_text(&b) : "", cases[i].steps);
		buffer_free(&b);
	}
}

/* More words than there is room for are no reason to pass anything over. */
static void test_many_words(void **state)
{
	char text[QUERY_MAX];
	size_t len = 0;
	(void)state;
	while (len + 300 < sizeof text) {
		text[len++] = '"';
		for (int i = 0; i < 127; i++, len += 2)
			memcpy(text + len, "a ", 2);
		memcpy(text + len, "b\" ", 3);
		len += 3;
	}
	text[len] = '\0';
	assert_false(ask(text));
}

static uint64_t seed = 1;

static uint32_t pick(uint32_t below)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((seed >> 33) % below);
}

/* Words of 1 to 12 letters, each with its number in it: none is in two blocks. */
enum { BLOCKS = SIGNATURE_SHELF, WORDS = 250, WORD_SIZE = 16 };
static char words[BLOCKS][WORDS][WORD_SIZE];

static void make_words(struct signature *signatures)
{
	for (unsigned b = 0; b < BLOCKS; b++) {
		char text[WORDS * WORD_SIZE];
		size_t len = 0;
		for (unsigned w = 0; w < WORDS; w++) {
			char *word = words[b][w];
			uint32_t number = b * WORDS + w, letters = 5 + pick(8);
			for (uint32_t i = 0; i < letters; i++, number /= 20)
				word[i] = (char)(i < 5 ? 'a' + number % 20 : 'a' + pick(26));
			word[letters] = '\0';
			len += (size_t)snprintf(text + len, sizeof text - len, "%s%s", w % 9 == 0 ? "\n" : "/", word);
		}
		signature_add(&signatures[b], text, len);
	}
}

static struct signature_shelf shelves[SIGNATURE_SLICES];

static int one_slice(void *context, unsigned slice, const struct signature_shelf **out)
{
	(void)context;
	*out = &shelves[slice];
	return 0;
}

/* A word is in its block, alone and on the shelf, whole and by its start; both
 * answer alike; and of the blocks without it few say yes. */
static void test_signatures(void **state)
{
	struct signature *signatures = calloc(BLOCKS, sizeof *signatures);
	unsigned asked = 0, mistaken = 0;
	(void)state;
	assert_non_null(signatures);
	make_words(signatures);
	for (unsigned i = 0; i < SIGNATURE_SLICES; i++)
		signature_shelve(&shelves[i], signatures, BLOCKS, i);
	for (unsigned b = 0; b < BLOCKS; b += 3)
		for (unsigned w = 0; w < WORDS; w += 7) {
			struct signature_set set;
			char text[WORD_SIZE + 1];
			int len = 3 + (int)pick(10);
			bool whole = w % 2 == 0;
			if (whole)
				snprintf(text, sizeof text, "%s", words[b][w]);
			else
				snprintf(text, sizeof text, "%.*s*", len, words[b][w]);
			assert_true(ask(text));
			assert_int_equal(narrow_shelf(&narrow, one_slice, NULL, &set), 0);
			assert_true(set.bytes[b / 8] >> b % 8 & 1);
			for (unsigned i = 0; i < BLOCKS; i++) {
				bool has = set.bytes[i / 8] >> i % 8 & 1;
				assert_int_equal(has, narrow_block(&narrow, &signatures[i]));
				asked += whole && i != b;
				mistaken += whole && i != b && has;
			}
		}
	assert_true(mistaken < asked / 200);
	free(signatures);
}

/* A shelf that is not full. */
static void test_small_shelf(void **state)
{
	struct signature s[11] = { 0 };
	struct signature_set set;
	(void)state;
	signature_add(&s[10], "lonely", 6);
	for (unsigned i = 0; i < SIGNATURE_SLICES; i++)
		signature_shelve(&shelves[i], s, 11, i);
	assert_true(ask("lonely or other"));
	assert_int_equal(narrow_shelf(&narrow, one_slice, NULL, &set), 0);
	for (unsigned i = 0; i < SIGNATURE_ROW_SIZE; i++)
		assert_int_equal(set.bytes[i], i == 1 ? 4 : 0);
}

/* ---- in the index ---- */

struct bench { char dir[32]; struct index *x; int64_t session[3]; };

static void open_index(struct bench *b)
{
	int error;
	b->x = index_open(b->dir, true, &error);
	assert_non_null(b->x);
}

static int setup(void **state)
{
	struct bench *b = calloc(1, sizeof *b);
	assert_non_null(b);
	snprintf(b->dir, sizeof b->dir, "/tmp/itm-narrow-XXXXXX");
	assert_non_null(mkdtemp(b->dir));
	open_index(b);
	assert_int_equal(index_write_begin(b->x), 0);
	for (unsigned i = 0; i < 3; i++) {
		struct index_session s = { .mode = "pty", .user = "john" };
		s.stream.bytes[0] = (uint8_t)(i + 1);
		assert_int_equal(index_write_session(b->x, &s, &(struct index_write_state){ 0 }, &b->session[i]), 0);
	}
	assert_int_equal(index_write_commit(b->x), 0);
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;
	char command[64];
	index_close(b->x);
	for (unsigned i = 0; i < 3; i++) {
		static const char *const ends[] = { "", "-wal", "-shm" };
		snprintf(command, sizeof command, "%s/index.db%s", b->dir, ends[i]);
		(void)unlink(command);
	}
	assert_int_equal(rmdir(b->dir), 0);
	free(b);
	return 0;
}

/* Block n of a session: a word that all have, one of its own, its session's. */
static void put(struct bench *b, unsigned session, unsigned n, bool live)
{
	struct tblock t;
	char text[64];
	int len = snprintf(text, sizeof text, "everywhere number%u session%u %s", n, session, live ? "growing" : "settled");
	tblock_init(&t);
	assert_int_equal(tblock_add(&t, &(struct lines_line){ .time_ms = n, .text = text, .len = (size_t)len }), 0);
	assert_int_equal(index_write_block(b->x, b->session[session], live, false, &t), 0);
	tblock_free(&t);
}

static int note(void *context, const struct index_hit *h)
{
	return buffer_printf(context, "%s\n", h->line);
}

static unsigned hits(struct bench *b, const char *text, struct buffer *out)
{
	struct index_search how = { .limit = 10000 };
	struct fault fault = { 0, "" };
	unsigned lines = 0;
	buffer_init(out, 1 << 20);
	assert_int_equal(index_search(b->x, text, &how, note, out, &fault), 0);
	for (size_t i = 0; i < out->len; i++)
		lines += out->data[i] == '\n';
	return lines;
}

/* The word finds what an expression finds that looks at every line, in the
 * same order. */
static void same(struct bench *b, const char *word, unsigned count)
{
	struct buffer narrowed, all;
	char every[64];
	snprintf(every, sizeof every, "/\\b%s\\b/", word);
	assert_int_equal(hits(b, word, &narrowed), count);
	assert_int_equal(hits(b, every, &all), count);
	assert_int_equal(narrowed.len, all.len);
	if (all.len > 0)
		assert_memory_equal(narrowed.data, all.data, all.len);
	buffer_free(&narrowed);
	buffer_free(&all);
}

/* Blocks whose signatures let the word through. */
static unsigned let_through(struct bench *b, const char *word)
{
	struct index_blocks blocks;
	unsigned count = 0;
	int64_t block;
	assert_true(ask(word));
	assert_int_equal(index_blocks_open(&blocks, b->x, &narrow), 0);
	while (index_blocks_next(&blocks, &block) == 1)
		count += block != 0;
	index_blocks_close(&blocks);
	return count;
}

enum { MANY = 2 * SIGNATURE_SHELF + 100 };

static void fill(struct bench *b)
{
	assert_int_equal(index_write_begin(b->x), 0);
	for (unsigned n = 0; n < MANY; n++) {
		put(b, n % 2, n, false);
		/* One that stays live lies between the others for good. */
		if (n == 40)
			put(b, 2, MANY + 1, true);
		if (n % 50 == 49) {
			assert_int_equal(index_write_drop_live(b->x, b->session[0]), 0);
			put(b, 0, MANY, true);
			assert_int_equal(index_write_commit(b->x), 0);
			assert_int_equal(index_write_begin(b->x), 0);
		}
	}
	assert_int_equal(index_write_commit(b->x), 0);
}

static void test_index(void **state)
{
	struct bench *b = *state;
	fill(b);
	same(b, "everywhere", MANY + 2);
	same(b, "growing", 2);
	same(b, "session1", MANY / 2);
	for (unsigned n = 0; n < MANY; n += 37) {
		char word[32];
		snprintf(word, sizeof word, "number%u", n);
		same(b, word, 1);
	}
	/* What is taken back is counted anew. */
	index_close(b->x);
	open_index(b);
	for (unsigned round = 0; round < 3; round++) {
		assert_int_equal(index_write_begin(b->x), 0);
		for (unsigned n = 0; n < SIGNATURE_SHELF - 50; n++)
			put(b, 1, 10000 + n, false);
		index_write_rollback(b->x);
	}
	same(b, "everywhere", MANY + 2);
	assert_int_equal(let_through(b, "number10003"), 0);
}

/* A session that goes takes its words out of the signatures as well. */
static void test_forget(void **state)
{
	struct bench *b = *state;
	struct id stream = { .bytes = { 1 } };
	fill(b);
	assert_int_equal(let_through(b, "session0"), MANY / 2 + 1);
	assert_int_equal(let_through(b, "session1"), MANY / 2);
	assert_int_equal(index_write_begin(b->x), 0);
	assert_int_equal(index_write_forget(b->x, &stream), 0);
	assert_int_equal(index_write_commit(b->x), 0);
	assert_int_equal(let_through(b, "session0"), 0);
	assert_int_equal(let_through(b, "session1"), MANY / 2);
	same(b, "everywhere", MANY / 2 + 1);
	same(b, "session1", MANY / 2);
	assert_int_equal(index_write_begin(b->x), 0);
	for (unsigned n = 0; n < SIGNATURE_SHELF; n++)
		put(b, 1, MANY + 2 + n, false);
	assert_int_equal(index_write_commit(b->x), 0);
	same(b, "session1", MANY / 2 + SIGNATURE_SHELF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_steps), cmocka_unit_test(test_many_words), cmocka_unit_test(test_signatures),
		cmocka_unit_test(test_small_shelf),
		cmocka_unit_test_setup_teardown(test_index, setup, teardown),
		cmocka_unit_test_setup_teardown(test_forget, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
