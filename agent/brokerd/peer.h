/* peer: what the kernel says of a process, read from /proc: who its parents
 * are, when it started, which terminal controls it, which file it runs. */
#ifndef ITM_AGENT_BROKERD_PEER_H
#define ITM_AGENT_BROKERD_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { PEER_ANCESTRY_MAX = 64 };

struct peer {
	pid_t pid, parent, session;
	char state;              /* proc(5): 'T' = stopped */
	uint64_t start;          /* clock ticks since boot; with the pid, a name that isn't recycled */
	dev_t tty;               /* controlling terminal; 0 = none */
};

int peer_read(pid_t pid, struct peer *out);              /* 0 or ITM_ENOENT */
/* The text of /proc/PID/stat (tests).  0 or ITM_EFORMAT. */
int peer_decode(const char *text, struct peer *out);
/* Parents of pid, itself first, up to init.  Returns how many; a parent
 * younger than its child is a recycled pid and ends the row. */
size_t peer_ancestry(pid_t pid, struct peer out[PEER_ANCESTRY_MAX]);
/* Whether /proc/PID/exe is the file at path (same device and inode). */
bool peer_runs(pid_t pid, const char *path);
/* A number of its own: "loginuid", "sessionid"; (uint32_t)-1 = unset. */
uint32_t peer_number(pid_t pid, const char *what);

#endif
