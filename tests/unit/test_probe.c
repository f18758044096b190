/* The probe itself, in this kernel, as root: every event it makes is received
 * or counted as dropped, exactly, with a ring far too small; and whoever moves
 * the reader's position is found out. */
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <cmocka.h>

#include "agent/watchd/probe.h"
#include "agent/watchd/snapshot.h"
#include "format/activity.h"

enum { TINY_RING = 65536, TINIEST_RING = 4096, EXECS = 5000, FAST_EXECS = 20000, FIRST_EXECS = 100, AT_ONCE = 8, CHAINS = 2 };

struct seen { uint64_t count[PROBE_TYPES]; };

static bool on_event(void *context, const struct probe_head *head)
{
	struct seen *s = context;

	s->count[head->type]++;
	return true;
}

/* NULL: the kernel refuses, said. */
static struct probe *open_probe(uint32_t ring_bytes)
{
	char error[PROBE_ERROR_SIZE] = "not root";
	struct probe *p = NULL;

	if (geteuid() != 0 || probe_open(ring_bytes, -1, &p, error) != 0) {
		printf("the kernel refuses the probe: %s\n", error);
		return NULL;
	}
	return p;
}

static void run_true(unsigned count)
{
	char program[] = "/bin/true";
	char *argv[] = { program, NULL };

	for (unsigned i = 0, running = 0; i < count || running > 0; ) {
		if (i < count && running < AT_ONCE) {
			pid_t pid;
			assert_int_equal(posix_spawn(&pid, program, NULL, NULL, argv, environ), 0);
			i++;
			running++;
			continue;
		}
		wait(NULL);
		running--;
	}
}

static void read_all(struct probe *p, struct seen *s)
{
	for (int i = 0; i < 2; i++)
		assert_true(probe_read(p, on_event, s));
}

/* Other processes of the machine go on: totals are asked until none came in
 * between. */
static void settle(struct probe *p, struct seen *s, struct probe_totals *t)
{
	for (int i = 0; i < 10000; i++) {
		read_all(p, s);
		probe_totals(p, t);
		uint64_t open = 0;
		for (int type = 0; type < PROBE_TYPES; type++)
			open += t->made[type] - t->dropped[type] - t->received[type] != 0;
		if (open == 0)
			return;
	}
	fail_msg("made never became received plus dropped");
}

static void test_made_is_received_and_dropped(void **state)
{
	struct probe *p = open_probe(TINY_RING);
	struct probe_totals t;
	struct seen s = { { 0 } };

	if (p == NULL)
		skip();
	run_true(EXECS);
	settle(p, &s, &t);
	assert_true(t.made[PROBE_EXEC] >= EXECS && t.made[PROBE_FORK] >= EXECS && t.made[PROBE_EXIT] >= EXECS);
	assert_true(t.dropped[PROBE_EXEC] > EXECS / 2);       /* 64 KiB hold some hundred */
	for (int type = 0; type < PROBE_TYPES; type++)
		assert_int_equal(t.received[type], s.count[type]);
	/* With room again each comes, and the numbers that were dropped leave no doubt. */
	for (int i = 0; i < 200; i++) {
		run_true(10);
		read_all(p, &s);
	}
	settle(p, &s, &t);
	probe_totals(p, &t);
	assert_int_equal(t.missing, 0);
	assert_int_equal(t.strange, 0);
	assert_int_equal(t.missed, 0);
	assert_true(s.count[PROBE_EXEC] >= 2000);
	probe_close(p);
}

static uint64_t fast_execs(void)
{
	const char *text = getenv("ITM_EXECS"); /* more of them, for longer runs */
	unsigned long n = text != NULL ? strtoul(text, NULL, 10) : 0;

	return n > 0 ? n : FAST_EXECS;
}

/* Beside the test's own program, wherever that was started from. */
static void find_execs(char out[4096])
{
	ssize_t n = readlink("/proc/self/exe", out, 4000);

	assert_true(n > 0);
	out[n] = '\0';
	memcpy(strrchr(out, '/'), "/execs", sizeof "/execs");
}

/* As fast as this machine can, while the reader reads all the time, into a ring
 * that holds five records. */
