/* What the levels below the kernel's probe read: texts of /proc, audit records
 * and proc connector messages as a kernel sent them, and whose login changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <assert.h>
#include <linux/audit.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/watchd/audit_text.h"
#include "agent/watchd/connector.h"
#include "agent/watchd/level.h"
#include "agent/watchd/logins.h"
#include "agent/watchd/procfile.h"
#include "base/error.h"
#include "local/monitor_line.h"
#include "local/settings.h"

static const uint64_t tick_ns = 10000000;

static void test_stat(void **state)
{
	static const char text[] = "4711 (a) b\n(c) Z 1 4711 4711 34817 4711 4194560 1 2 3 4 5 6 7 8 20 0 1 0 123456 2 3 "
		"18446744073709551615 94000000 94001000 140722000 0 0 0 0 0 0 0 0 0 17 3 0 0 0 0 0 1 2 3 140722100 140722200 1 2 768\n";
	struct procfile_stat s, other;
	char changed[sizeof text];

	assert_int_equal(procfile_decode_stat(text, sizeof text - 1, tick_ns, &s), 0);
	assert_int_equal(s.pid, 4711);
	assert_int_equal(s.parent, 1);
	assert_int_equal(s.leader, 4711);
	assert_int_equal(s.state, 'Z');
	assert_int_equal(s.tty, 136 << 20 | 1);
	assert_int_equal(s.start, 123456 * tick_ns);
	assert_int_equal(s.status, 768);
	assert_memory_equal(s.comm, "a) b\n(c", 8);
	assert_false(s.kernel);
	/* Another stack, another image. */
	memcpy(changed, text, sizeof text);
	memcpy(strstr(changed, "140722000"), "140722800", 9);
	assert_int_equal(procfile_decode_stat(changed, sizeof text - 1, tick_ns, &other), 0);
	assert_true(s.image != 0 && other.image != s.image);
	for (size_t len = 0; len < (size_t)(strstr(text, "123456") - text); len++) /* without a birth it is no process */
		assert_int_equal(procfile_decode_stat(text, len, tick_ns, &s), ITM_EFORMAT);
}

static void test_status(void **state)
{
	static const char text[] = "Name:\tUid:\t7\t7\t7\t7\nUid:\t1001\t0\t0\t0\nGid:\t1001\t1002\t1002\t1002\nCapEff:\t000001ffffffffff\n";
	struct procfile_rights r;

	assert_int_equal(procfile_decode_status(text, sizeof text - 1, &r), 0);
	assert_int_equal(r.uid, 1001);
	assert_int_equal(r.euid, 0);
	assert_int_equal(r.egid, 1002);
	assert_true(r.capabilities == 0x1ffffffffff);
	assert_int_equal(procfile_decode_status(text, 40, &r), ITM_EFORMAT);
}

/* ---- audit ---- */

#define STAMP(serial) "audit(1700000000.123:" #serial "): "

static const struct audit_text_event *add(struct audit_text *a, unsigned type, const char *text)
{
	return audit_text_add(a, type, text, strlen(text));
}

static void test_audit_records(void **state)
{
	struct audit_text a;

	audit_text_init(&a);
	assert_null(add(&a, AUDIT_SYSCALL, STAMP(7) "arch=c000003e syscall=59 success=yes exit=0 a0=55d0 a1=55d1 a2=55d2 a3=8 items=2 "
		"ppid=100 pid=101 auid=1001 uid=1001 gid=1001 euid=0 suid=0 fsuid=0 egid=1001 sgid=1001 fsgid=1001 tty=pts3 ses=4 "
		"comm=\"id\" exe=\"/usr/bin/id\" subj=unconfined key=\"exec\""));
	/* Another one's in between. */
	assert_null(add(&a, AUDIT_SYSCALL, STAMP(8) "arch=c000003e syscall=59 success=no exit=-2 pid=200 auid=4294967295 ses=4294967295"));
	assert_null(add(&a, AUDIT_EXECVE, STAMP(7) "argc=3 a0=\"id\" a1=2D6720780A a2=\"pid=9\""));
	assert_null(add(&a, AUDIT_CWD, STAMP(7) "cwd=2F746D702F6120620A"));
	assert_null(add(&a, AUDIT_PATH, STAMP(7) "item=0 name=\"/usr/bin/id\" inode=1"));
	assert_null(add(&a, AUDIT_EOE, STAMP(8)));
	const struct audit_text_event *e = add(&a, AUDIT_EOE, STAMP(7));
	assert_non_null(e);
	const struct observer_told *t = &e->told;
	assert_int_equal(e->wall_ms, 1700000000123);
	assert_int_equal(t->pid, 101);
	assert_int_equal(t->parent, 100);
	assert_int_equal(t->loginuid, 1001);
	assert_int_equal(t->euid, 0);
	assert_int_equal(t->audit_session, 4);
	assert_int_equal(t->tty, 136 << 20 | 3);
	assert_int_equal(t->argc, 3);
	assert_int_equal(t->arguments_len, 3 + 6 + 6);
	assert_memory_equal(t->arguments, "id\0-g x\n\0pid=9", 15);
	assert_memory_equal(t->exe, "/usr/bin/id", 11);
	assert_int_equal(t->cwd_len, 9);
	assert_memory_equal(t->cwd, "/tmp/a b\n", 9);
	assert_false(t->cut);
	assert_null(add(&a, AUDIT_EOE, STAMP(7)));
	audit_text_free(&a);
}

