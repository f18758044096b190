/* The watcher of files: notices of the kernel, looks, masks, differences, the
 * state on disk, what is told, and who is found to have done it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/filed/difference.h"
#include "agent/filed/known.h"
#include "agent/filed/sensitive.h"
#include "agent/filed/tell.h"
#include "base/error.h"
#include "view/changed.h"

static const uint8_t key[LOOK_KEY] = { 1, 2, 3 };

static void test_only_the_lines_that_differ(void **state)
{
	static const struct { const char *before, *after; size_t line; const char *went, *came; } rows[] = {
		{ "a\nb\nc\n", "a\nB\nc\n", 2, "b\n", "B\n" },
		{ "a\nb\n", "a\nb\nc\n", 3, "", "c\n" },
		{ "a\nb\nc\n", "b\nc\n", 1, "a\n", "" },
		{ "", "x\n", 1, "", "x\n" },
		{ "a", "ab", 1, "a", "ab" },
		{ "a\n", "a", 1, "a\n", "a" },
		{ "same\n", "same\n", 2, "", "" },
		{ "a\na\n", "a\na\na\n", 3, "", "a\n" },
		{ "xb\n", "yb\n", 1, "xb\n", "yb\n" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct difference d;
		difference_find(rows[i].before, strlen(rows[i].before), rows[i].after, strlen(rows[i].after), &d);
		assert_int_equal(d.line, rows[i].line);
		assert_int_equal(d.before_len, strlen(rows[i].went));
		assert_memory_equal(d.before, rows[i].went, d.before_len);
		assert_int_equal(d.after_len, strlen(rows[i].came));
		assert_memory_equal(d.after, rows[i].came, d.after_len);
	}
}

static void test_a_new_root_is_seen(void **state)
{
	static const char before[] = "root:x:0:0::/:/bin/sh\njohn:x:1000:1000::/:/bin/sh\n";
	static const struct { const char *line; bool is; } rows[] = {
		{ "eve:x:0:0::/:/bin/sh\n", true }, { "eve:x:00:0::/:/bin/sh", true }, { "eve:x:10:0::/:/bin/sh\n", false },
		{ "john:x:0:0::/:/bin/sh\n", true }, { "root:x:0:0::/:/bin/bash\n", false }, { "#eve:x:0:0:\n", false },
		{ "eve:x::0:\n", false }, { "eve\n", false },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char name[80];
		assert_int_equal(difference_root(before, sizeof before - 1, rows[i].line, strlen(rows[i].line), name, sizeof name),
				 rows[i].is);
	}
}

static void test_secrets_are_masked(void **state)
{
	static const char text[] = "a:$y$j9T$secret:1:\nb:!:1\nc:*:\nd::\ne:!$6$also:x\nno colon\nf:x";
	struct buffer b;

	buffer_init(&b, 4096);
	assert_int_equal(look_mask(&b, key, text, sizeof text - 1), 0);
	const char *out = buffer_text(&b);
	assert_null(strstr(out, "secret"));
	assert_null(strstr(out, "also"));
	assert_non_null(strstr(out, "a:[hash "));
	assert_non_null(strstr(out, "]:1:\nb:!:1\nc:*:\nd::\ne:![hash "));
	assert_non_null(strstr(out, "]:x\nno colon\nf:x"));
	buffer_free(&b);
}

static char folder[64];

static void write_file(const char *name, const char *text)
{
	int dir = open(folder, O_RDONLY | O_DIRECTORY), fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	close(dir);
}

static struct look look_of(const char *name, enum sensitive_care care)
{
	const struct look_way way = { key, care, 4096 };
	struct look l = { .there = false };
	int fd, dir = look_folder(folder, 0);

	assert_true(dir >= 0);
	look_at(dir, name, &way, &l, &fd);
	assert_true(look_same(dir, name, &l));
	if (fd >= 0)
		close(fd);
	close(dir);
	return l;
}

static void test_a_look_and_what_is_told(void **state)
{
	char path[128];

	snprintf(folder, sizeof folder, "/tmp/test_files.XXXXXX");
	assert_non_null(mkdtemp(folder));
	write_file("f", "a:hunter2:1\n");
	struct look hidden = look_of("f", SENSITIVE_HIDDEN), before = look_of("f", SENSITIVE_MASKED);
	struct look plain = look_of("f", SENSITIVE_PLAIN);
	assert_int_equal(hidden.text.len, 0);
	assert_memory_equal(hidden.digest, before.digest, HASH_SIZE);
	assert_memory_not_equal(plain.digest, before.digest, HASH_SIZE);
	assert_null(memmem(before.text.data, before.text.len, "hunter2", 7));
	assert_non_null(memmem(plain.text.data, plain.text.len, "hunter2", 7));

	write_file("f", "a:hunter2:1\nb:x:2\n");
	struct watched_file f = { .path = folder, .look = look_of("f", SENSITIVE_MASKED), .times = 1, .writer = { .pid = 7 } };
	struct activity_event e;
	assert_true(tell_change(&f, &before, 0, &e));
	assert_int_equal(e.kind, ACTIVITY_FILE_CHANGED);
	assert_int_equal(e.number[ACTIVITY_PID], 7);
	assert_int_equal(e.number[ACTIVITY_TEXT_LINE], 2);
	assert_int_equal(e.number[ACTIVITY_AFTER_TEXT], 6);
	/* The same again is nothing, unless it was written. */
	assert_false(tell_change(&f, &f.look, 0, &e));
	f.wrote = true;
	assert_true(tell_change(&f, &f.look, 0, &e));

	/* A link is not followed: neither its name's target nor its text is told as the file's. */
	snprintf(path, sizeof path, "%s/link", folder);
	assert_int_equal(symlink("f", path), 0);
	struct look link = look_of("link", SENSITIVE_PLAIN);
	assert_true(link.flags & ACTIVITY_FILE_LINK);
	assert_int_equal(link.text.len, 1);
	unlink(path);
	snprintf(path, sizeof path, "%s/f", folder);
	unlink(path);
	rmdir(folder);
	struct look *all[] = { &hidden, &before, &plain, &link, &f.look };
	for (size_t i = 0; i < 5; i++)
		look_free(all[i]);
}