static void test_many_execs_into_a_tiny_ring(void **state)
{
	char file[4096], number[32], name[] = "execs";
	char *argv[] = { name, file, number, NULL };
	struct probe *p = open_probe(TINIEST_RING);
	struct probe_totals t;
	struct seen s = { { 0 } };
	struct timespec begin, end;
	pid_t chain[CHAINS];
	uint64_t execs = fast_execs();

	if (p == NULL)
		skip();
	find_execs(file);
	snprintf(number, sizeof number, "%llu", (unsigned long long)(execs / CHAINS));
	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (int i = 0; i < CHAINS; i++)
		assert_int_equal(posix_spawn(&chain[i], file, NULL, NULL, argv, environ), 0);
	do /* it is full before anybody reads */
		probe_totals(p, &t);
	while (t.made[PROBE_EXEC] < FIRST_EXECS);
	for (int running = CHAINS, status; running > 0; ) {
		assert_true(probe_read(p, on_event, &s));
		for (pid_t ended; running > 0 && (ended = waitpid(-1, &status, WNOHANG)) > 0; running--)
			assert_int_equal(status, 0);
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	settle(p, &s, &t);
	for (int i = 0; i < 3; i++) {   /* what is missing is known after two reads of all */
		read_all(p, &s);
		probe_totals(p, &t);
	}
	settle(p, &s, &t);
	double seconds = (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9;
	printf("%.0f execs a second: %llu made, %llu received, %llu dropped, %llu missing\n", (double)execs / seconds,
	       (unsigned long long)t.made[PROBE_EXEC], (unsigned long long)t.received[PROBE_EXEC],
	       (unsigned long long)t.dropped[PROBE_EXEC], (unsigned long long)t.missing);
	assert_true(t.made[PROBE_EXEC] >= execs);
	assert_true(t.dropped[PROBE_EXEC] > 0 && t.received[PROBE_EXEC] > 0);
	for (int type = 0; type < PROBE_TYPES; type++) {
		assert_int_equal(t.made[type], t.received[type] + t.dropped[type]);
		assert_int_equal(t.received[type], s.count[type]);
	}
	assert_int_equal(t.missing, 0);
	assert_int_equal(t.strange, 0);
	probe_close(p);
}

/* What root can do: find the ring by its id and map its positions. */
static int find_ring(void)
{
	int found = -1;

	for (uint32_t id = 0; bpf_map_get_next_id(id, &id) == 0; ) {
		struct bpf_map_info info = { 0 };
		uint32_t len = sizeof info;
		int fd = bpf_map_get_fd_by_id(id);
		if (fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &len) == 0 && info.type == BPF_MAP_TYPE_RINGBUF &&
		    info.max_entries == TINY_RING) {
			if (found >= 0)
				close(found);
			found = fd;
		} else if (fd >= 0) {
			close(fd);
		}
	}
	return found;
}

static void skip_what_is_there(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	int ring = find_ring();

	assert_true(ring >= 0);
	volatile uint64_t *reader = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, ring, 0);
	const volatile uint64_t *writer = mmap(NULL, page, PROT_READ, MAP_SHARED, ring, (off_t)page);
	assert_true(reader != MAP_FAILED && writer != MAP_FAILED);
	assert_true(*writer > *reader);
	*reader = *writer;
	munmap((void *)(uintptr_t)reader, page);
	munmap((void *)(uintptr_t)writer, page);
	close(ring);
}

static void test_a_moved_position_is_found(void **state)
{
	struct probe *p = open_probe(TINY_RING);
	struct probe_totals t;
	struct seen s = { { 0 } };

	if (p == NULL)
		skip();
	settle(p, &s, &t);
	settle(p, &s, &t);
	assert_int_equal(t.missing, 0);
	run_true(20);
	skip_what_is_there();
	for (int i = 0; i < 3; i++) {   /* asked, read, settled */
		read_all(p, &s);
		probe_totals(p, &t);
	}
	assert_true(t.missing >= 60);   /* 20 of each: fork, exec, exit */
	probe_close(p);
}

/* posix_spawn returns when the old image is gone: the new one's arguments may
 * not be in place yet. */
static void wait_for_arguments(pid_t child)
{
	char path[64], text[256];
	size_t n = 0;

	snprintf(path, sizeof path, "/proc/%d/cmdline", (int)child);
	for (int i = 0; i < 10000 && n == 0; i++) {
		FILE *f = fopen(path, "re");
		n = f != NULL ? fread(text, 1, sizeof text, f) : 0;
		if (f != NULL)
			fclose(f);
		if (n == 0)
			usleep(1000);
	}
	assert_true(n > 0);
}

static void test_what_was_there_before(void **state)
{
	char sleep_path[] = "/bin/sleep", seconds[] = "61.25";
	char *argv[] = { sleep_path, seconds, NULL };
	struct snapshot s;
	struct activity_event e, own = { 0 }, other = { 0 };
	const uint8_t *data;
	size_t len;
	bool told = false;
	pid_t child;
	struct probe *p = open_probe(TINY_RING);

	if (p == NULL)
		skip();
	assert_int_equal(posix_spawn(&child, sleep_path, NULL, NULL, argv, environ), 0);
	wait_for_arguments(child);
	snapshot_take(&s, p);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	probe_close(p);
	assert_int_equal(s.left_out, 0);
	while (snapshot_next(&s, &data, &len)) {
		assert_int_equal(activity_decode(data, len, &e, NULL), 0);
		assert_int_equal(e.kind, ACTIVITY_SEEN);
		if (e.number[ACTIVITY_PID] == (uint64_t)getpid())
			own = e;
		if (e.number[ACTIVITY_PID] != (uint64_t)child)
			continue;
		other = e;
		told = memmem(e.bytes[ACTIVITY_ARGUMENTS], e.number[ACTIVITY_ARGUMENTS], "61.25", 6) != NULL &&
		       memmem(e.bytes[ACTIVITY_EXE], e.number[ACTIVITY_EXE], "/sleep", 6) != NULL;
	}
	/* In a pid namespace of its own the kernel's numbers are not ours. */
	if (!s.own_numbers)
		skip();
	assert_true(told);
	assert_true(own.number[ACTIVITY_START] > 0 && own.number[ACTIVITY_AGE_NS] > other.number[ACTIVITY_AGE_NS]);
	assert_int_equal(other.number[ACTIVITY_PARENT], getpid());
	assert_int_equal(other.number[ACTIVITY_PARENT_START], own.number[ACTIVITY_START]);
	assert_null(s.events.data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_made_is_received_and_dropped),
		cmocka_unit_test(test_many_execs_into_a_tiny_ring),
		cmocka_unit_test(test_a_moved_position_is_found),
		cmocka_unit_test(test_what_was_there_before),
	};
	return cmocka_run_group_tests_name("probe", tests, NULL, NULL);
}