/* A failed exec, a call that is none, and what belongs to nothing. */
static void test_audit_is_silent(void **state)
{
	static const char *const broken[] = { "", "audit(", "audit(1.2:3", "audit(1:2): argc=1", "argc=1", "audit(1.2:0): a0=\"x\"" };
	struct audit_text a;

	audit_text_init(&a);
	add(&a, AUDIT_SYSCALL, STAMP(1) "success=no pid=5");
	add(&a, AUDIT_EXECVE, STAMP(1) "argc=1 a0=\"x\"");
	assert_null(add(&a, AUDIT_EOE, STAMP(1)));
	add(&a, AUDIT_SYSCALL, STAMP(2) "success=yes pid=5");
	assert_null(add(&a, AUDIT_EOE, STAMP(2)));
	for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
		for (unsigned type = AUDIT_SYSCALL; type <= AUDIT_EOE; type++)
			assert_null(add(&a, type, broken[i]));
	audit_text_free(&a);
}

static void test_audit_long_arguments(void **state)
{
	struct audit_text a;
	char record[8000];

	audit_text_init(&a);
	add(&a, AUDIT_SYSCALL, STAMP(9) "success=yes pid=5");
	add(&a, AUDIT_EXECVE, STAMP(9) "argc=2 a0=\"x\" a1_len=60000 a1[0]=\"first\"");
	int n = snprintf(record, sizeof record, STAMP(9) "a1[1]=\"");
	memset(record + n, 'y', 7000);
	snprintf(record + n + 7000, sizeof record - (size_t)n - 7000, "\"");
	for (int i = 0; i < 10; i++)
		assert_null(add(&a, AUDIT_EXECVE, record));
	const struct audit_text_event *e = add(&a, AUDIT_EOE, STAMP(9));
	assert_non_null(e);
	assert_true(e->told.cut);
	assert_int_equal(e->told.arguments_len, PROCFILE_ARGUMENTS);
	assert_memory_equal(e->told.arguments, "x\0firstyyy", 10);
	/* More at once than are kept: the oldest goes and is counted. */
	for (unsigned i = 100; i < 100 + 2 * AUDIT_TEXT_OPEN; i++) {
		snprintf(record, sizeof record, "audit(1.000:%u): argc=1 a0=\"x\"", i);
		add(&a, AUDIT_EXECVE, record);
	}
	assert_int_equal(a.lost, AUDIT_TEXT_OPEN);
	audit_text_free(&a);
}

/* ---- the proc connector ---- */

static int decode(uint32_t what, uint32_t a, uint32_t b, uint32_t c, uint32_t d, struct connector_word *w)
{
	struct { struct nlmsghdr h; struct cb_id id; uint32_t seq, ack; uint16_t len, flags; uint32_t rest[10]; } m = {
		.h = { .nlmsg_len = sizeof m, .nlmsg_type = NLMSG_DONE },
		.id = { CN_IDX_PROC, CN_VAL_PROC }, .seq = 77, .len = sizeof m.rest,
		.rest = { what, 1, 0x10, 0, a, b, c, d },
	};

	static_assert(sizeof m == 16 + 20 + 40, "as the kernel sends it");
	for (size_t len = 0; len < 16 + 20 + 16; len++)
		assert_int_equal(connector_decode(&m, len, w), ITM_EFORMAT);
	return connector_decode(&m, sizeof m, w);
}

