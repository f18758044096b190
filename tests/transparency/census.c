/* Prints all that a program inherits from its login: the account's login shell
 * in the lab, run plain and recorded and compared line by line.  C, since a
 * shell or an interpreter changes signals and environment before it looks. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

extern char **environ;

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void environment(void)
{
	size_t count = 0;
	while (environ[count] != NULL)
		count++;
	qsort(environ, count, sizeof *environ, by_text);
	for (size_t i = 0; i < count; i++)
		printf("env %s\n", environ[i]);
}

static void descriptors(void)
{
	for (int fd = 0; fd < 1024; fd++) {
		char path[32], name[256];
		struct stat st;
		if (fstat(fd, &st) != 0)
			continue;
		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
		ssize_t n = readlink(path, name, sizeof name - 1);
		name[n > 0 ? n : 0] = '\0';
		char *number = strchr(name, '['); /* pipe:[1234] */
		if (number != NULL)
			*number = '\0';
		int access = fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK | O_APPEND);
		printf("fd %d %s type %o owner %u mode %o flags %o cloexec %d\n", fd, name,
		       (unsigned)(st.st_mode & S_IFMT), (unsigned)st.st_uid, (unsigned)(st.st_mode & 0777),
		       (unsigned)access, fcntl(fd, F_GETFD));
	}
}

static void signals(void)
{
	sigset_t mask;
	struct sigaction old;
	sigprocmask(SIG_BLOCK, NULL, &mask);
	for (int i = 1; i < NSIG; i++) {
		if (sigismember(&mask, i) == 1)
			printf("signal %d blocked\n", i);
		if (sigaction(i, NULL, &old) == 0 && old.sa_handler == SIG_IGN)
			printf("signal %d ignored\n", i);
		if (sigaction(i, NULL, &old) == 0 && old.sa_flags != 0)
			printf("signal %d flags %x\n", i, (unsigned)old.sa_flags);
	}
	sigpending(&mask);
	for (int i = 1; i < NSIG; i++)
		if (sigismember(&mask, i) == 1)
			printf("signal %d pending\n", i);
}

static void limits(void)
{
	for (int i = 0; i < RLIMIT_NLIMITS; i++) {
		struct rlimit l;
		if (getrlimit((__rlimit_resource_t)i, &l) == 0)
			printf("limit %d %lld %lld\n", i, (long long)l.rlim_cur, (long long)l.rlim_max);
	}
}

static void identity(void)
{
	gid_t groups[64];
	uid_t r, e, s;
	gid_t rg, eg, sg;
	int count = getgroups(64, groups);
	getresuid(&r, &e, &s);
	getresgid(&rg, &eg, &sg);
	printf("uid %u %u %u gid %u %u %u groups", r, e, s, rg, eg, sg);
	for (int i = 0; i < count; i++)
		printf(" %u", groups[i]);
	mode_t mask = umask(022);
	printf("\numask %o nice %d scheduler %d\n", (unsigned)mask, getpriority(PRIO_PROCESS, 0), sched_getscheduler(0));
	printf("io priority %ld personality %x\n", syscall(SYS_ioprio_get, 1, 0), (unsigned)personality(0xffffffff));
	printf("dumpable %d no_new_privs %d securebits %d keepcaps %d timerslack %d pdeathsig ",
	       prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0),
	       prctl(PR_GET_SECUREBITS, 0, 0, 0, 0), prctl(PR_GET_KEEPCAPS, 0, 0, 0, 0),
	       prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0));
	int death = 0;
	prctl(PR_GET_PDEATHSIG, &death, 0, 0, 0);
	printf("%d subreaper ", death);
	prctl(PR_GET_CHILD_SUBREAPER, &death, 0, 0, 0);
	printf("%d\n", death);
}

static void terminal(void)
{
	struct termios t;
	struct winsize w;
	char *name = ttyname(0);
	int control = open("/dev/tty", O_RDWR | O_CLOEXEC);
	printf("session leader %d group leader %d controlling terminal %d foreground %d tty %s\n", getsid(0) == getpid(),
	       getpgrp() == getpid(), control >= 0, control >= 0 && tcgetpgrp(control) == getpgrp(),
	       name != NULL ? name : "none");
	if (control >= 0)
		close(control);
	if (tcgetattr(0, &t) != 0 || ioctl(0, TIOCGWINSZ, &w) != 0)
		return;
	printf("modes %x %x %x %x line %d speed %u %u size %u %u %u %u chars", t.c_iflag, t.c_oflag, t.c_cflag, t.c_lflag,
	       t.c_line, cfgetispeed(&t), cfgetospeed(&t), w.ws_row, w.ws_col, w.ws_xpixel, w.ws_ypixel);
	for (int i = 0; i < NCCS; i++)
		printf(" %d", t.c_cc[i]);
	printf("\n");
}

static void file(const char *path)
{
	char line[512];
	FILE *f = fopen(path, "re");
	while (f != NULL && fgets(line, sizeof line, f) != NULL)
		printf("%s %s%s", path, line, strchr(line, '\n') != NULL ? "" : "\n");
	if (f != NULL)
		fclose(f);
}

/* Only the lines that a login decides. */
static void status(void)
{
	static const char *const wanted[] = { "Cap", "Seccomp", "NoNewPrivs", "Umask", "Cpus_allowed:", "THP", "Spec" };
	char line[512];
	FILE *f = fopen("/proc/self/status", "re");
	while (f != NULL && fgets(line, sizeof line, f) != NULL)
		for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
			if (strncmp(line, wanted[i], strlen(wanted[i])) == 0)
				printf("status %s", line);
	if (f != NULL)
		fclose(f);
}

int main(int argc, char **argv)
{
	char folder[512];
	descriptors(); /* before anything is opened */
	for (int i = 0; i < argc; i++)
		printf("argv %d %s\n", i, argv[i]);
	printf("folder %s\n", getcwd(folder, sizeof folder) != NULL ? folder : "none");
	environment();
	signals();
	limits();
	identity();
	terminal();
	status();
	file("/proc/self/cgroup");
	file("/proc/self/oom_score_adj");
	file("/proc/self/loginuid");
	file("/proc/self/coredump_filter");
	file("/proc/self/attr/current");
	return 0;
}
