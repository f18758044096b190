/* procfile: what /proc says of one process, for the levels below the kernel's
 * probe.  Births come in clock ticks, so a start is good to 10 ms. */
#ifndef ITM_AGENT_WATCHD_PROCFILE_H
#define ITM_AGENT_WATCHD_PROCFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "format/activity.h"

enum { PROCFILE_COMM = 16, PROCFILE_ARGUMENTS = 48 << 10, PROCFILE_PATH = 4096 }; /* bytes */

struct procfile_stat {
	uint32_t pid, parent, group, leader; /* leader: of its kernel session */
	char state;                      /* proc(5): 'Z' = ended */
	bool kernel;                     /* a thread of the kernel's */
	uint32_t tty;                    /* major << 20 | minor */
	uint64_t start;                  /* CLOCK_BOOTTIME ns, rounded down to a tick */
	uint64_t image;                  /* of its addresses, which change at each exec; 0 where they are hidden, or it is ending */
	uint32_t status;                 /* as wait(2), with state 'Z' */
	char comm[PROCFILE_COMM];
};
struct procfile_rights { uint32_t uid, euid, suid, fsuid, gid, egid; uint64_t capabilities; };
/* What an exec is told with; the paths' lengths are 0 when they can't be had. */
struct procfile_image {
	char exe[PROCFILE_PATH], cwd[PROCFILE_PATH];
	size_t exe_len, cwd_len, arguments_len;
	dev_t device;
	ino_t inode;
	mode_t mode;
	bool nameless, cut;
	char arguments[PROCFILE_ARGUMENTS];
};

/* The texts of /proc/PID/stat and status; comm is the process's own choice of
 * bytes.  0 or ITM_EFORMAT. */
int procfile_decode_stat(const char *text, size_t len, uint64_t ns_per_tick, struct procfile_stat *out);
int procfile_decode_status(const char *text, size_t len, struct procfile_rights *out);

/* proc: /proc, opened.  0, or ITM_ENOENT: the process has gone. */
int procfile_read_stat(int proc, uint32_t pid, struct procfile_stat *out);
int procfile_read_status(int proc, uint32_t pid, struct procfile_rights *out);
/* Other people's paths need CAP_SYS_PTRACE; arguments are the process's own
 * memory, so that it can have changed them. */
int procfile_read_image(int proc, uint32_t pid, struct procfile_image *out);
bool procfile_runs(int proc, uint32_t pid, dev_t device, ino_t inode);
/* False also while an exec has not laid them out yet: its file comes before. */
bool procfile_has_arguments(int proc, uint32_t pid);
/* "loginuid", "sessionid"; (uint32_t)-1 = unset. */
uint32_t procfile_number(int proc, uint32_t pid, const char *what);
/* The pids in one buffer of the folder proc, which keeps its place; 0 at its
 * end, from where the next call begins again. */
size_t procfile_list(int proc, uint32_t *pids, size_t max);

#endif
