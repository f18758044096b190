/* machine: the host that is looked at or changed: the folder its files are
 * below, and how programs are run on it, so that a test can bring both. */
#ifndef ITM_CLI_MACHINE_H
#define ITM_CLI_MACHINE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "base/buffer.h"

enum { MACHINE_FILE_MAX = 1 << 20, MACHINE_RUN_MS = 20000 };

struct machine {
	const char *root;        /* "" = this one, else a folder, borrowed */
	/* Runs a program (argv[0] an absolute path) and appends what it says on
	 * stdout and stderr to out (may be NULL).  Its exit status, or ITM_E*. */
	int (*run)(const struct machine *m, const char *const *argv, struct buffer *out);
	/* Runs work in a child that sees the machine's root as /; what it returns
	 * (0..255), or ITM_E*. */
	int (*call)(const struct machine *m, int (*work)(void *context), void *context);
	/* Asked before each change of a file and each program: not 0 = it fails
	 * with that.  NULL = nothing fails that needn't; for tests. */
	int (*gate)(const struct machine *m, const char *what);
	void *context;           /* of run, call and gate */
};

/* root NULL or "/" = this machine.  0, or ITM_EINVAL: no such folder. */
int machine_init(struct machine *m, const char *root);
bool machine_is_here(const struct machine *m);

/* Where path (absolute) of the machine is for us.  0 or ITM_ELIMIT. */
int machine_path(const struct machine *m, const char *path, char out[PATH_MAX]);
/* stat(2), following links within the root.  0, ITM_ENOENT, ITM_ESYS. */
int machine_stat(const struct machine *m, const char *path, struct stat *out);
bool machine_is_link(const struct machine *m, const char *path);
bool machine_executable(const struct machine *m, const char *path);
/* Appends the file, links followed within the root.  As atomicfile_read. */
int machine_read(const struct machine *m, const char *path, struct buffer *b);
/* Replaces a file in one step, durably; its folder must be there.  0, ITM_ELIMIT, ITM_ESYS. */
int machine_write(const struct machine *m, const char *path, const void *data, size_t len, mode_t mode,
		  uid_t uid, gid_t gid);
/* Removes a file, durably; 0 also when there is none. */
int machine_remove(const struct machine *m, const char *path);
/* 0 also when it is there. */
int machine_mkdir(const struct machine *m, const char *path, mode_t mode);
int machine_rmdir(const struct machine *m, const char *path);

/* run and call, through the gate. */
int machine_run(const struct machine *m, const char *const *argv, struct buffer *out);
int machine_call(const struct machine *m, int (*work)(void *context), void *context);

/* The first of the paths (NULL-ended) that is an executable file, or NULL. */
const char *machine_first(const struct machine *m, const char *const *paths);

#endif
