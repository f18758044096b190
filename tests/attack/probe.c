/* probe: one system call or a few against a process, a terminal or a file, as
 * the user who is recorded.  Prints "PROBE did ..." when the kernel allowed it,
 * else "PROBE refused ERROR"; main.py judges. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { RACED_MAX = 256 };

static int said(bool done, const char *what)
{
	if (done)
		printf("PROBE did %s\n", what);
	else
		printf("PROBE refused %s\n", strerrorname_np(errno));
	fflush(stdout);
	return done ? 0 : 1;
}

static int number(const char *text)
{
	return (int)strtol(text, NULL, 0);
}

/* write PATH TEXT: opens it for writing and writes. */
static int probe_write(char **a)
{
	int fd = open(a[0], O_WRONLY | O_NOCTTY | O_NONBLOCK);
	return said(fd >= 0 && write(fd, a[1], strlen(a[1])) > 0, "write");
}

/* open PATH: for reading, or a folder. */
static int probe_open(char **a)
{
	char byte[4096];
	int fd = open(a[0], O_RDONLY | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return said(false, "");
	ssize_t n = read(fd, byte, sizeof byte);
	return said(n >= 0 || errno == EISDIR || errno == EAGAIN || errno == EIO, "open");
}

static int probe_link(char **a)
{
	char target[4096];
	return said(readlink(a[0], target, sizeof target) > 0, "readlink");
}

static int probe_chmod(char **a)
{
	return said(chmod(a[0], 0666) == 0, "chmod");
}

static int probe_chown(char **a)
{
	return said(chown(a[0], getuid(), (gid_t)-1) == 0, "chown");
}

static int probe_attach(char **a)
{
	pid_t pid = number(a[0]);
	bool done = ptrace(PTRACE_ATTACH, pid, NULL, NULL) == 0;
	if (done) {
		waitpid(pid, NULL, 0);
		ptrace(PTRACE_DETACH, pid, NULL, NULL);
	}
	return said(done, "attach");
}

static int probe_seize(char **a)
{
	return said(ptrace(PTRACE_SEIZE, number(a[0]), NULL, NULL) == 0, "seize");
}

/* getfd PID: any of its first sixteen descriptors. */
static int probe_getfd(char **a)
{
	int pidfd = (int)syscall(SYS_pidfd_open, number(a[0]), 0);
	for (int fd = 0; pidfd >= 0 && fd < 16; fd++)
		if (syscall(SYS_pidfd_getfd, pidfd, fd, 0) >= 0)
			return said(true, "getfd");
	return said(false, "");
}

/* A bad address is answered only to those who may look. */
static int copy(pid_t pid, bool out)
{
	char byte;
	struct iovec mine = { &byte, 1 }, theirs = { (void *)0x10000, 1 };
	ssize_t n = out ? process_vm_writev(pid, &mine, 1, &theirs, 1, 0) : process_vm_readv(pid, &mine, 1, &theirs, 1, 0);
	return said(n == 1 || errno == EFAULT, out ? "writev" : "readv");
}

static int probe_readv(char **a)
{
	return copy(number(a[0]), false);
}

static int probe_writev(char **a)
{
	return copy(number(a[0]), true);
}

static int probe_kill(char **a)
{
	return said(kill(number(a[0]), number(a[1])) == 0, "kill");
}

/* prlimit PID RESOURCE VALUE */
static int probe_prlimit(char **a)
{
	struct rlimit l = { (rlim_t)number(a[2]), (rlim_t)number(a[2]) };
	return said(prlimit(number(a[0]), number(a[1]), &l, NULL) == 0, "prlimit");
}

static int probe_renice(char **a)
{
	return said(setpriority(PRIO_PROCESS, (id_t)number(a[0]), 19) == 0, "renice");
}

static int probe_sched(char **a)
{
	struct sched_param p = { 0 };
	return said(sched_setscheduler(number(a[0]), SCHED_IDLE, &p) == 0, "SCHED_IDLE");
}

static int probe_affinity(char **a)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(0, &set);
	return said(sched_setaffinity(number(a[0]), sizeof set, &set) == 0, "affinity");
}

