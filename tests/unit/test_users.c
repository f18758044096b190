#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "local/settings.h"
#include "local/userlist.h"
#include "local/users.h"

static char folder[] = "/tmp/test_users.XXXXXX";

static const char *path_of(const char *name)
{
	static char path[4][256];
	static int turn;
	turn = (turn + 1) % 4;
	snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
	return path[turn];
}

static const char *put(const char *name, const char *text, size_t len)
{
	const char *path = path_of(name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	fclose(f);
	assert_int_equal(chmod(path, 0644), 0);
	return path;
}

static void test_decode(void **state)
{
	static const struct { const char *line; int result; } cases[] = {
		{ "alice:1000:/bin/bash:strict", 0 },
		{ "a:0:/b:best-effort", 0 },
		{ "a:4294967294:/b:break-glass", 0 },
		{ "a:4294967295:/b:break-glass", ITM_EFORMAT }, /* (uid_t)-1 */
		{ "a:99999999999:/b:strict", ITM_EFORMAT },
		{ "a:-1:/b:strict", ITM_EFORMAT },
		{ "a:01:/b:strict", ITM_EFORMAT },
		{ "a::/b:strict", ITM_EFORMAT },
		{ ":1:/b:strict", ITM_EFORMAT },
		{ "a:1:b:strict", ITM_EFORMAT },
		{ "a:1:/b:", ITM_EFORMAT },
		{ "a:1:/b:lax", ITM_EFORMAT },
		{ "a:1:/b:strict:x", ITM_EFORMAT },
		{ "a:1:/b:strict:", ITM_EFORMAT },
		{ "a:1:/b", ITM_EFORMAT },
		{ "", ITM_EFORMAT },
		{ "#a:1:/b:strict", ITM_EFORMAT },
	};
	struct users_entry e;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		if (users_decode(cases[i].line, strlen(cases[i].line), &e) != cases[i].result)
			fail_msg("%s", cases[i].line);
	assert_int_equal(users_decode("bob:1001:/bin/zsh:break-glass", 29, &e), 0);
	assert_string_equal(e.name, "bob");
	assert_int_equal(e.uid, 1001);
	assert_string_equal(e.shell, "/bin/zsh");
	assert_int_equal(e.failure, USERS_BREAK_GLASS);
}

static void test_lookup(void **state)
{
	if (geteuid() != 0)
		skip(); /* the file must be root's */
	char text[32768];
	size_t len = (size_t)snprintf(text, sizeof text, "# itm users 1\n");
	for (int i = 0; i < 500; i++)
		len += (size_t)snprintf(text + len, sizeof text - len, "user%d:%d:/bin/sh%d:strict\n", i, 1000 + i, i);
	const char *path = put("users", text, len);
	struct users_entry e;
	for (int i = 0; i < 500; i++) {
		char name[16], shell[16];
		snprintf(name, sizeof name, "user%d", i);
		snprintf(shell, sizeof shell, "/bin/sh%d", i);
		assert_int_equal(users_by_name(path, name, &e), 0);
		assert_string_equal(e.shell, shell);
		assert_int_equal(users_by_uid(path, (uid_t)(1000 + i), &e), 0);
		assert_string_equal(e.name, name);
	}
	assert_int_equal(users_by_name(path, "user", &e), ITM_ENOENT);
	assert_int_equal(users_by_name(path, "user5000", &e), ITM_ENOENT);
	assert_int_equal(users_by_name(path, "", &e), ITM_ENOENT);
	assert_int_equal(users_by_uid(path, 0, &e), ITM_ENOENT);
	assert_int_equal(users_by_name(path_of("nothing"), "user1", &e), ITM_ENOENT);
}

static void test_refused_files(void **state)
{
	if (geteuid() != 0)
		skip();
	static const char text[] = "# itm users 1\na:1:/bin/sh:strict\n";
	const char *path = put("users", text, sizeof text - 1);
	struct users_entry e;
	assert_int_equal(users_by_name(path, "a", &e), 0);
	chmod(path, 0664);
	assert_int_equal(users_by_name(path, "a", &e), ITM_EPERM);
	chmod(path, 0646);
	assert_int_equal(users_by_name(path, "a", &e), ITM_EPERM);
	chmod(path, 0644);
	assert_int_equal(chown(path, 1, 0), 0);
	assert_int_equal(users_by_name(path, "a", &e), ITM_EPERM);
	assert_int_equal(chown(path, 0, 0), 0);
	const char *link = path_of("link");
	unlink(link);
	assert_int_equal(symlink(path, link), 0);
	assert_int_equal(users_by_name(link, "a", &e), ITM_EPERM);
	assert_int_equal(users_by_name(folder, "a", &e), ITM_EPERM);
	assert_int_equal(truncate(path, USERS_FILE_MAX + 1), 0);
	assert_int_equal(users_by_name(path, "zz", &e), ITM_EPERM);
}

static void test_broken_lines(void **state)
{
	if (geteuid() != 0)
		skip();
	char text[8192];
	size_t len = 0;
	memset(text, 'x', 6000); /* a line longer than any */
	text[3] = ':';
	len = 6000;
	len += (size_t)snprintf(text + len, sizeof text - len, "\nbad:12:shell\ngood:13:/bin/sh:strict\ntorn:14:/bin/sh:strict");
	const char *path = put("users", text, len);
	struct users_entry e;
	assert_int_equal(users_by_name(path, "good", &e), 0);
	assert_int_equal(users_by_name(path, "bad", &e), ITM_EFORMAT);
	assert_int_equal(users_by_name(path, "xxx", &e), ITM_EFORMAT);
	assert_int_equal(users_by_name(path, "torn", &e), ITM_EFORMAT);
	assert_int_equal(users_by_uid(path, 13, &e), 0);
}

static const char passwd[] =
	"root:x:0:0:root:/root:/bin/bash\n"
	"daemon:x:1:1:daemon:/:/usr/sbin/nologin\n"
	"alice:x:1000:1000::/home/alice:/bin/bash\n"
	"bob:x:1001:1001::/home/bob:\n"
	"carol:x:1002:27::/home/carol:/bin/zsh\n"
	"dave:x:1003:1003::/home/dave:bash\n"
	"erin:x:1004:1004::/home/erin:/usr/libexec/itm/itm-shell\n";
static const char group[] = "root:x:0:\nadmins:x:27:alice,daemon\nadminsx:x:28:bob\n";

static void test_list(void **state)
{
	static const struct { const char *record, *strict, *glass, *result; } cases[] = {
		{ "", "", "", "" },
		{ "alice", "", "", "alice:best-effort " },
		{ "  alice \t bob", "bob", "", "alice:best-effort bob:strict " },
		{ "@admins", "carol", "@admins", "alice:break-glass carol:strict " },
		{ "*", "@admins", "root", "root:break-glass alice:strict bob:best-effort carol:strict " },
		{ "@nobodyhere @admin alic", "", "", "" },
		{ "daemon erin dave", "", "", "" },
	};
	char pw[256], gr[256];
	snprintf(pw, sizeof pw, "%s", put("passwd", passwd, sizeof passwd - 1));
	snprintf(gr, sizeof gr, "%s", put("group", group, sizeof group - 1));
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct settings_agent s = { 0 };
		struct userlist list;
		char got[512] = "";
		size_t n = 0;
		snprintf(s.record, sizeof s.record, "%s", cases[i].record);
		snprintf(s.strict, sizeof s.strict, "%s", cases[i].strict);
		snprintf(s.break_glass, sizeof s.break_glass, "%s", cases[i].glass);
		assert_int_equal(userlist_load(&s, pw, gr, &list), 0);
		for (size_t k = 0; k < list.count; k++)
			n += (size_t)snprintf(got + n, sizeof got - n, "%s:%s ", list.entry[k].name,
					      users_failure_name(list.entry[k].failure));
		assert_string_equal(got, cases[i].result);
		userlist_free(&list);
	}
}