static void test_connector_messages(void **state)
{
	struct connector_word w;

	assert_int_equal(decode(1, 10, 10, 12, 12, &w), 0);
	assert_int_equal(w.what, CONNECTOR_FORK);
	assert_int_equal(w.pid, 10);
	assert_int_equal(w.child, 12);
	assert_int_equal(w.sequence, 77);
	assert_int_equal(w.cpu, 1);
	assert_int_equal(w.mono_ns, 0x10);
	decode(1, 10, 10, 13, 10, &w);   /* a thread */
	assert_int_equal(w.what, CONNECTOR_OTHER);
	decode(2, 14, 12, 0, 0, &w);     /* run by a thread */
	assert_int_equal(w.what, CONNECTOR_EXEC);
	assert_int_equal(w.pid, 12);
	decode(0x80000000, 12, 12, 256, 17, &w);
	assert_int_equal(w.what, CONNECTOR_EXIT);
	assert_int_equal(w.status, 256);
	decode(0x80000000, 13, 12, 256, 17, &w);
	assert_int_equal(w.what, CONNECTOR_OTHER);
	decode(0x200, 12, 12, 1, 1, &w); /* comm */
	assert_int_equal(w.what, CONNECTOR_OTHER);
}

/* ---- beside ---- */

static bool run_as(struct logins *l, enum activity_kind kind, uint8_t session, uint32_t loginuid, uint32_t *before)
{
	struct activity_event e = { .kind = kind };
	uint8_t id[ID_SIZE] = { session, 1, 1, 1 };
	uint32_t now = 0;

	activity_set_bytes(&e, ACTIVITY_SESSION, session != 0 ? id : NULL, session != 0 ? ID_SIZE : 0);
	e.number[ACTIVITY_LOGINUID] = loginuid == UINT32_MAX ? 0 : (uint64_t)loginuid + 1;
	bool changed = logins_changed(l, &e, before, &now);
	if (changed)
		assert_int_equal(now, loginuid);
	return changed;
}

static void test_logins(void **state)
{
	static struct logins l;
	uint32_t before = 0;

	assert_false(run_as(&l, ACTIVITY_EXEC, 1, 1001, &before));
	assert_false(run_as(&l, ACTIVITY_FORK, 1, 1001, &before));
	assert_false(run_as(&l, ACTIVITY_EXEC, 2, 1002, &before));
	assert_false(run_as(&l, ACTIVITY_EXEC, 0, 77, &before));   /* no session */
	assert_false(run_as(&l, ACTIVITY_EXIT, 1, 77, &before));
	assert_true(run_as(&l, ACTIVITY_EXEC, 1, 1003, &before));
	assert_int_equal(before, 1001);
	assert_false(run_as(&l, ACTIVITY_EXEC, 1, 1003, &before)); /* once */
	assert_false(run_as(&l, ACTIVITY_EXEC, 1, 1001, &before));
	assert_true(run_as(&l, ACTIVITY_FORK, 1, UINT32_MAX, &before));
	assert_false(run_as(&l, ACTIVITY_EXEC, 3, UINT32_MAX, &before));
	assert_true(run_as(&l, ACTIVITY_EXEC, 3, 0, &before));     /* never set, and then */
	assert_int_equal(before, UINT32_MAX);
}

static void test_line(void **state)
{
	const struct monitor_line said = { MONITOR_LINE_SESSION, 4711, 99, { { 1, 2, 3 } } };
	uint8_t message[MONITOR_LINE_MAX];
	struct monitor_line got;
	size_t len = monitor_line_encode(&said, message);

	assert_int_equal(monitor_line_decode(message, len, &got), 0);
	assert_int_equal(got.pid, 4711);
	assert_int_equal(got.start_ticks, 99);
	assert_true(id_equal(&got.session, &said.session));
	for (size_t n = 0; n < len; n++)
		assert_int_not_equal(monitor_line_decode(message, n, &got), 0);
	assert_int_not_equal(monitor_line_decode(message, len + 1, &got), 0);
	message[0] = 'x';
	assert_int_equal(monitor_line_decode(message, len, &got), ITM_EFORMAT);
}

static void test_level_is_kept(void **state)
{
	char folder[] = "/tmp/itm-level-XXXXXX", path[64];

	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/level", folder);
	assert_int_equal(level_read(path), -1);
	for (int level = SETTINGS_LEVEL_NONE; level <= SETTINGS_LEVEL_BPF; level++) {
		level_keep(path, level);
		assert_int_equal(level_read(path), level);
	}
	FILE *f = fopen(path, "w");
	fputs("bp", f);
	fclose(f);
	assert_int_equal(level_read(path), -1);
	unlink(path);
	rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stat),
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_audit_records),
		cmocka_unit_test(test_audit_is_silent),
		cmocka_unit_test(test_audit_long_arguments),
		cmocka_unit_test(test_connector_messages),
		cmocka_unit_test(test_logins),
		cmocka_unit_test(test_line),
		cmocka_unit_test(test_level_is_kept),
	};
	return cmocka_run_group_tests_name("watch", tests, NULL, NULL);
}
