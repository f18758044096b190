/* The broker's tables with a socket in place of the supervisor: what is
 * stored, what is recalled from it, and that terminals are given back. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/brokerd/decide.h"
#include "agent/brokerd/login.h"
#include "agent/brokerd/outer.h"
#include "agent/brokerd/peer.h"
#include "agent/brokerd/session.h"
#include "base/error.h"
#include "base/fdpass.h"
#include "format/meta.h"

enum { RECORDER_UID = 54321 };

struct fixture {
	struct loop loop;
	struct control control;
	int supervisor;          /* the other end of control */
	struct login_table logins;
	struct session_table sessions;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	int pair[2];
	if (f == NULL || loop_open(&f->loop) != 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return -1;
	f->control = (struct control){ .loop = &f->loop, .sock = pair[0], .watch = { .fd = -1 } };
	f->supervisor = pair[1];
	login_init(&f->logins, &f->loop, &f->control);
	session_init(&f->sessions, &f->loop, &f->control);
	f->sessions.recorder_uid = RECORDER_UID;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	session_close(&f->sessions);
	login_close(&f->logins);
	close(f->control.sock);
	close(f->supervisor);
	loop_close(&f->loop);
	free(f);
	return 0;
}

/* A process that does nothing until it is killed. */
static pid_t sleeper(int *pidfd)
{
	pid_t pid = fork();
	if (pid == 0) {
		pause();
		_exit(0);
	}
	*pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	assert_true(*pidfd >= 0);
	return pid;
}

static int expect(struct fixture *f, int type, uint8_t *blob, size_t *len, int *fds, size_t *count, char *key)
{
	uint8_t data[SUPERVISOR_BLOB_MAX + 1024];
	struct supervisor_message m;
	*count = FDPASS_MAX;
	int r = supervisor_recv(f->supervisor, data, sizeof data, &m, fds, count);
	assert_int_equal(r, 0);
	assert_int_equal(m.type, type);
	memcpy(blob, m.blob, m.blob_len);
	*len = m.blob_len;
	snprintf(key, SUPERVISOR_KEY_MAX, "%s", m.key);
	return 0;
}

static void test_peer_decode(void **state)
{
	const struct { const char *text; int result; pid_t parent; dev_t tty; uint64_t start; } cases[] = {
		{ "7 (sh) S 3 7 7 34817 7 0 1 2 3 4 5 6 7 8 20 0 1 0 4242 9 9", 0, 3, makedev(136, 1), 4242 },
		{ "7 (a) S 9) S 3 7 7 0 -1 0 1 2 3 4 5 6 7 8 20 0 1 0 77 9", 0, 3, 0, 77 },
		{ "7 (x) S 3 7 7 1048832 7 0 1 2 3 4 5 6 7 8 20 0 1 0 5", 0, 3, makedev(1, 256), 5 },
		{ "7 (sh) S 3 7", ITM_EFORMAT, 0, 0, 0 },
		{ "sh", ITM_EFORMAT, 0, 0, 0 },
		{ "", ITM_EFORMAT, 0, 0, 0 },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct peer p;
		assert_int_equal(peer_decode(cases[i].text, &p), cases[i].result);
		if (cases[i].result != 0)
			continue;
		assert_int_equal(p.pid, 7);
		assert_int_equal(p.parent, cases[i].parent);
		assert_true(p.tty == cases[i].tty && p.start == cases[i].start);
	}
}

static void test_peer_live(void **state)
{
	struct peer row[PEER_ANCESTRY_MAX];
	size_t n = peer_ancestry(getpid(), row);
	assert_true(n >= 1);
	assert_int_equal(row[0].pid, getpid());
	if (n > 1)
		assert_int_equal(row[1].pid, getppid());
	assert_true(peer_runs(getpid(), "/proc/self/exe"));
	assert_false(peer_runs(getpid(), "/bin/true"));
	assert_int_equal(peer_ancestry(0x7ffffff0, row), 0);
}

