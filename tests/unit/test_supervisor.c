/* The supervisor's messages, and a real one with children that die. */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fdpass.h"
#include "local/supervisor.h"

enum { SIZE = 8192 };
static const char *self;

static void test_messages(void **state)
{
	struct supervisor_message in = { .type = SUPERVISOR_PAIR, .name = "sealer", .key = "k", .blob = (const uint8_t *)"abc",
					 .blob_len = 3 }, out;
	struct buffer b;
	struct fault fault;
	buffer_init(&b, SIZE);
	assert_int_equal(supervisor_encode(&b, &in), 0);
	assert_int_equal(supervisor_decode(b.data, b.len, &out, &fault), 0);
	assert_int_equal(out.type, SUPERVISOR_PAIR);
	assert_string_equal(out.name, "sealer");
	assert_string_equal(out.key, "k");
	assert_int_equal(out.blob_len, 3);
	assert_memory_equal(out.blob, "abc", 3);
	for (size_t n = 0; n < b.len; n++)
		assert_int_not_equal(supervisor_decode(b.data, n, &out, &fault), 0);
	assert_int_equal(buffer_put_u8(&b, 0), 0);
	assert_int_not_equal(supervisor_decode(b.data, b.len, &out, &fault), 0);
	b.len--;
	static const struct { size_t at; uint8_t value; } wrong[] = {
		{ 0, 1 }, { 0, SUPERVISOR_PONG + 1 }, { 1, 2 }, { 2, 1 }, { 4, 200 }, { 5, 1 }, { 6, 0 },
	};
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		uint8_t was = b.data[wrong[i].at];
		b.data[wrong[i].at] = wrong[i].value;
		assert_int_not_equal(supervisor_decode(b.data, b.len, &out, &fault), 0);
		b.data[wrong[i].at] = was;
	}
	in.blob_len = SUPERVISOR_BLOB_MAX + 1;
	assert_int_equal(supervisor_encode(&b, &in), ITM_ELIMIT);
	buffer_free(&b);
}

/* ---- children: this program again ---- */

static int receive(struct supervisor_message *m, int *fds, size_t *count)
{
	static uint8_t data[SIZE];
	*count = SUPERVISOR_FDS_MAX;
	return supervisor_recv(SUPERVISOR_CONTROL_FD, data, sizeof data, m, fds, count);
}

/* Its first life stores a pipe and dies; its second must be given it back. */
static int play_keeper(const char *answer)
{
	struct supervisor_message m;
	int fds[SUPERVISOR_FDS_MAX], kept = -1, prepared = -1, paired = -1;
	size_t count;
	char byte;

	for (;;) {
		if (receive(&m, fds, &count) != 0)
			return 1;
		if (m.type == SUPERVISOR_KEPT && strcmp(m.key, "pipe") == 0 && m.blob_len == 2)
			kept = fds[0];
		else if (m.type == SUPERVISOR_KEPT && strcmp(m.key, "prepared") == 0)
			prepared = fds[0];
		else if (m.type == SUPERVISOR_KEPT && strcmp(m.key, "pair") == 0)
			paired = fds[0];
		else if (m.type == SUPERVISOR_BEGIN)
			break;
	}
	if (prepared < 0)
		return 2;
	if (kept < 0) {
		int p[2];
		if (pipe(p) != 0 || write(p[1], "x", 1) != 1 ||
		    supervisor_store(SUPERVISOR_CONTROL_FD, "pipe", "ab", 2, p, 1) != 0)
			return 3;
		return 4;
	}
	supervisor_ready(SUPERVISOR_CONTROL_FD);
	/* The pair that the other child asks for may come before or after BEGIN. */
	while (paired < 0) {
		if (receive(&m, fds, &count) != 0)
			return 5;
		if (m.type == SUPERVISOR_KEPT && strcmp(m.key, "pair") == 0)
			paired = fds[0];
	}
	if (read(kept, &byte, 1) != 1 || byte != 'x' || read(paired, &byte, 1) != 1 || byte != 'y')
		return 6;
	int fd = open(answer, O_WRONLY | O_CREAT, 0600);
	if (fd < 0 || write(fd, "done", 4) != 4)
		return 7;
	while (receive(&m, fds, &count) == 0)
		if (m.type == SUPERVISOR_STOP)
			return 0;
	return 8;
}

static int play_asker(void)
{
	struct supervisor_message m;
	int fds[SUPERVISOR_FDS_MAX];
	size_t count;
	bool stop = false;
	if (supervisor_pair(SUPERVISOR_CONTROL_FD, "keeper", "pair", NULL, 0) != 0)
		return 1;
	while (!stop && receive(&m, fds, &count) == 0) {
		if (m.type == SUPERVISOR_PAIRED && (count != 1 || write(fds[0], "y", 1) != 1))
			return 2;
		stop = m.type == SUPERVISOR_STOP;
	}
	return 0;
}

static int prepare(void *context, const char *child,
		   int (*store)(void *, const char *, const void *, size_t, const int *, size_t), void *handle)
{
	int p[2];
	if (strcmp(child, "keeper") != 0 || supervisor_run_has(handle, "prepared"))
		return 0;
	if (pipe(p) != 0)
		return ITM_ESYS;
	int r = store(handle, "prepared", NULL, 0, p, 1);
	close(p[0]);
	close(p[1]);
	return r;
}

static void test_run(void **state)
{
	char dir[] = "/tmp/itm-test-supervisor.XXXXXX", answer[64], status[64], text[4] = "";
	assert_non_null(mkdtemp(dir));
	(void)snprintf(answer, sizeof answer, "%s/answer", dir);
	(void)snprintf(status, sizeof status, "%s/status", dir);
	const char *const keeper[] = { self, "keeper", answer, NULL }, *const asker[] = { self, "asker", NULL };
	const struct supervisor_child children[] = {
		{ .name = "keeper", .path = self, .argv = keeper }, { .name = "asker", .path = self, .argv = asker },
		{ .name = NULL },
	};
	const struct supervisor_config config = { .children = children, .prepare = prepare, .status_path = status };
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(supervisor_run(&config) == 0 ? 0 : 1);
	for (int i = 0; i < 500 && access(answer, F_OK) != 0; i++)
		poll(NULL, 0, 10);
	poll(NULL, 0, 50);
	int fd = open(answer, O_RDONLY), wait_status;
	kill(pid, SIGTERM);
	assert_int_equal(waitpid(pid, &wait_status, 0), pid);
	assert_true(fd >= 0);
	assert_int_equal(read(fd, text, 4), 4);
	assert_memory_equal(text, "done", 4);
	assert_int_equal(wait_status, 0);
	close(fd);
	unlink(answer);
	unlink(status);
	rmdir(dir);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_messages), cmocka_unit_test(test_run) };
	static char path[4096];
	if (argc == 3 && strcmp(argv[1], "keeper") == 0)
		return play_keeper(argv[2]);
	if (argc == 2 && strcmp(argv[1], "asker") == 0)
		return play_asker();
	ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
	if (n <= 0)
		return 1;
	self = path;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
