/* What the process probe costs: rounds of fork, exec and exit of /bin/true,
 * without it, with it and without it again, in changing order.  Ratios are
 * taken round by round, by processor time of the programs that ran; without
 * against without is the control, and says what the machine's noise is.  The
 * reader does what itm-watchd does up to the stream, every 50 ms; its time
 * stands beside.  As root. */
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
#include "agent/watchd/probe.h"

enum { ROUNDS = 41, EXECS = 500, LOOK_US = 50000 };

struct reader {
	struct probe *probe;
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

static double children_s(void)
{
	struct rusage u;

	getrusage(RUSAGE_CHILDREN, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static double run_programs(void)
{
	char program[] = "/bin/true";
	char *argv[] = { program, NULL }, *environment[] = { NULL };
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
	double s = run_programs();
	atomic_store(&r->stop, true);
	pthread_join(thread, NULL);
	probe_totals(r->probe, &t);
	for (int type = 0; type < PROBE_TYPES; type++)
		*dropped += t.dropped[type];
	probe_close(r->probe);
	return s;
}

static int by_size(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void print_ratios(const char *name, double ratio[ROUNDS])
{
	qsort(ratio, ROUNDS, sizeof *ratio, by_size);
	printf("%-24s %.3f   (quartiles %.3f %.3f)\n", name, ratio[ROUNDS / 2], ratio[ROUNDS / 4], ratio[ROUNDS * 3 / 4]);
}

int main(void)
{
	double watched[ROUNDS], control[ROUNDS], total_s = 0;
	struct reader r = { .events = 0 };
	uint64_t dropped = 0;

	if (geteuid() != 0) {
		puts("skipped: needs root, to load the probe");
		return 0;
	}
	buffer_init(&r.event, ACTIVITY_EVENT_MAX + 64);
	run_programs(); /* caches */
	for (int round = 0; round < ROUNDS; round++) {
		double s[3];
		for (int i = 0; i < 3; i++) {
			int what = (i + round) % 3; /* 0, 2: without */
			s[what] = what == 1 ? run_watched(&r, &dropped) : run_programs();
		}
		watched[round] = s[1] * 2 / (s[0] + s[2]);
		control[round] = s[2] / s[0];
		total_s += s[1];
	}
	printf("%d rounds of %d times fork, exec and exit; processor time, medians of ratios\n", ROUNDS, EXECS);
	print_ratios("watched / not watched", watched);
	print_ratios("not watched / the same", control);
	printf("a program, watched       %.0f us\n", total_s / ROUNDS / EXECS * 1e6);
	printf("reader                   %.1f us an event, %llu events, %llu bytes each, %llu dropped\n",
	       r.events > 0 ? r.cpu_s / (double)r.events * 1e6 : 0, (unsigned long long)r.events,
	       (unsigned long long)(r.events > 0 ? r.bytes / r.events : 0), (unsigned long long)dropped);
	buffer_free(&r.event);
	return 0;
}
