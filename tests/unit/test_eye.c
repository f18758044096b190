/* Each way to see below the kernel's probe, on this machine: processes of this
 * test's own, hidden behind a script, tied to a session by the broker's word,
 * by their ancestors, or by nothing else than the audit session. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/watchd/eye.h"
#include "base/clock.h"
#include "local/loop.h"

enum { LIMIT_MS = 30000, EVENTS_MAX = 20000, TEXT_MAX = 256 };

struct told { enum activity_kind kind; uint64_t pid, parent, child, status, flags; struct id session; char exe[TEXT_MAX], arguments[TEXT_MAX]; };
struct seen { struct told told[EVENTS_MAX]; size_t count; };

static struct seen *seen;

static void copy(char out[TEXT_MAX], const struct activity_event *e, enum activity_tag tag)
{
	size_t n = e->number[tag] < TEXT_MAX ? e->number[tag] : TEXT_MAX - 1;

	if (n > 0)
		memcpy(out, e->bytes[tag], n);
	for (size_t i = 0; i < n; i++)
		out[i] = out[i] != '\0' ? out[i] : ' ';
	out[n] = '\0';
}

/* What is told must be what a record can hold. */
static bool on_event(void *context, uint64_t boot_ns, const struct activity_event *e)
{
	struct buffer b;
	struct activity_event again;

	buffer_init(&b, ACTIVITY_EVENT_MAX + 64);
	assert_int_equal(activity_put(&b, e), 0);
	assert_int_equal(activity_decode(b.data, b.len, &again, NULL), 0);
	buffer_free(&b);
	assert_true(boot_ns > 0 && boot_ns <= clock_boot_ns());
	if (seen->count == EVENTS_MAX)
		return true;
	struct told *t = &seen->told[seen->count++];
	*t = (struct told){ .kind = e->kind, .pid = e->number[ACTIVITY_PID], .parent = e->number[ACTIVITY_PARENT],
			    .child = e->number[ACTIVITY_CHILD], .status = e->number[ACTIVITY_STATUS], .flags = e->number[ACTIVITY_FLAGS] };
	if (e->number[ACTIVITY_SESSION] == ID_SIZE)
		memcpy(t->session.bytes, e->bytes[ACTIVITY_SESSION], ID_SIZE);
	copy(t->exe, e, ACTIVITY_EXE);
	copy(t->arguments, e, ACTIVITY_ARGUMENTS);
	return true;
}

static const struct told *find(enum activity_kind kind, uint64_t pid, const char *arguments)
{
	for (size_t i = 0; i < seen->count; i++)
		if (seen->told[i].kind == kind && (pid == 0 || seen->told[i].pid == pid) &&
		    (arguments == NULL || strstr(seen->told[i].arguments, arguments) != NULL))
			return &seen->told[i];
	return NULL;
}

static const struct told *wait_for(struct eye *e, enum activity_kind kind, uint64_t pid, const char *arguments)
{
	int64_t end = loop_now_ms() + LIMIT_MS;

	while (find(kind, pid, arguments) == NULL && loop_now_ms() < end) {
		struct pollfd p = { eye_fd(e), POLLIN, 0 };
		int wait = eye_read(e, loop_now_ms());
		poll(&p, p.fd >= 0 ? 1 : 0, wait < 0 ? 1 : wait);
	}
	return find(kind, pid, arguments);
}

static uint64_t start_ticks(pid_t pid)
{
	struct procfile_stat s;
	int proc = open("/proc", O_RDONLY | O_DIRECTORY);

	assert_int_equal(procfile_read_stat(proc, (uint32_t)pid, &s), 0);
	close(proc);
	return s.start / (UINT64_C(1000000000) / (uint64_t)sysconf(_SC_CLK_TCK));
}

/* A shell that starts when a byte comes. */
static pid_t start_shell(const char *script, int *go)
{
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (pid == 0) {
		char c;
		if (read(fds[0], &c, 1) == 1)
			execl("/bin/sh", "sh", "-c", script, "watched-shell", (char *)NULL);
		_exit(99);
	}
	close(fds[0]);
	*go = fds[1];
	return pid;
}

