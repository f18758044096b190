/* program: which program a command without a terminal runs, as the kernel
 * knows it: the file it executed in the process that holds our pipes as its
 * stdin and stdout.  What the command's words say counts for nothing. */
#ifndef ITM_AGENT_BROKERD_PROGRAM_H
#define ITM_AGENT_BROKERD_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "local/message.h"

enum { PROGRAM_PATH_SIZE = 256, PROGRAM_LOOK_MAX = 64 /* processes of one command */ };

struct program {
	enum message_program kind;
	char path[PROGRAM_PATH_SIZE];    /* "" when OTHER */
};

/* What a path stands for; trusted: only root can have put the file there. */
enum message_program program_kind(const char *path, bool trusted);

/* Looks at the descendants of stub (itself not).  in and out are the inodes of
 * our pipes.  Nothing here waits for a file system or another process: exe and
 * fd are read as links, never opened, and no process's memory (cmdline) is. */
void program_find(pid_t stub, uint64_t stub_start, ino_t in, ino_t out, struct program *found);

/* Processes below root, at most max of them, parents before children. */
size_t program_descendants(pid_t root, pid_t *out, size_t max);

#endif
