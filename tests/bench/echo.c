/* echo: times a terminal program from its far side: how long a key takes to
 * come back, and how fast a flood of output comes out.
 *
 *   echo keys COUNT PAUSE_US -- PROGRAM ARGUMENT...
 *     PROGRAM is started on a new pty and must end up in a shell.  It is told
 *     to run cat in raw mode; then COUNT keys are typed one by one and each
 *     is timed until it is shown.  Prints "p50_us p90_us p99_us max_us cpu_ms".
 *   echo flood BYTES_FILE -- PROGRAM ARGUMENT...
 *     The shell is told to cat BYTES_FILE; the time from the command to its
 *     last byte is taken.  Prints "seconds bytes cpu_ms".
 *   echo interrupt COUNT -- PROGRAM ARGUMENT...
 *     COUNT times `yes` floods the terminal for half a second, then ^C is typed
 *     and the time to the next prompt is taken.  Prints "p50_ms max_ms cpu_ms".
 * cpu_ms is what PROGRAM and its children used; what daemons used is the
 * caller's to measure. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum {
	LINE_WAIT_MS = 20000,  /* for the shell to say what it was told to say */
	KEY_WAIT_MS = 5000,
	FLOOD_WAIT_MS = 120000,
	KEYS_MAX = 100000,
};

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void die(const char *what)
{
	fprintf(stderr, "echo: %s: %s\n", what, strerror(errno));
	exit(1);
}

static pid_t start(char **argv, int *master)
{
	struct winsize size = { .ws_row = 40, .ws_col = 120 };
	pid_t pid = forkpty(master, NULL, NULL, &size);
	if (pid < 0)
		die("forkpty");
	if (pid == 0) {
		execvp(argv[0], argv);
		perror(argv[0]);
		_exit(127);
	}
	return pid;
}

static void type(int master, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = write(master, text, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			die("write");
		text += n;
		len -= (size_t)n;
	}
}

/* Read until word is seen; adds what was read to *bytes. */
static void wait_for(int master, const char *word, int timeout_ms, uint64_t *bytes)
{
	static char seen[1 << 17];
	size_t kept = 0, word_len = strlen(word);
	uint64_t deadline = now_ns() + (uint64_t)timeout_ms * 1000000u;
	for (;;) {
		struct pollfd p = { .fd = master, .events = POLLIN };
		if (now_ns() > deadline) {
			errno = ETIMEDOUT;
			die(word);
		}
		if (poll(&p, 1, 100) <= 0)
			continue;
		ssize_t n = read(master, seen + kept, sizeof seen - kept);
		if (n <= 0 && errno != EINTR)
			die("the program ended early");
		if (n <= 0)
			continue;
		if (bytes != NULL)
			*bytes += (uint64_t)n;
		kept += (size_t)n;
		if (memmem(seen, kept, word, word_len) != NULL)
			return;
		if (kept > word_len) {
			memmove(seen, seen + kept - word_len, word_len);
			kept = word_len;
		}
	}
}

/* Some recorders throw away what is typed before they are ready: wait for a
 * prompt, that is, for output and then half a second of none. */