/* sti TEXT: as if typed at the own terminal. */
static int probe_sti(char **a)
{
	bool done = true;
	for (const char *c = a[0]; *c != '\0' && done; c++)
		done = ioctl(0, TIOCSTI, c) == 0;
	return said(done, "TIOCSTI");
}

/* sctty PATH: from a session of our own, by force. */
static int probe_sctty(char **a)
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		setsid();
		int fd = open(a[0], O_RDWR | O_NOCTTY);
		_exit(said(fd >= 0 && (ioctl(fd, TIOCSCTTY, 1) == 0 || ioctl(fd, TIOCSCTTY, 0) == 0), "TIOCSCTTY"));
	}
	waitpid(pid, &status, 0);
	return WEXITSTATUS(status);
}

static int probe_hangup(char **a)
{
	(void)a;
	bool done = syscall(SYS_vhangup) == 0;
	return said(done || ioctl(0, TIOCVHANGUP) == 0, "vhangup");
}

struct raced { char name[300]; int fd, path; };

/* What a racer holds of a terminal: a description and a bare path. */
static int race_open(struct raced *r, const char *name)
{
	snprintf(r->name, sizeof r->name, "/dev/pts/%s", name);
	r->path = open(r->name, O_PATH | O_NOCTTY);
	r->fd = open(r->name, O_RDWR | O_NOCTTY | O_NONBLOCK);
	return r->fd >= 0 ? 0 : -1;
}

static bool race_knows(const struct raced *r, int count, const char *name)
{
	for (int i = 0; i < count; i++)
		if (strcmp(r[i].name + strlen("/dev/pts/"), name) == 0)
			return true;
	return false;
}

static int race_look(struct raced *r, int count, bool first)
{
	DIR *d = opendir("/dev/pts");
	for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL; ) {
		if (e->d_name[0] < '0' || e->d_name[0] > '9' || count == RACED_MAX || race_knows(r, count, e->d_name))
			continue;
		if (first) {
			snprintf(r[count].name, sizeof r[count].name, "/dev/pts/%s", e->d_name);
			r[count].fd = r[count].path = -1;
			count++;
		} else if (race_open(&r[count], e->d_name) == 0) {
			count++;
		} else if (r[count].path >= 0) {
			close(r[count].path);
		}
	}
	if (d != NULL)
		closedir(d);
	return count;
}

static bool race_use(const struct raced *r, const char *text)
{
	char bytes[4096], link[64], line[512];
	snprintf(link, sizeof link, "/proc/self/fd/%d", r->path);
	int again = open(link, O_RDWR | O_NOCTTY | O_NONBLOCK);
	snprintf(line, sizeof line, "%s@%s@", text, r->name + strlen("/dev/pts/"));
	bool wrote = write(r->fd, line, strlen(line)) > 0 || write(again, line, strlen(line)) > 0;
	bool heard = read(r->fd, bytes, sizeof bytes) > 0 || read(again, bytes, sizeof bytes) > 0;
	return wrote || heard;
}

/* racer READY GO TEXT: opens every terminal that appears, at once; with a
 * READY that is there already, also those that are there.  When the
 * file GO is there: writes TEXT@number@ to those it still holds, reads. */
