/* Which program a command runs: by the file that the kernel executed and the
 * pipes it holds, among all descendants. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/brokerd/peer.h"
#include "agent/brokerd/program.h"

static void test_kind(void **state)
{
	static const struct { const char *path; bool trusted; enum message_program kind; } table[] = {
		{ "/usr/bin/scp", true, MESSAGE_PROGRAM_SCP }, { "/home/a/scp", false, MESSAGE_PROGRAM_OTHER },
		{ "/usr/lib/openssh/sftp-server", true, MESSAGE_PROGRAM_SFTP }, { "/usr/bin/rsync", true, MESSAGE_PROGRAM_RSYNC },
		{ "/usr/bin/scpx", true, MESSAGE_PROGRAM_OTHER }, { "/scp/bash", true, MESSAGE_PROGRAM_OTHER },
		{ "scp", true, MESSAGE_PROGRAM_OTHER }, { "", true, MESSAGE_PROGRAM_OTHER },
	};
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
		assert_int_equal(program_kind(table[i].path, table[i].trusted), table[i].kind);
}

/* A child that has a child of its own; both sleep until killed. */
static pid_t start_family(const int in[2], const int out[2], int told)
{
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	pid_t below = fork();
	if (below == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		(void)!write(told, "x", 1);
		pause();
	}
	waitpid(below, NULL, 0);
	_exit(0);
}

static void test_descendants_and_pipes(void **state)
{
	int in[2], out[2], told[2];
	struct stat si, so;
	struct peer self;
	struct program found;
	pid_t below[PROGRAM_LOOK_MAX];
	char x;
	assert_true(pipe(in) == 0 && pipe(out) == 0 && pipe(told) == 0);
	assert_true(fstat(in[0], &si) == 0 && fstat(out[1], &so) == 0);
	pid_t child = start_family(in, out, told[1]);
	assert_int_equal(read(told[0], &x, 1), 1);
	assert_int_equal(peer_read(getpid(), &self), 0);
	assert_int_equal(program_descendants(getpid(), below, PROGRAM_LOOK_MAX), 2);
	assert_int_equal(below[0], child);
	assert_int_equal(program_descendants(getpid(), below, 1), 1);
	/* This program transfers nothing, whatever the pipes. */
	program_find(getpid(), self.start, si.st_ino, so.st_ino, &found);
	assert_int_equal(found.kind, MESSAGE_PROGRAM_OTHER);
	assert_string_equal(found.path, "");
	program_find(getpid(), self.start + 1, si.st_ino, so.st_ino, &found);
	assert_int_equal(found.kind, MESSAGE_PROGRAM_OTHER);
	assert_int_equal(program_descendants(getpid(), below, PROGRAM_LOOK_MAX), 2);
	kill(below[1], SIGKILL);
	waitpid(child, NULL, 0);
	for (int i = 0; i < 2; i++) {
		close(in[i]);
		close(out[i]);
		close(told[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kind), cmocka_unit_test(test_descendants_and_pipes),
	};
	return cmocka_run_group_tests_name("program", tests, NULL, NULL);
}