/* Metadata only must be said of accounts or groups, never of everybody. */
static void test_list_metadata_only(void **state)
{
	static const struct { const char *listed; bool alice, bob; } cases[] = {
		{ "", false, false }, { "bob", false, true }, { "@admins", true, false }, { "nobody alic", false, false },
	};
	char pw[256], gr[256];
	struct userlist list;
	snprintf(pw, sizeof pw, "%s", put("passwd", passwd, sizeof passwd - 1));
	snprintf(gr, sizeof gr, "%s", put("group", group, sizeof group - 1));
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct settings_agent s = { .record = "alice bob" };
		snprintf(s.pipe_metadata, sizeof s.pipe_metadata, "%s", cases[i].listed);
		assert_int_equal(userlist_load(&s, pw, gr, &list), 0);
		assert_int_equal(list.count, 2);
		assert_int_equal(list.entry[0].metadata_only, cases[i].alice);
		assert_int_equal(list.entry[1].metadata_only, cases[i].bob);
		userlist_free(&list);
	}
	struct settings_agent all = { .record = "alice", .pipe_metadata = "bob *" };
	assert_int_equal(userlist_load(&all, pw, gr, &list), ITM_EINVAL);
}

static void test_list_written(void **state)
{
	struct settings_agent s = { .record = "alice bob", .strict = "bob" };
	struct userlist list;
	struct users_entry e;
	char pw[256], gr[256];
	snprintf(pw, sizeof pw, "%s", put("passwd", passwd, sizeof passwd - 1));
	snprintf(gr, sizeof gr, "%s", put("group", group, sizeof group - 1));
	assert_int_equal(userlist_load(&s, pw, gr, &list), 0);
	assert_int_equal(userlist_find(&list, 1001)->uid, 1001);
	assert_null(userlist_find(&list, 1002));
	const char *path = path_of("written");
	assert_int_equal(userlist_write(&list, path), 0);
	userlist_free(&list);
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	if (geteuid() == 0) {
		assert_int_equal(users_by_name(path, "bob", &e), 0);
		assert_string_equal(e.shell, "/bin/sh"); /* empty in passwd */
		assert_int_equal(e.failure, USERS_STRICT);
	}
	assert_int_equal(userlist_load(&s, path_of("missing"), gr, &list), ITM_ESYS);
}

