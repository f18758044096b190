/* A tree of processes from a made stream: numbers used again, parents nobody
 * told of, more than one exec, bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "view/processes.h"

static int add(struct processes *p, enum activity_kind kind, uint32_t pid, uint64_t start, uint32_t parent, uint64_t parent_start,
	       const char *exe)
{
	static int64_t wall_ns;
	struct activity_event e = { .kind = kind };

	e.number[ACTIVITY_PID] = pid;
	e.number[ACTIVITY_START] = start;
	e.number[ACTIVITY_PARENT] = parent;
	e.number[ACTIVITY_PARENT_START] = parent_start;
	activity_set_bytes(&e, ACTIVITY_EXE, exe, exe != NULL ? strlen(exe) : 0);
	activity_set_bytes(&e, ACTIVITY_ARGUMENTS, exe, exe != NULL ? strlen(exe) + 1 : 0);
	return processes_add(p, &e, ++wall_ns);
}

static int add_fork(struct processes *p, uint32_t pid, uint64_t start, uint32_t child, uint64_t child_start)
{
	struct activity_event e = { .kind = ACTIVITY_FORK };

	e.number[ACTIVITY_PID] = pid;
	e.number[ACTIVITY_START] = start;
	e.number[ACTIVITY_CHILD] = child;
	e.number[ACTIVITY_CHILD_START] = child_start;
	return processes_add(p, &e, 1);
}

static void test_tree(void **state)
{
	struct processes p;

	processes_init(&p);
	assert_int_equal(add(&p, ACTIVITY_EXEC, 10, 100, 1, 1, "/bin/sh"), 0);
	assert_int_equal(add_fork(&p, 10, 100, 11, 110), 0);
	assert_int_equal(add(&p, ACTIVITY_EXEC, 11, 110, 10, 100, "/bin/ls"), 0);
	assert_int_equal(add(&p, ACTIVITY_EXIT, 11, 110, 10, 100, NULL), 0);
	assert_int_equal(p.count, 2);
	assert_int_equal(p.list[0].parent, 0);          /* nobody told of its own: a root */
	assert_int_equal(p.list[1].parent, 0);
	assert_true(p.list[1].ended);
	assert_false(p.list[0].ended);
	processes_free(&p);
}

static void test_a_pid_used_again_is_another(void **state)
{
	struct processes p;

	processes_init(&p);
	add(&p, ACTIVITY_EXEC, 10, 100, 1, 1, "/bin/sh");
	add_fork(&p, 10, 100, 11, 110);
	add(&p, ACTIVITY_EXIT, 11, 110, 10, 100, NULL);
	add_fork(&p, 10, 100, 11, 900);
	add(&p, ACTIVITY_EXEC, 11, 900, 10, 100, "/bin/id");
	add_fork(&p, 11, 110, 12, 901);                 /* of the first: an odd order, not its fault */
	assert_int_equal(p.count, 4);
	assert_null(p.list[1].exe);
	assert_string_equal(p.list[2].exe, "/bin/id");
	assert_true(p.list[1].ended);
	assert_false(p.list[2].ended);
	assert_int_equal(p.list[3].parent, 1);
	processes_free(&p);
}

static void test_parents_nobody_told_of(void **state)
{
	struct processes p;

	processes_init(&p);
	add(&p, ACTIVITY_EXIT, 20, 200, 19, 190, NULL);
	add(&p, ACTIVITY_EXEC, 21, 210, 20, 200, "/bin/a");
	add(&p, ACTIVITY_EXEC, 19, 190, 18, 180, "/bin/late"); /* too late to stand above 20 */
	add(&p, ACTIVITY_EXEC, 30, 300, 30, 300, "/bin/own");  /* its own parent: hostile */
	assert_int_equal(p.count, 4);
	assert_int_equal(p.list[0].parent, 0);
	assert_int_equal(p.list[1].parent, 0);
	for (size_t i = 0; i < p.count; i++)
		assert_true(p.list[i].parent <= i);
	assert_int_equal(p.list[3].parent, 3);
	processes_free(&p);
}

static void test_exec_twice_and_pieces(void **state)
{
	static char piece[PROCESSES_ARGUMENTS_MAX];
	struct activity_event more = { .kind = ACTIVITY_ARGV };
	struct processes p;

	processes_init(&p);
	add(&p, ACTIVITY_EXEC, 10, 100, 1, 1, "/bin/first-long-name");
	memset(piece, 'x', sizeof piece);
	more.number[ACTIVITY_PID] = 10;
	more.number[ACTIVITY_START] = 100;
	activity_set_bytes(&more, ACTIVITY_ARGUMENTS, piece, sizeof piece);
	assert_int_equal(processes_add(&p, &more, 1), 0);
	assert_int_equal(processes_add(&p, &more, 1), 0);
	assert_int_equal(p.list[0].arguments.len, PROCESSES_ARGUMENTS_MAX);
	add(&p, ACTIVITY_EXEC, 10, 100, 1, 1, "/bin/b");
	assert_int_equal(p.count, 1);
	assert_int_equal(p.list[0].execs, 2);
	assert_string_equal(p.list[0].exe, "/bin/b");
	assert_int_equal(p.list[0].arguments.len, sizeof "/bin/b");
	processes_free(&p);
}