static int probe_racer(char **a)
{
	static struct raced r[RACED_MAX];
	bool used = false;
	int old = access(a[0], F_OK) == 0 ? 0 : race_look(r, 0, true), count = old;
	close(open(a[0], O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	for (int i = 0; i < 40000000 && access(a[1], F_OK) != 0; i++)
		count = race_look(r, count, false);
	for (int i = old; i < count; i++)
		used |= race_use(&r[i], a[2]);
	printf("PROBE raced %d\n", count - old);
	errno = EIO;
	return said(used, "racer");
}

/* survivor PATH TEXT: outlives its session; then waits for the outer terminal
 * to be its user's again and writes to it. */
static int probe_survivor(char **a)
{
	if (fork() != 0)
		return 0;
	setsid();
	for (int i = 0; i < 400; i++) {
		int fd = open(a[0], O_RDWR | O_NOCTTY | O_NONBLOCK);
		if (fd >= 0 && write(fd, a[1], strlen(a[1])) > 0) {
			char byte;
			struct pollfd p = { fd, POLLIN, 0 };
			poll(&p, 1, 2000);
			return read(fd, &byte, 1) == 1 ? 2 : 0;
		}
		poll(NULL, 0, 5);
	}
	return 1;
}

/* ptys LEFT: takes all terminals but LEFT, until its stdin ends. */
static int probe_ptys(char **a)
{
	int *fds = calloc(70000, sizeof *fds), count = 0, left = number(a[0]);
	struct rlimit l;
	getrlimit(RLIMIT_NOFILE, &l);
	l.rlim_cur = l.rlim_max;
	setrlimit(RLIMIT_NOFILE, &l);
	while (fds != NULL && count < 70000 && (fds[count] = open("/dev/ptmx", O_RDWR | O_NOCTTY)) >= 0)
		count++;
	int why = errno;
	for (int i = 0; i < left && count > 0; i++)
		close(fds[--count]);
	errno = why;
	said(why == ENOSPC, "all terminals taken");
	char byte;
	return read(0, &byte, 1) < 0;
}

static int probe_stat(char **a)
{
	struct stat st;
	if (stat(a[0], &st) != 0)
		return said(false, "");
	printf("PROBE owner %u\n", (unsigned)st.st_uid);
	return 0;
}

/* canary: asks as some database clients do: raw, without an echo. */
static int probe_canary(char **a)
{
	struct termios old, raw;
	char line[256];
	size_t n = 0;
	(void)a;
	tcgetattr(0, &old);
	raw = old;
	raw.c_lflag &= ~(tcflag_t)(ECHO | ICANON);
	tcsetattr(0, TCSAFLUSH, &raw);
	(void)!write(1, "Enter password: ", 16);
	while (n < sizeof line && read(0, &line[n], 1) == 1 && line[n] != '\r' && line[n] != '\n')
		n++;
	tcsetattr(0, TCSAFLUSH, &old);
	printf("\nPROBE got %zu\n", n);
	memset(line, 0, sizeof line);
	return 0;
}

static const struct { const char *name; int arguments; int (*run)(char **); } probes[] = {
	{ "write", 2, probe_write }, { "open", 1, probe_open }, { "link", 1, probe_link },
	{ "chmod", 1, probe_chmod }, { "chown", 1, probe_chown }, { "attach", 1, probe_attach },
	{ "seize", 1, probe_seize }, { "getfd", 1, probe_getfd }, { "readv", 1, probe_readv },
	{ "writev", 1, probe_writev }, { "kill", 2, probe_kill }, { "prlimit", 3, probe_prlimit },
	{ "renice", 1, probe_renice }, { "sched", 1, probe_sched }, { "affinity", 1, probe_affinity },
	{ "sti", 1, probe_sti }, { "sctty", 1, probe_sctty }, { "hangup", 0, probe_hangup },
	{ "racer", 3, probe_racer }, { "survivor", 2, probe_survivor }, { "ptys", 1, probe_ptys },
	{ "stat", 1, probe_stat }, { "canary", 0, probe_canary },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof probes / sizeof probes[0]; i++)
		if (strcmp(argv[1], probes[i].name) == 0 && argc == 2 + probes[i].arguments)
			return probes[i].run(argv + 2);
	fprintf(stderr, "usage: probe NAME [ARGUMENT...]\n");
	return 64; /* EX_USAGE */
}