static void test_settings(void **state)
{
	static const struct { const char *text; const char *error; } cases[] = {
		{ "record = alice\nrecord = @x\nblock_interval = 2s\n", NULL },
		{ "# only a comment\n\n", NULL },
		{ "record alice\n", "f:1:" },
		{ "notice = a\nnotise = b\n", "f:2:" },
		{ "block_interval = 999ms\n", "f:1:" },
		{ "block_interval = 11s\n", "f:1:" },
		{ "\npipe_limit = lots\n", "f:2:" },
	};
	struct settings_agent before = { .pipe_limit = 77 };
	char error[CONFIG_ERROR_SIZE];
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct settings_agent s = before;
		int r = settings_parse_agent("f", cases[i].text, strlen(cases[i].text), &s, error);
		if (cases[i].error == NULL) {
			assert_int_equal(r, 0);
			assert_string_equal(s.run, "/run/itm");
		} else {
			assert_true(r < 0);
			assert_int_equal(strncmp(error, cases[i].error, strlen(cases[i].error)), 0);
			assert_memory_equal(&s, &before, sizeof s);
		}
	}
	struct settings_agent s;
	struct settings_server server;
	assert_int_equal(settings_parse_agent("f", cases[0].text, strlen(cases[0].text), &s, error), 0);
	assert_string_equal(s.record, "alice @x");
	assert_int_equal(s.block_interval_ms, 2000);
	assert_int_equal(settings_read_server(path_of("no-such.conf"), &server, error), 0);
	assert_string_equal(server.listen, "127.0.0.1:7443");
	assert_int_equal(settings_read_agent(SOURCE_DIR "/etc/agent.conf", &s, error), 0);
}

static int setup(void **state)
{
	return mkdtemp(folder) != NULL ? 0 : -1;
}

static int teardown(void **state)
{
	static const char *const names[] = { "users", "link", "passwd", "group", "written" };
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		unlink(path_of(names[i]));
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decode), cmocka_unit_test(test_lookup), cmocka_unit_test(test_refused_files),
		cmocka_unit_test(test_broken_lines), cmocka_unit_test(test_list),
		cmocka_unit_test(test_list_metadata_only), cmocka_unit_test(test_list_written),
		cmocka_unit_test(test_settings),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
