/* pam_itm.so opened and closed many times through libpam, as sshd, login and
 * su do it: in one thread, in four, with a child that ends the handle it
 * inherited, with no conversation.  No descriptor or memory may be left, no
 * signal changed, and no answer may be PAM_IGNORE.
 *
 *   cycles [COUNT]     10,000 by default; run in the build folder, as root */
#include <dirent.h>
#include <limits.h>
#include <malloc.h>
#include <pthread.h>
#include <security/pam_appl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	SKIPPED = 77,            /* Automake */
	THREADS = 4,
	HEAP_SLACK = 64 * 1024,  /* bytes; libpam and libc keep some caches */
#ifdef __SANITIZE_ADDRESS__
	RSS_SLACK_KB = 512 * 1024, /* freed memory is held back for a while */
#else
	RSS_SLACK_KB = 2048,
#endif
	REFUSALS = 100,          /* each leaves a line in the system log */
	ANNOUNCE = 1, LOGOUT = 2,/* message types, doc/PROTOCOL.md */
};

static char folder[64];
static pid_t broker;
static int failures;

static void check(bool good, const char *what, long found)
{
	if (good)
		return;
	failures++;
	printf("not ok: %s (%ld)\n", what, found);
}

static void write_file(const char *name, const char *text)
{
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *f = fopen(path, "we");
	if (f == NULL || fputs(text, f) == EOF || fclose(f) != 0 || chmod(path, 0644) != 0)
		abort();
}

static int listen_as_broker(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	snprintf(a.sun_path, sizeof a.sun_path, "%s/pam.sock", folder);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) != 0 || listen(fd, 512) != 0)
		abort();
	return fd;
}

/* Says yes to every announcement; its exit status tells whether as many
 * logouts came. */
static void serve(int fd)
{
	static const uint8_t yes[] = { 3, 1, 0, 0, 1, 0, 0, 0, 0, 0 };
	long announced = 0, ended = 0;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		uint8_t packet[65536];
		int c = accept(fd, NULL, NULL);
		ssize_t n = c >= 0 ? recv(c, packet, sizeof packet, 0) : -1;
		if (n == 1)
			_exit(announced > 0 && announced == ended ? 0 : 1); /* asked to stop */
		announced += n > 0 && packet[0] == ANNOUNCE;
		ended += n > 0 && packet[0] == LOGOUT;
		if (n > 0 && packet[0] == ANNOUNCE)
			send(c, yes, sizeof yes, MSG_NOSIGNAL);
		close(c);
	}
}

static void stop_broker(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int status = -1, fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	snprintf(a.sun_path, sizeof a.sun_path, "%s/pam.sock", folder);
	if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0)
		send(fd, "", 1, MSG_NOSIGNAL);
	waitpid(broker, &status, 0);
	close(fd);
	unlink(a.sun_path);
	check(status == 0, "as many logouts as logins reach the broker", status);
}

static void set_up(const char *module)
{
	char service[PATH_MAX + 512];
	snprintf(folder, sizeof folder, "/tmp/itm-cycles.%d", (int)getpid());
	if (mkdir(folder, 0755) != 0)
		abort();
	write_file("users", "# itm users 1\nalice:70001:/bin/sh:best-effort\ncarol:70002:/bin/sh:strict\n");
	write_file("stub", "#!/bin/sh\n");
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s/stub", folder);
	chmod(path, 0711);
	snprintf(service, sizeof service, "session required %s file=%s/users run=%s stub=%s/stub missed=/dev/null/none\n", module, folder,
		 folder, folder);
	write_file("itm", service);
	int fd = listen_as_broker();
	broker = fork();
	if (broker == 0)
		serve(fd);
	close(fd);
}

static void clean_up(void)
{
	static const char *const names[] = { "users", "stub", "itm" };
	char path[PATH_MAX];
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		snprintf(path, sizeof path, "%s/%s", folder, names[i]);
		unlink(path);
	}
	rmdir(folder);
}

/* One login and logout.  Returns what opening answered. */
static int cycle(const char *user, bool fork_inside)
{
	const struct pam_conv none = { NULL, NULL };
	pam_handle_t *pamh = NULL;
	if (pam_start_confdir("itm", user, &none, folder, &pamh) != PAM_SUCCESS)
		return -1;
	int answer = pam_open_session(pamh, 0);
	if (fork_inside) {
		pid_t pid = fork();
		if (pid == 0) {
			pam_end(pamh, PAM_SUCCESS | PAM_DATA_SILENT);
			_exit(0);
		}
		waitpid(pid, NULL, 0);
	}
	if (answer == PAM_SUCCESS)
		pam_close_session(pamh, 0);
	pam_end(pamh, answer);
	return answer;
}