static void test_login_survives_restart(void **state)
{
	struct fixture *f = *state;
	struct message_login m = { .pid = 1, .uid = 7, .user = "alice", .service = "sshd", .ssh_auth = "key" };
	uint8_t blob[SUPERVISOR_BLOB_MAX];
	size_t len, count;
	int pidfd, fds[FDPASS_MAX];
	char key[SUPERVISOR_KEY_MAX], again[SUPERVISOR_KEY_MAX];
	m.pid = sleeper(&pidfd);
	assert_int_equal(login_announce(&f->logins, &m, 99, dup(pidfd)), 0);
	expect(f, SUPERVISOR_STORE, blob, &len, fds, &count, key);
	assert_int_equal(count, 1);
	struct id id = login_find(&f->logins, m.pid, 99)->id;
	/* The same again is the same login. */
	assert_int_equal(login_announce(&f->logins, &m, 99, pidfd), 0);
	assert_int_equal(f->logins.count, 1);
	close(fds[0]);
	expect(f, SUPERVISOR_STORE, blob, &len, fds, &count, again);
	assert_string_equal(key, again);
	assert_null(login_find(&f->logins, m.pid, 98));

	login_close(&f->logins);
	for (size_t n = 0; n < len; n++)
		assert_true(login_recall(&f->logins, blob, n, dup(fds[0])) < 0);
	assert_int_equal(login_recall(&f->logins, blob, len, fds[0]), 0);
	const struct login *l = login_find(&f->logins, m.pid, 99);
	assert_non_null(l);
	assert_true(id_equal(&l->id, &id));
	assert_string_equal(l->says.ssh_auth, "key");
	kill(m.pid, SIGKILL);
	loop_wait(&f->loop, 2000);
	assert_int_equal(f->logins.count, 0);
	expect(f, SUPERVISOR_REMOVE, blob, &len, fds, &count, again);
	assert_string_equal(key, again);
	waitpid(m.pid, NULL, 0);
}

/* A pty that plays the user's terminal, taken by the recorder. */
struct terminal { int master, slave; struct stat before; struct termios cooked; };

static void open_terminal(struct terminal *t)
{
	t->master = posix_openpt(O_RDWR | O_NOCTTY);
	assert_true(t->master >= 0 && grantpt(t->master) == 0 && unlockpt(t->master) == 0);
	t->slave = open(ptsname(t->master), O_RDWR | O_NOCTTY);
	assert_true(t->slave >= 0);
	assert_int_equal(fchown(t->slave, 1234, 5), 0);
	assert_int_equal(fchmod(t->slave, 0620), 0);
	assert_int_equal(fstat(t->slave, &t->before), 0);
	assert_int_equal(tcgetattr(t->slave, &t->cooked), 0);
	struct termios raw = t->cooked;
	cfmakeraw(&raw);
	assert_int_equal(tcsetattr(t->slave, TCSANOW, &raw), 0);
	assert_int_equal(fchown(t->slave, RECORDER_UID, 0), 0);
	assert_int_equal(fchmod(t->slave, 0600), 0);
}

static struct session make_session(const struct terminal *t, pid_t recorder, int pidfd, pid_t stub, int stub_pidfd)
{
	return (struct session){ .stream = id_random(), .uid = 1234, .pty = true, .child = true, .stub = stub,
				 .stub_start = 5, .recorder = recorder, .pidfd = pidfd, .stub_pidfd = stub_pidfd,
				 .outer = dup(t->slave), .master = dup(t->master), .inner = t->before.st_rdev,
				 .owner = 1234, .group = 5, .mode = 0620, .termios = t->cooked };
}

static void assert_given_back(const struct terminal *t, bool modes_too)
{
	struct stat st;
	struct termios now;
	assert_int_equal(fstat(t->slave, &st), 0);
	assert_int_equal(st.st_uid, 1234);
	assert_int_equal(st.st_gid, 5);
	assert_int_equal(st.st_mode & 0777, 0620);
	assert_int_equal(tcgetattr(t->slave, &now), 0);
	assert_int_equal((now.c_lflag & ICANON) != 0, modes_too);
}

