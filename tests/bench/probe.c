/* What watching costs: rounds of fork, exec and exit of /bin/true, without it,
 * with the probe, with the levels below it that work here, with snoopy where it
 * is installed, and without again, in changing order.  Ratios are taken round by
 * round, by processor time of the programs that ran; without against without is
 * the control, and says what the machine's noise is.  The readers do what
 * itm-watchd does up to the stream, the probe's every 50 ms; their time stands
 * beside.  As root. */
#include <poll.h>
#include <pthread.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/watchd/describe.h"
#include "agent/watchd/eye.h"
#include "agent/watchd/probe.h"
#include "local/loop.h"

enum { ROUNDS = 31, EXECS = 200, LOOK_US = 50000 };
enum way { WITHOUT, BPF, FANOTIFY, CONNECTOR, POLL, SNOOPY, AGAIN, WAYS };

static const char *const names[WAYS] = { "", "bpf", "fanotify", "connector", "poll", "snoopy", "without again" };
static const int levels[WAYS] = { [FANOTIFY] = SETTINGS_LEVEL_FANOTIFY, [CONNECTOR] = SETTINGS_LEVEL_CONNECTOR,
				  [POLL] = SETTINGS_LEVEL_POLL };
static const char snoopy_library[] = "/usr/lib/x86_64-linux-gnu/libsnoopy.so"; /* of Debian's package */

struct reader {
	struct probe *probe;
	struct eye *eye;
	struct buffer event;
	uint64_t events, bytes;
	double cpu_s;
	atomic_bool stop;
};

static bool on_event(void *context, const struct probe_head *head)
{
	struct reader *r = context;
	struct describe_fds fds;
	struct activity_event e;

	buffer_clear(&r->event);
	if (describe_record(head, &fds, &e) == 0 && activity_put(&r->event, &e) == 0)
		r->bytes += r->event.len;
	r->events++;
	return true;
}

static void *read_ring(void *context)
{
	struct reader *r = context;
	struct timespec t;

	while (!atomic_load(&r->stop)) {
		usleep(LOOK_US);
		probe_read(r->probe, on_event, r);
	}
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	r->cpu_s += (double)t.tv_sec + (double)t.tv_nsec / 1e9;
	return NULL;
}

static bool on_sight(void *context, uint64_t boot_ns, const struct activity_event *e)
{
	struct reader *r = context;

	(void)boot_ns;
	buffer_clear(&r->event);
	if (activity_put(&r->event, e) == 0)
		r->bytes += r->event.len;
	r->events++;
	return true;
}

static void *read_eye(void *context)
{
	struct reader *r = context;
	struct timespec t;

	while (!atomic_load(&r->stop)) {
		struct pollfd p = { eye_fd(r->eye), POLLIN, 0 };
		int wait = eye_read(r->eye, loop_now_ms());
		poll(&p, p.fd >= 0 ? 1 : 0, wait < 0 || wait > 50 ? 50 : wait);
	}
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	r->cpu_s += (double)t.tv_sec + (double)t.tv_nsec / 1e9;
	return NULL;
}