static void look_at(int level)
{
	static const struct id session = { { 7, 7, 7 } };
	struct buffer why;
	char word[64], script[256];
	int go, status;

	seen->count = 0;
	buffer_init(&why, 1024);
	struct eye *e = eye_open(level, on_event, NULL, &why);
	assert_non_null(e);
	if (eye_level(e) != level) {
		printf("%s\n", buffer_text(&why));
		eye_close(e);
		buffer_free(&why);
		skip();
	}
	assert_string_equal(buffer_text(&why), "");
	assert_non_null(wait_for(e, ACTIVITY_SEEN, (uint64_t)getpid(), NULL));
	snprintf(word, sizeof word, "w%d-%d", (int)getpid(), level);
	snprintf(script, sizeof script, "/bin/sh -c 'sleep 1.5; true' %s-ran; exit 3", word);
	pid_t shell = start_shell(script, &go);
	eye_tie(e, (uint32_t)shell, start_ticks(shell), &session);
	assert_int_equal(write(go, "x", 1), 1);
	close(go);
	snprintf(script, sizeof script, "%s-ran", word);
	/* The shell's own arguments have the word too: the last one is the program. */
	const struct told *ran = wait_for(e, ACTIVITY_EXEC, (uint64_t)shell, "watched-shell");
	assert_non_null(ran);
	assert_true(id_equal(&ran->session, &session));
	for (size_t i = 0; ran != NULL && (ran->pid == (uint64_t)shell || strstr(ran->exe, "sleep") != NULL); i++) {
		assert_true(i < 1000);
		seen->told[ran - seen->told].arguments[0] = '\0';
		ran = wait_for(e, ACTIVITY_EXEC, 0, script);
	}
	assert_non_null(ran);
	assert_int_equal(ran->parent, shell);
	assert_true(id_equal(&ran->session, &session));
	assert_int_equal(ran->flags & (ACTIVITY_GONE | ACTIVITY_BY_LOGIN), 0);
	assert_int_equal(waitpid(shell, &status, WNOHANG), 0);
	const struct told *end = wait_for(e, ACTIVITY_EXIT, (uint64_t)shell, NULL);
	assert_non_null(end);
	assert_int_equal(end->flags & ACTIVITY_NO_STATUS, 0); /* it is a zombie until we ask */
	assert_int_equal(end->status, 3 << 8);
	assert_int_equal(waitpid(shell, &status, 0), shell);
	eye_close(e);
	buffer_free(&why);
}

static void test_poll(void **state) { look_at(SETTINGS_LEVEL_POLL); }

static void test_connector(void **state)
{
	if (geteuid() != 0)
		skip();
	look_at(SETTINGS_LEVEL_CONNECTOR);
}

static void test_fanotify(void **state)
{
	if (geteuid() != 0)
		skip();
	look_at(SETTINGS_LEVEL_FANOTIFY);
}

static void test_audit(void **state)
{
	if (geteuid() != 0)
		skip();
	look_at(SETTINGS_LEVEL_AUDIT);
}

/* ---- the observer itself ---- */

static struct observer *open_observer(int *proc)
{
	struct observer *o = calloc(1, sizeof *o);

	*proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(observer_open(o, *proc, on_event, NULL), 0);
	seen->count = 0;
	return o;
}

static void close_observer(struct observer *o, int proc)
{
	observer_close(o);
	free(o);
	close(proc);
}

/* What the kernel tells of processes that have gone long ago: numbers that no
 * process has. */
