/* Enabling and disabling on machines made of a few files, with tools that
 * pretend: each change and each tool fails once, and nothing may be left. */
#include <ftw.h>
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
#include "base/hash.h"
#include "cli/disabling.h"
#include "cli/enabling.h"

static char root[] = "/tmp/test_enabling.XXXXXX";
static int countdown;                    /* the gate that fails; 0 = none */
static char asked[2048];                 /* the tools that were run */

static void put(const char *path, const char *text, mode_t mode)
{
	char full[PATH_MAX];
	snprintf(full, sizeof full, "%s%s", root, path);
	for (char *slash = strchr(full + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(full, 0755);
		*slash = '/';
	}
	FILE *f = fopen(full, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(full, mode), 0);
}

static void get(const char *path, char *out, size_t size)
{
	char full[PATH_MAX];
	snprintf(full, sizeof full, "%s%s", root, path);
	FILE *f = fopen(full, "r");
	size_t n = f != NULL ? fread(out, 1, size - 1, f) : 0;
	out[n] = '\0';
	if (f != NULL)
		fclose(f);
}

/* Every file below /etc, /usr and /var/lib/pam in one hash; the order of
 * nftw does not matter, so hashes are added up. */
static uint64_t sum;

static int add_file(const char *path, const struct stat *st, int type, struct FTW *where)
{
	char text[8192];
	uint8_t hash[HASH_SIZE];
	uint64_t part;
	if (type != FTW_F || strncmp(path + strlen(root), "/var/lib/itm", 12) == 0)
		return 0;
	get(path + strlen(root), text, sizeof text);
	char mode[16];
	snprintf(mode, sizeof mode, "%o", (unsigned)st->st_mode);
	hash_parts(path, strlen(path) + 1, text, strlen(text), mode, strlen(mode), hash);
	memcpy(&part, hash, sizeof part);
	sum += part;
	return 0;
}

static uint64_t whole(void)
{
	sum = 0;
	assert_int_equal(nftw(root, add_file, 16, FTW_PHYS), 0);
	return sum;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
	return remove(path);
}

static bool leftover(void)
{
	char full[PATH_MAX];
	struct stat st;
	snprintf(full, sizeof full, "%s%s", root, CHANGES_FOLDER);
	return stat(full, &st) == 0;
}

static bool custom_passwd;

/* authselect: makes a profile of the one in use, and puts one into force, with
 * a copy of each file to know later whether somebody changed it. */
static int authselect(const char *const *argv, struct buffer *out)
{
	static const char *const names[] = { "nsswitch.conf", "system-auth", "password-auth" };
	char from[PATH_MAX], to[PATH_MAX], text[4096];
	if (strcmp(argv[1], "current") == 0)
		return buffer_put_text(out, custom_passwd ? "sssd with-mkhomedir with-custom-passwd\n" : "sssd with-mkhomedir\n");
	bool make = strcmp(argv[1], "create-profile") == 0, ours = strcmp(argv[2], "custom/itm") == 0;
	assert_true(make ? strcmp(argv[3], "--base-on=sssd") == 0 : strcmp(argv[3], "with-mkhomedir") == 0);
	for (size_t i = 0; i < 3; i++) {
		snprintf(from, sizeof from, "%s/%s", make || !ours ? "/usr/share/authselect/default/sssd" : "/etc/authselect/custom/itm",
			 names[i]);
		snprintf(to, sizeof to, "%s/%s", make ? "/etc/authselect/custom/itm" : "/etc/authselect", names[i]);
		get(from, text, sizeof text);
		put(to, text, 0644);
		snprintf(to, sizeof to, "/var/lib/authselect/%s", names[i]);
		if (!make)
			put(to, text, 0644);
	}
	if (!make)
		put("/etc/authselect/authselect.conf", ours ? "custom/itm\nwith-mkhomedir\n" : "sssd\nwith-mkhomedir\n", 0644);
	return 0;
}

static int run(const struct machine *m, const char *const *argv, struct buffer *out)
{
	char text[4096];
	const char *name = strrchr(argv[0], '/') + 1;
	size_t len = strlen(asked);
	snprintf(asked + len, sizeof asked - len, "%s %s %s;", name, argv[1], argv[2] ? argv[2] : "");
	if (strcmp(name, "authselect") == 0)
		return authselect(argv, out);
	if (strcmp(name, "pam-auth-update") == 0) {
		get("/etc/pam.d/common-session", text, sizeof text);
		len = strlen(text);
		snprintf(text + len, sizeof text - len, "session required pam_itm.so\n");
		put("/etc/pam.d/common-session", text, 0644);
		put("/var/lib/pam/session", "with itm\n", 0644);
		return 0;
	}
	return 127;
}

static int call(const struct machine *m, int (*work)(void *), void *context)
{
	return 0; /* root is found */
}

static int gate(const struct machine *m, const char *what)
{
	return countdown > 0 && --countdown == 0 ? ITM_EPERM : 0;
}

static void make_machine(const char *family, struct machine *m)
{
	static const char nsswitch[] = "passwd:     files sss\ngroup: files\n";
	nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	assert_int_equal(mkdir(root, 0755), 0);
	put("/etc/passwd", "root:x:0:0::/root:/bin/bash\nalice:x:1000:1000::/home/alice:/bin/bash\n", 0644);
	put("/etc/group", "root:x:0:\nops:x:100:alice\n", 0644);
	put("/var/lib/misc/empty", "", 0644);
	put("/etc/itm/agent.conf", "record = @ops\n", 0644);
	put("/etc/pam.d/su", "session required pam_limits.so\n", 0640);
	if (strcmp(family, "redhat") == 0) {
		put("/usr/bin/authselect", "", 0755);
		put("/etc/authselect/authselect.conf", "sssd\nwith-mkhomedir\n", 0644);
		put("/usr/share/authselect/default/sssd/nsswitch.conf", nsswitch, 0644);
		put("/usr/share/authselect/default/sssd/system-auth", "session required pam_unix.so\n", 0644);
		put("/usr/share/authselect/default/sssd/password-auth", "session required pam_unix.so\n", 0644);
		put("/etc/authselect/nsswitch.conf", nsswitch, 0644);
		put("/etc/authselect/system-auth", "session required pam_unix.so\n", 0644);
		put("/var/lib/authselect/nsswitch.conf", nsswitch, 0644);
		put("/var/lib/authselect/system-auth", "session required pam_unix.so\n", 0644);
		put("/var/lib/authselect/password-auth", "session required pam_unix.so\n", 0644);
		put("/etc/authselect/password-auth", "session required pam_unix.so\n", 0644);
		put("/etc/pam.d/sshd", "session include /etc/authselect/password-auth\n", 0644);
	} else {
		put("/etc/nsswitch.conf", nsswitch, 0644);
		put("/etc/pam.d/common-session", "session required pam_unix.so\n", 0644);
		put("/etc/pam.d/sshd", "@include common-session\n", 0644);
	}
	if (strcmp(family, "debian") == 0) {
		put("/usr/sbin/pam-auth-update", "", 0755);
		put("/usr/share/pam-configs/unix", "Name: unix\n", 0644);
		put("/usr/share/itm/pam-configs/itm", "Name: itm\n", 0644);
		put("/var/lib/pam/session", "without\n", 0600);
	}
	assert_int_equal(machine_init(m, root), 0);
	m->run = run;
	m->call = call;
	m->gate = gate;
	asked[0] = '\0';
	countdown = 0;
}

static int enable(const struct machine *m, struct enabling *e)
{
	static char alice[] = "alice";
	char *who[] = { alice };
	*e = (struct enabling){ .machine = m, .agent_conf = "/etc/itm/agent.conf" };
	int r = enabling_plan(e, who, 1);
	return r == 0 ? enabling_apply(e) : r;
}

static void assert_has(const char *path, const char *words, bool wanted)
{
	char text[4096];
	get(path, text, sizeof text);
	if ((strstr(text, words) != NULL) != wanted)
		fail_msg("%s: \"%s\" %s: %s", path, words, wanted ? "missing" : "there", text);
}

static const char *const families[] = { "debian", "redhat", "direct" };
static struct enabling e;
static struct disabling d;
static struct machine m;

static void test_on_and_off(void **state)
{
	for (size_t i = 0; i < 3; i++) {
		make_machine(families[i], &m);
		const char *prefix = i == 1 ? "/etc/authselect" : "/etc";
		char path[PATH_MAX];
		uint64_t before = whole();
		if (enable(&m, &e) != 0)
			fail_msg("%s: %s", families[i], e.error);
		snprintf(path, sizeof path, "%s/nsswitch.conf", prefix);
		assert_has(path, "passwd:     itm files sss", true);
		assert_has(i == 1 ? "/etc/authselect/password-auth" : "/etc/pam.d/common-session", "pam_itm.so", true);
		assert_has("/etc/pam.d/su", "pam_itm.so", true); /* includes nothing: gets a line of its own */
		assert_has("/etc/pam.d/sshd", "pam_itm.so", false);
		assert_has(ENABLING_SETTINGS, "record = alice", true);
		uint64_t after = whole();
		assert_int_equal(enable(&m, &e), 0);
		assert_true(e.again && whole() == after);
		assert_int_equal(disabling_load(&d, &m), 0);
		assert_int_equal(disabling_run(&d), 0);
		assert_true(whole() == before);
		assert_false(leftover());
		assert_int_equal(disabling_load(&d, &m), ITM_ENOENT);
	}
}

static void test_each_step_fails_once(void **state)
{
	for (size_t i = 0; i < 3; i++) {
		int n = 0, r;
		do {
			make_machine(families[i], &m);
			uint64_t before = whole();
			countdown = ++n;
			assert_true(n < 300);
			r = enable(&m, &e);
			if (r != 0 && (whole() != before || leftover()))
				fail_msg("%s: step %d: something is left: %s", families[i], n, e.error);
		} while (r != 0);
		assert_true(n > 15); /* the gate was asked */
	}
}

static void test_a_crash_is_taken_back(void **state)
{
	for (size_t i = 0; i < 3; i++) {
		char error[ENABLING_WORDS_SIZE];
		make_machine(families[i], &m);
		uint64_t before = whole();
		assert_int_equal(enable(&m, &e), 0);
		/* As a machine looks that lost power before the last word. */
		assert_int_equal(changes_begin(&e.changes), 0);
		assert_int_equal(enabling_recover(&m, error), 1);
		assert_true(whole() == before);
		assert_int_equal(enabling_recover(&m, error), 0);
	}
}

static void test_others_changed_files(void **state)
{
	make_machine("direct", &m);
	assert_int_equal(enable(&m, &e), 0);
	put("/etc/nsswitch.conf", "passwd: itm files ldap\nhosts: dns\n", 0644);
	put("/etc/pam.d/common-session", "session optional pam_mail.so\nsession required pam_itm.so\n", 0644);
	put(ENABLING_SETTINGS, "record = alice\nnotice = mine\n", 0644);
	assert_int_equal(disabling_load(&d, &m), 0);
	assert_int_equal(disabling_run(&d), 0);
	assert_int_equal(d.edited, 3);
	assert_has("/etc/nsswitch.conf", "passwd: files ldap\nhosts: dns\n", true);
	assert_has("/etc/pam.d/common-session", "pam_mail.so\n", true);
	assert_has("/etc/pam.d/common-session", "pam_itm", false);
	assert_has(ENABLING_SETTINGS, "notice = mine", true);
	assert_has(ENABLING_SETTINGS, "record", false);
}

static void test_tools_are_asked_when_their_files_changed(void **state)
{
	make_machine("redhat", &m);
	assert_int_equal(enable(&m, &e), 0);
	put("/etc/authselect/system-auth", "session required pam_itm.so\nsession optional pam_mine.so\n", 0644);
	asked[0] = '\0';
	assert_int_equal(disabling_load(&d, &m), 0);
	assert_int_equal(disabling_run(&d), 0);
	assert_string_equal(asked, "authselect select sssd;");
	assert_has("/etc/authselect/system-auth", "pam_itm", false);
	assert_has("/etc/authselect/nsswitch.conf", "itm", false);
}

/* A passwd line that no profile makes is not made by ours either. */
static void test_custom_passwd_is_refused(void **state)
{
	make_machine("redhat", &m);
	uint64_t before = whole();
	custom_passwd = true;
	int r = enable(&m, &e);
	custom_passwd = false;
	assert_int_equal(r, ITM_EPERM);
	assert_non_null(strstr(e.error, "user-nsswitch.conf"));
	assert_true(whole() == before);
	assert_false(leftover());
}

static void test_refusals(void **state)
{
	static char nobody[] = "nobody-here", group[] = "@nobody", line[] = "alice\nstrict = root";
	char *who[] = { nobody, group, line };
	make_machine("direct", &m);
	uint64_t before = whole();
	for (size_t i = 0; i < 3; i++) {
		e = (struct enabling){ .machine = &m, .agent_conf = "/etc/itm/agent.conf" };
		assert_int_equal(enabling_plan(&e, who + i, 1), ITM_EINVAL);
		assert_true(e.error[0] != '\0');
	}
	/* A link is somebody else's. */
	char full[PATH_MAX];
	snprintf(full, sizeof full, "%s/etc/nsswitch.conf", root);
	assert_int_equal(unlink(full), 0);
	assert_int_equal(symlink("/etc/passwd", full), 0);
	before = whole();
	assert_int_equal(enable(&m, &e), ITM_EPERM);
	assert_true(whole() == before);
	assert_false(leftover());
}

static int make_root(void **state)
{
	return mkdtemp(root) == NULL;
}

static int remove_root(void **state)
{
	return nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
	if (geteuid() != 0) {
		printf("skipped: owners of files can't be set without root\n");
		return 77;
	}
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_on_and_off), cmocka_unit_test(test_each_step_fails_once),
		cmocka_unit_test(test_a_crash_is_taken_back), cmocka_unit_test(test_others_changed_files),
		cmocka_unit_test(test_tools_are_asked_when_their_files_changed), cmocka_unit_test(test_custom_passwd_is_refused), cmocka_unit_test(test_refusals),
	};
	return cmocka_run_group_tests(tests, make_root, remove_root);
}