static void test_the_state_comes_back_and_a_flipped_bit_is_refused(void **state)
{
	struct look l = { .there = true, .size = 5, .mode = S_IFREG | 0644, .inode = 99 };
	struct known k;
	struct buffer b;

	buffer_init(&b, 65536);
	buffer_init(&l.text, 64);
	assert_int_equal(buffer_put(&l.text, "text\n", 5), 0);
	assert_int_equal(known_begin(&b, key, 2), 0);
	assert_int_equal(known_put(&b, "/z", &l), 0);
	assert_int_equal(known_put(&b, "/a", &l), 0);
	assert_int_equal(known_end(&b), 0);
	assert_int_equal(known_decode(b.data, b.len, &k), 0);
	assert_memory_equal(k.key, key, LOOK_KEY);
	assert_int_equal(known_find(&k, "/z")->look.inode, 99);
	assert_int_equal(known_find(&k, "/a")->look.text.len, 5);
	assert_null(known_find(&k, "/b"));
	known_free(&k);
	for (size_t i = 0; i < b.len; i++) {
		b.data[i] ^= 4;
		assert_int_equal(known_decode(b.data, b.len, &k), ITM_ECRYPTO);
		b.data[i] ^= 4;
		assert_int_not_equal(known_decode(b.data, i, &k), 0);
	}
	buffer_free(&b);
	look_free(&l);
}

static void on_home(void *context, const char *home)
{
	strncat(context, home, 200); /* of 1024 */
	strncat(context, ";", 2);
}

static void test_homes(void **state)
{
	static const char text[] = "root:x:0:0:r:/root:/bin/sh\nd:x:1:1::/dev:/x\nshort:x\n\nj:x:2:2::/home/j/:/x\n"
				   "p:x:3:3::/proc/1:/x\nrel:x:4:4::home:/x\nu:x:5:5::/a/../b:/x\nn:x:6:6::/nohome";
	char found[1024] = "";

	sensitive_homes(text, sizeof text - 1, on_home, found);
	assert_string_equal(found, "/root;/home/j;");
}

static void test_a_writer_that_is_gone_is_found(void **state)
{
	static const uint8_t session[ID_SIZE] = { 42 };
	struct changed_file file = { .wall_ns = 1000000000000, .apart_ns = UINT64_MAX };
	struct changed c = { .list = &file, .count = 1 };
	struct activity_event a = { .kind = ACTIVITY_EXIT };

	file.event.number[ACTIVITY_PID] = 4711;
	a.number[ACTIVITY_START] = 5;
	activity_set_bytes(&a, ACTIVITY_SESSION, session, ID_SIZE);
	/* Another process, another host's, and one that had the number a minute before. */
	a.number[ACTIVITY_PID] = 4712;
	changed_process(&c, &file.host, &a, file.wall_ns);
	a.number[ACTIVITY_PID] = 4711;
	changed_process(&c, &(struct id){ { 1 } }, &a, file.wall_ns);
	changed_process(&c, &file.host, &a, file.wall_ns - 60000000000);
	assert_true(id_is_zero(&file.session));
	changed_process(&c, &file.host, &a, file.wall_ns + 3000000);
	assert_memory_equal(file.session.bytes, session, ID_SIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_the_lines_that_differ),
		cmocka_unit_test(test_a_new_root_is_seen),
		cmocka_unit_test(test_secrets_are_masked),
		cmocka_unit_test(test_a_look_and_what_is_told),
		cmocka_unit_test(test_the_state_comes_back_and_a_flipped_bit_is_refused),
		cmocka_unit_test(test_homes),
		cmocka_unit_test(test_a_writer_that_is_gone_is_found),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
