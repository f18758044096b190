/* terminal: the outer terminal, as long as the stub is answerable for it. */
#ifndef ITM_SHELL_STUB_TERMINAL_H
#define ITM_SHELL_STUB_TERMINAL_H

#include <stdbool.h>
#include <stdint.h>
#include <termios.h>

struct terminal {
	uint8_t mask;         /* bit n: descriptor n is a terminal */
	int fd;               /* the first of them, -1 = none */
	bool behind;          /* in the background of it, with nobody to bring us forward */
	bool saved;
	struct termios modes; /* as they were before recording */
};

/* Opens missing descriptors 0 to 2 on /dev/null and looks which are terminals. */
void terminal_find(struct terminal *t);
/* Returns only in the foreground: else the kernel stops us here (SIGTTOU), and
 * `su - alice &` can't let the recorder eat the calling shell's keys.  An
 * orphan comes through as `behind`. */
void terminal_gate(struct terminal *t);
/* The broker hung the terminal up to get rid of foreign openers: take the new
 * description fd in its place.  Signals are blocked. */
void terminal_retake(struct terminal *t, int fd);
void terminal_restore(const struct terminal *t);
/* A line, only if there is a terminal: to it, or to fd if that is not -1 (the
 * inner terminal, so that it is recorded). */
void terminal_say(const struct terminal *t, int fd, const char *text);

#endif