static void test_those_that_have_gone(void **state)
{
	static const struct id session = { { 9 } };
	const uint32_t base = 1 << 30;
	uint64_t now = clock_boot_ns() - UINT64_C(10000000000);
	int proc;
	struct observer *o = open_observer(&proc);

	o->seen_all = true;
	struct observer_told login = { .pid = base, .parent = base - 1, .loginuid = 1001, .audit_session = 55, .exe = "/bin/a", .exe_len = 6 };
	observer_told(o, &login, now);
	observer_tie(o, base, now, &session);
	struct observer_told child = { .pid = base + 1, .parent = base, .loginuid = 1001, .audit_session = 55, .exe = "/bin/b", .exe_len = 6 };
	observer_told(o, &child, now);
	assert_true(id_equal(&seen->told[seen->count - 1].session, &session));
	assert_string_equal(seen->told[seen->count - 1].exe, "/bin/b");
	observer_fork(o, base + 1, base + 2, now + 1);
	observer_exec(o, base + 2, now + 2, "/bin/c", 6);
	const struct told *t = &seen->told[seen->count - 1];
	assert_int_equal(t->kind, ACTIVITY_EXEC);
	assert_string_equal(t->exe, "/bin/c");
	assert_int_equal(t->parent, base + 1);
	assert_true(id_equal(&t->session, &session));
	assert_int_equal(t->flags, ACTIVITY_GONE);
	observer_exit(o, base + 2, 9, 0, now + 3);
	observer_exit(o, base + 2, 9, 0, now + 4); /* once */
	assert_int_equal(seen->told[seen->count - 1].kind, ACTIVITY_EXIT);
	assert_int_equal(o->made[ACTIVITY_EXIT], 1);
	/* Its number is used again, by somebody without a session. */
	struct observer_told other = { .pid = base + 2, .parent = base + 700, .loginuid = 2, .audit_session = 56, .exe = "/bin/d", .exe_len = 6 };
	observer_told(o, &other, now + 5000000000);
	assert_true(id_is_zero(&seen->told[seen->count - 1].session));
	close_observer(o, proc);
}

/* Memory has a bound, and what is beyond it is counted. */
static void test_too_many(void **state)
{
	const uint32_t base = 1 << 30;
	uint64_t now = clock_boot_ns();
	int proc;
	struct observer *o = open_observer(&proc);
	struct observer_told first = { .pid = base, .parent = base - 1, .exe = "/bin/a", .exe_len = 6 };

	observer_told(o, &first, now);
	for (uint32_t i = 1; i < KIN_MAX + 1000; i++)
		observer_fork(o, base, base + i, now);
	assert_int_equal(o->kin.count, KIN_MAX);
	assert_int_equal(o->left_out, 1000);
	/* A look finds none of them, and they are forgotten after a while. */
	o->room = true;
	for (int i = 0; i < KIN_LINGER + 3; i++)
		while (!observer_scan(o, clock_boot_ns()))
			o->room = true;
	assert_true(o->kin.count < KIN_MAX / 2);
	assert_null(kin_find(&o->kin, base + 5));
	close_observer(o, proc);
}

static void test_kin(void **state)
{
	static struct kin_table t;
	uint32_t x = 1;

	assert_int_equal(kin_open(&t), 0);
	for (int i = 0; i < 300000; i++) {
		x = x * 1664525 + 1013904223;
		uint32_t pid = x >> 16 | 1;
		struct kin *k = kin_find(&t, pid);
		if (k != NULL && (x & 0x300) != 0) {
			assert_int_equal(k->start, pid);
			kin_remove(&t, k);
			assert_null(kin_find(&t, pid));
		} else if ((k = kin_add(&t, pid)) != NULL) {
			k->start = pid;
		}
		assert_true(t.count <= KIN_MAX && t.used <= KIN_MAX);
	}
	kin_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kin),
		cmocka_unit_test(test_those_that_have_gone),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_poll),
		cmocka_unit_test(test_connector),
		cmocka_unit_test(test_fanotify),
		cmocka_unit_test(test_audit),
	};
	seen = calloc(1, sizeof *seen);
	if (seen == NULL)
		return 1;
	int r = cmocka_run_group_tests_name("eye", tests, NULL, NULL);
	free(seen);
	return r;
}
