#include "itm-shell/stub/program.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EXIT_CANNOT_EXECUTE = 126, EXIT_NOT_FOUND = 127 }; /* sh(1) */

extern char **environ;

void program_block_signals(struct program_signals *saved)
{
	const struct sigaction normal = { .sa_handler = SIG_DFL };
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &saved->mask);
	sigaction(SIGCHLD, &normal, &saved->child);
}

static void restore_signals(const struct program_signals *saved)
{
	sigaction(SIGCHLD, &saved->child, NULL);
	sigprocmask(SIG_SETMASK, &saved->mask, NULL);
}

/* Replaces a variable that is there; one that was not set stays so.  text is
 * "NAME=value" and stays in use. */
static void replace_variable(char *text, size_t name_len)
{
	for (char **e = environ; e != NULL && *e != NULL; e++)
		if (strncmp(*e, text, name_len + 1) == 0)
			*e = text;
}

static void set_shell_variable(const char *shell)
{
	static char text[sizeof "SHELL=" + sizeof ((struct message_start *)0)->shell] = "SHELL=";

	memcpy(text + 6, shell, strlen(shell) + 1);
	replace_variable(text, 5);
}

/* mosh-server starts $SHELL on a terminal of its own, and what is shown there
 * goes past us by UDP: that shell has to be us again. */
static bool starts_mosh(char *const *argv)
{
	return argv[0] != NULL && argv[1] != NULL && strcmp(argv[1], "-c") == 0 && argv[2] != NULL &&
	       strstr(argv[2], "mosh-server") != NULL;
}

/* `sudo -i` names the login shell, which it takes for us. */
static void set_sudo_variable(const char *shell)
{
	static const char name[] = "SUDO_COMMAND=", stub[] = ITM_LIBEXECDIR "/itm-shell";
	const char *value = getenv("SUDO_COMMAND");

	if (value == NULL || strncmp(value, stub, sizeof stub - 1) != 0)
		return;
	const char *rest = value + sizeof stub - 1;
	size_t shell_len = strlen(shell), rest_len = strlen(rest);
	char *text = *rest == '\0' || *rest == ' ' ? malloc(sizeof name + shell_len + rest_len) : NULL;
	if (text == NULL)
		return;
	memcpy(text, name, sizeof name - 1);
	memcpy(text + sizeof name - 1, shell, shell_len);
	memcpy(text + sizeof name - 1 + shell_len, rest, rest_len + 1);
	replace_variable(text, sizeof name - 2); /* lives until exec */
}

static void set_tty_variable(void)
{
	static char text[128] = "SSH_TTY=";
	ssize_t n = readlink("/proc/self/fd/0", text + 8, sizeof text - 9);

	if (n > 0 && text[8] == '/')
		replace_variable(text, 7);
}

/* "-bash" for a login shell, else "bash" (login(1), sshd). */
static char *name_of(const char *shell, bool login)
{
	static char name[sizeof ((struct message_start *)0)->shell + 1];
	const char *slash = strrchr(shell, '/');
	const char *base = slash != NULL ? slash + 1 : shell;

	name[0] = '-';
	memcpy(name + 1, base, strlen(base) + 1);
	return login ? name : name + 1;
}

void program_exec(const struct answer *a, char **argv, const struct program_signals *saved)
{
	static char *no_arguments[2];
	const char *shell = a->start.shell;

	if (argv[0] == NULL)
		argv = no_arguments;
	argv[0] = name_of(shell, argv[0] != NULL && argv[0][0] == '-');
	set_shell_variable(starts_mosh(argv) ? ITM_LIBEXECDIR "/itm-shell" : shell);
	set_sudo_variable(shell);
	restore_signals(saved);
	execv(shell, argv);
	int code = errno == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_EXECUTE;
	if (isatty(2)) {
		static const char words[] = "itm: the login shell can't be started\n";
		(void)!write(2, words, sizeof words - 1);
	}
	_exit(code);
}

static void take_terminal(int slave, const struct terminal *t)
{
	if (setsid() < 0 || ioctl(slave, TIOCSCTTY, 0) != 0)
		_exit(EXIT_CANNOT_EXECUTE);
	for (int i = 0; i < 3; i++)
		if (t->mask >> i & 1)
			dup2(slave, i);
}

static bool is_null_device(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3);
}

/* As without us: the shell of `ssh host cmd` leads its session, that of a
 * login with its input redirected does not.  /dev/null as input stays what it
 * is: there is nothing in it to record, and programs that read their input
 * when it is a pipe would find an empty one. */
static void take_pipes(const struct answer *a)
{
	if (getsid(0) == getppid())
		setsid();
	for (int i = is_null_device(0) ? 1 : 0; i < (int)a->fd_count; i++)
		dup2(a->fds[i], i);
}

static _Noreturn void become_program(const struct answer *a, const struct terminal *t, char **argv,
				     const struct program_signals *saved)
{
	if (a->start.mode == MESSAGE_PTY) {
		take_terminal(a->fds[0], t);
		if (t->mask & 1)
			set_tty_variable();
	} else {
		take_pipes(a);
	}
	close_range(3, ~0U, 0);
	program_exec(a, argv, saved);
}

pid_t program_start(const struct answer *a, const struct terminal *t, char **argv,
		    const struct program_signals *saved)
{
	pid_t pid = fork();

	if (pid == 0)
		become_program(a, t, argv, saved);
	return pid;
}

void program_mimic_end(int status)
{
	if (WIFSIGNALED(status)) {
		const struct rlimit none = { 0, 0 };
		const struct sigaction normal = { .sa_handler = SIG_DFL };
		int number = WTERMSIG(status);
		sigset_t set;

		setrlimit(RLIMIT_CORE, &none);
		sigaction(number, &normal, NULL);
		sigemptyset(&set);
		sigaddset(&set, number);
		kill(getpid(), number);
		sigprocmask(SIG_UNBLOCK, &set, NULL);
		_exit(128 + number);
	}
	_exit(WEXITSTATUS(status));
}
