/* What each profile forbids, each tried in a child of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "base/sandbox.h"

enum { ALLOWED = 0, REFUSED = 1, KILLED = 2, BROKEN = 3 };

static int descriptors[2];

static int try_open(void) { return open("/etc/passwd", O_RDONLY); }
static int try_open_write(void) { return open("/dev/null", O_WRONLY); }
static int try_inet(void) { return socket(AF_INET, SOCK_STREAM, 0); }
static int try_unix(void) { return socket(AF_UNIX, SOCK_STREAM, 0); }
static int try_kill(void) { return kill(getppid(), 0); }
static int try_fork(void) { return fork(); }
static int try_ptrace(void) { return (int)ptrace(PTRACE_TRACEME, 0, NULL, NULL); }
static int try_mount(void) { return mount("none", "/nonexistent", "tmpfs", 0, NULL); }
static int try_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0;
}
static int try_memory(void) { return malloc(300000) == NULL ? -1 : 0; }
static int try_peek(void)
{
	char c;
	struct iovec v = { &c, 1 };
	return (int)process_vm_readv(getppid(), &v, 1, &v, 1, 0);
}
static int try_exec(void)
{
	char *argv[] = { NULL };
	return execve("/bin/true", argv, argv);
}
static int try_pump(void)
{
	char c = 'x';
	struct pollfd p = { descriptors[1], POLLIN, 0 };
	return write(descriptors[0], &c, 1) == 1 && poll(&p, 1, 1000) == 1 && read(descriptors[1], &c, 1) == 1 ? 0 : -1;
}
static int try_sti(void)
{
	char c = 'x';
	ioctl(descriptors[0], TIOCSTI, &c);
	return errno == EPERM ? -1 : 0; /* allowed it would say ENOTTY */
}
static int try_size(void)
{
	struct winsize w;
	ioctl(descriptors[0], TIOCGWINSZ, &w);
	return errno == EPERM ? -1 : 0;
}
static int try_modes(void)
{
	struct termios t;
	tcgetattr(descriptors[0], &t);
	return errno == EPERM ? -1 : 0;
}
static int try_set_modes(void)
{
	struct termios t = { 0 };
	tcsetattr(descriptors[0], TCSANOW, &t);
	return errno == EPERM ? -1 : 0;
}
static int try_sendto(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	char c = 'x';
	sendto(descriptors[0], &c, 1, 0, (struct sockaddr *)&a, sizeof a);
	return errno == EPERM ? -1 : 0;
}

static int try_bpf(void) { return (int)syscall(SYS_bpf, 0, NULL, 0); }
static int try_file(void)
{
	/* The pair is no file: allowed says ESPIPE. */
	char c = 'x';
	ssize_t n = pwrite(descriptors[0], &c, 1, 0);
	return n < 0 && errno == EPERM ? -1 : 0;
}

static int outcome(enum sandbox_profile profile, int (*attempt)(void))
{
	int status;
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || sandbox_no_core() != 0 ||
		    sandbox_restrict(profile) != 0)
			_exit(BROKEN);
		errno = 0;
		int r = attempt();
		/* Not _exit: sanitizers do more in it than the profile allows. */
		syscall(SYS_exit_group, r < 0 && errno == EPERM ? REFUSED : ALLOWED);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status))
		return WTERMSIG(status) == SIGSYS ? KILLED : BROKEN;
	return WEXITSTATUS(status);
}