static void wait_for_prompt(int master)
{
	struct pollfd p = { .fd = master, .events = POLLIN };
	char prompt[4096];
	if (poll(&p, 1, LINE_WAIT_MS) <= 0)
		die("no prompt");
	while (poll(&p, 1, 500) > 0)
		if (read(master, prompt, sizeof prompt) <= 0)
			die("the program ended early");
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

/* Hang up, see the program off and say what CPU it used. */
static uint64_t finish(int master, pid_t pid)
{
	close(master);
	kill(pid, SIGHUP);
	uint64_t deadline = now_ns() + 3000000000u;
	int status;
	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (now_ns() > deadline)
			kill(pid, SIGKILL);
		usleep(5000);
	}
	struct rusage u;
	getrusage(RUSAGE_CHILDREN, &u);
	return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000u +
	       (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1000u;
}

static int measure_keys(unsigned count, unsigned pause_us, char **argv)
{
	static uint64_t took[KEYS_MAX];
	int master;
	pid_t pid = start(argv, &master);
	static const char setup[] = " stty raw -echo; printf 'GO''1\\n'; exec cat\n";
	wait_for_prompt(master);
	type(master, setup, sizeof setup - 1);
	wait_for(master, "GO1", LINE_WAIT_MS, NULL);
	usleep(300000);
	int flags = fcntl(master, F_GETFL);
	fcntl(master, F_SETFL, flags | O_NONBLOCK);
	char drain[4096];
	while (read(master, drain, sizeof drain) > 0)
		;
	fcntl(master, F_SETFL, flags);
	for (unsigned i = 0; i < count; i++) {
		char key = (char)('a' + i % 26), shown = 0;
		uint64_t begin = now_ns();
		type(master, &key, 1);
		while (shown != key) {
			struct pollfd p = { .fd = master, .events = POLLIN };
			if (poll(&p, 1, KEY_WAIT_MS) <= 0 || read(master, &shown, 1) != 1)
				die("a key was not shown");
		}
		took[i] = now_ns() - begin;
		usleep(pause_us);
	}
	uint64_t cpu_ms = finish(master, pid);
	qsort(took, count, sizeof took[0], by_size);
	printf("%.1f %.1f %.1f %.1f %llu\n", (double)took[count / 2] / 1e3, (double)took[count * 9 / 10] / 1e3,
	       (double)took[count * 99 / 100] / 1e3, (double)took[count - 1] / 1e3, (unsigned long long)cpu_ms);
	return 0;
}

static int measure_flood(const char *file, char **argv)
{
	struct stat st;
	if (stat(file, &st) != 0)
		die(file);
	int master;
	pid_t pid = start(argv, &master);
	static const char setup[] = " stty -echo; printf 'GO''1\\n'\n";
	wait_for_prompt(master);
	type(master, setup, sizeof setup - 1);
	wait_for(master, "GO1", LINE_WAIT_MS, NULL);
	usleep(300000);
	char command[4200];
	int n = snprintf(command, sizeof command, " cat '%s'; printf 'GO''2\\n'\n", file);
	if (n < 0 || (size_t)n >= sizeof command)
		die("file name too long");
	uint64_t bytes = 0, begin = now_ns();
	type(master, command, (size_t)n);
	wait_for(master, "GO2", FLOOD_WAIT_MS, &bytes);
	uint64_t took = now_ns() - begin;
	/* An orderly end lets a recorder write what it still holds. */
	type(master, " exit\n", 6);
	usleep(500000);
	uint64_t cpu_ms = finish(master, pid);
	if (bytes < (uint64_t)st.st_size) {
		fprintf(stderr, "echo: only %llu of %llu bytes came out\n", (unsigned long long)bytes,
			(unsigned long long)st.st_size);
		return 1;
	}
	printf("%.4f %llu %llu\n", (double)took / 1e9, (unsigned long long)bytes, (unsigned long long)cpu_ms);
	return 0;
}

static int measure_interrupt(unsigned count, char **argv)
{
	static uint64_t took[KEYS_MAX];
	int master;
	pid_t pid = start(argv, &master);
	wait_for_prompt(master);
	for (unsigned i = 0; i < count; i++) {
		char command[64], word[32], drain[1 << 16];
		int n = snprintf(command, sizeof command, " PS1='READY''%u> '\n", i);
		snprintf(word, sizeof word, "READY%u> ", i);
		type(master, command, (size_t)n);
		wait_for(master, word, LINE_WAIT_MS, NULL);
		type(master, " yes\n", 5);
		for (uint64_t until = now_ns() + 500000000u; now_ns() < until; )
			if (read(master, drain, sizeof drain) <= 0)
				die("the program ended early");
		uint64_t begin = now_ns();
		type(master, "\003", 1);
		wait_for(master, word, LINE_WAIT_MS, NULL);
		took[i] = now_ns() - begin;
	}
	uint64_t cpu_ms = finish(master, pid);
	qsort(took, count, sizeof took[0], by_size);
	printf("%.1f %.1f %llu\n", (double)took[count / 2] / 1e6, (double)took[count - 1] / 1e6, (unsigned long long)cpu_ms);
	return 0;
}

int main(int argc, char **argv)
{
	int dash = 1;
	while (dash < argc && strcmp(argv[dash], "--") != 0)
		dash++;
	if (argc > 5 && dash == 4 && strcmp(argv[1], "keys") == 0) {
		unsigned long count = strtoul(argv[2], NULL, 10), pause_us = strtoul(argv[3], NULL, 10);
		if (count > 0 && count <= KEYS_MAX && pause_us < 1000000)
			return measure_keys((unsigned)count, (unsigned)pause_us, argv + 5);
	}
	if (argc > 4 && dash == 3 && strcmp(argv[1], "flood") == 0)
		return measure_flood(argv[2], argv + 4);
	if (argc > 4 && dash == 3 && strcmp(argv[1], "interrupt") == 0) {
		unsigned long count = strtoul(argv[2], NULL, 10);
		if (count > 0 && count <= KEYS_MAX)
			return measure_interrupt((unsigned)count, argv + 4);
	}
	fprintf(stderr, "usage: echo keys COUNT PAUSE_US -- PROGRAM...\n       echo flood FILE -- PROGRAM...\n"
		"       echo interrupt COUNT -- PROGRAM...\n");
	return 2;
}
