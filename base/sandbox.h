/* sandbox: giving up rights for good. */
#ifndef ITM_BASE_SANDBOX_H
#define ITM_BASE_SANDBOX_H

#include <stddef.h>
#include <stdint.h>

/* Become user (its primary group, plus the named groups; NULL-ended list, may
 * be NULL), no way back; no_new_privs; not dumpable.  0, ITM_ENOENT (no such
 * user or group) or ITM_ESYS. */
int sandbox_become(const char *user, const char *const *groups);
/* The same, with these capabilities kept as far as they are there (bits,
 * 1 << CAP_SYS_PTRACE). */
int sandbox_become_with(const char *user, const char *const *groups, uint64_t capabilities);

/* As sandbox_become, but may go on reading every file and folder
 * (CAP_DAC_READ_SEARCH), and nothing else that root may. */
int sandbox_become_reader(const char *user, const char *const *groups);

/* Forbid by seccomp every system call outside the named profile; a forbidden
 * one fails with EPERM, ptrace and its like kill.  0 or ITM_ESYS. */
enum sandbox_profile {
	SANDBOX_RECORDER,  /* read, write, poll, ioctl on held descriptors; no open, socket, kill, ptrace, exec */
	SANDBOX_SEALER,    /* files below the spool; no network, exec, ptrace */
	SANDBOX_FORWARDER, /* read files, TCP out; no exec, ptrace */
	SANDBOX_WATCHER,   /* descriptors held; unix sockets, to find a new supervisor; no open, kill, exec, bpf */
	SANDBOX_LOOKER,    /* as watcher, and read files */
	SANDBOX_SERVER,    /* files, sockets given; no exec, ptrace */
};
int sandbox_restrict(enum sandbox_profile profile);

/* Core files off, address space not dumpable. */
int sandbox_no_core(void);

#endif