static void test_recorder_killed(void **state)
{
	if (geteuid() != 0)
		skip(); /* changes owners */
	struct fixture *f = *state;
	struct terminal t;
	int pidfd, stub_pidfd;
	pid_t recorder = sleeper(&pidfd), stub = sleeper(&stub_pidfd);
	open_terminal(&t);
	struct session s = make_session(&t, recorder, pidfd, stub, stub_pidfd);
	assert_non_null(session_add(&f->sessions, &s));
	assert_non_null(session_of_tty(&f->sessions, t.before.st_rdev));
	assert_non_null(session_of_process(&f->sessions, &(struct peer){ .pid = stub, .start = 5 }));
	assert_null(session_of_process(&f->sessions, &(struct peer){ .pid = stub, .start = 6 }));
	assert_null(session_of_tty(&f->sessions, 0));
	kill(recorder, SIGKILL);
	loop_wait(&f->loop, 2000);
	assert_int_equal(f->sessions.count, 0);
	assert_given_back(&t, true);
	kill(stub, SIGKILL);
	waitpid(stub, NULL, 0);
	close(t.master);
	close(t.slave);
}

/* A process that leads a session on the terminal, and a child of it. */
static pid_t lead_terminal(const struct terminal *t, pid_t *child)
{
	int told[2];
	pid_t inner = 0;
	assert_int_equal(pipe(told), 0);
	pid_t pid = fork();
	if (pid == 0) {
		alarm(20); /* s: when a check fails nobody ends them */
		if (setsid() < 0 || ioctl(t->slave, TIOCSCTTY, 0) != 0)
			_exit(1);
		if ((inner = fork()) == 0) {
			alarm(20);
			pause();
			_exit(0);
		}
		(void)!write(told[1], &inner, sizeof inner);
		pause();
		_exit(0);
	}
	assert_int_equal(read(told[0], &inner, sizeof inner), sizeof inner);
	close(told[0]);
	close(told[1]);
	*child = inner;
	return pid;
}

static void test_leader_of_inner_terminal(void **state)
{
	if (geteuid() != 0)
		skip();
	struct fixture *f = *state;
	struct terminal t;
	struct peer leader, child, forged;
	pid_t child_pid;
	int pidfd, stub_pidfd;
	pid_t recorder = sleeper(&pidfd), stub = sleeper(&stub_pidfd);
	open_terminal(&t);
	struct session s = make_session(&t, recorder, pidfd, stub, stub_pidfd);
	assert_non_null(session_add(&f->sessions, &s));
	pid_t leader_pid = lead_terminal(&t, &child_pid);
	assert_int_equal(peer_read(leader_pid, &leader), 0);
	assert_int_equal(peer_read(child_pid, &child), 0);
	assert_non_null(session_of_process(&f->sessions, &leader));
	assert_null(session_of_process(&f->sessions, &child)); /* his parent is met on the way up */
	/* A terminal with the same number in another devpts: its leader isn't ours. */
	forged = leader;
	forged.pid = forged.session = stub;
	assert_null(session_of_process(&f->sessions, &forged));
	kill(child_pid, SIGKILL);
	kill(leader_pid, SIGKILL);
	waitpid(leader_pid, NULL, 0);
	assert_null(session_of_process(&f->sessions, &leader)); /* he leads nothing any more */
	kill(recorder, SIGKILL);
	kill(stub, SIGKILL);
	loop_wait(&f->loop, 2000);
	loop_wait(&f->loop, 2000);
	waitpid(stub, NULL, 0);
	close(t.master);
	close(t.slave);
}

static void test_stub_left(void **state)
{
	if (geteuid() != 0)
		skip();
	struct fixture *f = *state;
	struct terminal t;
	int pidfd, stub_pidfd;
	pid_t recorder = sleeper(&pidfd), stub = sleeper(&stub_pidfd);
	open_terminal(&t);
	struct session s = make_session(&t, recorder, pidfd, stub, stub_pidfd);
	assert_non_null(session_add(&f->sessions, &s));
	kill(stub, SIGKILL);
	loop_wait(&f->loop, 2000);
	assert_int_equal(f->sessions.count, 1); /* until its frames are durable */
	assert_given_back(&t, false);           /* modes are the recorder's to restore */
	assert_null(session_of_tty(&f->sessions, t.before.st_rdev));
	kill(recorder, SIGKILL);
	loop_wait(&f->loop, 2000);
	assert_int_equal(f->sessions.count, 0);
	waitpid(stub, NULL, 0);
	close(t.master);
	close(t.slave);
}

