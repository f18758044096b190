#include "base/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/capability.h>
#include <pwd.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"

enum { GROUPS_MAX = 16 };

/* TCGETS2 of asm-generic/ioctls.h, what newer glibc asks with; its struct
 * cannot be had beside <termios.h>. */
#define ASK_MODES_2 0x802c542aUL

int sandbox_no_core(void)
{
	const struct rlimit none = { 0, 0 };
	if (setrlimit(RLIMIT_CORE, &none) != 0 || prctl(PR_SET_DUMPABLE, 0) != 0)
		return ITM_ESYS;
	return 0;
}

static int find_groups(const char *const *names, gid_t *out, size_t *count)
{
	for (size_t i = 0; names != NULL && names[i] != NULL; i++) {
		const struct group *g = getgrnam(names[i]);
		if (g == NULL)
			return ITM_ENOENT;
		if (*count == GROUPS_MAX)
			return ITM_ELIMIT;
		out[(*count)++] = g->gr_gid;
	}
	return 0;
}

/* Exactly these of those that we have; 0 or ITM_ESYS. */
static int keep_capabilities(uint64_t wanted)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &head, data) != 0)
		return ITM_ESYS;
	for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		data[i].permitted &= (uint32_t)(wanted >> 32 * i);
		data[i].effective = data[i].permitted;
		data[i].inheritable = 0;
	}
	return syscall(SYS_capset, &head, data) == 0 ? 0 : ITM_ESYS;
}

int sandbox_become(const char *user, const char *const *groups)
{
	return sandbox_become_with(user, groups, 0);
}

int sandbox_become_with(const char *user, const char *const *groups, uint64_t capabilities)
{
	gid_t list[GROUPS_MAX];
	size_t count = 0;
	const struct passwd *pw = getpwnam(user);

	if (pw == NULL)
		return ITM_ENOENT;
	uid_t uid = pw->pw_uid;
	gid_t gid = pw->pw_gid;
	int r = find_groups(groups, list, &count);
	if (r != 0)
		return r;
	if (capabilities != 0 && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0)
		return ITM_ESYS;
	if (setgroups(count, list) != 0 || setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0)
		return ITM_ESYS;
	if (capabilities != 0 && (keep_capabilities(capabilities) != 0 || prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) != 0))
		return ITM_ESYS;
	/* A way back would mean that the calls above did not do what they say. */
	if (uid != 0 && (setuid(0) == 0 || seteuid(0) == 0)) {
		errno = EPERM;
		return ITM_ESYS;
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_DUMPABLE, 0) != 0)
		return ITM_ESYS;
	return 0;
}

int sandbox_become_reader(const char *user, const char *const *groups)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	const uint32_t reading = 1u << CAP_DAC_READ_SEARCH;
	struct __user_cap_data_struct rights[_LINUX_CAPABILITY_U32S_3] = { { .effective = reading, .permitted = reading } };

	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0)
		return ITM_ESYS;
	int r = sandbox_become(user, groups);
	if (r == 0 && syscall(SYS_capset, &head, rights) != 0)
		r = ITM_ESYS;
	return r;
}

/* Whoever tries these has been taken over: no reason to let him try again. */
static const char *const killed[] = {
	"ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "kcmp",
	"execve", "execveat", "kexec_load", "kexec_file_load",
	"init_module", "finit_module", "delete_module", "bpf", NULL,
};

/* Refused everywhere.  io_uring would get round every other rule. */
static const char *const refused[] = {
	"mount", "umount2", "pivot_root", "chroot", "move_mount", "open_tree", "fsopen", "fsconfig",
	"fsmount", "fspick", "mount_setattr", "unshare", "setns", "perf_event_open", "userfaultfd",
	"io_uring_setup", "io_uring_enter", "io_uring_register", "keyctl", "add_key", "request_key",
	"reboot", "swapon", "swapoff", "acct", "quotactl", "iopl", "ioperm", "settimeofday",
	"clock_settime", "sethostname", "setdomainname", "open_by_handle_at", "process_madvise",
	"personality", "syslog", "vhangup", "mknod", "mknodat", NULL,
};

/* What moving bytes between descriptors needs, and memory for it. */
static const char *const pumping[] = {
	"read", "readv", "write", "writev", "poll", "ppoll", "close", "shutdown", "recvfrom", "recvmsg",
	"clock_gettime", "gettimeofday", "brk", "munmap", "mremap", "madvise", "futex", "getrandom",
	"getpid", "gettid", "rt_sigreturn", "rt_sigprocmask", "restart_syscall", "exit", "exit_group",
	"fstat", "newfstatat", NULL,
};

/* Only questions about a terminal, its size and its modes; TIOCSTI would type
 * into it. */
