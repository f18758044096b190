/* Programs that a host's monitor saw are found by exe: and argv:, as hits of
 * the session they ran in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "format/activity.h"
#include "store/evidence_remove.h"
#include "store/index.h"
#include "store/indexd/follow.h"
#include "store/program.h"
#include "store/query.h"
#include "tests/unit/fakestore.h"

struct bench {
	struct fakestore f;
	struct index *x;
	struct follow *follow;
	struct fakesession alice, monitor;
	uint64_t now_ms;
};

static void open_index(struct bench *b)
{
	int error;
	b->x = index_open(b->f.index, true, &error);
	assert_non_null(b->x);
	b->follow = follow_new(b->x, b->f.evidence, &error);
	assert_non_null(b->follow);
}

static void pass(struct bench *b)
{
	int result;
	b->now_ms += 1000;
	while ((result = follow_pass(b->follow, b->now_ms)) == 1)
		;
	assert_int_equal(result, 0);
}

static void restart(struct bench *b, bool anew)
{
	char path[128];
	static const char *const ends[] = { "", "-wal", "-shm" };
	follow_free(b->follow);
	index_close(b->x);
	for (size_t i = 0; anew && i < 3; i++) {
		snprintf(path, sizeof path, "%s/index.db%s", b->f.index, ends[i]);
		(void)remove(path);
	}
	open_index(b);
	pass(b);
}

static int setup(void **state)
{
	struct bench *b = calloc(1, sizeof *b);
	assert_non_null(b);
	fakestore_open(&b->f);
	open_index(b);
	fakestore_session(&b->monitor, 1000, "", "processes");
	fakestore_session(&b->alice, 5000, "alice", "pty");
	fakestore_out(&b->alice, 10, "curl was never shown here\r\n");
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;
	fakestore_session_free(&b->monitor);
	fakestore_session_free(&b->alice);
	follow_free(b->follow);
	index_close(b->x);
	fakestore_close(&b->f);
	free(b);
	return 0;
}

/* arguments: NUL after each. */
static void ran(struct bench *b, uint64_t at_ms, enum activity_kind kind, const struct id *session, const char *exe,
		const char *arguments, size_t len)
{
	struct activity_event e = { .kind = kind };
	struct buffer data;
	buffer_init(&data, 4096);
	e.number[ACTIVITY_PID] = 4711;
	activity_set_bytes(&e, ACTIVITY_EXE, exe, strlen(exe));
	activity_set_bytes(&e, ACTIVITY_ARGUMENTS, arguments, len);
	if (session != NULL)
		activity_set_bytes(&e, ACTIVITY_SESSION, session->bytes, ID_SIZE);
	assert_int_equal(activity_put(&data, &e), 0);
	fakestore_event(&b->monitor, at_ms, RECORD_ACTIVITY, data.len, (const char *)data.data);
	buffer_free(&data);
}

static int note(void *context, const struct index_hit *h)
{
	return buffer_printf(context, "%s %llu %d%s %s|", h->session.user, (unsigned long long)h->time_ms, (int)h->kind,
			     h->provisional ? "?" : "", h->line);
}

static void expect(struct bench *b, const char *query, const char *hits)
{
	struct index_search how = { .context = 2 };
	struct fault fault = { 0, "" };
	struct buffer out;
	buffer_init(&out, 1 << 16);
	assert_int_equal(index_search(b->x, query, &how, note, &out, &fault), 0);
	assert_string_equal(out.len > 0 ? buffer_text(&out) : "", hits);
	assert_false(how.unanswered);
	buffer_free(&out);
}

#define CURL "alice 96000 4 /usr/bin/curl curl -s http://evil\\x0a.example/x|"
#define TAR "alice 97000 4 /usr/bin/tar tar c /srv|"

static void expect_all(struct bench *b)
{
	expect(b, "exe:curl argv:http user:alice", CURL);
	expect(b, "exe:/usr/bin/*", TAR CURL);
	expect(b, "exe:* host:db-*", TAR CURL);
	expect(b, "exe:http", "");
	expect(b, "argv:usr", "");
	expect(b, "argv:/^tar c/", TAR);
	expect(b, "argv:/srv$/ -exe:curl", TAR);
	expect(b, "exe:curl user:bob", "");
	expect(b, "exe:tar session:last", TAR);
	expect(b, "exe:daemon", "");
	expect(b, "exe:late or argv:4711", "");
	expect(b, "curl", "alice 10 0 curl was never shown here|");
	expect(b, "srv", "");
}