static void test_session_survives_restart(void **state)
{
	if (geteuid() != 0)
		skip();
	struct fixture *f = *state;
	struct terminal t;
	uint8_t blob[SUPERVISOR_BLOB_MAX];
	size_t len, count;
	int pidfd, stub_pidfd, fds[FDPASS_MAX];
	char key[SUPERVISOR_KEY_MAX];
	pid_t recorder = sleeper(&pidfd), stub = sleeper(&stub_pidfd);
	open_terminal(&t);
	struct session s = make_session(&t, recorder, pidfd, stub, stub_pidfd);
	assert_non_null(session_add(&f->sessions, &s));
	expect(f, SUPERVISOR_STORE, blob, &len, fds, &count, key);
	assert_int_equal(count, 4);
	session_close(&f->sessions);            /* the broker dies */
	struct stat st;
	assert_int_equal(fstat(t.slave, &st), 0);
	assert_int_equal(st.st_uid, RECORDER_UID);
	for (size_t n = 0; n < len; n++)
		assert_true(session_recall(&f->sessions, blob, n, NULL, 0) < 0);
	kill(recorder, SIGKILL);                /* and the recorder before the next one is up */
	waitpid(recorder, NULL, 0);
	assert_int_equal(session_recall(&f->sessions, blob, len, fds, count), 0);
	loop_wait(&f->loop, 2000);
	assert_int_equal(f->sessions.count, 0);
	assert_given_back(&t, true);
	kill(stub, SIGKILL);
	waitpid(stub, NULL, 0);
	close(t.master);
	close(t.slave);
}

/* A recorder goes on asking the next broker which program it carries. */
static void test_inquiry_survives_restart(void **state)
{
	struct fixture *f = *state;
	uint8_t blob[SUPERVISOR_BLOB_MAX], packet[512];
	size_t len, count;
	int pidfd, stub_pidfd, ask[2], fds[FDPASS_MAX];
	char key[SUPERVISOR_KEY_MAX];
	struct buffer question;
	enum message_type type;
	pid_t recorder = sleeper(&pidfd), stub = sleeper(&stub_pidfd);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ask), 0);
	struct session s = { .stream = id_random(), .uid = 1234, .stub = stub, .stub_start = 5, .recorder = recorder,
			     .pidfd = pidfd, .stub_pidfd = stub_pidfd, .outer = -1, .master = -1, .pipe_in = 11, .pipe_out = 12 };
	s.inquiry = inquiry_open(&f->loop, ask[0], stub, 5, 11, 12);
	assert_non_null(s.inquiry);
	assert_non_null(session_add(&f->sessions, &s));
	expect(f, SUPERVISOR_STORE, blob, &len, fds, &count, key);
	assert_int_equal(count, 3);
	session_close(&f->sessions);            /* the broker dies */
	for (size_t n = 0; n < len; n++)
		assert_true(session_recall(&f->sessions, blob, n, NULL, 0) < 0);
	assert_int_equal(session_recall(&f->sessions, blob, len, fds, count), 0);
	assert_int_equal(f->sessions.first->pipe_in, 11);
	assert_int_equal(f->sessions.first->pipe_out, 12);
	buffer_init(&question, 64);
	assert_int_equal(message_encode_numbers(&question, MESSAGE_ASK_PROGRAM, 0, 0), 0);
	assert_int_equal(send(ask[1], question.data, question.len, MSG_NOSIGNAL), question.len);
	buffer_free(&question);
	loop_wait(&f->loop, 2000);
	ssize_t n = recv(ask[1], packet, sizeof packet, MSG_DONTWAIT);
	assert_true(n > 0);
	assert_int_equal(message_type_of(packet, (size_t)n, &type), 0);
	assert_int_equal(type, MESSAGE_PROGRAM);
	close(ask[1]);
	session_close(&f->sessions);
	kill(recorder, SIGKILL);
	kill(stub, SIGKILL);
	waitpid(recorder, NULL, 0);
	waitpid(stub, NULL, 0);
}

