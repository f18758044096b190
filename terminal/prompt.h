/* prompt: the lines that were typed at prompts, read off the screen.
 *
 * What is typed is not at hand here, only that something was.  So a command is
 * what stands on the screen line right of the prompt when it is accepted:
 *   - bracketed paste is on while a shell edits a line (bash, zsh, Python...):
 *     the line that was left by the last line feed, or that the cursor is
 *     on, when it goes off
 *   - OSC 133 says where prompts end, and the exit status of what ran
 *   - otherwise (dash, mysql, psql): the line that a line feed leaves after
 *     a key, where a prompt ends in one of the usual signs
 * The prompt is the text left of the cursor at the mark or at the first key;
 * where keys came ahead of it, the one before, or up to the first sign.  Not
 * seen are lines of programs that draw their own screen, and of shells inside
 * them (tmux, screen).  A program's output can look like a typed line. */
#ifndef ITM_TERMINAL_PROMPT_H
#define ITM_TERMINAL_PROMPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "terminal/vt.h"

enum { PROMPT_SIZE = 256, PROMPT_LINE_MAX = 16 * 1024 };

struct prompt_command {
	uint64_t time_ms;       /* when it was accepted */
	bool has_exit;
	uint8_t exit_status;
	const char *text;       /* borrowed */
	size_t len;
};
typedef void prompt_each(void *context, const struct prompt_command *c);

struct prompt {
	prompt_each *each;
	void *context;
	uint64_t time_ms;
	bool typing;                     /* a key came, or a mark, since the last line feed */
	bool marked;                     /* OSC 133;B: the prompt ends where it says */
	bool statuses;                   /* OSC 133 is spoken: a command waits for its status */
	char text[PROMPT_SIZE];          /* the prompt of the line being typed; "" = not known */
	char learnt[PROMPT_SIZE];        /* of the last command */
	struct buffer left;              /* the line the last line feed left */
	bool has_left, has_waiting;
	struct buffer waiting;           /* a command without its status */
	uint64_t waiting_ms;
	struct buffer line;              /* scratch */
};
void prompt_init(struct prompt *p, prompt_each *each, void *context);
void prompt_free(struct prompt *p);
/* Into an initialised one.  0 or ITM_ENOMEM. */
int prompt_copy(struct prompt *to, const struct prompt *from);

/* Before a key's echo. */
void prompt_key(struct prompt *p, const struct vt *v);
/* A line feed is about to move the cursor; bracketed paste was switched; an
 * operating system command was read. */
void prompt_newline(struct prompt *p, const struct vt *v);
void prompt_paste(struct prompt *p, const struct vt *v, bool on);
void prompt_string(struct prompt *p, const struct vt *v, const uint8_t *text, size_t len);
/* The end: gives the command that waits. */
void prompt_finish(struct prompt *p);

#endif
