/* Typed commands, read off the screen: made-up streams, and real shells. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "terminal/lines.h"

/* "command[exit];" for each. */
static void add(void *context, const struct lines_line *line)
{
	struct buffer *out = context;
	if (line->kind != LINES_COMMAND)
		return;
	(void)buffer_put(out, line->text, line->len);
	if (line->has_exit)
		(void)buffer_printf(out, "[%u]", line->exit_status);
	(void)buffer_put_text(out, ";");
}

/* \001 in a stream: a key. */
static void feed(struct lines *l, const char *text, size_t len)
{
	static uint64_t now_ms;
	while (len > 0) {
		const char *key = memchr(text, '\001', len);
		size_t n = key != NULL ? (size_t)(key - text) : len;
		now_ms++;
		assert_int_equal(lines_feed(l, now_ms, 0, text, n), 0);
		if (key != NULL)
			lines_key(l);
		n += key != NULL;
		text += n;
		len -= n;
	}
}

#define ON "\033[?2004h"
#define OFF "\033[?2004l"
#define PASTE(prompt, line) ON prompt "\001" line "\r\n" OFF "\r"

static void test_streams(void **state)
{
	static const struct { const char *stream, *commands; } cases[] = {
		/* bash: off after the line feed; zsh: on after the prompt, off before the line feed. */
		{ PASTE("me@db:~$ ", "ls -l") "total 0\r\n" PASTE("me@db:~$ ", "pwd"), "ls -l;pwd;" },
		{ "db% " ON "\001ls" OFF "\r\r\nx\r\ndb% " ON "\001exit" OFF "\r\r\n", "ls;exit;" },
		{ PASTE("$ ", ""), "" },
		{ ON "$ \001sleep 9^C" OFF "\r\r\n" PASTE("$ ", "id"), "id;" },
		/* A list of completions between. */
		{ ON "$ \001cat pa\r\npay.csv  pay.txt\r\n$ cat pay.csv\r\n" OFF "\r", "cat pay.csv;" },
		/* Wrapped over rows of 40. */
		{ PASTE("$ ", "echo aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa bb"),
		  "echo aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa bb;" },
		/* History: the line is drawn anew, the prompt is the same. */
		{ ON "$ \001ls\b\b\033[Kmake\r\n" OFF "\r", "make;" },
		/* Keys ahead of the prompt: the one before, or up to the first sign. */
		{ PASTE("db~ $ ", "a b") "\001" ON "db~ $ c $ d\r\n" OFF "\r", "a b;c $ d;" },
		{ "\001" ON "db $ c > d\r\n" OFF "\r", "c > d;" },
		{ ON "odd: \001x\r\n" OFF "\r", "x;" },
		/* Without any of it. */
		{ "$ \001ls\r\nout\r\n# \001id\r\n", "ls;id;" },
		{ "mysql> \001select 1;\r\n+-+\r\n    -> \001x\r\nPassword: \001\r\nName: \001joe\r\n", "select 1;;x;" },
		{ "\001abc\r\ndef\r\n$ \r\nx $ y\r\n", "" },
		/* OSC 133: where prompts end; the exit status comes later. */
		{ "\033]133;A\007ask me \033]133;B\007false\r\n\033]133;C\007\033]133;D;1\007\033]133;A\007ask me \033]133;B\033\\true\r\n"
		  "\033]133;D;0\007\033]133;A\007", "false[1];true[0];" },
		{ "\033]133;A\007$ \033]133;B\007a\r\n\033]133;A\007$ \033]133;B\007b\r\n\033]133;D;x\007\033]133;D;900\007", "a;b;" },
		/* Programs with a screen of their own. */
		{ "\033[?1049h" ON "~ $ \001x\r\n" OFF "\r$ \001y\r\n\033[?1049l", "" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buffer out;
		buffer_init(&out, 1 << 16);
		struct lines *l = lines_new(40, 10, false, add, &out);
		feed(l, cases[i].stream, strlen(cases[i].stream));
		/* A copy goes on with what it was made of. */
		struct lines *copy = lines_copy(l, add, &out);
		lines_free(l);
		lines_finish(copy);
		lines_free(copy);
		assert_string_equal(buffer_text(&out), cases[i].commands);
		buffer_free(&out);
	}
}

enum { WAIT_MS = 20000 };

/* Until the output holds `text` once more. */
static void wait_for(struct lines *l, int fd, const char *text)
{
	char seen[8192];
	size_t len = 0;
	while (memmem(seen, len, text, strlen(text)) == NULL) {
		struct pollfd p = { fd, POLLIN, 0 };
		assert_int_equal(poll(&p, 1, WAIT_MS), 1);
		assert_true(len < sizeof seen);
		ssize_t n = read(fd, seen + len, sizeof seen - len);
		if (n <= 0)
			return;
		feed(l, seen + len, (size_t)n);
		len += (size_t)n;
	}
}

static const char *const typed[] = {
	"true", "echo one two | tr a-z A-Z", "false; echo $?", "cd /",
	"printf '%s\\n' a rather long line that goes over the right margin of a narrow terminal, and on and on and on",
	"sed -n 's/x/y/p' /etc/hostname # a comment", "exit",
};

static void run_shell(const char *path, const char *const *argv)
{
	struct buffer out, want;
	struct winsize size = { .ws_row = 24, .ws_col = 60 };
	int fd;
	if (access(path, X_OK) != 0) {
		print_message("%s: not here\n", path);
		return;
	}
	pid_t pid = forkpty(&fd, NULL, NULL, &size);
	assert_true(pid >= 0);
	if (pid == 0) {
		static const char *const environment[] = { "PS1=ready@here:1$ ", "TERM=xterm", "PATH=/usr/bin:/bin", "HOME=/nonexistent",
					       "HISTFILE=/dev/null", "INPUTRC=/dev/null", "LC_ALL=C.UTF-8", NULL };
		execve(path, (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)environment);
		_exit(127);
	}
	buffer_init(&out, 1 << 16);
	buffer_init(&want, 1 << 16);
	struct lines *l = lines_new(60, 24, false, add, &out);
	for (size_t i = 0; i < sizeof typed / sizeof *typed; i++) {
		(void)buffer_printf(&want, "%s;", typed[i]);
		wait_for(l, fd, "ready@here:1$ ");
		/* zsh says only now that it edits. */
		for (struct pollfd p = { fd, POLLIN, 0 }; poll(&p, 1, 200) == 1; ) {
			char more[4096];
			ssize_t n = read(fd, more, sizeof more);
			if (n <= 0)
				break;
			feed(l, more, (size_t)n);
		}
		for (const char *c = typed[i]; *c != '\0'; c++) {
			feed(l, "\001", 1);
			assert_int_equal(write(fd, c, 1), 1);
		}
		feed(l, "\001", 1);
		assert_int_equal(write(fd, "\r", 1), 1);
	}
	wait_for(l, fd, "never in the output");
	lines_finish(l);
	lines_free(l);
	close(fd);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_string_equal(buffer_text(&out), buffer_text(&want));
	buffer_free(&out);
	buffer_free(&want);
}

static void test_bash(void **state) { (void)state; run_shell("/bin/bash", (const char *const[]){ "bash", "--norc", "--noprofile", NULL }); }
static void test_dash(void **state) { (void)state; run_shell("/bin/dash", (const char *const[]){ "dash", "-i", NULL }); }
static void test_zsh(void **state) { (void)state; run_shell("/bin/zsh", (const char *const[]){ "zsh", "-f", "-o", "interactivecomments", NULL }); }
static void test_fish(void **state) { (void)state; run_shell("/usr/bin/fish", (const char *const[]){ "fish", "--no-config", NULL }); }

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_streams), cmocka_unit_test(test_bash), cmocka_unit_test(test_dash),
		cmocka_unit_test(test_zsh), cmocka_unit_test(test_fish),
	};
	return cmocka_run_group_tests_name("prompt", tests, NULL, NULL);
}