static void test_profiles(void **state)
{
	static const struct { const char *what; int (*attempt)(void); int want[6]; } table[] = {
		/*                         recorder  sealer   forwarder server   watcher  looker */
		{ "pump bytes", try_pump, { ALLOWED, ALLOWED, ALLOWED, ALLOWED, ALLOWED, ALLOWED } },
		{ "take memory", try_memory, { ALLOWED, ALLOWED, ALLOWED, ALLOWED, ALLOWED, ALLOWED } },
		{ "ask the size", try_size, { ALLOWED, ALLOWED, ALLOWED, ALLOWED, REFUSED, REFUSED } },
		{ "ask modes", try_modes, { ALLOWED, ALLOWED, ALLOWED, ALLOWED, REFUSED, REFUSED } },
		{ "set modes", try_set_modes, { ALLOWED, ALLOWED, ALLOWED, ALLOWED, REFUSED, REFUSED } },
		{ "type into a terminal", try_sti, { REFUSED, ALLOWED, ALLOWED, ALLOWED, REFUSED, REFUSED } },
		{ "open a file", try_open, { REFUSED, ALLOWED, ALLOWED, ALLOWED, REFUSED, ALLOWED } },
		{ "open a file to write", try_open_write, { REFUSED, ALLOWED, ALLOWED, ALLOWED, REFUSED, REFUSED } },
		{ "unix socket", try_unix, { REFUSED, ALLOWED, ALLOWED, ALLOWED, ALLOWED, ALLOWED } },
		{ "inet socket", try_inet, { REFUSED, REFUSED, ALLOWED, REFUSED, REFUSED, REFUSED } },
		{ "send to an address", try_sendto, { REFUSED, ALLOWED, ALLOWED, ALLOWED, ALLOWED, ALLOWED } },
		{ "signal", try_kill, { REFUSED, ALLOWED, ALLOWED, ALLOWED, REFUSED, REFUSED } },
		{ "fork", try_fork, { REFUSED, ALLOWED, ALLOWED, ALLOWED, REFUSED, REFUSED } },
		{ "executable memory", try_code, { REFUSED, ALLOWED, ALLOWED, ALLOWED, REFUSED, REFUSED } },
		{ "mount", try_mount, { REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED } },
		{ "ptrace", try_ptrace, { KILLED, KILLED, KILLED, KILLED, KILLED, KILLED } },
		{ "other's memory", try_peek, { KILLED, KILLED, KILLED, KILLED, KILLED, KILLED } },
		{ "load into the kernel", try_bpf, { KILLED, KILLED, KILLED, KILLED, KILLED, KILLED } },
		{ "write a held file", try_file, { REFUSED, ALLOWED, ALLOWED, ALLOWED, ALLOWED, ALLOWED } },
		{ "exec", try_exec, { KILLED, KILLED, KILLED, KILLED, KILLED, KILLED } },
	};
	static const enum sandbox_profile profiles[] = {
		SANDBOX_RECORDER, SANDBOX_SEALER, SANDBOX_FORWARDER, SANDBOX_SERVER, SANDBOX_WATCHER, SANDBOX_LOOKER,
	};
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, descriptors), 0);
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
		for (size_t p = 0; p < sizeof profiles / sizeof profiles[0]; p++) {
			int got = outcome(profiles[p], table[i].attempt);
			if (got != table[i].want[p])
				fail_msg("%s, profile %zu: got %d, want %d", table[i].what, p, got, table[i].want[p]);
		}
}

static void test_become_unknown(void **state)
{
	const char *const groups[] = { "no-such-group-here", NULL };
	assert_int_not_equal(sandbox_become("no-such-user-here", NULL), 0);
	assert_int_not_equal(sandbox_become("root", groups), 0);
}

static void test_become_has_no_way_back(void **state)
{
	int status;
	if (getuid() != 0)
		skip();
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (sandbox_become("nobody", NULL) != 0)
			_exit(1);
		if (getuid() == 0 || geteuid() == 0 || getgid() == 0 || getgroups(0, NULL) != 0 ||
		    setuid(0) == 0 || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 || prctl(PR_GET_DUMPABLE) != 0)
			_exit(2);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_profiles),
		cmocka_unit_test(test_become_unknown),
		cmocka_unit_test(test_become_has_no_way_back),
	};
	return cmocka_run_group_tests_name("sandbox", tests, NULL, NULL);
}
