#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "cli/nsswitch.h"
#include "cli/pamedit.h"
#include "cli/pamstack.h"

static void test_places(void **state)
{
	static const struct { const char *tree, *service; enum pamstack_place place; const char *file; unsigned line; const char *other; } cases[] = {
		{ "debian", "sshd", PAMSTACK_LAST, "/etc/pam.d/common-session", 7, NULL },
		{ "debian", "su", PAMSTACK_LAST, "/etc/pam.d/common-session", 7, NULL },
		{ "debian", "su-l", PAMSTACK_LAST, "/etc/pam.d/common-session", 7, NULL },
		{ "debian", "runuser", PAMSTACK_ABSENT, NULL, 0, NULL },
		{ "debian", "no-file-so-other", PAMSTACK_ABSENT, NULL, 0, NULL },
		{ "redhat", "login", PAMSTACK_LAST, "/etc/pam.d/system-auth", 6, NULL },
		{ "odd", "skipped", PAMSTACK_SKIPPED, "/etc/pam.d/skipped", 2, "pam_unix.so" },
		{ "odd", "jumped", PAMSTACK_SKIPPED, "/etc/pam.d/jumped", 2, "pam_succeed_if.so" },
		{ "odd", "maybe", PAMSTACK_SKIPPABLE, "/etc/pam.d/maybe", 2, "pam_localuser.so" },
		{ "odd", "within", PAMSTACK_LAST, "/etc/pam.d/within", 2, NULL },
		{ "odd", "written", PAMSTACK_LAST, "/etc/pam.d/written", 3, NULL },
		{ "odd", "early", PAMSTACK_EARLY, "/etc/pam.d/early", 1, "pam_motd.so" },
		{ "odd", "vendor", PAMSTACK_LAST, "/usr/lib/pam.d/vendor", 1, NULL },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char root[PATH_MAX], error[PAMSTACK_ERROR_SIZE];
		struct machine m;
		struct pamstack s;
		snprintf(root, sizeof root, "%s/pam/%s", FIXTURES, cases[i].tree);
		assert_int_equal(machine_init(&m, root), 0);
		if (pamstack_load(&m, cases[i].service, "session", &s, error) != 0)
			fail_msg("%s: %s", cases[i].service, error);
		struct pamstack_found f = pamstack_find(&s, "pam_itm.so");
		if (f.place != cases[i].place)
			fail_msg("%s: place %d, not %d", cases[i].service, f.place, cases[i].place);
		if (cases[i].file != NULL) {
			assert_string_equal(f.rule->file, cases[i].file);
			assert_int_equal(f.rule->line, cases[i].line);
		}
		if (cases[i].other != NULL)
			assert_string_equal(f.other->module, cases[i].other);
		pamstack_free(&s);
	}
}

static void test_refusals(void **state)
{
	static const struct { const char *service; int result; const char *words; } cases[] = {
		{ "typo", ITM_EFORMAT, "/etc/pam.d/typo:2: \"sesion\"" },
		{ "short", ITM_EFORMAT, "/etc/pam.d/short:1:" },
		{ "missing", ITM_EFORMAT, "/etc/pam.d/missing:1: includes not-there" },
		{ "loop", ITM_ELIMIT, "/etc/pam.d/loop:1:" },
		{ "nothing-at-all", ITM_ENOENT, "nothing-at-all" },
	};
	struct machine m;
	struct pamstack s;
	assert_int_equal(machine_init(&m, FIXTURES "/pam/odd"), 0);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char error[PAMSTACK_ERROR_SIZE];
		assert_int_equal(pamstack_load(&m, cases[i].service, "session", &s, error), cases[i].result);
		if (strstr(error, cases[i].words) == NULL)
			fail_msg("%s: %s", cases[i].service, error);
	}
}

typedef int (*edit)(const char *, struct buffer *);

static void edited(edit work, const char *before, const char *after)
{
	struct buffer b;
	buffer_init(&b, 4096);
	assert_int_equal(work(before, &b), 0);
	assert_string_equal(buffer_text(&b), after);
	buffer_free(&b);
}

static void test_nsswitch(void **state)
{
	static const struct { const char *without, *with; } cases[] = {
		{ "passwd:         files systemd\n", "passwd:         itm files systemd\n" },
		{ "# passwd: x\npasswd:files\ngroup: files\n", "# passwd: x\npasswd: itm files\ngroup: files\n" },
		{ "passwd: [NOTFOUND=return] files", "passwd: [NOTFOUND=return] itm files" },
		{ "passwd:\tsss files # ours\n", "passwd:\titm sss files # ours\n" },
		{ "passwd:  {if \"x\":files sss|sss files}\n", "passwd:  itm {if \"x\":files sss|sss files}\n" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		edited(nsswitch_add, cases[i].without, cases[i].with);
		assert_int_equal(nsswitch_position(cases[i].without), NSSWITCH_ABSENT);
		assert_int_equal(nsswitch_position(cases[i].with), 0);
		if (i != 1) /* there a blank was added, which may stay */
			edited(nsswitch_remove, cases[i].with, cases[i].without);
	}
	edited(nsswitch_remove, "passwd: files itm [SUCCESS=continue] sss\n", "passwd: files sss\n");
	edited(nsswitch_remove, "passwd: files titmouse\n", "passwd: files titmouse\n");
	assert_int_equal(nsswitch_position("passwd: files itm\n"), 1);
	assert_int_equal(nsswitch_position("passwd: itm\npasswd: files\n"), NSSWITCH_ABSENT);
	assert_int_equal(nsswitch_position("group: itm\n"), NSSWITCH_NO_LINE);
	assert_int_equal(nsswitch_position(""), NSSWITCH_NO_LINE);
}

static void test_lines(void **state)
{
	struct buffer b;
	static const char text[] = "session required pam_unix.so";
	buffer_init(&b, 4096);
	assert_int_equal(pamedit_append(text, &b), 0);
	assert_non_null(strstr(buffer_text(&b), "\nsession\t[success=ok"));
	edited(pamedit_strip, buffer_text(&b), "session required pam_unix.so\n");
	buffer_free(&b);
	edited(pamedit_strip, "# pam_itm.so\nsession x pam_itm.so\nauth y z\n", "# pam_itm.so\nauth y z\n");
	/* Who jumped over one rule must not jump over another now. */
	edited(pamedit_strip, "session [success=1 default=ignore] a.so\nsession required pam_itm.so\nsession required c.so\n",
	       "session [success=1 default=ignore] a.so\nsession\toptional\tpam_permit.so\nsession required c.so\n");
	edited(pamedit_strip, "session [success=1 default=ignore] a.so\nsession required b.so\nsession required pam_itm.so\n",
	       "session [success=1 default=ignore] a.so\nsession required b.so\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_places), cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_nsswitch), cmocka_unit_test(test_lines),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