static void test_seen(void **state)
{
	struct activity_event e = { .kind = ACTIVITY_SEEN };
	struct processes p;

	processes_init(&p);
	e.number[ACTIVITY_PID] = 10;
	e.number[ACTIVITY_START] = 100;
	e.number[ACTIVITY_AGE_NS] = 400;
	activity_set_bytes(&e, ACTIVITY_EXE, "/bin/sh", 7);
	assert_int_equal(processes_add(&p, &e, 1000), 0);
	assert_int_equal(p.list[0].begin_wall_ns, 600);
	assert_string_equal(p.list[0].exe, "/bin/sh");
	/* The next monitor sees it too: what is known stays. */
	activity_set_bytes(&e, ACTIVITY_EXE, "/bin/x", 6);
	e.number[ACTIVITY_AGE_NS] = UINT64_MAX;
	assert_int_equal(processes_add(&p, &e, 2000), 0);
	assert_int_equal(p.list[0].begin_wall_ns, 600);
	assert_string_equal(p.list[0].exe, "/bin/sh");
	processes_free(&p);
}

static void test_sockets(void **state)
{
	static const uint8_t six[16] = { 0x20, 1, 0xd, 0xb8, [15] = 1 };
	struct activity_event e = { .kind = ACTIVITY_CONNECT };
	struct processes p;

	processes_init(&p);
	e.number[ACTIVITY_PID] = 10;
	e.number[ACTIVITY_FAMILY] = 10;
	e.number[ACTIVITY_PORT] = 443;
	activity_set_bytes(&e, ACTIVITY_ADDRESS, six, sizeof six);
	assert_int_equal(processes_add(&p, &e, 1), 0);
	activity_set_bytes(&e, ACTIVITY_ADDRESS, six, 4);   /* says IPv6 and is not */
	assert_int_equal(processes_add(&p, &e, 1), 0);
	assert_string_equal(buffer_text(&p.list[0].notes), "connect [2001:db8::1]:443\nconnect [::]:443\n");
	for (int i = 0; i < 10000; i++)
		assert_int_equal(processes_add(&p, &e, 1), 0);
	assert_true(p.list[0].notes.len <= PROCESSES_NOTES_MAX);
	processes_free(&p);
}

static void test_limit(void **state)
{
	struct processes p;

	processes_init(&p);
	p.max = 1000;
	for (uint32_t i = 0; i < 3000; i++)
		assert_int_equal(add_fork(&p, i, i, i + 1, i + 1), 0);
	assert_int_equal(p.count, 1000);
	assert_true(p.cut);
	for (size_t i = 1; i < p.count; i++)
		assert_int_equal(p.list[i].parent, i - 1);
	/* Those that are known go on. */
	assert_int_equal(add(&p, ACTIVITY_EXEC, 500, 500, 499, 499, "/bin/still"), 0);
	assert_string_equal(p.list[500].exe, "/bin/still");
	processes_free(&p);
}

/* Whatever a host sends, memory stays below the bound, and what is known goes
 * on as far as it can. */
static void test_memory_has_a_bound(void **state)
{
	static char huge[PROCESSES_PATH_MAX * 8];
	struct activity_event e = { .kind = ACTIVITY_EXEC };
	struct processes p;
	size_t held = 0;

	processes_init(&p);
	p.bytes_max = 4 << 20;
	memset(huge, 'x', sizeof huge);
	activity_set_bytes(&e, ACTIVITY_EXE, huge, sizeof huge);
	activity_set_bytes(&e, ACTIVITY_SCRIPT, huge, sizeof huge);
	activity_set_bytes(&e, ACTIVITY_CWD, huge, sizeof huge);
	activity_set_bytes(&e, ACTIVITY_ARGUMENTS, huge, sizeof huge);
	for (uint32_t i = 1; i < 20000; i++) {
		e.number[ACTIVITY_PID] = e.number[ACTIVITY_START] = i;
		assert_int_equal(processes_add(&p, &e, 1), 0);
		assert_int_equal(processes_add(&p, &e, 1), 0); /* again: what was there is given back */
		assert_true(p.bytes <= p.bytes_max);
	}
	assert_true(p.cut && p.count > 200 && p.count < 20000);
	held = p.size * sizeof *p.list + p.slot_count * sizeof *p.slots;
	for (size_t i = 0; i < p.count; i++) {
		const struct process_seen *s = &p.list[i];
		held += s->arguments.size + s->notes.size + (s->exe != NULL ? strlen(s->exe) + 1 : 0) +
			(s->script != NULL ? strlen(s->script) + 1 : 0) + (s->cwd != NULL ? strlen(s->cwd) + 1 : 0);
	}
	assert_int_equal(held, p.bytes);
	assert_int_equal(strlen(p.list[0].exe), PROCESSES_PATH_MAX);
	processes_free(&p);
	assert_int_equal(p.bytes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tree),
		cmocka_unit_test(test_a_pid_used_again_is_another),
		cmocka_unit_test(test_parents_nobody_told_of),
		cmocka_unit_test(test_exec_twice_and_pieces),
		cmocka_unit_test(test_seen),
		cmocka_unit_test(test_sockets),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_memory_has_a_bound),
	};
	return cmocka_run_group_tests_name("processes", tests, NULL, NULL);
}
