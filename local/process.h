/* process: one child program, named by its pidfd, whether we started it or
 * took it over from a supervisor that died. */
#ifndef ITM_LOCAL_PROCESS_H
#define ITM_LOCAL_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct process {
	pid_t pid;               /* 0 = none */
	int pidfd;               /* owned; -1 = none; readable when it is dead */
	uint64_t start_ticks;    /* proc(5) stat field 22: tells a recycled pid apart */
	bool ours;               /* our own child: we reap it */
};

void process_init(struct process *p);
/* Start a program with control as its descriptor 3 and nothing above it, no
 * signal blocked or ignored.  control stays the caller's.  0 or ITM_ESYS. */
int process_start(struct process *p, const char *path, const char *const *argv, int nice_value, int control);
/* The process with this pid that started at start_ticks (0 = whoever has the
 * pid now).  0; ITM_ENOENT when it is gone. */
int process_find(struct process *p, pid_t pid, uint64_t start_ticks);
/* Whether its executable is the file at path now (not an older one). */
bool process_runs(const struct process *p, const char *path);
void process_signal(const struct process *p, int sig);
/* It is dead: say how, forget it. */
void process_reap(struct process *p, char *how, size_t how_size);
void process_forget(struct process *p);  /* without a word; closes the pidfd */

#endif