/* The next getty has the console already: nothing is taken from it. */
static void test_not_ours_any_more(void **state)
{
	if (geteuid() != 0)
		skip();
	struct fixture *f = *state;
	struct terminal t;
	struct stat st;
	int pidfd, stub_pidfd;
	pid_t recorder = sleeper(&pidfd), stub = sleeper(&stub_pidfd);
	open_terminal(&t);
	assert_int_equal(fchown(t.slave, 0, 0), 0);
	struct session s = make_session(&t, recorder, pidfd, stub, stub_pidfd);
	assert_non_null(session_add(&f->sessions, &s));
	kill(recorder, SIGKILL);
	loop_wait(&f->loop, 2000);
	assert_int_equal(fstat(t.slave, &st), 0);
	assert_int_equal(st.st_uid, 0);
	kill(stub, SIGKILL);
	waitpid(stub, NULL, 0);
	close(t.master);
	close(t.slave);
}

static void test_outer_rules(void **state)
{
	if (geteuid() != 0)
		skip();
	struct terminal t;
	struct outer o;
	open_terminal(&t);
	int null = open("/dev/null", O_RDWR), reader = open(ptsname(t.master), O_RDONLY | O_NOCTTY);
	struct peer peer = { .pid = 1, .tty = t.before.st_rdev };
	const struct { int fd; dev_t tty; uid_t owner, uid, caller; int result; } cases[] = {
		{ t.slave, peer.tty, 1234, 1234, (uid_t)-1, 0 },
		{ t.slave, peer.tty, 0, 1234, (uid_t)-1, 0 },
		{ t.slave, peer.tty, 77, 1234, 77, 0 },
		{ t.slave, peer.tty, 77, 1234, (uid_t)-1, ITM_ENOENT },
		{ t.slave, peer.tty, 77, 1234, 78, ITM_ENOENT },
		{ t.slave, peer.tty + 1, 1234, 1234, (uid_t)-1, ITM_ENOENT },
		{ t.slave, 0, 1234, 1234, (uid_t)-1, ITM_ENOENT },
		{ reader, peer.tty, 1234, 1234, (uid_t)-1, ITM_ENOENT },
		{ null, makedev(1, 3), 0, 1234, (uid_t)-1, ITM_ENOENT },
		{ -1, peer.tty, 1234, 1234, (uid_t)-1, ITM_ENOENT },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const int fds[3] = { null, cases[i].fd, null };
		peer.tty = cases[i].tty;
		assert_int_equal(fchown(t.slave, cases[i].owner, 5), 0);
		assert_int_equal(outer_find(fds, &peer, cases[i].uid, cases[i].caller, &o), cases[i].result);
	}
	close(null);
	close(reader);
	close(t.master);
	close(t.slave);
}

static void test_metadata(void **state)
{
	struct decide d = { .verdict = DECIDE_RECORD, .account = { .name = "alice", .shell = "/bin/bash", .uid = 7 } };
	struct scope scope = { .host_id = "H", .hostname = "h" };
	static struct message_shell shell = { .term = "xterm" };
	struct buffer b;
	char value[64];
	d.peer.pid = getpid();
	memset(shell.argv, '\\', sizeof shell.argv); /* four bytes each when escaped */
	for (size_t i = 99; i < sizeof shell.argv; i += 100)
		shell.argv[i] = '\0';
	shell.argv_len = sizeof shell.argv;
	shell.argv[sizeof shell.argv - 1] = '\0';
	buffer_init(&b, META_MAX);
	assert_int_equal(decide_describe(&d, &scope, &shell, &b), 0);
	assert_true(b.len <= META_MAX - 512);
	assert_true(meta_get((char *)b.data, b.len, "argv_cut", 0, value, sizeof value) == 3);
	assert_true(meta_get((char *)b.data, b.len, "user", 0, value, sizeof value) == 5);
	assert_string_equal(value, "alice");
	assert_true(meta_get((char *)b.data, b.len, "pam", 0, value, sizeof value) == 2);
	buffer_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_peer_decode), cmocka_unit_test(test_peer_live),
		cmocka_unit_test_setup_teardown(test_login_survives_restart, setup, teardown),
		cmocka_unit_test_setup_teardown(test_recorder_killed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stub_left, setup, teardown),
		cmocka_unit_test_setup_teardown(test_leader_of_inner_terminal, setup, teardown),
		cmocka_unit_test_setup_teardown(test_session_survives_restart, setup, teardown),
		cmocka_unit_test_setup_teardown(test_inquiry_survives_restart, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_ours_any_more, setup, teardown),
		cmocka_unit_test(test_outer_rules), cmocka_unit_test(test_metadata),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