static const unsigned long pumping_ioctls[] = {
	TCGETS, ASK_MODES_2, TCSETS, TIOCGWINSZ, TIOCSWINSZ, FIONREAD,
};

/* Besides, for who waits for many, writes a file it holds, and goes back to
 * its supervisor. */
static const char *const watching[] = {
	"epoll_wait", "epoll_pwait", "epoll_ctl", "pread64", "pwrite64", "sendmsg", "sendto", "connect",
	"getsockopt", "setsockopt", NULL,
};

/* Besides, for who looks at /proc. */
static const char *const looking[] = { "readlink", "readlinkat", "getdents64", "lseek", NULL };

/* A name this kernel or libseccomp does not know cannot be called by it. */
static int add_names(scmp_filter_ctx ctx, uint32_t action, const char *const *names)
{
	for (; *names != NULL; names++) {
		int nr = seccomp_syscall_resolve_name(*names);
		if (nr == __NR_SCMP_ERROR)
			continue;
		int r = seccomp_rule_add(ctx, action, nr, 0);
		if (r != 0)
			return r;
	}
	return 0;
}

static int allow_recorder(scmp_filter_ctx ctx)
{
	int r = add_names(ctx, SCMP_ACT_ALLOW, pumping);
	for (size_t i = 0; r == 0 && i < sizeof pumping_ioctls / sizeof pumping_ioctls[0]; i++)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
				     SCMP_A1(SCMP_CMP_MASKED_EQ, UINT32_MAX, pumping_ioctls[i]));
	/* Connected sockets only: no address, so a message goes nowhere else. */
	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(sendto), 1, SCMP_A4(SCMP_CMP_EQ, 0));
	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
				     SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1, SCMP_A1(SCMP_CMP_EQ, F_GETFL));
	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1, SCMP_A1(SCMP_CMP_EQ, F_SETPIPE_SZ));
	return r;
}

static int allow_watcher(scmp_filter_ctx ctx)
{
	int r = add_names(ctx, SCMP_ACT_ALLOW, pumping);
	if (r == 0)
		r = add_names(ctx, SCMP_ACT_ALLOW, watching);
	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_EQ, AF_UNIX));
	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1, SCMP_A1(SCMP_CMP_LE, F_SETFL));
	return r;
}

/* Opened for reading and nothing else; what of it is readable the rights say. */
static int allow_looker(scmp_filter_ctx ctx)
{
	int r = allow_watcher(ctx);
	if (r == 0)
		r = add_names(ctx, SCMP_ACT_ALLOW, looking);
	return r != 0 ? r : seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
					     SCMP_A2(SCMP_CMP_MASKED_EQ, O_ACCMODE | O_CREAT | O_TRUNC | O_PATH, O_RDONLY));
}

/* socket(2) of every family but unix (syslog) fails; what is held already
 * goes on working. */
static int refuse_network(scmp_filter_ctx ctx)
{
	return seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 1,
				SCMP_A0(SCMP_CMP_NE, AF_UNIX));
}

static int refuse_listening(scmp_filter_ctx ctx)
{
	int r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(listen), 0);
	return r != 0 ? r : seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 1,
					     SCMP_A0(SCMP_CMP_EQ, AF_PACKET));
}

int sandbox_restrict(enum sandbox_profile profile)
{
	bool allow_list = profile == SANDBOX_RECORDER || profile == SANDBOX_WATCHER || profile == SANDBOX_LOOKER;
	scmp_filter_ctx ctx = seccomp_init(allow_list ? SCMP_ACT_ERRNO(EPERM) : SCMP_ACT_ALLOW);
	if (ctx == NULL) {
		errno = ENOMEM;
		return ITM_ESYS;
	}
	int r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a binary tree: every key press passes it */
	if (r == -EOPNOTSUPP || r == -EINVAL)
		r = 0;
	if (r == 0)
		r = add_names(ctx, SCMP_ACT_KILL_PROCESS, killed);
	if (r == 0 && !allow_list)
		r = add_names(ctx, SCMP_ACT_ERRNO(EPERM), refused);
	if (r == 0)
		switch (profile) {
		case SANDBOX_RECORDER: r = allow_recorder(ctx); break;
		case SANDBOX_WATCHER: r = allow_watcher(ctx); break;
		case SANDBOX_LOOKER: r = allow_looker(ctx); break;
		case SANDBOX_SEALER: r = refuse_network(ctx); break;
		case SANDBOX_FORWARDER: r = refuse_listening(ctx); break;
		case SANDBOX_SERVER: r = refuse_network(ctx); break;
		}
	if (r == 0)
		r = seccomp_load(ctx);
	seccomp_release(ctx);
	if (r != 0) {
		errno = -r;
		return ITM_ESYS;
	}
	return 0;
}
