/* The overlay's entry points called as glibc calls them, with the users file
 * and the stub in the current folder. */
#include <errno.h>
#include <nss.h>
#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum nss_status _nss_itm_getpwnam_r(const char *, struct passwd *, char *, size_t, int *);
enum nss_status _nss_itm_getpwuid_r(uid_t, struct passwd *, char *, size_t, int *);
enum nss_status _nss_itm_getpwent_r(struct passwd *, char *, size_t, int *);

static void put(const char *path, const char *text, mode_t mode)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(path, mode), 0);
}

static void test_overlay(void **state)
{
	struct passwd pw;
	char buf[1024];
	int error = 0;
	errno = 42;
	assert_int_equal(_nss_itm_getpwnam_r("root", &pw, buf, sizeof buf, &error), NSS_STATUS_SUCCESS);
	assert_string_equal(pw.pw_shell, NSS_ITM_STUB);
	assert_true(pw.pw_shell >= buf && pw.pw_shell < buf + sizeof buf);
	assert_string_equal(pw.pw_name, "root");
	assert_int_equal(_nss_itm_getpwuid_r(0, &pw, buf, sizeof buf, &error), NSS_STATUS_SUCCESS);
	assert_string_equal(pw.pw_shell, NSS_ITM_STUB);
	assert_int_equal(_nss_itm_getpwnam_r("bin", &pw, buf, sizeof buf, &error), NSS_STATUS_NOTFOUND);
	assert_int_equal(_nss_itm_getpwuid_r(2, &pw, buf, sizeof buf, &error), NSS_STATUS_NOTFOUND);
	assert_int_equal(_nss_itm_getpwent_r(&pw, buf, sizeof buf, &error), NSS_STATUS_NOTFOUND);
	assert_int_equal(errno, 42);
}

static void test_no_login_shell_stays(void **state)
{
	struct passwd pw;
	char buf[1024];
	int error = 0;
	assert_int_equal(_nss_itm_getpwnam_r("daemon", &pw, buf, sizeof buf, &error), NSS_STATUS_SUCCESS);
	assert_string_equal(pw.pw_shell, "/usr/sbin/nologin");
}

static void test_listed_but_gone(void **state)
{
	struct passwd pw;
	char buf[1024];
	int error = 0;
	assert_int_equal(_nss_itm_getpwnam_r("itm-no-such", &pw, buf, sizeof buf, &error), NSS_STATUS_NOTFOUND);
	assert_int_equal(_nss_itm_getpwuid_r(4000000, &pw, buf, sizeof buf, &error), NSS_STATUS_NOTFOUND);
}

/* Every size: too small is said so, and no byte past it is touched. */
static void test_small_buffers(void **state)
{
	bool fitted = false;
	for (size_t size = 0; size < 400; size++) {
		struct passwd pw;
		char buf[401];
		int error = 0;
		memset(buf, 0x55, sizeof buf);
		enum nss_status s = _nss_itm_getpwnam_r("root", &pw, buf, size, &error);
		assert_int_equal(buf[size], 0x55);
		if (s == NSS_STATUS_SUCCESS)
			fitted = true;
		else
			assert_true(!fitted && s == NSS_STATUS_TRYAGAIN && error == ERANGE);
	}
	assert_true(fitted);
}

static void test_stub_missing(void **state)
{
	struct passwd pw;
	char buf[1024];
	int error = 0;
	chmod(NSS_ITM_STUB, 0600);
	assert_int_equal(_nss_itm_getpwnam_r("root", &pw, buf, sizeof buf, &error), NSS_STATUS_NOTFOUND);
	unlink(NSS_ITM_STUB);
	assert_int_equal(_nss_itm_getpwuid_r(0, &pw, buf, sizeof buf, &error), NSS_STATUS_NOTFOUND);
	put(NSS_ITM_STUB, "", 0711);
	chmod(NSS_ITM_USERS, 0666);
	assert_int_equal(_nss_itm_getpwnam_r("root", &pw, buf, sizeof buf, &error), NSS_STATUS_NOTFOUND);
	chmod(NSS_ITM_USERS, 0644);
	assert_int_equal(_nss_itm_getpwnam_r("root", &pw, buf, sizeof buf, &error), NSS_STATUS_SUCCESS);
}

static int setup(void **state)
{
	put(NSS_ITM_STUB, "", 0711);
	put(NSS_ITM_USERS, "# itm users 1\nroot:0:/bin/bash:break-glass\ndaemon:1:/bin/sh:strict\n"
	    "itm-no-such:4000000:/bin/sh:strict\n", 0644);
	return 0;
}

static int teardown(void **state)
{
	unlink(NSS_ITM_STUB);
	unlink(NSS_ITM_USERS);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_overlay), cmocka_unit_test(test_no_login_shell_stays),
		cmocka_unit_test(test_listed_but_gone), cmocka_unit_test(test_small_buffers),
		cmocka_unit_test(test_stub_missing),
	};
	if (geteuid() != 0) {
		puts("SKIP: the users file must be root's");
		return 77;
	}
	return cmocka_run_group_tests(tests, setup, teardown);
}