struct work { long count; const char *user; int wanted; bool fork_inside; long wrong; };

static void *worker(void *data)
{
	struct work *w = data;
	for (long i = 0; i < w->count; i++) {
		int answer = cycle(w->user, w->fork_inside);
		w->wrong += answer != w->wanted || answer == PAM_IGNORE;
	}
	return NULL;
}

static void run(const char *what, int threads, struct work w)
{
	pthread_t id[THREADS];
	struct work each[THREADS];
	long wrong = 0;
	for (int i = 0; i < threads; i++) {
		each[i] = w;
		if (pthread_create(&id[i], NULL, worker, &each[i]) != 0)
			abort();
	}
	for (int i = 0; i < threads; i++) {
		pthread_join(id[i], NULL);
		wrong += each[i].wrong;
	}
	check(wrong == 0, what, wrong);
}

static long descriptors(void)
{
	long count = 0;
	DIR *d = opendir("/proc/self/fd");
	while (d != NULL && readdir(d) != NULL)
		count++;
	if (d != NULL)
		closedir(d);
	return count;
}

static long resident_kb(void)
{
	long pages = 0;
	FILE *f = fopen("/proc/self/statm", "re");
	if (f == NULL || fscanf(f, "%*d %ld", &pages) != 1)
		pages = 0;
	if (f != NULL)
		fclose(f);
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

struct signals { struct sigaction action[NSIG]; sigset_t mask; };

static void read_signals(struct signals *s)
{
	memset(s, 0, sizeof *s);
	for (int i = 1; i < NSIG; i++)
		sigaction(i, NULL, &s->action[i]);
	pthread_sigmask(SIG_BLOCK, NULL, &s->mask);
}

static void compare_signals(const struct signals *before)
{
	struct signals after;
	read_signals(&after);
	for (int i = 1; i < NSIG; i++)
		check(before->action[i].sa_handler == after.action[i].sa_handler &&
		      before->action[i].sa_flags == after.action[i].sa_flags &&
		      sigismember(&before->mask, i) == sigismember(&after.mask, i), "a signal was changed", i);
}

static void all(long count)
{
	run("best-effort, broker there", 1, (struct work){ count / 2, "alice", PAM_SUCCESS, false, 0 });
	run("strict, broker there, four threads", THREADS, (struct work){ count / 2 / THREADS, "carol", PAM_SUCCESS, false, 0 });
	run("with a child that ends the handle", 1, (struct work){ count / 50, "alice", PAM_SUCCESS, true, 0 });
	run("not in scope", 1, (struct work){ count / 10, "nobody", PAM_SUCCESS, false, 0 });
}

int main(int argc, char **argv)
{
	char module[PATH_MAX];
	long count = argc > 1 ? strtol(argv[1], NULL, 10) : 10000;
	if (geteuid() != 0 || realpath("pam_itm/pam_itm.so", module) == NULL) {
		printf("SKIP: needs root and pam_itm/pam_itm.so of this build\n");
		return SKIPPED;
	}
	struct signals signals;
	set_up(module);
	all(1000); /* caches of libpam and libc */
	read_signals(&signals);
	long fds = descriptors(), rss = resident_kb(), heap = (long)mallinfo2().uordblks;
	all(count);
	check(descriptors() == fds, "descriptors left open", descriptors() - fds);
	check((long)mallinfo2().uordblks - heap < HEAP_SLACK, "bytes of heap left", (long)mallinfo2().uordblks - heap);
	check(resident_kb() - rss < RSS_SLACK_KB, "KiB of memory more", resident_kb() - rss);
	stop_broker();
	run("strict, no broker", 1, (struct work){ REFUSALS, "carol", PAM_PERM_DENIED, false, 0 });
	run("best-effort, no broker", 1, (struct work){ REFUSALS, "alice", PAM_SUCCESS, false, 0 });
	check(descriptors() == fds, "descriptors left open without a broker", descriptors() - fds);
	compare_signals(&signals);
	clean_up();
	printf("%s: %ld cycles\n", failures == 0 ? "ok" : "FAILED", count);
	return failures == 0 ? 0 : 1;
}