static void test_found(void **state)
{
	struct bench *b = *state;
	struct id nobody = { .bytes = { 9 } };
	static const char curl[] = "curl\0-s\0http://evil\n.example/x", tar[] = "tar\0c\0/srv";
	fakestore_chunk(&b->f, &b->alice, 0);
	ran(b, 100000, ACTIVITY_EXEC, &b->alice.id, "/usr/bin/curl", curl, sizeof curl);
	ran(b, 100500, ACTIVITY_EXEC, NULL, "/usr/sbin/daemon", "daemon", 7);
	ran(b, 100600, ACTIVITY_EXEC, &nobody, "/usr/sbin/daemon", "daemon", 7);
	ran(b, 100700, ACTIVITY_SEEN, &b->alice.id, "/usr/bin/late", "late", 5);
	fakestore_frame(&b->f, &b->monitor);
	pass(b);
	expect(b, "exe:curl", "alice 96000 4? /usr/bin/curl curl -s http://evil\\x0a.example/x|");
	ran(b, 101000, ACTIVITY_EXEC, &b->alice.id, "/usr/bin/tar", tar, sizeof tar);
	fakestore_chunk(&b->f, &b->monitor, 0);
	pass(b);
	expect_all(b);
	restart(b, false);
	expect_all(b);
	restart(b, true);
	expect_all(b);
}

/* Many of them, over blocks, after a restart in their midst; each once. */
static void test_many(void **state)
{
	struct bench *b = *state;
	struct index_search how = { .limit = 10000 };
	struct fault fault = { 0, "" };
	struct buffer out;
	unsigned count = 0;
	fakestore_chunk(&b->f, &b->alice, 0);
	for (unsigned i = 0; i < 500; i++) {
		char name[32];
		int len = snprintf(name, sizeof name, "run%u", i);
		ran(b, 10000 + i, ACTIVITY_EXEC, &b->alice.id, "/bin/repeat", name, (size_t)len + 1);
		if (i % 170 == 169)
			fakestore_chunk(&b->f, &b->monitor, 0);
		if (i == 200)
			pass(b);
		if (i == 350)
			restart(b, false);
	}
	fakestore_chunk(&b->f, &b->monitor, CHUNK_END);
	pass(b);
	buffer_init(&out, 1 << 20);
	assert_int_equal(index_search(b->x, "exe:repeat", &how, note, &out, &fault), 0);
	for (size_t i = 0; i < out.len; i++)
		count += out.data[i] == '|';
	assert_int_equal(count, 500);
	buffer_free(&out);
	expect(b, "argv:run444", "alice 6444 4 /bin/repeat run444|");
}

/* With the session go what ran in it. */
static void test_deleted(void **state)
{
	struct bench *b = *state;
	char words[EVIDENCE_REMOVE_ERROR_SIZE];
	struct evidence_removal r = { .declaration = { .act = REMOVAL_DELETION, .stream = b->alice.id } };
	fakestore_chunk(&b->f, &b->alice, CHUNK_END);
	ran(b, 100000, ACTIVITY_EXEC, &b->alice.id, "/usr/bin/curl", "curl", 5);
	fakestore_chunk(&b->f, &b->monitor, 0);
	pass(b);
	expect(b, "exe:curl", "alice 96000 4 /usr/bin/curl curl|");
	snprintf(r.declaration.who, sizeof r.declaration.who, "root");
	snprintf(r.declaration.reason, sizeof r.declaration.reason, "a customer");
	assert_int_equal(evidence_begin(b->f.evidence), 0);
	assert_int_equal(evidence_remove(b->f.evidence, &r, 1, &b->f.log, words), 0);
	assert_int_equal(evidence_commit(b->f.evidence), 0);
	pass(b);
	expect(b, "exe:curl", "");
}

static void test_line(void **state)
{
	static const char good[] = "00000000000000000000000008 00002 ab c", *const bad[] = {
		"", "00000000000000000000000008 00002 ", "00000000000000000000000008 00005 ab c", "00000000000000000000000008 000x2 ab c",
		"!0000000000000000000000008 00002 ab c",
	};
	struct program p;
	(void)state;
	assert_int_equal(program_read(good, sizeof good - 1, &p), 0);
	assert_int_equal(p.path_len, 2);
	assert_int_equal(p.len, 4);
	assert_memory_equal(p.text, "ab c", 4);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(program_read(bad[i], strlen(bad[i]), &p), ITM_EFORMAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_found, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many, setup, teardown),
		cmocka_unit_test_setup_teardown(test_deleted, setup, teardown),
		cmocka_unit_test(test_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
