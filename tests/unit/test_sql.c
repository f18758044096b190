/* What is deleted from a database that overwrites stands nowhere in its files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/atomicfile.h"
#include "base/buffer.h"
#include "store/sql.h"

enum { ROWS = 300, BODY_MAX = 2000 };

/* Rows of many sizes: it is these that move. */
static size_t body_size(int id) { return 100 + (size_t)id * 37 % 1900; }

static void step(struct sql *s, const char *text, int id, const char *body)
{
	struct sql_statement *q;
	assert_int_equal(sql_prepare(s, text, &q), 0);
	sql_bind_int(q, 1, id);
	if (body != NULL)
		sql_bind_blob(q, 2, body, body_size(id));
	assert_int_equal(sql_finish(q), 0);
	sql_finalize(q);
}

static void assert_absent(const char *dir, const char *name, const char *word)
{
	char path[128];
	struct buffer b;
	snprintf(path, sizeof path, "%s/%s", dir, name);
	buffer_init(&b, 64 << 20);
	assert_int_equal(atomicfile_read(path, &b), 0);
	if (b.len > 0 && memmem(b.data, b.len, word, strlen(word)) != NULL)
		fail_msg("%s still holds %s", name, word);
	buffer_free(&b);
}

static void count_rows(struct sql *s, int64_t wanted)
{
	struct sql_statement *q;
	assert_int_equal(sql_prepare(s, "SELECT count(*) FROM t WHERE length(body) >= ?1", &q), 0);
	sql_bind_int(q, 1, (int64_t)body_size(0));
	assert_int_equal(sql_step(q), 1);
	assert_int_equal(sql_int(q, 0), wanted);
	sql_finalize(q);
}

static void remove_files(const char *dir)
{
	static const char *const names[] = { "x.db", "x.db-wal", "x.db-shm" };
	char path[128];
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		snprintf(path, sizeof path, "%s/%s", dir, names[i]);
		(void)unlink(path);
	}
	(void)rmdir(dir);
}

/* As rows go, others move to pages with more room and leave copies behind. */
static void a_row_that_was_moved_leaves_no_copy(void **state)
{
	(void)state;
	char dir[] = "/tmp/test_sql_XXXXXX", path[64], body[BODY_MAX], answer[64];
	int error;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/x.db", dir);
	struct sql *s = sql_open_paged(path, true, 8192, &error);
	assert_non_null(s);
	assert_int_equal(sql_overwrite(s), 0);
	assert_int_equal(sql_run(s, "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER NOT NULL, body BLOB NOT NULL)"), 0);
	assert_int_equal(sql_begin(s), 0);
	for (int i = 0; i < ROWS; i++) {
		memset(body, 'x', sizeof body);
		snprintf(body, sizeof body, "canary%04d", i);
		step(s, "INSERT INTO t VALUES (?1, 0, ?2)", i, body);
	}
	assert_int_equal(sql_commit(s), 0);
	/* 149 and 300 have no common divisor: each row once. */
	for (int i = 0; i < ROWS; i++) {
		int id = i * 149 % ROWS;
		char word[16];
		snprintf(word, sizeof word, "canary%04d", id);
		step(s, "DELETE FROM t WHERE id = ?1", id, NULL);
		assert_int_equal(sql_scrub(s), 0);
		/* Pages that are written again don't bring it back. */
		assert_int_equal(sql_run(s, "UPDATE t SET n = 1 - n"), 0);
		assert_int_equal(sql_checkpoint(s), 0);
		assert_absent(dir, "x.db", word);
		assert_absent(dir, "x.db-wal", word);
		count_rows(s, ROWS - 1 - i);
	}
	assert_int_equal(sql_check(s, answer, sizeof answer), 0);
	sql_close(s);
	remove_files(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_row_that_was_moved_leaves_no_copy),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