static double children_s(void)
{
	struct rusage u;

	getrusage(RUSAGE_CHILDREN, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static double run_programs(char *variable)
{
	char program[] = "/bin/true";
	char *argv[] = { program, NULL }, *environment[] = { variable, NULL };
	double before = children_s();
	pid_t pid;

	for (int i = 0; i < EXECS; i++)
		if (posix_spawn(&pid, program, NULL, NULL, argv, environment) != 0 || waitpid(pid, NULL, 0) != pid)
			exit(1);
	return children_s() - before;
}

static double run_watched(struct reader *r, uint64_t *dropped)
{
	char error[PROBE_ERROR_SIZE];
	struct probe_totals t;
	pthread_t thread;

	if (probe_open(PROBE_RING_DEFAULT, -1, &r->probe, error) != 0) {
		printf("skipped: the kernel refuses the probe: %s\n", error);
		exit(0);
	}
	atomic_store(&r->stop, false);
	if (pthread_create(&thread, NULL, read_ring, r) != 0)
		exit(1);
	double s = run_programs(NULL);
	atomic_store(&r->stop, true);
	pthread_join(thread, NULL);
	probe_totals(r->probe, &t);
	for (int type = 0; type < PROBE_TYPES; type++)
		*dropped += t.dropped[type];
	probe_close(r->probe);
	return s;
}

/* At exactly that level, or -1. */
static double run_sighted(struct reader *r, int level)
{
	struct buffer why;
	pthread_t thread;

	buffer_init(&why, 1024);
	r->eye = eye_open(level, on_sight, r, &why);
	buffer_free(&why);
	if (r->eye == NULL || eye_level(r->eye) != level) {
		eye_close(r->eye);
		return -1;
	}
	eye_read(r->eye, loop_now_ms());
	atomic_store(&r->stop, false);
	if (pthread_create(&thread, NULL, read_eye, r) != 0)
		exit(1);
	double s = run_programs(NULL);
	atomic_store(&r->stop, true);
	pthread_join(thread, NULL);
	eye_close(r->eye);
	return s;
}

/* Processor seconds of the programs, -1: this way does not work here. */
static double run_way(enum way way, struct reader *r, uint64_t *dropped)
{
	char preload[sizeof snoopy_library + 16];

	switch (way) {
	case BPF: return run_watched(r, dropped);
	case FANOTIFY: case CONNECTOR: case POLL: return run_sighted(r, levels[way]);
	case SNOOPY:
		snprintf(preload, sizeof preload, "LD_PRELOAD=%s", snoopy_library);
		return access(snoopy_library, R_OK) == 0 ? run_programs(preload) : -1;
	default: return run_programs(NULL);
	}
}

static int by_size(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void print_way(const char *name, double ratio[ROUNDS], const struct reader *r)
{
	qsort(ratio, ROUNDS, sizeof *ratio, by_size);
	printf("%-14s", name);
	if (ratio[0] < 0)
		printf(" does not work here, or is not installed\n");
	else if (r->events == 0)
		printf(" %.3f   (quartiles %.3f %.3f)\n", ratio[ROUNDS / 2], ratio[ROUNDS / 4], ratio[ROUNDS * 3 / 4]);
	else
		printf(" %.3f   (quartiles %.3f %.3f)   reader %.1f us a program, %.2f events of %llu bytes\n",
		       ratio[ROUNDS / 2], ratio[ROUNDS / 4], ratio[ROUNDS * 3 / 4], r->cpu_s / ROUNDS / EXECS * 1e6,
		       (double)r->events / ROUNDS / EXECS, (unsigned long long)(r->bytes / r->events));
}

int main(void)
{
	static double ratio[WAYS][ROUNDS];
	static struct reader readers[WAYS];
	uint64_t dropped = 0;

	if (geteuid() != 0) {
		puts("skipped: needs root, to load the probe");
		return 0;
	}
	for (int way = 0; way < WAYS; way++)
		buffer_init(&readers[way].event, ACTIVITY_EVENT_MAX + 64);
	run_programs(NULL); /* caches */
	for (int round = 0; round < ROUNDS; round++) {
		double s[WAYS];
		for (int i = 0; i < WAYS; i++) {
			int way = (i + round) % WAYS;
			s[way] = run_way((enum way)way, &readers[way], &dropped);
		}
		for (int way = BPF; way < AGAIN; way++)
			ratio[way][round] = s[way] < 0 ? -1 : s[way] * 2 / (s[WITHOUT] + s[AGAIN]);
		ratio[AGAIN][round] = s[AGAIN] / s[WITHOUT];
	}
	printf("%d rounds of %d times fork, exec and exit; processor time against none, medians of ratios\n", ROUNDS, EXECS);
	for (int way = BPF; way < WAYS; way++) {
		print_way(names[way], ratio[way], &readers[way]);
		buffer_free(&readers[way].event);
	}
	printf("bpf dropped    %llu\n", (unsigned long long)dropped);
	puts("auditd         not run: a rule would be the whole machine's.  Where that may be changed:\n"
	     "               auditctl -a always,exit -F arch=b64 -S execve -S execveat, then this once more, beside");
	return 0;
}
